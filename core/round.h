/* A round: one pass of the allocator, as it is recorded for every history to know. Pure.
 *
 * Records stand under a prefix (ROOT/rounds/), as FENCE-ROUND, with zeros in front to 19 and 10
 * digits: the order of keys is that of time. In allotd a value is JSON (server/round_writer.h),
 * with these fields, which are always there unless it says otherwise:
 *
 *   fence, round         these two name the round in the whole cluster: the mod revision of the
 *                        leader's own key that its transactions check, and the pass's number
 *   instance             whose it was
 *   began, time          of the pass: its begin and its end, RFC 3339
 *   why                  one of round_why_names
 *   after_revision       the state's revision of the last pass before it in which nothing failed;
 *                        0: none. What the round is about happened after it, …
 *   decided_on           … up to this one, the state's revision that it was decided on
 *   solved               whether it was the first pass over a new solution
 *   additions, removals (those of items that don't exist included), promotions, packings, moves,
 *   throttled, skipped, transactions, failed_transactions
 *                        as in struct pass_summary
 *   first_revision, last_revision
 *                        of the transactions that were applied; left out if none was
 *   revisions            of these transactions: of the first ROUND_MAX_REVISIONS
 *   revisions_cut        whether there were more
 *   unknown_outcome      whether it ended because the store has not told if its last transaction
 *                        was applied: what that did is not counted, and its revision, if any, is
 *                        missing
 *   assigned, unattainable
 *                        of the solution
 *   zone_excess, overflow, kept
 *                        only if it solved: levels of the solution, see core/levels.h
 *   cut                  only if it solved and something is unattainable: why the first item that
 *                        lacks replicas can't have them, as core/explain_cut.h has it:
 *                        {"items": how many, "wanted", "slots", "full_members", "sharing", "text"}
 *   observe_ms, solve_ms, converge_ms, wait_ms
 *                        how long it took to make the state, to solve it (0: it was solved before),
 *                        to make the transactions, and to have the store's answers */
#ifndef ALLOT_CORE_ROUND_H
#define ALLOT_CORE_ROUND_H

#include "core/pass.h"

struct round_id {
    int64_t fence;
    int64_t round;
    int64_t decided_on;
};

/* Why there was something to do for the pass; the first that holds. */
enum round_why {
    ROUND_LEADERSHIP,  /* it came to lead: its first pass */
    ROUND_NETWORK,     /* the problem was another one than that of the pass before */
    ROUND_SETTINGS,    /* the operators' settings were others, or a pause had ended */
    ROUND_ASSIGNMENTS, /* replicas had come, gone, changed or become consistent */
    ROUND_RETRY,       /* the pass before left it: something failed, or was put off */
    ROUND_WHY_COUNT
};
extern const char *const round_why_names[ROUND_WHY_COUNT];

enum { ROUND_MAX_REVISIONS = 64 };

struct round {
    struct round_id id;
    enum round_why why;
    int64_t after_revision;
    bool solved;
    struct pass_summary pass;
    int64_t applied;                        /* transactions */
    int64_t revisions[ROUND_MAX_REVISIONS]; /* of the first of these */
    int64_t last_revision;                  /* of the last of these; 0: none */
    bool unknown_outcome;                   /* one more may have been applied, or yet be */
    const struct state *state;              /* that it was decided on; borrowed, as the solution */
    const struct solution *solution;
};

void round_note_applied(struct round *round, int64_t revision);

/* What a pass had before its eyes. */
struct round_view {
    struct state *state; /* NULL: there was no such pass */
    struct allocator_rules rules;
};

/* Why the pass over @now had something to do, after the one over @before. Settings stand at
 * @settings (empty: nowhere). Cost: the assignments, up to the first that has changed. */
enum round_why round_find_why(const struct round_view *before, const struct round_view *now,
                              struct span settings);

/* Appends the name of the round's record to the prefix that stands in @buffer, which has room for
 * ROUND_NAME_SIZE bytes more. Returns the key. */
enum { ROUND_NAME_SIZE = 19 + 1 + 19 };
struct span round_key(struct round_id id, char *buffer, size_t prefix_size);

#endif
