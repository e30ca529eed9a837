#include "server/member_mark.h"

#include <string.h>

#include "api/json_writer.h"
#include "api/timestamp.h"
#include "api/values.h"
#include "server/clock.h"
#include "server/store_wait.h"

enum {
    TXN_TIMEOUT_MS = 5000,
    MAX_ACTOR = 4096,
};

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

/* Puts @value at the assignment, if it is still as we have seen it. */
static int put_assignment(struct store *store, const struct entry *entry, struct span value,
                          struct span actor_key, struct span actor)
{
    struct store_compare unchanged = {.keys = {.key = entry->key},
                                      .target = STORE_MOD_REVISION,
                                      .relation = STORE_EQUAL,
                                      .number = entry->mod_revision};
    struct store_op puts[] = {
        {.kind = STORE_OP_PUT, .keys = {.key = actor_key}, .value = actor},
        {.kind = STORE_OP_PUT, .keep_lease = true, .keys = {.key = entry->key}, .value = value},
    };
    struct store_txn txn = {
        .compares = &unchanged, .compare_count = 1, .success = puts, .success_count = 2};
    return store_wait_txn(store, &txn, TXN_TIMEOUT_MS, NULL, NULL);
}

int member_mark_consistent(struct store *store, const struct state *state,
                           const struct local_item *local)
{
    const struct entry *entry = state->assignments[local->assignment];
    const struct assignment_spec spec = {.consistent = true};
    struct arena arena = {NULL};
    struct buffer actor;
    struct span actor_key = {NULL, 0};
    struct span value;
    buffer_init(&actor, MAX_ACTOR);
    int error = values_write_assignment(&arena, entry->value, &spec, &value);
    if (!error)
        error = write_actor(state, &arena, &actor, &actor_key);
    if (!error)
        error = put_assignment(store, entry, value, actor_key, buffer_span(&actor));
    buffer_release(&actor);
    arena_release(&arena);
    return error;
}
