#include "server/backup_leases.h"

#include <poll.h>
#include <stdlib.h>

#include "server/clock.h"
#include "server/store_wait.h"

enum { TIMEOUT_MS = 30000 /* for an answer */ };

int backup_leases_init(struct backup_leases *leases, struct store *store, size_t count)
{
    *leases = (struct backup_leases){.store = store, .count = count};
    leases->all = calloc(count + 1, sizeof *leases->all);
    return leases->all ? 0 : ALLOT_ENOMEM;
}

void backup_leases_release(struct backup_leases *leases)
{
    free(leases->all);
}

static void note_renewal(struct backup_lease *lease)
{
    lease->renew_at_ms = clock_monotonic_ms() + lease->ttl * 1000 / 3;
}

/* One that was granted without our hearing of it expires by itself. */
static int grant(const struct backup_leases *leases, struct backup_lease *lease)
{
    struct store_lease_result result = {0};
    int error = store_wait_lease_grant(leases->store, 0, lease->ttl, TIMEOUT_MS, &result);
    for (int i = 0; i < leases->retries && (error == ALLOT_EUNKNOWN || error == ALLOT_EUNAVAILABLE);
         i++) {
        (void)poll(NULL, 0, (int)leases->retry_ms);
        error = store_wait_lease_grant(leases->store, 0, lease->ttl, TIMEOUT_MS, &result);
    }
    lease->id = result.id;
    note_renewal(lease);
    return error;
}

int backup_leases_grant(struct backup_leases *leases)
{
    int error = 0;
    for (size_t i = 0; i < leases->count && !error; i++) {
        if (leases->all[i].ttl > 0)
            error = grant(leases, &leases->all[i]);
        if (!error)
            error = backup_leases_renew(leases, 0);
    }
    return error;
}

int backup_leases_renew(struct backup_leases *leases, int64_t ahead_ms)
{
    int64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < leases->count; i++) {
        struct backup_lease *lease = &leases->all[i];
        struct store_lease_result result;
        if (lease->id == 0 || lease->renew_at_ms > now_ms + ahead_ms)
            continue;
        int error = store_wait_lease_keep_alive(leases->store, lease->id, TIMEOUT_MS, &result);
        if (!error)
            note_renewal(lease);
        else if (error != ALLOT_EUNKNOWN && error != ALLOT_EUNAVAILABLE) /* the next time, then */
            return error;
    }
    return 0;
}
