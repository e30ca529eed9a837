#include "tests/support/history_checker.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/values.h"

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "history_checker: %s\n", what);
    abort();
}

static char *join(const char *first, const char *last)
{
    char *text = NULL;
    must(asprintf(&text, "%s%s", first, last) >= 0, "out of memory");
    return text;
}

static void fault(struct history_checker *checker, const char *what, struct span key,
                  int64_t revision)
{
    char *text = checker->loop.fault;
    if (!text[0])
        (void)snprintf(text, sizeof checker->loop.fault, "revision %lld, %.*s: %s",
                       (long long)revision, (int)key.size, key.data, what);
}

void history_checker_init(struct history_checker *checker, const char *root)
{
    *checker = (struct history_checker){.root = join(root, ""),
                                        .actor_key = join(root, "/actor"),
                                        .decoder = api_decoder(),
                                        .store = model_store_create()};
    loop_checker_init(&checker->loop, checker->store, span_of(checker->root), checker->decoder);
}

void history_checker_release(struct history_checker *checker)
{
    for (size_t i = 0; i < checker->author_count; i++) {
        keyspace_unref(checker->authors[i].mirror);
        state_unref(checker->authors[i].state);
        free(checker->authors[i].counts);
    }
    loop_checker_release(&checker->loop);
    model_store_destroy(checker->store);
    free(checker->actor_key);
    free(checker->root);
    *checker = (struct history_checker){0};
}

const char *history_checker_fault(const struct history_checker *checker)
{
    return checker->loop.fault;
}

bool history_checker_has(const struct history_checker *checker, struct span key, int64_t revision)
{
    size_t count;
    const struct store_event *events = model_store_events_since(checker->store, revision, &count);
    for (size_t i = 0; i < count && events[i].kv.mod_revision == revision; i++)
        if (span_equal(events[i].kv.key, key))
            return true;
    return false;
}

/* --- who it was --- */

struct signature {
    char name[HISTORY_MAX_NAME];
    int64_t round;
    int64_t decided_on;
};

/* Whether the events are a transaction of the loop's, and of which pass. */
static bool read_signature(const struct history_checker *checker, const struct store_event *events,
                           size_t count, struct signature *ret)
{
    const struct store_event *actor = NULL;
    for (size_t i = 0; i < count; i++)
        if (events[i].kind == STORE_EVENT_PUT &&
            span_equal(events[i].kv.key, span_of(checker->actor_key)))
            actor = &events[i];
    if (!actor)
        return false;
    struct json_tokener *tokener = json_tokener_new();
    must(tokener != NULL, "out of memory");
    struct json_object *tree =
        json_tokener_parse_ex(tokener, actor->kv.value.data, (int)actor->kv.value.size);
    struct json_object *principal = json_object_object_get(tree, "principal");
    bool ours = principal && strcmp(json_object_get_string(principal), "allocator") == 0;
    if (ours) {
        *ret = (struct signature){
            .round = json_object_get_int64(json_object_object_get(tree, "round")),
            .decided_on = json_object_get_int64(json_object_object_get(tree, "decided_on")),
        };
        (void)snprintf(ret->name, sizeof ret->name, "%s",
                       json_object_get_string(json_object_object_get(tree, "instance")));
    }
    json_object_put(tree);
    json_tokener_free(tokener);
    return ours;
}

static struct history_author *find_author(struct history_checker *checker, const char *name)
{
    for (size_t i = 0; i < checker->author_count; i++)
        if (strcmp(checker->authors[i].name, name) == 0)
            return &checker->authors[i];
    must(checker->author_count < HISTORY_MAX_AUTHORS, "too many authors");
    struct history_author *author = &checker->authors[checker->author_count++];
    struct keyspace_config config = {
        .root = span_of(checker->root), .decoder = checker->decoder, .keep_invalid = true};
    (void)snprintf(author->name, sizeof author->name, "%s", name);
    must(keyspace_create(&config, &author->mirror) == 0, "keyspace_create");
    return author;
}

/* --- the mirror of a pass --- */

