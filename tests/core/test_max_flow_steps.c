/* The steps of max_flow, one by one: it is to give not just a maximum flow but always the same one,
 * which depends on the order of every step. Here the steps are taken as plainly as they can be
 * said, with matrices and copies; the flows, their order and the heights must be the same. */
#include <criterion/criterion.h>

#include "core/max_flow.h"
#include "tests/core/flow_graph.h"

enum { MOST = FLOW_GRAPH_NODES, UNSET = INT32_MAX };

/* Nodes in an order. */
struct list {
    int32_t nodes[MOST];
    int32_t count;
};

struct plain {
    struct max_flow_network network;
    int32_t node_count;
    int32_t height[MOST], next_height[MOST], excess[MOST], page[MOST], index[MOST];
    int32_t height_count[MOST]; /* by height, of all but the source */
    int32_t rate[MOST][MOST];
    struct list forward[MOST]; /* where a node's flows go to */
    struct list reverse[MOST]; /* where flows to it come from */
    struct list heap;
};

static void insert(struct list *list, int32_t node, bool front)
{
    int32_t at = front ? 0 : list->count;
    for (int32_t i = list->count++; i > at; i--)
        list->nodes[i] = list->nodes[i - 1];
    list->nodes[at] = node;
}

static void take_out(struct list *list, int32_t node)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < list->count; i++)
        if (list->nodes[i] != node)
            list->nodes[kept++] = list->nodes[i];
    list->count = kept;
}

/* --- the heap of active nodes --- */

static int32_t heap_height(const struct plain *plain, int32_t at)
{
    return plain->height[plain->heap.nodes[at]];
}

static void heap_swap(struct plain *plain, int32_t a, int32_t b)
{
    int32_t node = plain->heap.nodes[a];
    plain->heap.nodes[a] = plain->heap.nodes[b];
    plain->heap.nodes[b] = node;
}

static void heap_sift_down(struct plain *plain, int32_t at, int32_t count)
{
    int32_t child = 2 * at + 1;
    if (child >= count)
        return;
    if (child + 1 < count && heap_height(plain, child + 1) > heap_height(plain, child))
        child++;
    if (heap_height(plain, child) <= heap_height(plain, at))
        return;
    heap_swap(plain, child, at);
    heap_sift_down(plain, child, count);
}

