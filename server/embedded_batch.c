/* The embedded store's thread: runs what is queued, batch by batch. */
#include <limits.h>
#include <sys/random.h>

#include "server/embedded_internal.h"

enum {
    TICK_MS = 500,        /* how often the thread looks at the clock while time matters */
    LATE_MS = 1000,       /* later than that it was stopped, not just slow */
    RETRY_MS = 1000,      /* after a failure */
    SWEEP_IDLE = 256,     /* rows, while there is nothing else to do */
    SWEEP_WITH_BATCH = 64 /* and twice the changes, so that it keeps up */
};

/* --- requests --- */

static int choose_lease_id(const struct embedded_state *state, int64_t *ret)
{
    do {
        uint64_t random;
        if (getrandom(&random, sizeof random, 0) != sizeof random)
            return ALLOT_EUNAVAILABLE;
        *ret = (int64_t)(random >> 1);
    } while (*ret == 0 || embedded_leases_find(&state->leases, *ret));
    return 0;
}

static int run_grant(struct embedded_store *store, struct embedded_request *request,
                     struct embedded_lease **ret)
{
    int64_t id = request->asked.lease.id;
    int error = id ? 0 : choose_lease_id(&store->state, &id);
    if (error)
        return error;
    request->writes = true;
    embedded_state_begin(&store->state);
    return embedded_state_grant(&store->state, id, request->asked.lease.ttl, store->now_ms, ret);
}

static int revoke(struct embedded_state *state, struct embedded_lease *lease)
{
    size_t first_change = embedded_state_begin(state);
    int error = embedded_state_revoke(state, lease);
    if (error)
        embedded_state_undo(state, first_change);
    else
        embedded_state_end(state);
    return error;
}

static int run_lease(struct embedded_store *store, struct embedded_request *request)
{
    struct embedded_lease *lease = NULL;
    if (request->kind == EMBEDDED_GRANT) {
        int error = run_grant(store, request, &lease);
        if (error)
            return error;
    } else {
        lease = embedded_leases_find(&store->state.leases, request->asked.lease.id);
    }
    if (!lease)
        return ALLOT_ELEASE;
    if (request->kind == EMBEDDED_KEEP_ALIVE)
        embedded_lease_renew(&store->state.leases, lease, store->now_ms);
    int64_t left_ms = lease->deadline_ms - store->now_ms;
    request->answer.lease =
        (struct store_lease_result){.id = lease->id,
                                    .granted_ttl = lease->ttl,
                                    .ttl = left_ms > 0 ? (left_ms + 999) / 1000 : 0};
    if (request->kind != EMBEDDED_REVOKE)
        return 0;
    request->writes = true;
    request->answer.lease.ttl = 0;
    return revoke(&store->state, lease);
}

static int run_compact(struct embedded_state *state, struct embedded_request *request)
{
    int64_t revision = request->asked.compact_revision;
    if (revision > state->revision)
        return ALLOT_EFUTURE;
    if (revision <= state->compact_revision)
        return ALLOT_ECOMPACTED;
    request->writes = true;
    state->compact_revision = revision;
    return 0;
}

static int run_request(struct embedded_store *store, struct embedded_request *request)
{
    uint64_t cluster_id = embedded_file_header(store->file)->cluster_id;
    int error = 0;
    switch (request->kind) {
    case EMBEDDED_RANGE:
        error = embedded_range_run(&store->state, store->file, request);
        request->answer.range.cluster_id = cluster_id;
        return error;
    case EMBEDDED_TXN:
        error = embedded_txn_run(&store->state, request);
        request->answer.txn.cluster_id = cluster_id;
        return error;
    case EMBEDDED_GRANT:
    case EMBEDDED_KEEP_ALIVE:
    case EMBEDDED_REVOKE:
    case EMBEDDED_TIME_TO_LIVE:
        return run_lease(store, request);
    case EMBEDDED_WATCH:
        embedded_watches_add(&store->watches, request->asked.watch, store->state.revision,
                             store->now_ms);
        return 0;
    case EMBEDDED_COMPACT:
        return run_compact(&store->state, request);
    }
    return ALLOT_EINVAL;
}

