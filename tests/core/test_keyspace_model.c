/* The keyspace against a naive model, over random batches. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/core/keyspace_fixture.h"
#include "tests/support/random.h"

enum { KEY_SIZE = 40, VALUE_SIZE = 12 };

/* --- a universe of keys, and a model that says of each what should be there --- */

struct model_key {
    char text[KEY_SIZE];
    bool held; /* below the root */
    bool good; /* parses */
    bool exists;
    bool valid;
    char value[VALUE_SIZE];
    int64_t create_revision;
    int64_t mod_revision;
    int64_t version;
};

struct model {
    uint64_t seed;
    struct model_key *keys; /* sorted */
    size_t key_count;
    size_t exist_count;
    int64_t revision;
    size_t reports[4];
    bool keep_invalid;
};

static int compare_keys(const void *a, const void *b)
{
    const struct model_key *left = a;
    const struct model_key *right = b;
    return span_compare(span_of(left->text), span_of(right->text));
}

/* Every kind of key; about one in ten doesn't parse, and a few are outside the root. */
static void name_key(struct model_key *key, size_t number)
{
    static const char *const patterns[] = {
        "/r/items/i%05zu",      "/r/assign/i%05zu#z#m#1", "/r/members/z#m%05zu",
        "/r/items/i/%05zu",     "/r/assign/a#z#m#%zu",    "/r/members/z%05zu#m",
        "/r/items/i%05zu#",     "/r/other/%05zu",         "/q/items/i%05zu",
        "/r/items/long/i%05zu", "/r/assign/i%05zu#z#1",   "/r/members/z\xC3\xA9#m%05zu",
    };
    size_t pattern = number % (sizeof patterns / sizeof patterns[0]);
    struct key_parts parts;
    snprintf(key->text, sizeof key->text, patterns[pattern], number);
    key->held = key->text[1] == 'r';
    key->good = keys_parse(FIXTURE_ROOT, span_of(key->text), &parts) == 0;
}

static struct model *model_create(size_t key_count, bool keep_invalid)
{
    struct model *model = calloc(1, sizeof *model);
    cr_assert_not_null(model);
    model->keys = calloc(key_count, sizeof model->keys[0]);
    cr_assert_not_null(model->keys);
    model->key_count = key_count;
    model->keep_invalid = keep_invalid;
    for (size_t i = 0; i < key_count; i++)
        name_key(&model->keys[i], i);
    qsort(model->keys, key_count, sizeof model->keys[0], compare_keys);
    return model;
}

static struct model *model_copy(const struct model *model)
{
    struct model *copy = model_create(model->key_count, model->keep_invalid);
    struct model_key *keys = copy->keys;
    *copy = *model;
    copy->keys = memcpy(keys, model->keys, model->key_count * sizeof keys[0]);
    return copy;
}

static void model_destroy(struct model *model)
{
    free(model->keys);
    free(model);
}

static bool value_is_good(const struct model_key *key, const char *value)
{
    return strncmp(key->text, "/r/other", 8) == 0 || strcmp(value, "bad") != 0;
}

static void model_put(struct model *model, struct model_key *key, const struct store_kv *kv)
{
    bool valid = key->good && value_is_good(key, kv->value.data);
    if (!key->held)
        return;
    if (!valid)
        model->reports[key->good ? KEYSPACE_BAD_VALUE : KEYSPACE_BAD_KEY]++;
    if (!valid && !model->keep_invalid)
        return;
    if (kv->version != (key->exists ? key->version + 1 : 1))
        model->reports[KEYSPACE_VERSION_SKIP]++;
    model->exist_count += !key->exists;
    key->exists = true;
    key->valid = valid;
    key->create_revision = kv->create_revision;
    key->mod_revision = kv->mod_revision;
    key->version = kv->version;
    snprintf(key->value, sizeof key->value, "%s", kv->value.data);
}

static void model_delete(struct model *model, struct model_key *key)
{
    if (!key->held)
        return;
    if (!key->exists)
        model->reports[KEYSPACE_ABSENT_DELETE]++;
    model->exist_count -= key->exists;
    key->exists = false;
}

/* --- comparing --- */

/* An assertion that tells the seed, with which the run can be had again. */
#define CHECK(model, condition, ...)                                                            \
    do {                                                                                        \
        char story[128];                                                                        \
        snprintf(story, sizeof story, __VA_ARGS__);                                             \
        cr_assert(condition, "seed %llu, revision %lld: %s", (unsigned long long)(model)->seed, \
                  (long long)(model)->revision, story);                                         \
    } while (0)

