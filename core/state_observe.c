#include "core/state_observe.h"

#include <assert.h>
#include <stdlib.h>

#include "core/left_join.h"
#include "core/member_table.h"

/* --- small tools --- */

void *state_array(size_t count, size_t size, int *error)
{
    void *memory = calloc(count + 1, size);
    if (!memory)
        *error = ALLOT_ENOMEM;
    return memory;
}

void *state_array_unset(size_t count, size_t size, int *error)
{
    void *memory = malloc((count + 1) * size);
    if (!memory)
        *error = ALLOT_ENOMEM;
    return memory;
}

static int find_range(const struct keyspace *keyspace, struct span prefix, struct state_range *ret)
{
    char *end = malloc(prefix.size + 1);
    if (!end)
        return ALLOT_ENOMEM;
    struct keyspace_cursor last = keyspace_seek(keyspace, store_range_end_of_prefix(prefix, end));
    ret->cursor = keyspace_seek(keyspace, prefix);
    ret->count = keyspace_rank(&last) - keyspace_rank(&ret->cursor);
    free(end);
    return 0;
}

int state_find_kind(const struct keyspace *keyspace, state_prefix *prefix, struct state_range *ret)
{
    struct span root = keyspace_root(keyspace);
    size_t size = keys_max_size(root, (struct span){0}, (struct span){0}, (struct span){0});
    char *buffer = malloc(size);
    if (!buffer)
        return ALLOT_ENOMEM;
    int error = find_range(keyspace, prefix(root, buffer, size), ret);
    free(buffer);
    return error;
}

/* --- members --- */

static int observe_members(struct state *state, struct member_table *table)
{
    struct state_range range;
    int error = state_find_kind(state->keyspace, keys_members_prefix, &range);
    if (error)
        return error;
    if (range.count > INT32_MAX / 2)
        return ALLOT_ELIMIT;
    error = member_table_init(table, range.count);
    state->members = state_array(range.count, sizeof *state->members, &error);
    if (error)
        return error;

    for (size_t i = 0; i < range.count; i++) {
        const struct entry *entry = keyspace_next(&range.cursor);
        int32_t member = entry->valid ? state->member_count++ : STATE_NONE;
        if (entry->parts.zone.size != 0) /* else the key itself is malformed, and names nobody */
            member_table_add(table, entry, member);
        if (member != STATE_NONE)
            state->members[member] = entry;
    }
    member_table_sort(table);
    return state_describe_members(state);
}

/* --- items and assignments --- */

/* Registered items whose value does not decode: a list that is nearly always empty. */
struct invalid_items {
    const struct entry **items;
    size_t count;
};

static int observe_items(struct state *state, struct invalid_items *invalid)
{
    struct state_range range;
    int error = state_find_kind(state->keyspace, keys_items_prefix, &range);
    if (error)
        return error;
    if (range.count > INT32_MAX / 2)
        return ALLOT_ELIMIT;
    state->items = state_array(range.count, sizeof *state->items, &error);
    if (!error)
        error = state_allocate_items(state, range.count);
    if (error)
        return error;
    struct keyspace_cursor cursor = range.cursor;
    for (size_t i = 0; i < range.count; i++) {
        const struct entry *entry = keyspace_next(&cursor);
        if (!entry->valid)
            continue;
        state->items[state->item_count] = entry;
        state->replication[state->item_count++] = entry->item.replication;
        state->item_fingerprint += state_item_fingerprint(entry);
    }
    if ((size_t)state->item_count == range.count)
        return 0;

    invalid->items =
        state_array(range.count - (size_t)state->item_count, sizeof *invalid->items, &error);
    for (size_t i = 0; !error && i < range.count; i++) {
        const struct entry *entry = keyspace_next(&range.cursor);
        if (!entry->valid && entry->parts.item.size != 0) /* else its key itself is malformed */
            invalid->items[invalid->count++] = entry;
    }
    return error;
}

static void observe_assignment(struct state *state, const struct member_table *table, int32_t a)
{
    const struct entry *entry = state->assignments[a];
    const struct member_name *name = member_table_find(table, entry);
    int32_t member = name ? name->member : STATE_NONE;
    state->assignment_member[a] = member;
    state->frozen[a] = name && member == STATE_NONE;
    if (member != STATE_NONE)
        state->assignment_zone[a] = state->member_zone[member];
    else
        state->assignment_zone[a] = state_find_zone(state, entry->parts.zone);
}

