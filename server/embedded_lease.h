/* The leases and the keys attached to them. Private to the embedded store. */
#ifndef ALLOT_SERVER_EMBEDDED_LEASE_H
#define ALLOT_SERVER_EMBEDDED_LEASE_H

#include "server/embedded_map.h"

struct embedded_lease {
    int64_t id;
    int64_t ttl; /* seconds */
    int64_t deadline_ms;
    struct embedded_node *first; /* of the attached ones, in no order */
    size_t attached;
};

/* All of them by id, in an array: there are few, compared with the keys. */
struct embedded_leases {
    struct embedded_lease **all; /* owned */
    size_t count;
    size_t capacity;
    int64_t next_due_ms; /* none is due before that */
};

/* Releases what is in it. */
void embedded_leases_release(struct embedded_leases *leases);

/* Makes room, so that the next insert can't fail. ALLOT_ENOMEM. */
int embedded_leases_reserve(struct embedded_leases *leases);
/* Puts in a lease whose id is not there (its memory is taken), takes one out (given back). Once
 * taken out, it can be put back without making room. */
void embedded_leases_insert(struct embedded_leases *leases, struct embedded_lease *lease);
void embedded_leases_remove(struct embedded_leases *leases, struct embedded_lease *lease);
struct embedded_lease *embedded_leases_find(const struct embedded_leases *leases, int64_t id);

/* Attaches a node that is attached to none; @lease may be NULL. Detaches one that may be. */
void embedded_lease_attach(struct embedded_lease *lease, struct embedded_node *node);
void embedded_lease_detach(struct embedded_node *node);

/* From @now_ms on, the lease has its full TTL. */
void embedded_lease_renew(struct embedded_leases *leases, struct embedded_lease *lease,
                          int64_t now_ms);
/* Gives every lease @ms more. */
void embedded_leases_postpone(struct embedded_leases *leases, int64_t ms);

/* Walks the leases that are due: the next one below @cursor, which begins as the count, or NULL.
 * What was returned may be removed before the next call. O(1) as long as none is due. */
struct embedded_lease *embedded_leases_next_due(struct embedded_leases *leases, int64_t now_ms,
                                                size_t *cursor);

#endif