static bool has_changes(const struct embedded_store *store)
{
    return store->state.change_count > 0 ||
           store->state.compact_revision != embedded_file_header(store->file)->compact_revision;
}

/* Runs requests in order, and cuts the list behind the last one that it ran: before one that must
 * find in the file what the others have changed. Returns the rest. */
static struct embedded_request *run_requests(struct embedded_store *store,
                                             struct embedded_request *first)
{
    struct embedded_request *last = NULL;
    for (struct embedded_request *request = first; request; request = request->next) {
        bool must_commit = request->kind == EMBEDDED_RANGE && has_changes(store) &&
                           embedded_range_is_past(&store->state, &request->asked.range);
        if (must_commit && last) {
            last->next = NULL;
            return request;
        }
        int error = run_request(store, request);
        /* a damaged row: the story goes to whoever runs the store */
        request->error = error == ALLOT_EVALUE ? ALLOT_EIO : error;
        if (request->error == ALLOT_EIO && store->config.failed)
            store->config.failed(store->config.failed_context, error,
                                 embedded_file_message(store->file));
        last = request;
    }
    return NULL;
}

/* --- what nobody asked for --- */

static void expire_leases(struct embedded_store *store)
{
    struct embedded_leases *leases = &store->state.leases;
    struct embedded_lease *lease;
    size_t cursor = leases->count;
    if (store->now_ms < store->retry_ms)
        return;
    while ((lease = embedded_leases_next_due(leases, store->now_ms, &cursor))) {
        if (revoke(&store->state, lease) != 0) {
            store->retry_ms = store->now_ms + RETRY_MS;
            return;
        }
    }
}

/* Once a little more is kept than has to be, so that this is rare. */
static void compact_old(struct embedded_store *store)
{
    struct embedded_state *state = &store->state;
    int64_t retention = store->config.retention;
    if (retention > 0 && state->revision - state->compact_revision > retention + retention / 64)
        state->compact_revision = state->revision - retention;
}

/* --- the commit --- */

/* How much to compact along with changes. */
static int sweep_rows(const struct embedded_state *state)
{
    size_t rows = SWEEP_WITH_BATCH + 2 * state->change_count;
    return rows < INT_MAX ? (int)rows : INT_MAX;
}

static int write_batch(struct embedded_store *store, int sweep)
{
    struct embedded_file *file = store->file;
    const struct embedded_state *state = &store->state;
    int error = embedded_file_begin(file);
    if (!error)
        error = embedded_file_write(file, state->changes, state->change_count);
    if (!error && state->compact_revision != embedded_file_header(file)->compact_revision)
        error = embedded_file_compact(file, state->compact_revision);
    if (!error)
        error = embedded_file_sweep(file, sweep);
    return error;
}

/* Takes back what the batch has done in memory, and answers it accordingly. */
static void fail_batch(struct embedded_store *store, struct embedded_request *batch, int error,
                       bool is_uncertain)
{
    if (error != ALLOT_ENOMEM && error != ALLOT_EUNAVAILABLE)
        error = ALLOT_EIO;
    embedded_state_undo(&store->state, 0);
    store->state.compact_revision = embedded_file_header(store->file)->compact_revision;
    embedded_watches_undone(&store->watches, store->state.revision);
    store->retry_ms = store->now_ms + RETRY_MS;
    for (struct embedded_request *request = batch; request; request = request->next)
        request->error = is_uncertain && request->writes ? ALLOT_EUNKNOWN : error;
    if (store->config.failed)
        store->config.failed(store->config.failed_context, error,
                             embedded_file_message(store->file));
}

