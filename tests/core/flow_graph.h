/* Networks for the tests of max_flow: by hand, arc by arc, or at random. */
#ifndef ALLOT_TESTS_CORE_FLOW_GRAPH_H
#define ALLOT_TESTS_CORE_FLOW_GRAPH_H

#include "core/max_flow.h"

enum { FLOW_GRAPH_NODES = 16, FLOW_GRAPH_PAGES = 3 };

struct flow_graph_arcs {
    int32_t to[FLOW_GRAPH_NODES];
    int32_t capacities[FLOW_GRAPH_NODES];
    int32_t count;
    bool push_front;
};

struct flow_graph {
    int32_t node_count;
    int32_t page_count;
    int32_t heights[FLOW_GRAPH_NODES]; /* initial ones */
    struct flow_graph_arcs pages[FLOW_GRAPH_NODES][FLOW_GRAPH_PAGES];
    int32_t widest[FLOW_GRAPH_NODES * FLOW_GRAPH_NODES]; /* capacities, in rows of node_count */
};

/* One page, no arcs, all heights 0. */
struct flow_graph flow_graph_of(int32_t node_count);
void flow_graph_add(struct flow_graph *graph, int32_t from, int32_t to, int32_t page,
                    int32_t capacity);

/* Arcs between any two nodes, both ways too, but neither into the source nor out of the sink. */
struct flow_graph flow_graph_random(uint64_t seed);

/* Borrows @graph. */
struct max_flow_network flow_graph_view(const struct flow_graph *graph);

#endif
