#include "server/publisher.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/timers.h"

/* Settled by whoever takes it off the list, under the lock; who did so also calls `done` and frees
 * it, outside the lock. */
struct waiter {
    struct publisher *publisher;
    int64_t revision;
    publisher_done *done;
    void *context;
    struct timer timeout;
    bool settled;
    publisher_condition *holds; /* NULL: it waits for the revision */
    struct waiter *previous;
    struct waiter *next;
    size_t subject_size;
    char subject[];
};

struct publisher {
    pthread_mutex_t mutex;
    struct snapshot *newest; /* NULL: none yet */
    struct waiter *first;    /* for revisions, in ascending order */
    struct waiter *last;
    struct waiter *conditional; /* for conditions; doubly linked, without a last */
    struct timers *timers;
};

int publisher_create(struct publisher **ret)
{
    struct publisher *publisher = calloc(1, sizeof *publisher);
    if (!publisher) {
        return ALLOT_ENOMEM;
    }
    int error = timers_create(&publisher->timers);
    if (error < 0) {
        goto out;
    }
    if (pthread_mutex_init(&publisher->mutex, NULL) != 0) {
        error = ALLOT_ENOMEM;
        goto out;
    }
    *ret = publisher;
    return 0;

out:
    timers_destroy(publisher->timers);
    free(publisher);
    return error;
}

/* --- the list of waiters, under the lock --- */

/* New revisions are mostly the greatest, so the place is looked for from the end. */
static void insert_waiter(struct publisher *publisher, struct waiter *waiter)
{
    struct waiter *before = publisher->last;
    while (before && before->revision > waiter->revision) {
        before = before->previous;
    }
    waiter->previous = before;
    waiter->next = before ? before->next : publisher->first;
    if (waiter->next) {
        waiter->next->previous = waiter;
    } else {
        publisher->last = waiter;
    }
    if (before) {
        before->next = waiter;
    } else {
        publisher->first = waiter;
    }
}

static void remove_conditional(struct publisher *publisher, struct waiter *waiter)
{
    if (waiter->previous) {
        waiter->previous->next = waiter->next;
    } else {
        publisher->conditional = waiter->next;
    }
    if (waiter->next) {
        waiter->next->previous = waiter->previous;
    }
    waiter->settled = true;
}

static void remove_waiter(struct publisher *publisher, struct waiter *waiter)
{
    if (waiter->holds) {
        remove_conditional(publisher, waiter);
        return;
    }
    if (waiter->previous) {
        waiter->previous->next = waiter->next;
    } else {
        publisher->first = waiter->next;
    }
    if (waiter->next) {
        waiter->next->previous = waiter->previous;
    } else {
        publisher->last = waiter->previous;
    }
    waiter->settled = true;
}

/* Takes off all waiters up to @revision: the head of a list linked by `next`. */
static struct waiter *take_waiters(struct publisher *publisher, int64_t revision)
{
    struct waiter *taken = publisher->first;
    struct waiter *last = NULL;
    while (publisher->first && publisher->first->revision <= revision) {
        last = publisher->first;
        remove_waiter(publisher, last);
    }
    if (!last) {
        return NULL;
    }
    last->next = NULL;
    return taken;
}

static bool is_satisfied(const struct waiter *waiter, const struct snapshot *snapshot)
{
    return waiter->holds((struct span){waiter->subject, waiter->subject_size}, snapshot);
}

/* Takes off all whose condition holds (@snapshot NULL: all), before @taken, a list linked by
 * `next`, and returns the head of both. */
static struct waiter *take_conditional(struct publisher *publisher, const struct snapshot *snapshot,
                                       struct waiter *taken)
{
    for (struct waiter *waiter = publisher->conditional, *next; waiter; waiter = next) {
        next = waiter->next;
        if (snapshot && !is_satisfied(waiter, snapshot)) {
            continue;
        }
        remove_conditional(publisher, waiter);
        waiter->next = taken;
        taken = waiter;
    }
    return taken;
}

/* --- settling, outside the lock --- */

static void end_waits(struct publisher *publisher, struct waiter *waiter, int error)
{
    while (waiter) {
        struct waiter *next = waiter->next;
        timer_cancel(publisher->timers, &waiter->timeout);
        waiter->done(waiter->context, error);
        free(waiter);
        waiter = next;
    }
}

