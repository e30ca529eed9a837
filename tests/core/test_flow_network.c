/* The flow networks of items, zones and members: what flows through them is proven like any other
 * flow, and read off as it flows.
 *
 * What the network offers rises with the heights, and in the end a member takes all its share of
 * the chunk. With one zone that is all that rises, and the flow is a maximum, equal to the minimum
 * cut.
 *
 * With more zones an item leaves at least one replica to another zone, and falls back to a single
 * one only where it is about to give that replica up. Arcs that open so late are not arcs that
 * push/relabel knows of: another item, which could make room by falling back in its place, is not
 * asked to. So the value lies between two maxima, that with one replica elsewhere and that without
 * such a bound, and nearly always is the latter. */
#include <criterion/criterion.h>

#include "core/flow_network.h"
#include "tests/support/array.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/flow_certificate.h"
#include "tests/support/instance_builder.h"

static int32_t least(int64_t a, int64_t b)
{
    return (int32_t)(a < b ? a : b);
}

static int64_t scaled_up(int64_t count, int64_t numerator, int64_t denominator)
{
    return numerator > denominator ? count : (count * numerator + denominator - 1) / denominator;
}

/* The capacities of the chunk of @count items from @begin on, with all that a member may hold, and
 * up to @most (r) of an item's r replicas in one zone. */
static int32_t *capacities_of(const struct state *state, int32_t begin, int32_t count,
                              int32_t (*most)(const struct state *, int32_t replication))
{
    int32_t zone_item = 2 + count;
    int32_t first_member = zone_item + count * state->zone_count;
    int32_t nodes = first_member + state->member_count;
    int32_t *capacities = array_create((size_t)nodes * (size_t)nodes, sizeof *capacities);
    int64_t left = state->member_slots;
    int64_t chunk_slots = 0;
    for (int32_t i = 0; i < count; i++) {
        int32_t replication = state->replication[begin + i];
        capacities[2 + i] = least(replication, left);
        left -= capacities[2 + i];
        chunk_slots += replication;
        for (int32_t zone = 0; zone < state->zone_count; zone++, zone_item++) {
            capacities[(2 + i) * nodes + zone_item] = most(state, replication);
            for (int32_t m = 0; m < state->member_count; m++)
                if (state->member_zone[m] == zone)
                    capacities[zone_item * nodes + first_member + m] = 1;
        }
    }
    for (int32_t m = 0; m < state->member_count && state->item_slots > 0; m++)
        capacities[(first_member + m) * nodes + MAX_FLOW_SINK] =
            (int32_t)scaled_up(state->effective_limit[m], chunk_slots, state->item_slots);
    return capacities;
}

static int32_t all_in_a_zone(const struct state *state, int32_t replication)
{
    (void)state;
    return replication > 1 ? replication : 1;
}

static int32_t one_elsewhere(const struct state *state, int32_t replication)
{
    return state->zone_count == 1 || replication <= 1 ? replication : replication - 1;
}

/* The members of item number @i of the chunk are those that its zone-items flow to, ascending. */
static void expect_members(const struct flow_network *network, const struct max_flow *flow,
                           int32_t i)
{
    const struct state *state = network->state;
    int32_t *members = array_create((size_t)state->member_count, sizeof *members);
    bool *flows = array_create((size_t)state->member_count, sizeof *flows);
    int32_t expected = 0;
    for (int32_t zone = 0; zone < state->zone_count; zone++) {
        int32_t cursor = 0;
        int32_t to;
        int32_t rate;
        int32_t node = network->first_zone_item + i * state->zone_count + zone;
        for (; max_flow_next(flow, node, &cursor, &to, &rate); expected++)
            flows[to - network->first_member] = true;
    }
    cr_assert_leq(expected, state->replication[network->item_begin + i]);
    int32_t count = flow_network_members(network, flow, network->item_begin + i, members);
    cr_assert_eq(count, expected);
    for (int32_t m = 0; m < count; m++) {
        cr_assert(flows[members[m]]);
        cr_assert(m == 0 || members[m] > members[m - 1]);
    }
    free(members);
    free(flows);
}

