#include "server/outcomes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/crc64.h"
#include "core/error.h"
#include "server/timers.h"

struct heard {
    uint64_t mark;
    int64_t revision;
};

struct waiter {
    struct waiter *next;
    struct outcomes *outcomes;
    uint64_t mark;
    outcomes_done *done;
    void *context;
    struct timer timeout;
    bool settled; /* it is no longer among the waiters */
};

struct outcomes {
    char *key;
    size_t key_size;
    struct timers *timers;
    pthread_mutex_t mutex;
    struct heard heard[OUTCOMES_REMEMBERED]; /* a ring */
    size_t heard_count;                      /* in all */
    struct waiter *waiters;
};

uint64_t outcomes_mark(struct span value)
{
    return crc64_update(0, value);
}

int outcomes_create(struct span key, struct outcomes **ret)
{
    struct outcomes *outcomes = calloc(1, sizeof *outcomes);
    if (!outcomes)
        return ALLOT_ENOMEM;
    int error = ALLOT_ENOMEM;
    outcomes->key = malloc(key.size + 1);
    if (!outcomes->key)
        goto no_key;
    memcpy(outcomes->key, key.data, key.size);
    outcomes->key_size = key.size;
    if (pthread_mutex_init(&outcomes->mutex, NULL) != 0)
        goto no_mutex;
    error = timers_create(&outcomes->timers);
    if (error)
        goto no_timers;
    *ret = outcomes;
    return 0;
no_timers:
    pthread_mutex_destroy(&outcomes->mutex);
no_mutex:
    free(outcomes->key);
no_key:
    free(outcomes);
    return error;
}

/* Takes those out who wait for @mark (or all) and puts them in a list. Under the mutex. */
static struct waiter *take(struct outcomes *outcomes, uint64_t mark, bool all)
{
    struct waiter *taken = NULL;
    struct waiter **at = &outcomes->waiters;
    while (*at) {
        struct waiter *waiter = *at;
        if (!all && waiter->mark != mark) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        waiter->settled = true;
        waiter->next = taken;
        taken = waiter;
    }
    return taken;
}

static void end_waits(struct outcomes *outcomes, struct waiter *waiter, int64_t revision)
{
    while (waiter) {
        struct waiter *next = waiter->next;
        timer_cancel(outcomes->timers, &waiter->timeout);
        waiter->done(waiter->context, revision);
        free(waiter);
        waiter = next;
    }
}

static void on_timeout(void *context)
{
    struct waiter *waiter = context;
    struct outcomes *outcomes = waiter->outcomes;
    pthread_mutex_lock(&outcomes->mutex);
    bool ours = !waiter->settled;
    for (struct waiter **at = &outcomes->waiters; ours && *at; at = &(*at)->next) {
        if (*at == waiter) {
            *at = waiter->next;
            break;
        }
    }
    pthread_mutex_unlock(&outcomes->mutex);
    if (ours) {
        waiter->done(waiter->context, 0);
        free(waiter);
    }
}

static void hear_one(struct outcomes *outcomes, const struct store_event *event)
{
    uint64_t mark = outcomes_mark(event->kv.value);
    pthread_mutex_lock(&outcomes->mutex);
    outcomes->heard[outcomes->heard_count++ % OUTCOMES_REMEMBERED] =
        (struct heard){mark, event->kv.mod_revision};
    struct waiter *found = take(outcomes, mark, false);
    pthread_mutex_unlock(&outcomes->mutex);
    end_waits(outcomes, found, event->kv.mod_revision);
}

void outcomes_hear(struct outcomes *outcomes, const struct store_watch_response *response)
{
    struct span key = {outcomes->key, outcomes->key_size};
    for (size_t i = 0; i < response->event_count; i++)
        if (response->events[i].kind == STORE_EVENT_PUT &&
            span_equal(response->events[i].kv.key, key))
            hear_one(outcomes, &response->events[i]);
}

/* The revision of the write, or 0. Under the mutex. */
static int64_t recall(const struct outcomes *outcomes, uint64_t mark)
{
    size_t count =
        outcomes->heard_count < OUTCOMES_REMEMBERED ? outcomes->heard_count : OUTCOMES_REMEMBERED;
    for (size_t i = 0; i < count; i++)
        if (outcomes->heard[i].mark == mark)
            return outcomes->heard[i].revision;
    return 0;
}

int outcomes_find(struct outcomes *outcomes, uint64_t mark, int64_t timeout_ms, outcomes_done *done,
                  void *context)
{
    struct waiter *waiter = calloc(1, sizeof *waiter);
    if (!waiter)
        return ALLOT_ENOMEM;
    *waiter = (struct waiter){.outcomes = outcomes, .mark = mark, .done = done, .context = context};
    timer_init(&waiter->timeout, on_timeout, waiter);
    pthread_mutex_lock(&outcomes->mutex);
    int64_t revision = recall(outcomes, waiter->mark);
    if (revision == 0) {
        waiter->next = outcomes->waiters;
        outcomes->waiters = waiter;
        timer_set(outcomes->timers, &waiter->timeout, timeout_ms);
    }
    pthread_mutex_unlock(&outcomes->mutex);
    if (revision != 0) {
        free(waiter);
        done(context, revision);
    }
    return 0;
}

void outcomes_destroy(struct outcomes *outcomes)
{
    if (!outcomes)
        return;
    pthread_mutex_lock(&outcomes->mutex);
    struct waiter *waiting = take(outcomes, 0, true);
    pthread_mutex_unlock(&outcomes->mutex);
    end_waits(outcomes, waiting, 0);
    timers_destroy(outcomes->timers);
    pthread_mutex_destroy(&outcomes->mutex);
    free(outcomes->key);
    free(outcomes);
}
