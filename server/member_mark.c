#include "server/member_mark.h"

#include <string.h>

#include "api/json_writer.h"
#include "api/timestamp.h"
#include "api/values.h"
#include "server/clock.h"
#include "server/store_wait.h"

enum { MAX_ACTOR = 4096 };

bool member_mark_is_due(const struct state *state, const struct local_item *local)
{
    return state->items[local->item]->item.user == CONSISTENCY_REPORTED &&
           !state->consistent[local->assignment];
}

/* ROOT/actor, and what stands there with our change. */
static int write_actor(const struct state *state, struct arena *arena, struct buffer *value,
                       struct span *ret_key)
{
    const struct key_parts *member = &state->members[state->local_member]->parts;
    struct span instance = {
        member->zone.data, (size_t)(member->suffix.data + member->suffix.size - member->zone.data)};
    struct json_writer writer = json_writer_of(value);
    char time[TIMESTAMP_SIZE];
    timestamp_format(clock_wall_ms(), time);
    json_begin(&writer, '{');
    json_text_field(&writer, "principal", "member");
    json_string_field(&writer, "instance", instance);
    json_text_field(&writer, "time", time);
    json_end(&writer, '}');

    struct span root = keyspace_root(state->keyspace);
    char *key = arena_allocate(arena, root.size + sizeof KEYS_ACTOR);
    if (!key)
        return ALLOT_ENOMEM;
    memcpy(key, root.data, root.size);
    memcpy(key + root.size, KEYS_ACTOR, sizeof KEYS_ACTOR);
    *ret_key = (struct span){key, root.size + sizeof KEYS_ACTOR - 1};
    return value->error;
}

static void read_marked(void *context, const struct store_txn_result *result)
{
    *(bool *)context = result->succeeded;
}

/* What is to be put where. */
struct report {
    const struct entry *member;
    const struct entry *assignment;
    struct span value;
    struct span actor_key;
    struct span actor;
};

/* Puts the report, if member and assignment are still the ones that we have seen. */
static int put_report(struct store *store, const struct report *report, int64_t timeout_ms,
                      bool *ret_marked)
{
    const struct entry *entry = report->assignment;
    const struct store_compare unchanged[] = {
        {.keys = {.key = entry->key},
         .target = STORE_MOD_REVISION,
         .relation = STORE_EQUAL,
         .number = entry->mod_revision},
        {.keys = {.key = report->member->key},
         .target = STORE_CREATE_REVISION,
         .relation = STORE_EQUAL,
         .number = report->member->create_revision},
    };
    const struct store_op puts[] = {
        {.kind = STORE_OP_PUT, .keys = {.key = report->actor_key}, .value = report->actor},
        {.kind = STORE_OP_PUT,
         .keep_lease = true,
         .keys = {.key = entry->key},
         .value = report->value},
    };
    const struct store_txn txn = {
        .compares = unchanged, .compare_count = 2, .success = puts, .success_count = 2};
    return store_wait_txn(store, &txn, timeout_ms, read_marked, ret_marked);
}

int member_mark_consistent(struct store *store, const struct state *state,
                           const struct local_item *local, int64_t timeout_ms, bool *ret_marked)
{
    const struct assignment_spec spec = {.consistent = true};
    struct arena arena = {NULL};
    struct buffer actor;
    struct report report = {.member = state->members[state->local_member],
                            .assignment = state->assignments[local->assignment]};
    *ret_marked = false;
    buffer_init(&actor, MAX_ACTOR);
    int error = values_write_assignment(&arena, report.assignment->value, &spec, &report.value);
    if (!error)
        error = write_actor(state, &arena, &actor, &report.actor_key);
    report.actor = buffer_span(&actor);
    if (!error)
        error = put_report(store, &report, timeout_ms, ret_marked);
    buffer_release(&actor);
    arena_release(&arena);
    return error;
}