/* Solves the chunk, proves the flow, and returns by how much there might be more. */
static int64_t prove_chunk(struct flow_network *network, struct max_flow *flow, int32_t begin,
                           int32_t count, uint64_t seed)
{
    const struct state *state = network->state;
    cr_assert_eq(flow_network_set_chunk(network, begin, count), 0);
    struct max_flow_network view = flow_network_view(network);
    int32_t nodes = 2 + count * (1 + state->zone_count) + state->member_count;
    cr_assert_eq(view.node_count, nodes);
    cr_assert_eq(max_flow_solve(flow, &view), 0);

    int32_t *narrow = capacities_of(state, begin, count, one_elsewhere);
    int32_t *wide = capacities_of(state, begin, count, all_in_a_zone);
    struct flow_certificate certificate = flow_certify(flow, (struct flow_capacities){nodes, wide});
    int64_t least_value = flow_by_paths((struct flow_capacities){nodes, narrow});
    int64_t most_value = flow_by_paths((struct flow_capacities){nodes, wide});
    cr_assert_null(certificate.fault, "seed %lu: %s", (unsigned long)seed, certificate.fault);
    cr_assert_geq(certificate.value, least_value, "seed %lu", (unsigned long)seed);
    cr_assert_leq(certificate.value, most_value, "seed %lu", (unsigned long)seed);
    cr_assert_eq(certificate.cut, certificate.value == most_value ? most_value : -1);
    cr_assert(state->zone_count > 1 || certificate.value == most_value);
    for (int32_t i = 0; i < count; i++)
        expect_members(network, flow, i);
    free(narrow);
    free(wide);
    return most_value - certificate.value;
}

/* Each instance whole, then in two chunks, in the same memory. */
Test(flow_network, its_flows_are_maxima)
{
    struct random random = {.state = 20};
    int below = 0;
    struct max_flow *flow = NULL;
    cr_assert_eq(max_flow_create(&flow), 0);
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct builder_knobs knobs = builder_random_knobs(&random);
        struct state *state = builder_observe(builder_random(&knobs, seed, seed % 2));
        struct flow_network network;
        cr_assert_eq(flow_network_init(&network, state), 0);
        int32_t half = (int32_t)random_below(&random, (uint64_t)state->item_count + 1);
        int64_t missing = prove_chunk(&network, flow, 0, state->item_count, seed);
        missing += prove_chunk(&network, flow, 0, half, seed);
        missing += prove_chunk(&network, flow, half, state->item_count - half, seed);
        below += missing != 0;
        flow_network_release(&network);
        state_unref(state);
    }
    cr_assert_leq(below, 4); /* it is rare */
    max_flow_destroy(flow);
}

/* Fewer nodes than an item usually stands high. */
Test(flow_network, may_have_no_members)
{
    static const struct builder_key KEYS[] = {KEY("items/i1", "2"), KEY("items/i2", "1")};
    struct max_flow *flow = NULL;
    struct flow_network network;
    struct state *state = BUILDER_STATE(KEYS);
    cr_assert_eq(max_flow_create(&flow), 0);
    cr_assert_eq(flow_network_init(&network, state), 0);
    for (int32_t count = 0; count <= 2; count++)
        prove_chunk(&network, flow, 0, count, 0);
    flow_network_release(&network);
    max_flow_destroy(flow);
    state_unref(state);
}

Test(flow_network, survives_every_allocation_failure)
{
    const struct builder_knobs knobs = {.items = 10,
                                        .members = 5,
                                        .zones = 3,
                                        .most_replication = 4,
                                        .capacity_percent = 150,
                                        .assigned_percent = 80};
    struct state *state = builder_observe(builder_random(&knobs, 1, false));
    int error = ALLOT_ENOMEM;
    for (long nth = 1; error; nth++) {
        struct flow_network network = {0};
        fail_alloc_set(nth);
        error = flow_network_init(&network, state);
        if (!error)
            error = flow_network_set_chunk(&network, 0, state->item_count);
        cr_assert(error == 0 || error == ALLOT_ENOMEM);
        cr_assert_eq(error == 0, fail_alloc_count() < nth);
        fail_alloc_set(0);
        flow_network_release(&network);
        cr_assert_lt(nth, 100);
    }
    state_unref(state);
}
