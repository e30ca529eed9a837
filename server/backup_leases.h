/* The leases of a backup while it is restored: new ones with the same TTLs, kept alive. */
#ifndef ALLOT_SERVER_BACKUP_LEASES_H
#define ALLOT_SERVER_BACKUP_LEASES_H

#include "server/backup.h"

struct backup_lease {
    int64_t ttl; /* seconds; 0: it isn't needed */
    int64_t id;  /* 0: it isn't granted yet */
    int64_t renew_at_ms;
};

struct backup_leases {
    struct store *store;      /* borrowed */
    struct backup_lease *all; /* owned; that of number N at N - 1 */
    size_t count;
    int64_t retry_ms;
    int retries;
};

/* ALLOT_ENOMEM. Released in any case. */
int backup_leases_init(struct backup_leases *leases, struct store *store, size_t count);
void backup_leases_release(struct backup_leases *leases);

/* Grants those that are needed. What a lease request gives. */
int backup_leases_grant(struct backup_leases *leases);

/* Renews those of which a third of the TTL has passed, or will have passed in @ahead_ms.
 * ALLOT_ELEASE: one has expired. */
int backup_leases_renew(struct backup_leases *leases, int64_t ahead_ms);

#endif
