/* Who this process is among those that may lead: the key that it announces, and what it may be
 * announced beside. Two kinds exclude each other under a root: schedulers (an allotd that serves,
 * under ROOT/schedulers/), and members that allocate themselves, led by the oldest of them. Source:
 * design.md, Leadership. */
#ifndef ALLOT_SERVER_CANDIDATE_H
#define ALLOT_SERVER_CANDIDATE_H

#include "core/state.h"

enum { CANDIDATE_MAX_INSTANCE = 128 }; /* bytes */

struct candidate {
    const char *principal;     /* whose changes its transactions are, in ROOT/actor: static */
    struct span instance;      /* which of these */
    struct span prefix;        /* of the candidates' keys */
    struct span key;           /* our own, one of these */
    struct span value;         /* of the key */
    struct span member;        /* the key, if it is a member's; else empty */
    uint32_t user;             /* of members that are candidates; see state_config */
    struct span absent_prefix; /* while a key begins so, we aren't announced, and decide nothing */
    bool exclusive;            /* nobody else can have put the key: see session.h */
    /* Why we may not be announced, or stay it, beside what there is, a static text, or NULL. NULL:
     * always. */
    const char *(*fault)(const struct state *state);
    char *text; /* what the spans point into */
};

/* A scheduler named @instance. It is not announced in a root where members allocate. Where both
 * have begun at once, the one that came later goes: for a member that is seen to by absent_prefix,
 * in the store; no transaction can look into values, so for a scheduler it is by fault.
 * Errors: ALLOT_EINVAL (root or instance not valid), told in @why; ALLOT_ENOMEM. */
int candidate_init_scheduler(struct candidate *ret, struct span root, struct span instance,
                             struct error_message *why);

/* The member @zone, @suffix, whose @value says that it allocates. Its key may be another process's,
 * which is waited for. Errors as above. */
int candidate_init_member(struct candidate *ret, struct span root, struct span zone,
                          struct span suffix, struct span value, struct error_message *why);

void candidate_release(struct candidate *candidate); /* also of a zeroed one */

#endif
