#include "tests/server/history_story.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/timestamp.h"

enum { MAX_OPS = 6, TEXT_SIZE = 256, CLOCK_BEGIN = 1700000000 };

struct writing {
    struct store_op ops[MAX_OPS + 1];
    char keys[MAX_OPS + 1][TEXT_SIZE];
    char values[MAX_OPS + 1][TEXT_SIZE];
    size_t count;
};

void story_begin(struct story *story, uint64_t seed)
{
    *story = (struct story){.store = model_store_create(),
                            .random = {seed},
                            .clock_ms = INT64_C(1000) * CLOCK_BEGIN,
                            .told = 1};
}

void story_end(struct story *story)
{
    free(story->responses);
    model_store_destroy(story->store);
}

static int below(struct story *story, int limit)
{
    return (int)random_below(&story->random, (uint64_t)limit);
}

/* --- operations --- */

static bool is_taken(const struct writing *writing, const char *key)
{
    for (size_t i = 0; i < writing->count; i++)
        if (span_equal(writing->ops[i].keys.key, span_of(key)))
            return true;
    return false;
}

static void add(struct writing *writing, enum store_op_kind kind, const char *key,
                const char *value, int64_t lease)
{
    size_t i = writing->count;
    if (i > MAX_OPS || is_taken(writing, key))
        return;
    (void)snprintf(writing->keys[i], TEXT_SIZE, "%s", key);
    (void)snprintf(writing->values[i], TEXT_SIZE, "%s", value);
    writing->ops[i] = (struct store_op){.kind = kind,
                                        .keys = {.key = span_of(writing->keys[i])},
                                        .value = span_of(writing->values[i]),
                                        .lease = lease};
    writing->count++;
}

static void add_actor(struct story *story, struct writing *writing)
{
    static const char *const principals[] = {"alice", "bob", "allocator", "deploy \\\"x\\\""};
    char time[TIMESTAMP_SIZE], value[TEXT_SIZE];
    story->clock_ms += below(story, 2000);
    bool is_wrong = below(story, 40) == 0;
    timestamp_format(story->clock_ms + (is_wrong ? 86400000 : 0), time);
    int size = snprintf(value, sizeof value, "{\"principal\":\"%s\",\"request_id\":\"r%d\"",
                        principals[below(story, 4)], below(story, 1000));
    if (below(story, 10) == 0)
        (void)snprintf(value, sizeof value, "%s", below(story, 2) ? "no JSON" : "[1]");
    else if (below(story, 10) == 0)
        (void)snprintf(value + size, sizeof value - (size_t)size, "}");
    else
        (void)snprintf(value + size, sizeof value - (size_t)size, ",\"time\":\"%s\"}", time);
    add(writing, STORE_OP_PUT, STORY_ROOT "/actor", value, 0);
}

static void name_item(struct story *story, char *text)
{
    static const char *const names[STORY_ITEMS] = {"a", "b", "c",        "d/e",   "f%g", "h:i",
                                                   "j", "k", "\xC3\xA4", "\xFF~", "m",   "n-o-p"};
    (void)snprintf(text, TEXT_SIZE, "%s", names[below(story, STORY_ITEMS)]);
}

static void put_item(struct story *story, struct writing *writing)
{
    char name[TEXT_SIZE], key[2 * TEXT_SIZE], value[TEXT_SIZE];
    name_item(story, name);
    (void)snprintf(key, sizeof key, STORY_ROOT "/items/%s", name);
    (void)snprintf(value, sizeof value, "{\"replication\":%d,\"consistency\":\"reported\"}",
                   below(story, 4));
    bool deletes = below(story, 4) == 0;
    add(writing, deletes ? STORE_OP_DELETE : STORE_OP_PUT, key,
        below(story, 15) == 0 ? "not an item" : value, 0);
}

static void put_member(struct story *story, struct writing *writing)
{
    char key[TEXT_SIZE], value[TEXT_SIZE];
    int zone = below(story, STORY_ZONES), suffix = below(story, STORY_SUFFIXES);
    int64_t *lease = &story->lease[zone][suffix];
    (void)snprintf(key, sizeof key, STORY_ROOT "/members/zone-%d#m%d", zone, suffix);
    (void)snprintf(value, sizeof value, "{\"item_limit\":%d,\"exiting\":%s}", below(story, 9),
                   below(story, 2) ? "true" : "false");
    if (*lease && below(story, 4) == 0) {
        add(writing, STORE_OP_DELETE, key, "", 0);
        if (story->ended_count < 64)
            story->ended[story->ended_count++] = *lease;
        *lease = 0;
        return;
    }
    if (!*lease && below(story, 2))
        *lease = model_store_grant(story->store);
    add(writing, STORE_OP_PUT, key, value, *lease);
}