void state_count_assignment(struct state *state, int32_t member, const struct entry *assignment,
                            int32_t change)
{
    if (member == STATE_NONE)
        return;
    state->total_count[member] += change;
    if (assignment->parts.slot == 0)
        state->primary_count[member] += change;
}

/* Items (left) with their assignments (right): both are in order of the item's ID. */
struct item_rows {
    const struct entry *const *items;
    const struct entry *const *assignments;
};

static int compare_item_rows(const void *context, size_t left, size_t right)
{
    const struct item_rows *rows = context;
    return span_compare(rows->items[left]->parts.item, rows->assignments[right]->parts.item);
}

static void join_items(struct state *state)
{
    struct item_rows rows = {state->items, state->assignments};
    struct left_join join = {.left_count = (size_t)state->item_count,
                             .right_count = (size_t)state->assignment_count,
                             .compare = compare_item_rows,
                             .context = &rows};
    struct left_join_row row;
    for (int32_t a = 0; a < state->assignment_count; a++)
        state->assignment_item[a] = STATE_NONE;
    while (left_join_next(&join, &row)) {
        state->assignment_begin[row.left] = (int32_t)row.right_begin;
        state->assignment_end[row.left] = (int32_t)row.right_end;
        for (size_t a = row.right_begin; a < row.right_end; a++) {
            state->assignment_item[a] = (int32_t)row.left;
            state_count_assignment(state, state->assignment_member[a], state->assignments[a], 1);
        }
    }
}

static void freeze_assignments(struct state *state, const struct invalid_items *invalid)
{
    struct item_rows rows = {invalid->items, state->assignments};
    struct left_join join = {.left_count = invalid->count,
                             .right_count = (size_t)state->assignment_count,
                             .compare = compare_item_rows,
                             .context = &rows};
    struct left_join_row row;
    while (left_join_next(&join, &row))
        for (size_t a = row.right_begin; a < row.right_end; a++)
            state->frozen[a] = true;
}

int state_allocate_items(struct state *state, size_t count)
{
    int error = 0;
    state->replication = state_array(count, sizeof *state->replication, &error);
    state->assignment_begin = state_array(count, sizeof *state->assignment_begin, &error);
    state->assignment_end = state_array(count, sizeof *state->assignment_end, &error);
    state->packed = state_array(count, sizeof *state->packed, &error);
    return error;
}

int state_allocate_assignments(struct state *state, size_t count)
{
    int error = 0;
    if (count > INT32_MAX / 2)
        return ALLOT_ELIMIT;
    state->assignments = state_array_unset(count, sizeof *state->assignments, &error);
    state->assignment_item = state_array_unset(count, sizeof *state->assignment_item, &error);
    state->assignment_member = state_array_unset(count, sizeof *state->assignment_member, &error);
    state->assignment_zone = state_array_unset(count, sizeof *state->assignment_zone, &error);
    state->consistent = state_array(count, sizeof *state->consistent, &error);
    state->frozen = state_array(count, sizeof *state->frozen, &error);
    return error;
}

static int observe_assignments(struct state *state, const struct member_table *table,
                               const struct invalid_items *invalid)
{
    struct state_range range;
    int error = state_find_kind(state->keyspace, keys_assignments_prefix, &range);
    if (!error)
        error = state_allocate_assignments(state, range.count);
    if (error)
        return error;
    for (size_t i = 0; i < range.count; i++) {
        const struct entry *entry = keyspace_next(&range.cursor);
        if (entry->parts.slot < 0)
            continue; /* the key itself is malformed: nobody's assignment */
        state->assignments[state->assignment_count] = entry;
        observe_assignment(state, table, state->assignment_count++);
    }
    join_items(state);
    freeze_assignments(state, invalid);
    return 0;
}

/* Of more than can be told apart so it isn't known. */
static bool is_packed(const struct state *state, int32_t item)
{
    int32_t begin = state->assignment_begin[item];
    int32_t count = state->assignment_end[item] - begin;
    uint64_t seen = 0;
    bool packed = count <= 64;
    for (int32_t i = 0; packed && i < count; i++) {
        int32_t slot = state->assignments[begin + i]->parts.slot;
        packed = slot < count && !(seen >> slot & 1);
        seen |= packed ? UINT64_C(1) << slot : 0;
    }
    return packed;
}