static void compare_entry(const struct model *model, const struct model_key *key,
                          const struct entry *entry)
{
    CHECK(model, entry, "%s is missing", key->text);
    CHECK(model, span_equal(entry->key, span_of(key->text)), "%.*s instead of %s",
          (int)entry->key.size, entry->key.data, key->text);
    CHECK(model, span_equal(entry->value, span_of(key->value)), "value of %s", key->text);
    CHECK(model, entry->valid == key->valid, "validity of %s", key->text);
    CHECK(model, entry->create_revision == key->create_revision, "creation of %s", key->text);
    CHECK(model, entry->mod_revision == key->mod_revision, "modification of %s", key->text);
    CHECK(model, entry->version == key->version, "version of %s", key->text);
    if (entry->valid && entry->parts.kind == KEY_ITEM)
        CHECK(model, entry->item.replication == atoi(key->value), "number of %s", key->text);
}

static void compare_all(const struct model *model, const struct keyspace *keyspace)
{
    struct keyspace_cursor cursor = keyspace_seek(keyspace, FIXTURE_ROOT);
    for (size_t i = 0; i < model->key_count; i++)
        if (model->keys[i].exists)
            compare_entry(model, &model->keys[i], keyspace_next(&cursor));
    CHECK(model, !keyspace_next(&cursor), "a key too many");
    CHECK(model, keyspace_count(keyspace) == model->exist_count, "count");
    CHECK(model, keyspace_revision(keyspace) == model->revision, "revision");
    fixture_check_pages(keyspace);
}

static void compare_reports(const struct model *model, const struct fixture *fixture)
{
    for (int i = 0; i < 4; i++)
        CHECK(model, fixture->reports[i] == model->reports[i], "anomaly %d", i);
}

/* From a random key, or something just before or after one. */
static void compare_search(const struct model *model, const struct keyspace *keyspace,
                           struct random *random)
{
    char text[KEY_SIZE + 1];
    const struct model_key *key = &model->keys[random_below(random, model->key_count)];
    snprintf(text, sizeof text, "%s", key->text);
    size_t size = strlen(text);
    switch (random_below(random, 4)) {
    case 0:
        text[size++] = '\x01';
        break;
    case 1:
        size -= random_below(random, size);
        break;
    default:
        break;
    }
    struct span from = {text, size};
    struct keyspace_cursor cursor = keyspace_seek(keyspace, from);
    size_t i = 0;
    size_t rank = 0;
    for (; i < model->key_count && span_compare(span_of(model->keys[i].text), from) < 0; i++)
        rank += model->keys[i].exists;
    CHECK(model, keyspace_rank(&cursor) == rank, "rank of %s", text);
    for (size_t steps = 0; steps < 3 && i < model->key_count; i++)
        if (model->keys[i].exists) {
            compare_entry(model, &model->keys[i], keyspace_next(&cursor));
            steps++;
            CHECK(model, keyspace_rank(&cursor) == rank + steps, "rank after %s", text);
        }
    const struct entry *found = keyspace_find(keyspace, span_of(key->text));
    CHECK(model, (found != NULL) == key->exists, "finding %s", key->text);
}

/* --- random batches --- */

enum { MAX_RESPONSES = 4 };

struct batch {
    struct store_event *events;
    char (*values)[VALUE_SIZE];
    size_t event_count;
    struct store_watch_response responses[MAX_RESPONSES];
    size_t response_count;
};

static void batch_release(struct batch *batch)
{
    free(batch->events);
    free(batch->values);
}

/* An event on @key as a store would send it, or now and then as none would; the model is told. */
static void make_event(struct model *model, struct model_key *key, struct random *random,
                       uint64_t deletes_in_8, struct store_event *ret, char value[VALUE_SIZE])
{
    uint64_t dice = random_below(random, 64);
    bool deletes = random_below(random, 8) < deletes_in_8;
    if (deletes && (key->exists || dice == 0)) {
        *ret = fixture_delete(key->text, model->revision);
        model_delete(model, key);
        return;
    }
    snprintf(value, VALUE_SIZE, "%d", (int)random_below(random, 1000));
    if (dice < 4)
        snprintf(value, VALUE_SIZE, "bad");
    int64_t version = (key->exists ? key->version + 1 : 1) + (dice == 5 ? 3 : 0);
    int64_t created = key->exists ? key->create_revision : model->revision;
    *ret = fixture_put(key->text, value, created, model->revision, version);
    model_put(model, key, &ret->kv);
}