static void put_assignment(struct story *story, struct writing *writing)
{
    char item[TEXT_SIZE], key[2 * TEXT_SIZE];
    int zone = below(story, STORY_ZONES), suffix = below(story, STORY_SUFFIXES);
    name_item(story, item);
    (void)snprintf(key, sizeof key, STORY_ROOT "/assign/%s#zone-%d#m%d#%d", item, zone, suffix,
                   below(story, 3));
    add(writing, below(story, 3) == 0 ? STORE_OP_DELETE : STORE_OP_PUT, key,
        below(story, 2) ? "{\"consistent\":true}" : "", story->lease[zone][suffix]);
}

static void put_other(struct story *story, struct writing *writing)
{
    static const char *const keys[] = {STORY_ROOT "/allocator",      STORY_ROOT "/schedulers/one",
                                       STORY_ROOT "/idempotency/x",  STORY_ROOT "/assign/bad-key",
                                       STORY_ROOT "/members/nozone", STORY_ROOT "/items/",
                                       STORY_ROOT "/actors",         STORY_ROOT "/rounds/0001"};
    char value[TEXT_SIZE];
    int64_t newest = model_store_revision(story->store);
    (void)snprintf(value, sizeof value,
                   "{\"after_revision\":%" PRId64 ",\"decided_on\":%" PRId64 "}",
                   newest > 9 ? newest - 8 : newest, newest - 2);
    add(writing, below(story, 4) == 0 ? STORE_OP_DELETE : STORE_OP_PUT,
        keys[below(story, sizeof keys / sizeof keys[0])], value, 0);
}

/* --- steps --- */

/* The keys of a lease go: a member is gone that nobody has deleted, or what a deleted one left. */
static void end_lease(struct story *story)
{
    if (story->ended_count > 0 && below(story, 2)) {
        (void)model_store_revoke(story->store, story->ended[--story->ended_count]);
        return;
    }
    int64_t *lease = &story->lease[below(story, STORY_ZONES)][below(story, STORY_SUFFIXES)];
    if (*lease)
        (void)model_store_revoke(story->store, *lease);
    *lease = 0;
}

void story_step(struct story *story)
{
    static void (*const additions[])(struct story *, struct writing *) = {
        put_item, put_member, put_assignment, put_assignment, put_assignment, put_other};
    struct writing writing = {.count = 0};
    struct store_txn_result result;
    if (below(story, 12) == 0) {
        end_lease(story);
        return;
    }
    if (below(story, 8) != 0)
        add_actor(story, &writing);
    for (int i = below(story, 3); i >= 0; i--)
        additions[below(story, sizeof additions / sizeof additions[0])](story, &writing);
    const struct store_txn txn = {.success = writing.ops, .success_count = writing.count};
    if (model_store_txn(story->store, &txn, &result) != 0)
        abort();
}

void story_tell(struct story *story)
{
    size_t count = 0;
    const struct store_event *events =
        model_store_events_since(story->store, story->told + 1, &count);
    free(story->responses);
    story->responses = malloc((2 * count + 1) * sizeof *story->responses);
    story->response_count = 0;
    if (!story->responses)
        abort();
    for (size_t i = 0; i < count;) {
        size_t begin = i;
        int64_t revision = events[i].kv.mod_revision;
        bool goes_on = true;
        for (; i < count && (goes_on || events[i].kv.mod_revision == revision); i++) {
            if (events[i].kv.mod_revision != revision)
                goes_on = below(story, 2) != 0;
            if (!goes_on && events[i].kv.mod_revision != revision)
                break;
            revision = events[i].kv.mod_revision;
            goes_on = goes_on && below(story, 3) != 0;
        }
        story->responses[story->response_count++] =
            (struct store_watch_response){.cluster_id = MODEL_STORE_CLUSTER_ID,
                                          .revision = revision,
                                          .events = &events[begin],
                                          .event_count = i - begin};
    }
    story->told = model_store_revision(story->store);
    if (below(story, 3) == 0 || count == 0)
        story->responses[story->response_count++] = (struct store_watch_response){
            .cluster_id = MODEL_STORE_CLUSTER_ID, .revision = story->told};
}
