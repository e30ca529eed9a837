#include "api/cluster_json.h"

#include "api/item_status.h"

struct cluster_invalid cluster_find_invalid(const struct keyspace *keyspace)
{
    struct cluster_invalid invalid = {0};
    struct keyspace_cursor cursor = keyspace_seek(keyspace, (struct span){NULL, 0});
    for (const struct entry *entry; (entry = keyspace_next(&cursor));) {
        if (!entry->valid && invalid.count++ == 0)
            invalid.first = entry;
    }
    return invalid;
}

static void write_totals(struct json_writer *writer, const struct snapshot *snapshot,
                         int64_t invalid)
{
    const struct state *state = snapshot->state;
    const struct solution *solution = snapshot_solution(snapshot);
    json_name(writer, "totals");
    json_begin(writer, '{');
    json_integer_field(writer, "items", state->item_count);
    json_integer_field(writer, "members", state->member_count);
    json_integer_field(writer, "zones", state->zone_count);
    json_integer_field(writer, "assignments", state->assignment_count);
    json_integer_field(writer, "item_slots", state->item_slots);
    json_integer_field(writer, "member_slots", state->member_slots);
    json_integer_field(writer, "zone_slots", state->zone_slots);
    json_name(writer, "unattainable");
    if (solution)
        json_integer(writer, solution->unattainable);
    else
        json_null(writer);
    json_integer_field(writer, "invalid", invalid);
    json_end(writer, '}');
}

static void write_items_by_state(struct json_writer *writer, const struct snapshot *snapshot)
{
    int32_t counts[ITEM_STATE_COUNT] = {0};
    for (int32_t i = 0; i < snapshot->state->item_count; i++)
        counts[item_status(snapshot, i).state]++;
    json_name(writer, "items_by_state");
    json_begin(writer, '{');
    for (int i = 0; i < ITEM_STATE_COUNT; i++)
        json_integer_field(writer, item_state_names[i], counts[i]);
    json_end(writer, '}');
}

static void write_zone(struct json_writer *writer, const struct state *state, int32_t zone)
{
    int32_t begin = state->zone_member_begin[zone];
    int32_t end = state->zone_member_end[zone];
    int64_t slots = 0;
    int64_t assigned = 0;
    for (int32_t i = begin; i < end; i++) {
        slots += state->item_limit[i];
        assigned += state->total_count[i];
    }
    json_begin(writer, '{');
    json_string_field(writer, "zone", state->zones[zone]);
    json_integer_field(writer, "members", end - begin);
    json_integer_field(writer, "slots", slots);
    json_integer_field(writer, "assigned", assigned);
    json_end(writer, '}');
}

static void write_zones(struct json_writer *writer, const struct state *state)
{
    json_name(writer, "zones");
    json_begin(writer, '[');
    for (int32_t i = 0; i < state->zone_count; i++)
        write_zone(writer, state, i);
    json_end(writer, ']');
}

/* Whether the first member has a greater part of its effective limit in use than the second. */
static bool is_fuller(const struct state *state, int32_t first, int32_t second)
{
    return (int64_t)state->total_count[first] * state->effective_limit[second] >
           (int64_t)state->total_count[second] * state->effective_limit[first];
}

static void write_load(struct json_writer *writer, const char *name, const struct state *state,
                       int32_t member)
{
    json_name(writer, name);
    if (member == STATE_NONE) {
        json_null(writer);
        return;
    }
    json_begin(writer, '{');
    json_string_field(writer, "zone", state->members[member]->parts.zone);
    json_string_field(writer, "suffix", state->members[member]->parts.suffix);
    json_integer_field(writer, "assigned", state->total_count[member]);
    json_integer_field(writer, "effective_limit", state->effective_limit[member]);
    json_end(writer, '}');
}

/* The members with the most and the least to do for their size, of those that are to hold anything:
 * the nearer the two, the more even the load. */
static void write_balance(struct json_writer *writer, const struct state *state)
{
    int32_t most = STATE_NONE;
    int32_t least = STATE_NONE;
    for (int32_t i = 0; i < state->member_count; i++) {
        if (state->effective_limit[i] <= 0)
            continue;
        if (most == STATE_NONE || is_fuller(state, i, most))
            most = i;
        if (least == STATE_NONE || is_fuller(state, least, i))
            least = i;
    }
    json_name(writer, "balance");
    json_begin(writer, '{');
    write_load(writer, "most_loaded", state, most);
    write_load(writer, "least_loaded", state, least);
    json_end(writer, '}');
}

void cluster_write_glance(struct json_writer *writer, const struct snapshot *snapshot,
                          int64_t invalid)
{
    write_totals(writer, snapshot, invalid);
    write_items_by_state(writer, snapshot);
    write_zones(writer, snapshot->state);
    write_balance(writer, snapshot->state);
}
