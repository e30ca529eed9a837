/* Maximum flows: each is proven by a certificate, on networks made by hand and at random. */
#include <criterion/criterion.h>

#include "core/error.h"
#include "core/max_flow.h"
#include "tests/core/flow_graph.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/flow_certificate.h"

enum { SOURCE = MAX_FLOW_SOURCE, SINK = MAX_FLOW_SINK };

static struct max_flow *create(void)
{
    struct max_flow *flow = NULL;
    cr_assert_eq(max_flow_create(&flow), 0);
    return flow;
}

/* Solves, proves, and returns the value. */
static int64_t prove(struct max_flow *flow, const struct flow_graph *graph, uint64_t seed)
{
    struct flow_capacities capacities = {graph->node_count, graph->widest};
    struct max_flow_network network = flow_graph_view(graph);
    cr_assert_eq(max_flow_solve(flow, &network), 0);
    struct flow_certificate certificate = flow_certify(flow, capacities);
    cr_assert_null(certificate.fault, "seed %lu: %s", (unsigned long)seed, certificate.fault);
    cr_assert_eq(certificate.value, certificate.cut, "seed %lu: %ld flow, the cut is %ld",
                 (unsigned long)seed, (long)certificate.value, (long)certificate.cut);
    cr_assert_eq(certificate.value, flow_by_paths(capacities), "seed %lu", (unsigned long)seed);
    return certificate.value;
}

/* Asserts that the flows out of @node are just these, in this order: {to, rate, …, -1}. */
static void expect_flows(const struct max_flow *flow, int32_t node, const int32_t *expected)
{
    int32_t cursor = 0;
    int32_t to;
    int32_t rate;
    for (; *expected >= 0; expected += 2) {
        cr_assert(max_flow_next(flow, node, &cursor, &to, &rate));
        cr_assert_eq(to, expected[0]);
        cr_assert_eq(rate, expected[1]);
    }
    cr_assert_not(max_flow_next(flow, node, &cursor, &to, &rate));
}
#define EXPECT_FLOWS(flow, node, ...) expect_flows(flow, node, (const int32_t[]){__VA_ARGS__, -1})

/* --- by hand --- */

Test(max_flow, flows_from_the_source_to_the_sink_at_once)
{
    struct max_flow *flow = create();
    struct flow_graph graph = flow_graph_of(2);
    cr_assert_eq(prove(flow, &graph, 0), 0);
    EXPECT_FLOWS(flow, SOURCE, -1);
    flow_graph_add(&graph, SOURCE, SINK, 0, 5);
    cr_assert_eq(prove(flow, &graph, 0), 5);
    EXPECT_FLOWS(flow, SOURCE, SINK, 5);
    max_flow_destroy(flow);
}

Test(max_flow, is_bounded_by_the_narrowest)
{
    struct max_flow *flow = create();
    struct flow_graph graph = flow_graph_of(4);
    flow_graph_add(&graph, SOURCE, 2, 0, 7);
    flow_graph_add(&graph, 2, 3, 0, 3);
    flow_graph_add(&graph, 3, SINK, 0, 5);
    cr_assert_eq(prove(flow, &graph, 0), 3);
    EXPECT_FLOWS(flow, SOURCE, 2, 3);
    EXPECT_FLOWS(flow, 2, 3, 3);
    EXPECT_FLOWS(flow, 3, SINK, 3);
    max_flow_destroy(flow);
}

/* What went the wrong way first has to be taken back. */
Test(max_flow, takes_back_what_blocks_another)
{
    struct max_flow *flow = create();
    struct flow_graph graph = flow_graph_of(6);
    flow_graph_add(&graph, SOURCE, 2, 0, 1);
    flow_graph_add(&graph, SOURCE, 3, 0, 1);
    flow_graph_add(&graph, 2, 4, 0, 1);
    flow_graph_add(&graph, 2, 5, 0, 1);
    flow_graph_add(&graph, 3, 4, 0, 1); /* its only way */
    flow_graph_add(&graph, 4, SINK, 0, 1);
    flow_graph_add(&graph, 5, SINK, 0, 1);
    cr_assert_eq(prove(flow, &graph, 0), 2);
    EXPECT_FLOWS(flow, 2, 5, 1);
    EXPECT_FLOWS(flow, 3, 4, 1);
    max_flow_destroy(flow);
}

