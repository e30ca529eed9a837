#include "server/embedded_state.h"

#include <stdlib.h>

#include "core/error.h"
#include "server/embedded_store.h"

_Static_assert(EMBEDDED_STORE_MAX_CHANGES == 1 << EMBEDDED_ORDINAL_BITS, "a place for each change");

enum { FIRST_CAPACITY = 256, KEPT_CAPACITY = 1 << 16 };

void embedded_state_init(struct embedded_state *state)
{
    *state = (struct embedded_state){.revision = 1};
    embedded_map_init(&state->map);
}

void embedded_state_release(struct embedded_state *state)
{
    embedded_state_undo(state, 0);
    free(state->changes);
    embedded_map_release(&state->map);
    embedded_leases_release(&state->leases);
}

size_t embedded_state_begin(struct embedded_state *state)
{
    state->step_first = state->change_count;
    return state->change_count;
}

void embedded_state_end(struct embedded_state *state)
{
    for (size_t i = state->step_first; i < state->change_count; i++) {
        if (state->changes[i].kind == EMBEDDED_PUT || state->changes[i].kind == EMBEDDED_DELETE) {
            state->revision++;
            return;
        }
    }
}

/* Makes room for one more change. */
static int reserve_change(struct embedded_state *state)
{
    if (state->change_count < state->change_capacity)
        return 0;
    size_t capacity = state->change_capacity ? 2 * state->change_capacity : FIRST_CAPACITY;
    struct embedded_change *changes = realloc(state->changes, capacity * sizeof *changes);
    if (!changes)
        return ALLOT_ENOMEM;
    state->changes = changes;
    state->change_capacity = capacity;
    return 0;
}

/* Makes room for one more change to a key, and says where it will be in the file. */
static int reserve_position(struct embedded_state *state, int64_t *ret)
{
    size_t ordinal = state->change_count - state->step_first;
    if (ordinal >= EMBEDDED_STORE_MAX_CHANGES || state->revision >= EMBEDDED_MAX_REVISION)
        return ALLOT_ELIMIT;
    *ret = embedded_first_position(state->revision + 1) + (int64_t)ordinal;
    return reserve_change(state);
}

static void add_change(struct embedded_state *state, struct embedded_change change)
{
    state->changes[state->change_count++] = change;
}

/* --- keys --- */

static int find_lease(const struct embedded_state *state, const struct store_op *op,
                      const struct embedded_node *node, struct embedded_lease **ret)
{
    *ret = NULL;
    if (op->keep_lease) {
        if (!node)
            return ALLOT_EINVAL;
        *ret = node->lease;
    } else if (op->lease) {
        *ret = embedded_leases_find(&state->leases, op->lease);
        if (!*ret)
            return ALLOT_ELEASE;
    }
    bool is_new = *ret && (!node || node->lease != *ret);
    return is_new && (*ret)->attached >= EMBEDDED_STORE_MAX_CHANGES ? ALLOT_ELIMIT : 0;
}

/* The version that a put makes, over @before, which may be NULL. */
static struct embedded_version *make_version(const struct store_op *op, int64_t position,
                                             const struct embedded_lease *lease,
                                             const struct embedded_version *before)
{
    struct embedded_version *version = embedded_version_create(op->keys.key, op->value);
    if (!version)
        return NULL;
    version->position = position;
    version->kv.mod_revision = embedded_revision_at(position);
    version->kv.create_revision = before ? before->kv.create_revision : version->kv.mod_revision;
    version->kv.version = before ? before->kv.version + 1 : 1;
    version->kv.lease = lease ? lease->id : 0;
    return version;
}

int embedded_state_put(struct embedded_state *state, const struct store_op *op)
{
    struct embedded_node *node = embedded_map_find(&state->map, op->keys.key);
    struct embedded_version *before = node ? node->version : NULL;
    struct embedded_lease *lease;
    int64_t position;
    int error = find_lease(state, op, node, &lease);
    if (!error)
        error = reserve_position(state, &position);
    if (error)
        return error;
    struct embedded_version *after = make_version(op, position, lease, before);
    if (!after)
        return ALLOT_ENOMEM;
    if (!node) {
        node = embedded_node_create(&state->map);
        if (!node) {
            free(after);
            return ALLOT_ENOMEM;
        }
        node->version = after;
        embedded_map_link(&state->map, node);
    }
    node->version = after;
    if (node->lease != lease) {
        embedded_lease_detach(node);
        embedded_lease_attach(lease, node);
    }
    add_change(state, (struct embedded_change){.kind = EMBEDDED_PUT,
                                               .position = position,
                                               .node = node,
                                               .before = before,
                                               .after = after});
    return 0;
}

static int delete_node(struct embedded_state *state, struct embedded_node *node)
{
    int64_t position;
    int error = reserve_position(state, &position);
    if (error)
        return error;
    embedded_lease_detach(node);
    embedded_map_unlink(&state->map, node);
    add_change(state, (struct embedded_change){.kind = EMBEDDED_DELETE,
                                               .position = position,
                                               .node = node,
                                               .before = node->version});
    return 0;
}

