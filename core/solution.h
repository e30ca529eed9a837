/* What a solver answers: which members shall hold which items. */
#ifndef ALLOT_CORE_SOLUTION_H
#define ALLOT_CORE_SOLUTION_H

#include "core/certificate.h"
#include "core/state.h"

/* There are two solvers of the one problem. */
enum solver_kind {
    SOLVER_OPTIMAL,   /* the best there is, with its proof (optimal_solver.h) */
    SOLVER_REFERENCE, /* as the reference decides (reference_solver.h) */
};
extern const char *const solver_kind_names[]; /* "optimal", "reference"; ends with NULL */

/* The desired assignments. Immutable, reference-counted. Indices are those of every state that
 * solution_fits. */
struct solution {
    enum solver_kind solver; /* that it is of */
    struct network_hash network_hash;
    int32_t item_count;
    int32_t member_count;
    int32_t *begin;  /* item_count + 1: item i's desired members are member[begin[i]] … */
    int32_t *member; /* ascending within an item */
    int64_t assigned;
    int64_t unattainable; /* item_slots - assigned */
    /* The proof that this is best; NULL: of a solver that doesn't give one. */
    struct certificate *certificate;
};

/* For solvers: a solution of @state with one reference and with room for @room members, to be
 * filled in. ALLOT_ENOMEM; ALLOT_ELIMIT (more members than can be numbered). */
int solution_create(const struct state *state, int64_t room, struct solution **ret);

/* Whether @solution (NULL: no) is one of @state: of both of its network hashes, and of as many
 * items and members, so that not even an accident of hashes reads past an array. */
bool solution_fits(const struct solution *solution, const struct state *state);

struct solution *solution_ref(struct solution *solution);
void solution_unref(struct solution *solution); /* NULL is fine */

/* Current against desired assignments. */
struct change_summary {
    int64_t added;
    int64_t removed;
    int64_t unchanged;
};
struct change_summary solution_changes(const struct solution *solution, const struct state *state);

#endif
