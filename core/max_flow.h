/* A maximum-flow solver of the push/relabel kind, over a virtual network.
 *
 * Nodes are discharged one after the other, the highest active one first. The arcs out of a node
 * are asked for page by page while solving, so that a network may present them in its order of
 * preference, and may open capacity as pressure rises: it can look at the heights that the nodes
 * have reached.
 *
 * The order of every step is part of the behaviour (allocation.md, section 4): equal networks give
 * equal flows, here and in the reference. Source: Goldberg & Tarjan, "A new approach to the
 * maximum-flow problem", 1988, with the gap heuristic; highest active node first. */
#ifndef ALLOT_CORE_MAX_FLOW_H
#define ALLOT_CORE_MAX_FLOW_H

#include <stdbool.h>
#include <stdint.h>

enum {
    MAX_FLOW_SOURCE = 0,
    MAX_FLOW_SINK = 1,
    MAX_FLOW_FIRST_PAGE = 0,
    MAX_FLOW_NO_PAGE = INT32_MAX, /* the page after the last */
};

/* One page of the arcs out of a node: @count arcs, number i going to node to[i], or first + i if
 * @to is NULL, of capacity capacities[i], or @capacity if @capacities is NULL. The arrays are
 * borrowed from the network until the next page is asked for. */
struct max_flow_page {
    const int32_t *to;
    int32_t first;
    const int32_t *capacities;
    int32_t capacity;
    int32_t count;
    bool push_front; /* new flows go to the front of the lists of flows, not to their end */
    int32_t next;    /* the next page, or MAX_FLOW_NO_PAGE */
};

struct max_flow;

struct max_flow_network {
    const void *context;
    int32_t node_count;
    /* Initial height of a node that is neither source nor sink; less than node_count. */
    int32_t (*initial_height)(const void *context, int32_t node);
    /* Page @page of the arcs out of @node, given how far the solution under way has come. Several
     * arcs of a node may go to the same node (on different pages): they share one flow, and each
     * one's capacity bounds that flow. */
    void (*arcs)(const void *context, const struct max_flow *flow, int32_t node, int32_t page,
                 struct max_flow_page *ret);
};

/* Memory to solve in, which may be used again for network after network. */
int max_flow_create(struct max_flow **ret);   /* ALLOT_ENOMEM */
void max_flow_destroy(struct max_flow *flow); /* NULL is fine */

/* Solves for a maximum flow from MAX_FLOW_SOURCE to MAX_FLOW_SINK, replacing what @flow held.
 * @network is borrowed and asked for arcs while solving.
 * Errors, @flow then holding no solution: ALLOT_ENOMEM; ALLOT_EINVAL (fewer than 2 nodes, an
 * initial height that is negative or not less than the number of nodes). */
int max_flow_solve(struct max_flow *flow, const struct max_flow_network *network);

/* The height of a node less that of the source: below 0 while there may be another way to the sink;
 * rising as pressure does. For networks, while solving, and for proofs, after it. */
int32_t max_flow_relative_height(const struct max_flow *flow, int32_t node);

/* What has come to the sink. */
int32_t max_flow_value(const struct max_flow *flow);

/* What a node has received and not passed on: 0 for all but source and sink, once solved. */
int32_t max_flow_excess(const struct max_flow *flow, int32_t node);

/* Walks the flows out of @node in list order, each of rate > 0: begin with *cursor = 0; false at
 * the end. */
bool max_flow_next(const struct max_flow *flow, int32_t node, int32_t *cursor, int32_t *ret_to,
                   int32_t *ret_rate);

#endif