static void on_timeout(void *context)
{
    struct waiter *waiter = context;
    struct publisher *publisher = waiter->publisher;
    (void)pthread_mutex_lock(&publisher->mutex);
    bool ours = !waiter->settled;
    if (ours) {
        remove_waiter(publisher, waiter);
    }
    (void)pthread_mutex_unlock(&publisher->mutex);
    if (ours) {
        waiter->done(waiter->context, ALLOT_EUNAVAILABLE);
        free(waiter);
    }
}

/* --- the interface --- */

void publisher_publish(struct publisher *publisher, struct snapshot *snapshot)
{
    struct snapshot *newest = snapshot_ref(snapshot);
    (void)pthread_mutex_lock(&publisher->mutex);
    struct snapshot *former = publisher->newest;
    publisher->newest = newest;
    struct waiter *satisfied =
        take_conditional(publisher, newest, take_waiters(publisher, newest->state->revision));
    (void)pthread_mutex_unlock(&publisher->mutex);
    end_waits(publisher, satisfied, 0);
    snapshot_unref(former);
}

struct snapshot *publisher_snapshot(struct publisher *publisher)
{
    (void)pthread_mutex_lock(&publisher->mutex);
    struct snapshot *newest = publisher->newest ? snapshot_ref(publisher->newest) : NULL;
    (void)pthread_mutex_unlock(&publisher->mutex);
    return newest;
}

static struct waiter *create_waiter(struct publisher *publisher, struct span subject,
                                    publisher_done *done, void *context)
{
    struct waiter *waiter = calloc(1, sizeof *waiter + subject.size);
    if (!waiter) {
        return NULL;
    }
    waiter->publisher = publisher;
    waiter->done = done;
    waiter->context = context;
    waiter->subject_size = subject.size;
    if (subject.size > 0) {
        memcpy(waiter->subject, subject.data, subject.size);
    }
    timer_init(&waiter->timeout, on_timeout, waiter);
    return waiter;
}

int publisher_wait(struct publisher *publisher, int64_t revision, int64_t timeout_ms,
                   publisher_done *done, void *context)
{
    struct waiter *waiter = create_waiter(publisher, (struct span){NULL, 0}, done, context);
    if (!waiter) {
        return ALLOT_ENOMEM;
    }
    waiter->revision = revision;

    (void)pthread_mutex_lock(&publisher->mutex);
    bool reached = publisher->newest && publisher->newest->state->revision >= revision;
    if (!reached) {
        insert_waiter(publisher, waiter);
        timer_set(publisher->timers, &waiter->timeout, timeout_ms);
    }
    (void)pthread_mutex_unlock(&publisher->mutex);
    if (reached) {
        free(waiter);
        done(context, 0);
    }
    return 0;
}

int publisher_wait_for(struct publisher *publisher, publisher_condition *holds, struct span subject,
                       int64_t timeout_ms, publisher_done *done, void *context)
{
    struct waiter *waiter = create_waiter(publisher, subject, done, context);
    if (!waiter) {
        return ALLOT_ENOMEM;
    }
    waiter->holds = holds;

    (void)pthread_mutex_lock(&publisher->mutex);
    bool satisfied = publisher->newest && is_satisfied(waiter, publisher->newest);
    if (!satisfied) {
        waiter->next = publisher->conditional;
        if (waiter->next) {
            waiter->next->previous = waiter;
        }
        publisher->conditional = waiter;
        timer_set(publisher->timers, &waiter->timeout, timeout_ms);
    }
    (void)pthread_mutex_unlock(&publisher->mutex);
    if (satisfied) {
        free(waiter);
        done(context, 0);
    }
    return 0;
}

void publisher_cancel(struct publisher *publisher, const void *context)
{
    struct waiter *taken = NULL;
    (void)pthread_mutex_lock(&publisher->mutex);
    for (struct waiter *waiter = publisher->conditional, *next; waiter; waiter = next) {
        next = waiter->next;
        if (waiter->context == context) {
            remove_conditional(publisher, waiter);
            waiter->next = taken;
            taken = waiter;
        }
    }
    (void)pthread_mutex_unlock(&publisher->mutex);
    end_waits(publisher, taken, ALLOT_ECANCELED);
}

void publisher_destroy(struct publisher *publisher)
{
    if (!publisher) {
        return;
    }
    (void)pthread_mutex_lock(&publisher->mutex);
    struct waiter *waiting = take_conditional(publisher, NULL, take_waiters(publisher, INT64_MAX));
    (void)pthread_mutex_unlock(&publisher->mutex);
    end_waits(publisher, waiting, ALLOT_ECANCELED);
    timers_destroy(publisher->timers);
    (void)pthread_mutex_destroy(&publisher->mutex);
    snapshot_unref(publisher->newest);
    free(publisher);
}
