#include "tests/server/history_stage.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

void history_stage_open(struct history_stage *stage)
{
    struct error_message why = {""};
    int error = history_writer_open(stage->path, SPAN(STORY_ROOT), &stage->writer, &why);
    cr_assert_eq(error, 0, "%s", why.text);
}

void history_stage_reopen(struct history_stage *stage)
{
    history_writer_close(stage->writer);
    stage->writer = NULL;
    history_stage_open(stage);
}

void history_stage_begin(struct history_stage *stage, uint64_t seed)
{
    *stage = (struct history_stage){.now_ms = INT64_C(1800000000000)};
    temporary_directory(stage->directory);
    (void)snprintf(stage->path, sizeof stage->path, "%s/history.db", stage->directory);
    story_begin(&stage->story, seed);
    history_stage_open(stage);
}

void history_stage_end(struct history_stage *stage)
{
    history_writer_close(stage->writer);
    story_end(&stage->story);
    temporary_remove(stage->directory);
}

void history_stage_live(struct history_stage *stage, int steps)
{
    for (int i = 0; i < steps; i++)
        story_step(&stage->story);
}

void history_stage_write(struct history_stage *stage)
{
    story_tell(&stage->story);
    int error = history_writer_append(stage->writer, stage->story.responses,
                                      stage->story.response_count, stage->now_ms);
    cr_assert_eq(error, 0, "%s", history_writer_message(stage->writer));
    cr_assert_eq(history_writer_reached(stage->writer), stage->story.told);
}

static void check_key(const struct store_kv *key, const struct store_kv *kv, const char *what)
{
    cr_assert(span_equal(key->key, kv->key), "%s: %.*s, not %.*s", what, (int)key->key.size,
              key->key.data, (int)kv->key.size, kv->key.data);
    cr_assert(span_equal(key->value, kv->value), "%s: %.*s", what, (int)kv->key.size, kv->key.data);
    cr_assert_eq(key->create_revision, kv->create_revision);
    cr_assert_eq(key->mod_revision, kv->mod_revision);
    cr_assert_eq(key->version, kv->version);
    cr_assert_eq(key->lease, kv->lease);
}

void history_stage_check(const struct history_stage *stage)
{
    const struct history_keys *keys = history_writer_keys(stage->writer);
    const struct model_table *table = model_store_table(stage->story.store);
    const struct store_kv **sorted = NULL;
    cr_assert_eq(history_keys_count(keys), table->count);
    cr_assert_eq(history_keys_sort(keys, &sorted), 0);
    for (size_t i = 0; i < table->count; i++)
        check_key(sorted[i], &table->kvs[i], "as it stands");
    free(sorted);
}

void history_stage_check_keys(const struct keyspace *keyspace, const struct model_table *table,
                              const char *what)
{
    struct keyspace_cursor cursor = keyspace_seek(keyspace, (struct span){NULL, 0});
    cr_assert_eq(keyspace_count(keyspace), table->count, "%s", what);
    for (size_t i = 0; i < table->count; i++) {
        const struct entry *entry = keyspace_next(&cursor);
        const struct store_kv key = {.key = entry->key,
                                     .value = entry->value,
                                     .create_revision = entry->create_revision,
                                     .mod_revision = entry->mod_revision,
                                     .version = entry->version,
                                     .lease = entry->lease};
        check_key(&key, &table->kvs[i], what);
    }
}
