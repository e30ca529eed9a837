/* Checks of each transaction of the loop that it keeps to the operators' rules: to the pause, and
 * to the limits on moves, by a count of its own. */
#ifndef ALLOT_TESTS_CORE_RULES_CHECKER_H
#define ALLOT_TESTS_CORE_RULES_CHECKER_H

#include "core/rules.h"

/* The moves that a pass has begun so far. Begins zeroed. */
struct rules_pass {
    struct state *decided_on; /* a reference; NULL: no pass yet */
    struct move_counts moves;
};
void rules_pass_release(struct rules_pass *pass);

struct rules_checker {
    struct {
        int64_t at_ms;
        int64_t moves;
    } * begun; /* by all passes, in order */
    size_t begun_count;
    int64_t moves; /* in all */
};
void rules_checker_release(struct rules_checker *checker);

/* Checks @txn, applied at @now_ms and decided on @decided_on, by @rules, which were in force when
 * it was applied. @pass is that of its author, and begins anew with another state. Returns NULL or
 * what is wrong. Running out of memory ends the process. */
const char *rules_checker_check(struct rules_checker *checker, struct rules_pass *pass,
                                const struct allocator_rules *rules, struct state *decided_on,
                                const struct store_txn *txn, int64_t now_ms);

#endif