static bool counts_member(const struct state *state, int32_t assignment)
{
    return state->assignment_member[assignment] != STATE_NONE ||
           !state->gone_members_are_inconsistent;
}

static int observe_consistency(struct state *state, int32_t item)
{
    const struct decoder *decoder = keyspace_decoder(state->keyspace);
    int32_t begin = state->assignment_begin[item];
    int32_t count = state->assignment_end[item] - begin;
    struct assignment_value few[64];
    struct assignment_value *values = few;
    if (count > (int32_t)(sizeof few / sizeof few[0]))
        values = malloc((size_t)count * sizeof *values);
    if (!values)
        return ALLOT_ENOMEM;
    for (int32_t i = 0; i < count; i++)
        values[i] = state_report(state, begin + i).size ? state->assignments[begin + i]->assignment
                                                        : (struct assignment_value){0};
    for (int32_t i = 0; i < count; i++)
        state->consistent[begin + i] =
            state->assignments[begin + i]->valid && counts_member(state, begin + i) &&
            decoder->is_consistent(decoder->context, &state->items[item]->item, values,
                                   (size_t)count, (size_t)i);
    if (values != few)
        free(values);
    return 0;
}

int state_observe_replicas(struct state *state, int32_t item)
{
    state->packed[item] = is_packed(state, item);
    return observe_consistency(state, item);
}

/* --- this process --- */

/* Everybody has to say the same of everybody, whatever stands at the own key. */
static bool is_candidate(const struct state_config *config, const struct entry *entry)
{
    bool is_member = entry->valid && entry->parts.kind == KEY_MEMBER;
    return config->candidate_user == 0 ||
           (is_member && entry->member.user == config->candidate_user);
}

static int observe_leader(struct state *state, const struct state_config *config)
{
    struct state_range range;
    if (config->own_key.size != 0)
        state->own = keyspace_find(state->keyspace, config->own_key);
    if (config->candidates.size == 0)
        return 0;
    int error = find_range(state->keyspace, config->candidates, &range);
    for (size_t i = 0; !error && i < range.count; i++) {
        const struct entry *entry = keyspace_next(&range.cursor);
        bool is_earlier = !state->leader || entry->create_revision < state->leader->create_revision;
        if (is_earlier && is_candidate(config, entry))
            state->leader = entry;
    }
    return error;
}

static int observe_local_items(struct state *state, const struct state_config *config)
{
    state->local_member = STATE_NONE;
    for (int32_t member = 0; config->local_member.size && member < state->member_count; member++)
        if (span_equal(state->members[member]->key, config->local_member))
            state->local_member = member;
    if (state->local_member == STATE_NONE)
        return 0;
    int error = 0;
    int32_t most = state->total_count[state->local_member];
    state->local_items = state_array((size_t)most, sizeof *state->local_items, &error);
    if (error)
        return error;
    for (int32_t a = 0; a < state->assignment_count; a++) {
        int32_t item = state->assignment_item[a];
        if (item == STATE_NONE || state->assignment_member[a] != state->local_member)
            continue;
        assert(state->local_item_count < most);
        state->local_items[state->local_item_count++] = (struct local_item){
            item, state->assignment_begin[item], state->assignment_end[item], a};
    }
    return 0;
}

int state_observe_process(struct state *state, const struct state_config *config)
{
    int error = observe_leader(state, config);
    return error ? error : observe_local_items(state, config);
}

/* --- the whole --- */

int state_observe_keyspace(struct state *state, const struct state_config *config)
{
    struct member_table table = {0};
    struct invalid_items invalid = {0};
    int error = observe_members(state, &table);
    if (!error)
        error = observe_items(state, &invalid);
    if (!error)
        error = observe_assignments(state, &table, &invalid);
    for (int32_t item = 0; !error && item < state->item_count; item++)
        error = state_observe_replicas(state, item);
    if (!error) {
        state_describe_network(state);
        error = state_observe_process(state, config);
    }
    member_table_release(&table);
    free(invalid.items);
    return error;
}
