/* What the embedded store holds in memory, and what has been changed in it but not committed yet.
 * Private to the embedded store; one thread only; knows neither file nor clock.
 *
 * The list of changes is four things in one: what is to be written to the file, the events that the
 * watches get, the way back if something fails, and what keeps former versions alive for the
 * answers that point to them. */
#ifndef ALLOT_SERVER_EMBEDDED_STATE_H
#define ALLOT_SERVER_EMBEDDED_STATE_H

#include "server/embedded_lease.h"

/* A position in the file: the revision, and the place among its changes. */
enum { EMBEDDED_ORDINAL_BITS = 20 };
static const int64_t EMBEDDED_MAX_REVISION = INT64_MAX >> (EMBEDDED_ORDINAL_BITS + 1);

static inline int64_t embedded_first_position(int64_t revision)
{
    return revision << EMBEDDED_ORDINAL_BITS;
}

static inline int64_t embedded_revision_at(int64_t position)
{
    return position >> EMBEDDED_ORDINAL_BITS;
}

enum embedded_change_kind {
    EMBEDDED_PUT,
    EMBEDDED_DELETE,
    EMBEDDED_LEASE_GRANT,
    EMBEDDED_LEASE_REVOKE,
};

struct embedded_change {
    enum embedded_change_kind kind;
    int64_t position;                /* PUT, DELETE */
    struct embedded_node *node;      /* PUT, DELETE */
    struct embedded_version *before; /* PUT: what is replaced, or NULL; DELETE: what is deleted */
    struct embedded_version *after;  /* PUT */
    struct embedded_lease *lease;    /* GRANT, REVOKE */
};

struct embedded_state {
    int64_t revision;
    int64_t compact_revision;
    struct embedded_map map;
    struct embedded_leases leases;
    struct embedded_change *changes; /* oldest first */
    size_t change_count;
    size_t change_capacity;
    size_t step_first; /* change of the step under way */
};

/* Revision 1, without keys. */
void embedded_state_init(struct embedded_state *state);
void embedded_state_release(struct embedded_state *state);

/* A step is what takes one revision, if it puts or deletes anything. Between begin and end the
 * functions below make the changes; one that fails has changed nothing itself, and then
 * embedded_state_undo with what begin returned takes back the whole step. */
size_t embedded_state_begin(struct embedded_state *state);
void embedded_state_end(struct embedded_state *state);

/* PUT as in core/store.h. ALLOT_ELEASE, ALLOT_EINVAL (keeping the lease of no key), ALLOT_ELIMIT,
 * ALLOT_ENOMEM. */
int embedded_state_put(struct embedded_state *state, const struct store_op *op);
/* Adds to *@deleted. ALLOT_ELIMIT and ALLOT_ENOMEM, some keys may then be deleted. */
int embedded_state_delete(struct embedded_state *state, const struct store_keys *keys,
                          int64_t *deleted);
/* ALLOT_EEXISTS, ALLOT_ELIMIT, ALLOT_ENOMEM. */
int embedded_state_grant(struct embedded_state *state, int64_t id, int64_t ttl, int64_t now_ms,
                         struct embedded_lease **ret);
/* Deletes the attached keys, in key order. ALLOT_ENOMEM, some keys may then be deleted. */
int embedded_state_revoke(struct embedded_state *state, struct embedded_lease *lease);

/* Takes back all changes but the first @keep_count, and the revisions they took. */
void embedded_state_undo(struct embedded_state *state, size_t keep_count);
/* All changes are in the file: forgets them, and frees what they replaced. */
void embedded_state_settle(struct embedded_state *state);

#endif
