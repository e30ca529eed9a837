/* Proves from the history of a real store that every transaction of every allotd, those that record
 * rounds included, kept what the loop promises. It is given the events of each revision in turn,
 * tells by ROOT/actor which are the loop's, whose, and of which pass, and holds against each how
 * things stood.
 *
 * Beyond what loop_checker.h lists: no addition takes a member above its effective limit in the
 * mirror that its pass was decided on, counting what stood there and what the pass itself has
 * added and removed since. */
#ifndef ALLOT_TESTS_SUPPORT_HISTORY_CHECKER_H
#define ALLOT_TESTS_SUPPORT_HISTORY_CHECKER_H

#include "tests/support/loop_checker.h"

enum { HISTORY_MAX_AUTHORS = 32, HISTORY_MAX_NAME = 192 };

/* One allotd, with the pass that its last transaction was of. */
struct history_author {
    char name[HISTORY_MAX_NAME];
    int64_t round;
    int64_t decided_on;
    struct keyspace *mirror; /* as of decided_on */
    struct state *state;     /* of that */
    int32_t *counts;         /* by member of that: its assignments, with what the pass has done */
};

struct history_checker {
    char *root;
    char *actor_key;
    struct decoder decoder;
    struct model_store *store; /* the history so far */
    struct loop_checker loop;
    struct history_author authors[HISTORY_MAX_AUTHORS];
    size_t author_count;
    int64_t passes; /* of which something was seen */
    int64_t additions;
    int64_t removals;
};

/* Nothing has happened under @root yet. Copies it. Ends the process when memory has run out. */
void history_checker_init(struct history_checker *checker, const char *root);
void history_checker_release(struct history_checker *checker);

/* The events of the next revision, all that are under the root. False if there is a fault. */
bool history_checker_add(struct history_checker *checker, const struct store_event *events,
                         size_t count);

/* The first fault found, or an empty string. */
const char *history_checker_fault(const struct history_checker *checker);

/* Whether @key was changed at @revision. */
bool history_checker_has(const struct history_checker *checker, struct span key, int64_t revision);

#endif
