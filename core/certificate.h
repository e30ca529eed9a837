/* The proof that a solution is the best there is, and its checker, which shares no code with the
 * solver that gives it.
 *
 * The levels of a solution are a flow of least cost in a network of units of flow
 *
 *     source --> item --> zone-item --> member --> sink
 *
 * in which a replica costs 1 where it is not a current assignment, overflow_price beyond its
 * member's load bound, and zone_price beyond what the item should have in that zone. The prices
 * are so far apart that what a higher level gains, no simple cycle can lose in those below.
 *
 * A flow is of least cost for its amount if and only if there are potentials of all nodes under
 * which no arc that could still take flow has a negative reduced cost, cost + potential(from) -
 * potential(to); the source's is 0. Those of the items and zone-items follow from the members':
 * each the greatest that the arcs into the node allow. The amount is greatest if and only if there
 * is a cut: a set of nodes with the source and without the sink that no more flow can leave. That,
 * too, is given by its members: an item is in it if it lacks a replica, or has one on a member of
 * it.
 *
 * Sources: docs/solver.md; Ahuja, Magnanti & Orlin, "Network Flows", 1993, theorems 6.4
 * and 9.3. */
#ifndef ALLOT_CORE_CERTIFICATE_H
#define ALLOT_CORE_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

struct state;
struct solution;

struct certificate {
    int64_t overflow_price;
    int64_t zone_price;
    int64_t sink_potential;
    /* By member. Of one whose effective limit is 0, which no flow can pass, neither matters. */
    int64_t *potential;
    bool *cut;
};

/* Of @members, all zeroes. ALLOT_ENOMEM. */
int certificate_create(int32_t members, struct certificate **ret);
void certificate_destroy(struct certificate *certificate); /* NULL is fine */

enum certificate_fault {
    CERTIFICATE_VALID,
    CERTIFICATE_MISSING,     /* the solution has none */
    CERTIFICATE_COUNTS,      /* its numbers don't fit the state, or each other */
    CERTIFICATE_REPLICATION, /* the item has more replicas than it wants */
    CERTIFICATE_MEMBERS,     /* … or not on distinct members, in order */
    CERTIFICATE_LIMIT,       /* the member has more than it can take */
    CERTIFICATE_PRICES,      /* they don't keep the levels apart */
    CERTIFICATE_SINK,        /* a cost at the member is negative: a load could change for better */
    CERTIFICATE_SOURCE,      /* … at the item: another should have its replica */
    CERTIFICATE_MOVE,        /* … from the item to the member, which should have it */
    CERTIFICATE_CUT_ITEM,    /* the item could have one more, on the member */
    CERTIFICATE_CUT_MEMBER,  /* the member has room for one more */
    CERTIFICATE_FAULT_COUNT
};
extern const char *const certificate_fault_texts[]; /* ends with NULL */

struct certificate_verdict {
    enum certificate_fault fault;
    int32_t item; /* that it was found at, or STATE_NONE */
    int32_t member;
};

/* Checks that @solution (of @state) is feasible and, by its certificate, optimal in levels 1 to 4.
 * Errors, @ret untouched: ALLOT_ENOMEM. Cost: linear in the items times zones, the current and the
 * desired assignments, and a sort of the members. */
int certificate_check(const struct state *state, const struct solution *solution,
                      struct certificate_verdict *ret);

#endif