Test(max_flow, goes_back_to_the_source_from_a_dead_end)
{
    struct max_flow *flow = create();
    struct flow_graph graph = flow_graph_of(5);
    flow_graph_add(&graph, SOURCE, 2, 0, 9);
    flow_graph_add(&graph, 2, 3, 0, 9);
    flow_graph_add(&graph, 3, 4, 0, 9);
    cr_assert_eq(prove(flow, &graph, 0), 0);
    for (int32_t node = 0; node < graph.node_count; node++)
        EXPECT_FLOWS(flow, node, -1);
    max_flow_destroy(flow);
}

/* The arcs are visited from number (node mod count) on. */
Test(max_flow, spreads_nodes_over_shared_arcs)
{
    struct max_flow *flow = create();
    struct flow_graph graph = flow_graph_of(8);
    for (int32_t from = 2; from < 5; from++) {
        flow_graph_add(&graph, SOURCE, from, 0, 1);
        for (int32_t to = 5; to < 8; to++)
            flow_graph_add(&graph, from, to, 0, 1);
    }
    for (int32_t from = 5; from < 8; from++) {
        graph.heights[from] = 1;
        graph.heights[from - 3] = 2;
        flow_graph_add(&graph, from, SINK, 0, 3);
    }
    cr_assert_eq(prove(flow, &graph, 0), 3);
    EXPECT_FLOWS(flow, 2, 7, 1);
    EXPECT_FLOWS(flow, 3, 5, 1);
    EXPECT_FLOWS(flow, 4, 6, 1);
    max_flow_destroy(flow);
}

/* Two pages offer the same arc: the wider one allows no more than its own capacity in all. */
Test(max_flow, arcs_on_several_pages_share_a_flow)
{
    struct max_flow *flow = create();
    struct flow_graph graph = flow_graph_of(4);
    graph.page_count = 2;
    graph.heights[2] = 2;
    graph.heights[3] = 1;
    flow_graph_add(&graph, SOURCE, 2, 0, 9);
    flow_graph_add(&graph, 2, 3, 0, 2);
    flow_graph_add(&graph, 2, 3, 1, 5);
    flow_graph_add(&graph, 3, SINK, 0, 9);
    cr_assert_eq(prove(flow, &graph, 0), 5);
    EXPECT_FLOWS(flow, 2, 3, 5);
    max_flow_destroy(flow);
}

Test(max_flow, puts_new_flows_to_the_end_or_to_the_front)
{
    for (int front = 0; front < 2; front++) {
        struct max_flow *flow = create();
        struct flow_graph graph = flow_graph_of(5);
        graph.heights[2] = 2;
        graph.pages[2][0].push_front = front;
        flow_graph_add(&graph, SOURCE, 2, 0, 9);
        for (int32_t to = 3; to < 5; to++) {
            graph.heights[to] = 1;
            flow_graph_add(&graph, 2, to, 0, 4);
            flow_graph_add(&graph, to, SINK, 0, 9);
        }
        cr_assert_eq(prove(flow, &graph, 0), 8);
        if (front)
            EXPECT_FLOWS(flow, 2, 4, 4, 3, 4);
        else
            EXPECT_FLOWS(flow, 2, 3, 4, 4, 4);
        max_flow_destroy(flow);
    }
}

/* --- at random --- */

enum { GRAPHS = 4000 };

Test(max_flow, equals_the_minimum_cut)
{
    struct max_flow *flow = create();
    int64_t sum = 0;
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        struct flow_graph graph = flow_graph_random(seed);
        sum += prove(flow, &graph, seed);
    }
    cr_assert_gt(sum, 3L * GRAPHS); /* something flows */
    max_flow_destroy(flow);
}

/* All flows in list order, written down in @flows of three numbers each. Returns how many. */
static size_t list_flows(const struct max_flow *flow, int32_t node_count, int32_t (*flows)[3])
{
    size_t count = 0;
    for (int32_t node = 0; node < node_count; node++) {
        int32_t cursor = 0;
        flows[count][0] = node;
        while (max_flow_next(flow, node, &cursor, &flows[count][1], &flows[count][2]))
            flows[++count][0] = node;
    }
    return count;
}

