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

/* The desired assignments. Immutable, reference-counted; made by a solution_writer. Indices are
 * those of every state that solution_fits. */
struct solution {
    enum solver_kind solver; /* that it is of */
    uint64_t fingerprint;    /* of the problem: the state's */
    int32_t item_count;
    int32_t member_count;
    int64_t assigned;
    int64_t unattainable; /* item_slots - assigned */
    /* The proof that this is best; NULL: of a solver that doesn't give one. */
    struct certificate *certificate;

    /* Private. The items' members are in blocks, which solutions share; solution_block.h. */
    int32_t block_count;
    struct solution_block **blocks;
    int32_t *block_begin; /* block_count + 1: the item that each begins with */
    int32_t *block_of;    /* by item / SOLUTION_BLOCK_ITEMS: the block of the first of these */
};

/* Members that an item shall be on, ascending. Borrowed from the solution. */
struct desired {
    const int32_t *members;
    int32_t count;
};
struct desired solution_desired(const struct solution *solution, int32_t item);

static inline bool desired_has(struct desired desired, int32_t member)
{
    bool found = false;
    for (int32_t i = 0; i < desired.count && !found; i++)
        found = desired.members[i] == member;
    return found;
}

/* Adds to @load, by member, what each is to have of the items from @begin up to (without) @end. */
void solution_add_load(const struct solution *solution, int32_t begin, int32_t end, int32_t *load);

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
