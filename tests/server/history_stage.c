#include "tests/server/history_stage.h"

#include <criterion/criterion.h>
#include <stdio.h>

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

void history_stage_check_keys(const struct keyspace *keyspace, const struct model_table *table,
                              const char *what)
{
    struct keyspace_cursor cursor = keyspace_seek(keyspace, (struct span){NULL, 0});
    cr_assert_eq(keyspace_count(keyspace), table->count, "%s", what);
    for (size_t i = 0; i < table->count; i++) {
        const struct store_kv *kv = &table->kvs[i];
        const struct entry *entry = keyspace_next(&cursor);
        cr_assert(span_equal(entry->key, kv->key), "%s: %.*s, not %.*s", what, (int)entry->key.size,
                  entry->key.data, (int)kv->key.size, kv->key.data);
        cr_assert(span_equal(entry->value, kv->value), "%s: %.*s", what, (int)kv->key.size,
                  kv->key.data);
        cr_assert_eq(entry->create_revision, kv->create_revision);
        cr_assert_eq(entry->mod_revision, kv->mod_revision);
        cr_assert_eq(entry->version, kv->version);
        cr_assert_eq(entry->lease, kv->lease);
    }
}