static void heap_push(struct plain *plain, int32_t node)
{
    int32_t at = plain->heap.count;
    insert(&plain->heap, node, false);
    while (at > 0 && heap_height(plain, at) > heap_height(plain, (at - 1) / 2)) {
        heap_swap(plain, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static int32_t heap_pop(struct plain *plain)
{
    int32_t last = --plain->heap.count;
    heap_swap(plain, 0, last);
    heap_sift_down(plain, 0, last);
    return plain->heap.nodes[last];
}

/* --- discharge --- */

static void add_excess(struct plain *plain, int32_t node, int32_t amount)
{
    plain->excess[node] += amount;
    if (plain->excess[node] == amount && node != MAX_FLOW_SINK)
        heap_push(plain, node);
}

static void consider(struct plain *plain, int32_t n, int32_t other)
{
    if (plain->height[other] + 1 < plain->next_height[n])
        plain->next_height[n] = plain->height[other] + 1;
}

static void push(struct plain *plain, int32_t n, int32_t to, int32_t room, bool front)
{
    int32_t amount = plain->excess[n] < room ? plain->excess[n] : room;
    if (plain->rate[n][to] == 0) {
        insert(&plain->forward[n], to, front);
        insert(&plain->reverse[to], n, front);
    }
    plain->rate[n][to] += amount;
    plain->excess[n] -= amount;
    add_excess(plain, to, amount);
}

static void push_arcs(struct plain *plain, int32_t n)
{
    while (plain->page[n] != MAX_FLOW_NO_PAGE) {
        struct max_flow_page arcs;
        plain->network.arcs(plain->network.context, NULL, n, plain->page[n], &arcs);
        for (; plain->index[n] < arcs.count; plain->index[n]++) {
            int32_t arc = (plain->index[n] + n % arcs.count) % arcs.count;
            int32_t to = arcs.to[arc];
            int32_t room = arcs.capacities[arc] - plain->rate[n][to];
            if (room <= 0)
                continue;
            if (plain->height[n] <= plain->height[to])
                consider(plain, n, to);
            else
                push(plain, n, to, room, arcs.push_front);
            if (plain->excess[n] == 0)
                return;
        }
        plain->page[n] = arcs.next;
        plain->index[n] = 0;
    }
}

static void push_back(struct plain *plain, int32_t n)
{
    const struct list reverse = plain->reverse[n];
    for (int32_t i = reverse.count - 1; i >= 0 && plain->excess[n] > 0; i--) {
        int32_t from = reverse.nodes[i];
        if (plain->height[n] <= plain->height[from]) {
            consider(plain, n, from);
            continue;
        }
        int32_t *rate = &plain->rate[from][n];
        int32_t amount = plain->excess[n] < *rate ? plain->excess[n] : *rate;
        *rate -= amount;
        plain->excess[n] -= amount;
        add_excess(plain, from, amount);
        if (*rate == 0) {
            take_out(&plain->forward[from], n);
            take_out(&plain->reverse[n], from);
        }
    }
}

static void lift(struct plain *plain, int32_t n, int32_t height)
{
    plain->height[n] = height;
    plain->next_height[n] = UNSET;
    plain->page[n] = MAX_FLOW_FIRST_PAGE;
    plain->index[n] = 0;
}

/* The gap rule: nothing above @gap can come down to the sink any more. */
static void lift_above(struct plain *plain, int32_t gap)
{
    for (int32_t m = 0; m < plain->node_count; m++) {
        if (plain->height[m] <= gap || plain->height[m] >= plain->node_count)
            continue;
        plain->height_count[plain->height[m]]--;
        lift(plain, m, plain->node_count - 1); /* where it is not counted */
    }
    for (int32_t at = plain->heap.count / 2 - 1; at >= 0; at--)
        heap_sift_down(plain, at, plain->heap.count);
}

static void relabel(struct plain *plain, int32_t n)
{
    int32_t nodes = plain->node_count;
    int32_t height = plain->height[n];
    int32_t next = plain->next_height[n];
    cr_assert_neq(next, UNSET);
    if (0 < height && height < nodes - 1 && next < nodes - 1 && plain->height_count[height] == 1) {
        if (plain->height_count[next] != 0)
            lift_above(plain, height);
        next = nodes - 1;
    }
    if (height < nodes)
        plain->height_count[height]--;
    if (next < nodes)
        plain->height_count[next]++;
    lift(plain, n, next);
}

static void discharge(struct plain *plain, int32_t n)
{
    for (;;) {
        push_arcs(plain, n);
        if (plain->excess[n] > 0)
            push_back(plain, n);
        if (plain->excess[n] == 0 || n == MAX_FLOW_SOURCE)
            return;
        relabel(plain, n);
    }
}

static void solve(struct plain *plain, const struct max_flow_network *network)
{
    *plain = (struct plain){.network = *network, .node_count = network->node_count};
    for (int32_t n = 0; n < plain->node_count; n++) {
        bool end = n == MAX_FLOW_SOURCE || n == MAX_FLOW_SINK;
        lift(plain, n, end ? 0 : network->initial_height(network->context, n));
        plain->height_count[plain->height[n]] += n != MAX_FLOW_SOURCE;
    }
    plain->height[MAX_FLOW_SOURCE] = plain->node_count;
    add_excess(plain, MAX_FLOW_SOURCE, INT32_MAX);
    while (plain->heap.count > 0)
        discharge(plain, heap_pop(plain));
}

/* --- the same --- */

static void expect_same(const struct plain *plain, const struct max_flow *flow, uint64_t seed)
{
    for (int32_t n = 0; n < plain->node_count; n++) {
        int32_t cursor = 0;
        int32_t to;
        int32_t rate;
        for (int32_t i = 0; i < plain->forward[n].count; i++) {
            cr_assert(max_flow_next(flow, n, &cursor, &to, &rate));
            cr_assert_eq(to, plain->forward[n].nodes[i], "seed %lu", (unsigned long)seed);
            cr_assert_eq(rate, plain->rate[n][to], "seed %lu", (unsigned long)seed);
        }
        cr_assert_not(max_flow_next(flow, n, &cursor, &to, &rate));
        cr_assert_eq(max_flow_relative_height(flow, n), plain->height[n] - plain->node_count,
                     "seed %lu", (unsigned long)seed);
        cr_assert_eq(max_flow_excess(flow, n), plain->excess[n]);
    }
}

Test(max_flow, takes_the_steps_in_their_order)
{
    struct max_flow *flow = NULL;
    cr_assert_eq(max_flow_create(&flow), 0);
    for (uint64_t seed = 1; seed <= 5000; seed++) {
        struct flow_graph graph = flow_graph_random(seed);
        struct max_flow_network network = flow_graph_view(&graph);
        struct plain plain;
        solve(&plain, &network);
        cr_assert_eq(max_flow_solve(flow, &network), 0);
        expect_same(&plain, flow, seed);
    }
    max_flow_destroy(flow);
}
