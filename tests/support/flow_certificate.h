/* Proves that a flow is a maximum flow, without knowing how it was found: it keeps to the
 * capacities, nothing is lost or made on the way, and a cut of equal capacity shows that no more is
 * possible (Ford & Fulkerson 1956). */
#ifndef ALLOT_TESTS_SUPPORT_FLOW_CERTIFICATE_H
#define ALLOT_TESTS_SUPPORT_FLOW_CERTIFICATE_H

#include "core/max_flow.h"

/* The greatest capacity that the network ever offers from one node to another, 0 for no arc: arcs
 * on several pages, or that widen as heights rise, share one flow. @capacities is a square of
 * node_count * node_count numbers, row by row, by the node an arc leaves. */
struct flow_capacities {
    int32_t node_count;
    const int32_t *capacities;
};

/* What a flow turns out to be. */
struct flow_certificate {
    const char *fault; /* NULL: a flow, within its capacities, conserved, as large as it says */
    int64_t value;     /* what comes to the sink */
    int64_t cut;       /* capacity of the cut around what can still be reached from the source;
                          -1: the sink can be reached, so it is not a maximum */
};
struct flow_certificate flow_certify(const struct max_flow *flow, struct flow_capacities network);

/* The value of a maximum flow found in another way: by shortest augmenting paths (Edmonds & Karp
 * 1972). */
int64_t flow_by_paths(struct flow_capacities network);

#endif