static void publish_statistics(struct embedded_store *store, const struct embedded_request *batch,
                               int commits, int failed_commits)
{
    const struct embedded_file_header *header = embedded_file_header(store->file);
    int64_t swept = embedded_revision_at(header->swept);
    int64_t requests = 0;
    for (; batch; batch = batch->next)
        requests++;
    pthread_mutex_lock(&store->mutex);
    struct embedded_store_statistics *statistics = &store->statistics;
    statistics->revision = store->state.revision;
    statistics->compact_revision = store->state.compact_revision;
    statistics->requests += requests;
    statistics->commits += commits;
    statistics->failed_commits += failed_commits;
    statistics->keys = (int64_t)store->state.map.count;
    statistics->leases = (int64_t)store->state.leases.count;
    statistics->watches = (int64_t)store->watch_count;
    statistics->sweeping =
        embedded_file_must_sweep(store->file) ? store->state.compact_revision - swept : 0;
    pthread_mutex_unlock(&store->mutex);
}

static void answer_batch(struct embedded_request *batch)
{
    while (batch) {
        struct embedded_request *next = batch->next;
        embedded_request_answer(batch);
        embedded_request_destroy(batch);
        batch = next;
    }
}

/* Makes durable what has been done in memory, if anything, then tells the watches, then answers. */
static void finish_batch(struct embedded_store *store, struct embedded_request *batch)
{
    bool changed = has_changes(store);
    bool sweeps =
        !batch && embedded_file_must_sweep(store->file) && store->now_ms >= store->retry_ms;
    int error = 0;
    bool is_uncertain = false;
    if (changed || sweeps) {
        error = write_batch(store, changed ? sweep_rows(&store->state) : SWEEP_IDLE);
        if (!error) {
            error = embedded_file_commit(store->file);
            is_uncertain = error != ALLOT_EUNAVAILABLE;
        }
    }
    if (error)
        fail_batch(store, batch, error, is_uncertain);
    publish_statistics(store, batch, (changed || sweeps) && !error, error != 0);
    if (changed && !error)
        embedded_watches_tell(&store->watches, &store->state, store->committed_revision,
                              store->now_ms);
    store->committed_revision = store->state.revision;
    answer_batch(batch);
    embedded_state_settle(&store->state);
}

/* --- the thread --- */

static void look_at_clock(struct embedded_store *store)
{
    int64_t now_ms = embedded_store_clock(store);
    int64_t elapsed_ms = now_ms - store->now_ms;
    if (elapsed_ms > TICK_MS + LATE_MS)
        embedded_leases_postpone(&store->state.leases, elapsed_ms);
    store->now_ms = now_ms;
}

static void run_round(struct embedded_store *store, struct embedded_request *requests)
{
    look_at_clock(store);
    do {
        struct embedded_request *batch = requests;
        requests = run_requests(store, batch);
        if (!requests) {
            expire_leases(store);
            compact_old(store);
        }
        finish_batch(store, batch);
    } while (requests);
    embedded_watches_catch_up(&store->watches, &store->state, store->file, store->now_ms);
    embedded_watches_progress(&store->watches, store->state.revision, store->now_ms);
    store->watch_count = embedded_watches_reap(&store->watches);
}

/* How long there is nothing to do but to wait for requests. */
static int64_t find_wait(const struct embedded_store *store)
{
    const struct embedded_leases *leases = &store->state.leases;
    bool retries = store->now_ms < store->retry_ms;
    bool sweeps = embedded_file_must_sweep(store->file);
    if (embedded_watches_are_behind(&store->watches, store->state.revision))
        return 0;
    if (sweeps && !retries)
        return 0;
    if (leases->count == 0 && store->watch_count == 0 && !sweeps)
        return INT64_MAX;
    int64_t wait_ms = TICK_MS;
    if (leases->count > 0 && !retries && leases->next_due_ms - store->now_ms < wait_ms)
        wait_ms = leases->next_due_ms - store->now_ms;
    return wait_ms > 1 ? wait_ms : 1;
}

void *embedded_batch_thread(void *argument)
{
    struct embedded_store *store = argument;
    struct embedded_request *requests;
    embedded_watches_own(&store->watches);
    while (embedded_store_take(store, find_wait(store), &requests))
        run_round(store, requests);
    return NULL;
}