static void expect_equal(const struct max_flow *a, const struct max_flow *b, int32_t node_count)
{
    int32_t left[FLOW_GRAPH_NODES * FLOW_GRAPH_NODES + 1][3];
    int32_t right[FLOW_GRAPH_NODES * FLOW_GRAPH_NODES + 1][3];
    size_t count = list_flows(a, node_count, left);
    cr_assert_eq(list_flows(b, node_count, right), count);
    cr_assert_arr_eq(left, right, count * sizeof left[0]);
    for (int32_t node = 0; node < node_count; node++)
        cr_assert_eq(max_flow_relative_height(a, node), max_flow_relative_height(b, node));
}

/* What the memory was used for before makes no difference. */
Test(max_flow, equal_networks_give_equal_flows)
{
    struct max_flow *used = create();
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct max_flow *fresh = create();
        struct flow_graph graph = flow_graph_random(seed);
        struct max_flow_network network = flow_graph_view(&graph);
        cr_assert_eq(max_flow_solve(used, &network), 0);
        cr_assert_eq(max_flow_solve(fresh, &network), 0);
        expect_equal(used, fresh, graph.node_count);
        max_flow_destroy(fresh);
    }
    max_flow_destroy(used);
}

/* --- failures --- */

Test(max_flow, refuses_what_is_no_network)
{
    struct max_flow *flow = create();
    struct flow_graph graph = flow_graph_random(3);
    struct max_flow_network network = flow_graph_view(&graph);
    for (int32_t count = -1; count < 2; count++) {
        network.node_count = count;
        cr_assert_eq(max_flow_solve(flow, &network), ALLOT_EINVAL);
    }
    graph = flow_graph_of(4);
    network = flow_graph_view(&graph);
    for (int32_t node = 2; node < 4; node++) {
        graph.heights[2] = graph.heights[3] = 3;
        cr_assert_eq(max_flow_solve(flow, &network), 0);
        graph.heights[node] = 4;
        cr_assert_eq(max_flow_solve(flow, &network), ALLOT_EINVAL);
        cr_assert_eq(max_flow_value(flow), 0);
        graph.heights[node] = -1;
        cr_assert_eq(max_flow_solve(flow, &network), ALLOT_EINVAL);
    }
    max_flow_destroy(flow);
    max_flow_destroy(NULL);
}

/* Source, two layers of nodes with all arcs in between, sink: more flows than there is room for at
 * first. */
static struct flow_graph dense_graph(void)
{
    struct flow_graph graph = flow_graph_of(FLOW_GRAPH_NODES);
    for (int32_t from = 2; from < 9; from++) {
        flow_graph_add(&graph, SOURCE, from, 0, 7);
        for (int32_t to = 9; to < FLOW_GRAPH_NODES; to++)
            flow_graph_add(&graph, from, to, 0, 1);
    }
    for (int32_t from = 9; from < FLOW_GRAPH_NODES; from++)
        flow_graph_add(&graph, from, SINK, 0, 7);
    return graph;
}

Test(max_flow, survives_every_allocation_failure)
{
    struct max_flow *expected = create();
    struct flow_graph graph = dense_graph();
    struct max_flow_network network = flow_graph_view(&graph);
    cr_assert_eq(prove(expected, &graph, 0), 49);

    int error = ALLOT_ENOMEM;
    for (long nth = 1; error; nth++) {
        struct max_flow *flow = NULL;
        fail_alloc_set(nth);
        error = max_flow_create(&flow);
        if (!error)
            error = max_flow_solve(flow, &network);
        cr_assert(error == 0 || error == ALLOT_ENOMEM);
        cr_assert_eq(error == 0, fail_alloc_count() < nth);
        fail_alloc_set(0);
        if (flow) { /* it can be used again, failed or not */
            cr_assert(!error || max_flow_value(flow) == 0);
            cr_assert_eq(max_flow_solve(flow, &network), 0);
            expect_equal(flow, expected, graph.node_count);
        }
        max_flow_destroy(flow);
        cr_assert_lt(nth, 100);
    }
    max_flow_destroy(expected);
}