int embedded_state_delete(struct embedded_state *state, const struct store_keys *keys,
                          int64_t *deleted)
{
    struct embedded_node *node = embedded_map_seek(&state->map, keys);
    while (embedded_map_is_within(node, keys)) {
        struct embedded_node *next = embedded_node_next(node);
        int error = delete_node(state, node);
        if (error)
            return error;
        ++*deleted;
        node = next;
    }
    return 0;
}

/* --- leases --- */

int embedded_state_grant(struct embedded_state *state, int64_t id, int64_t ttl, int64_t now_ms,
                         struct embedded_lease **ret)
{
    if (embedded_leases_find(&state->leases, id))
        return ALLOT_EEXISTS;
    if (state->leases.count >= EMBEDDED_STORE_MAX_LEASES)
        return ALLOT_ELIMIT;
    if (reserve_change(state) || embedded_leases_reserve(&state->leases))
        return ALLOT_ENOMEM;
    struct embedded_lease *lease = malloc(sizeof *lease);
    if (!lease)
        return ALLOT_ENOMEM;
    *lease = (struct embedded_lease){.id = id, .ttl = ttl, .deadline_ms = now_ms + ttl * 1000};
    embedded_leases_insert(&state->leases, lease);
    add_change(state, (struct embedded_change){.kind = EMBEDDED_LEASE_GRANT, .lease = lease});
    *ret = lease;
    return 0;
}

static int compare_nodes(const void *a, const void *b)
{
    return span_compare(embedded_node_key(*(struct embedded_node *const *)a),
                        embedded_node_key(*(struct embedded_node *const *)b));
}

/* The attached nodes in key order, in an array that the caller frees. */
static struct embedded_node **sort_attached(const struct embedded_lease *lease)
{
    struct embedded_node **nodes = malloc((lease->attached + 1) * sizeof(struct embedded_node *));
    if (!nodes)
        return NULL;
    size_t count = 0;
    for (struct embedded_node *node = lease->first; node; node = node->lease_next)
        nodes[count++] = node;
    qsort(nodes, count, sizeof(struct embedded_node *), compare_nodes);
    return nodes;
}

int embedded_state_revoke(struct embedded_state *state, struct embedded_lease *lease)
{
    int error = 0;
    size_t count = lease->attached;
    struct embedded_node **nodes = sort_attached(lease);
    if (!nodes)
        return ALLOT_ENOMEM;
    for (size_t i = 0; i < count && !error; i++)
        error = delete_node(state, nodes[i]);
    if (!error)
        error = reserve_change(state);
    if (!error) {
        embedded_leases_remove(&state->leases, lease);
        add_change(state, (struct embedded_change){.kind = EMBEDDED_LEASE_REVOKE, .lease = lease});
    }
    free(nodes);
    return error;
}

/* --- back and forth --- */

static void attach_again(struct embedded_state *state, struct embedded_node *node)
{
    int64_t lease = node->version->kv.lease;
    embedded_lease_attach(lease ? embedded_leases_find(&state->leases, lease) : NULL, node);
}

static void undo_put(struct embedded_state *state, const struct embedded_change *change)
{
    struct embedded_node *node = change->node;
    embedded_lease_detach(node);
    if (!change->before) {
        embedded_map_unlink(&state->map, node);
        embedded_node_destroy(node);
        return;
    }
    node->version = change->before;
    free(change->after);
    attach_again(state, node);
}

static void undo_change(struct embedded_state *state, const struct embedded_change *change)
{
    switch (change->kind) {
    case EMBEDDED_PUT:
        state->revision = embedded_revision_at(change->position) - 1;
        undo_put(state, change);
        break;
    case EMBEDDED_DELETE:
        state->revision = embedded_revision_at(change->position) - 1;
        embedded_map_link(&state->map, change->node);
        attach_again(state, change->node);
        break;
    case EMBEDDED_LEASE_GRANT:
        embedded_leases_remove(&state->leases, change->lease);
        free(change->lease);
        break;
    case EMBEDDED_LEASE_REVOKE:
        embedded_leases_insert(&state->leases, change->lease);
        break;
    }
}

void embedded_state_undo(struct embedded_state *state, size_t keep_count)
{
    while (state->change_count > keep_count)
        undo_change(state, &state->changes[--state->change_count]);
}

void embedded_state_settle(struct embedded_state *state)
{
    for (size_t i = 0; i < state->change_count; i++) {
        const struct embedded_change *change = &state->changes[i];
        switch (change->kind) {
        case EMBEDDED_PUT:
            free(change->before);
            break;
        case EMBEDDED_DELETE:
            embedded_node_destroy(change->node);
            break;
        case EMBEDDED_LEASE_GRANT:
            break;
        case EMBEDDED_LEASE_REVOKE:
            free(change->lease);
            break;
        }
    }
    state->change_count = 0;
    if (state->change_capacity > KEPT_CAPACITY) {
        free(state->changes);
        state->changes = NULL;
        state->change_capacity = 0;
    }
}