static void make_response(struct model *model, struct random *random, struct batch *batch,
                          size_t event_count, uint64_t deletes_in_8)
{
    struct store_event *events = batch->events + batch->event_count;
    char(*values)[VALUE_SIZE] = batch->values + batch->event_count;
    size_t near = random_below(random, model->key_count);
    bool clustered = random_below(random, 2);
    for (size_t i = 0; i < event_count; i++) {
        size_t at = clustered ? near + random_below(random, 50) : random_next(random);
        if (i == 0 || random_below(random, 3) == 0)
            model->revision++;
        make_event(model, &model->keys[at % model->key_count], random, deletes_in_8, &events[i],
                   values[i]);
    }
    batch->event_count += event_count;
    batch->responses[batch->response_count++] = (struct store_watch_response){
        .cluster_id = 1,
        .revision = model->revision,
        .events = event_count ? events : NULL,
        .event_count = event_count,
    };
}

static struct batch make_batch(struct model *model, struct random *random, size_t max_events,
                               uint64_t deletes_in_8)
{
    struct batch batch = {.events =
                              calloc((size_t)MAX_RESPONSES * max_events, sizeof batch.events[0]),
                          .values = calloc((size_t)MAX_RESPONSES * max_events, VALUE_SIZE)};
    cr_assert(batch.events && batch.values);
    for (uint64_t left = 1 + random_below(random, MAX_RESPONSES); left > 0; left--)
        make_response(model, random, &batch, random_below(random, max_events + 1), deletes_in_8);
    return batch;
}

/* A version that a reader holds, and what it must go on seeing. */
struct reader {
    struct keyspace *keyspace;
    struct model *model;
};

/* Whether it still sees what it must; then it lets go. */
static void reader_release(struct reader *reader)
{
    if (!reader->keyspace)
        return;
    compare_all(reader->model, reader->keyspace);
    keyspace_unref(reader->keyspace);
    model_destroy(reader->model);
    *reader = (struct reader){0};
}

static void reader_replace(struct reader *reader, struct keyspace *keyspace,
                           const struct model *model)
{
    reader_release(reader);
    *reader = (struct reader){keyspace_ref(keyspace), model_copy(model)};
}

static void run_model(uint64_t seed, size_t key_count, size_t batches, size_t max_events,
                      bool keep_invalid)
{
    enum { READERS = 4 };
    struct random random = {.state = seed};
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, keep_invalid);
    struct model *model = model_create(key_count, keep_invalid);
    struct reader readers[READERS] = {{0}};

    model->seed = seed;
    for (size_t b = 0; b < batches; b++) {
        /* It grows for a while, then shrinks, and so on. */
        uint64_t deletes_in_8 = b / 32 % 2 ? 6 : 1;
        struct batch batch = make_batch(model, &random, max_events, deletes_in_8);
        struct keyspace *next = NULL;
        int error = keyspace_apply(keyspace, batch.responses, batch.response_count, &next);
        CHECK(model, error == 0, "batch %zu: %s", b, allot_error_name(error));
        batch_release(&batch);
        keyspace_unref(keyspace);
        keyspace = next;
        compare_all(model, keyspace);
        compare_reports(model, &fixture);
        for (int i = 0; i < 4; i++)
            compare_search(model, keyspace, &random);
        if (random_below(&random, 16) == 0)
            reader_replace(&readers[random_below(&random, READERS)], keyspace, model);
    }
    for (int i = 0; i < READERS; i++)
        reader_release(&readers[i]);
    keyspace_unref(keyspace);
    model_destroy(model);
}

Test(keyspace_model, agrees_with_few_keys)
{
    run_model(1, 7, 3000, 6, false);
    run_model(2, 7, 3000, 6, true);
}

Test(keyspace_model, agrees_with_some_keys)
{
    run_model(3, 300, 1500, 20, false);
    run_model(4, 300, 1500, 20, true);
}

Test(keyspace_model, agrees_with_many_keys)
{
    run_model(5, 6000, 200, 600, false);
    run_model(6, 6000, 200, 60, true);
}