/* Lets the author's mirror see everything up to @revision. */
static void advance_mirror(struct history_checker *checker, struct history_author *author,
                           int64_t revision)
{
    size_t count;
    const struct store_event *events =
        model_store_events_since(checker->store, keyspace_revision(author->mirror) + 1, &count);
    while (count > 0 && events[count - 1].kv.mod_revision > revision)
        count--;
    if (count == 0)
        return;
    struct store_watch_response response = {.cluster_id = MODEL_STORE_CLUSTER_ID,
                                            .revision = events[count - 1].kv.mod_revision,
                                            .events = events,
                                            .event_count = count};
    struct keyspace *mirror = NULL;
    must(keyspace_apply(author->mirror, &response, 1, &mirror) == 0, "keyspace_apply");
    keyspace_unref(author->mirror);
    author->mirror = mirror;
}

static void begin_pass(struct history_checker *checker, struct history_author *author,
                       const struct signature *signature)
{
    if (author->state && author->round == signature->round &&
        author->decided_on == signature->decided_on)
        return;
    author->round = signature->round;
    author->decided_on = signature->decided_on;
    advance_mirror(checker, author, signature->decided_on);
    struct state_config config = {.gone_members_are_inconsistent = true};
    state_unref(author->state);
    author->state = NULL;
    must(state_observe(&config, author->mirror, &author->state) == 0, "state_observe");
    size_t members = (size_t)author->state->member_count;
    free(author->counts);
    author->counts = calloc(members + 1, sizeof *author->counts);
    must(author->counts != NULL, "out of memory");
    if (members)
        memcpy(author->counts, author->state->total_count, members * sizeof *author->counts);
    checker->passes++;
}

/* --- what the pass does to its members --- */

/* Whether the item is assigned to the member in @table, in whatever slot. */
static bool is_assigned(const struct history_checker *checker, const struct model_table *table,
                        const struct key_parts *wanted)
{
    char prefix[512];
    struct span all =
        keys_item_assignments_prefix(span_of(checker->root), wanted->item, prefix, sizeof prefix);
    must(all.size != 0, "a key too long");
    for (size_t i = 0; i < table->count; i++) {
        struct key_parts parts;
        if (span_has_prefix(table->kvs[i].key, all) &&
            keys_parse(span_of(checker->root), table->kvs[i].key, &parts) == 0 &&
            keys_compare_assignments(&parts, wanted) == 0)
            return true;
    }
    return false;
}

static void count_event(struct history_checker *checker, struct history_author *author,
                        const struct model_table *before, const struct store_event *event)
{
    struct key_parts parts;
    if (keys_parse(span_of(checker->root), event->kv.key, &parts) != 0 ||
        parts.kind != KEY_ASSIGNMENT)
        return;
    bool held = is_assigned(checker, before, &parts);
    bool holds = is_assigned(checker, model_store_table(checker->store), &parts);
    int32_t member = state_find_member(author->state, parts.zone, parts.suffix);
    if (event->kind == STORE_EVENT_DELETE && held && !holds) {
        checker->removals++;
        if (member != STATE_NONE && state_find_item(author->state, parts.item) != STATE_NONE)
            author->counts[member]--;
    } else if (event->kind == STORE_EVENT_PUT && !held && holds) {
        checker->additions++;
        if (member == STATE_NONE)
            fault(checker, "added to a member that its pass doesn't know", event->kv.key,
                  event->kv.mod_revision);
        else if (++author->counts[member] > author->state->effective_limit[member])
            fault(checker, "takes a member above its effective limit", event->kv.key,
                  event->kv.mod_revision);
    }
}

/* --- the whole --- */

bool history_checker_add(struct history_checker *checker, const struct store_event *events,
                         size_t count)
{
    struct signature signature;
    if (!read_signature(checker, events, count, &signature)) {
        model_store_replay(checker->store, events, count);
        loop_checker_observe(&checker->loop);
        return checker->loop.fault[0] == '\0';
    }
    struct history_author *author = find_author(checker, signature.name);
    begin_pass(checker, author, &signature);
    struct model_table before = model_table_copy(model_store_table(checker->store));
    char *candidate = join(checker->root, "/schedulers/");
    char *key = join(candidate, signature.name);
    model_store_replay(checker->store, events, count);
    (void)loop_checker_check(&checker->loop, key, author->state);
    for (size_t i = 0; i < count; i++)
        count_event(checker, author, &before, &events[i]);
    model_table_release(&before);
    free(candidate);
    free(key);
    return checker->loop.fault[0] == '\0';
}
