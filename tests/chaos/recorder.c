#include "tests/chaos/recorder.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/etcd_store.h"

#define PREFIX CLUSTER_ROOT "/"
#define PREFIX_END CLUSTER_ROOT "0"

struct recorder {
    struct store *store;
    struct store_watch *watch;
    pthread_t thread;

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping;
    bool broken; /* the watch has ended */
    int fault;   /* for good */
    struct model_store *events;
    size_t checked; /* how many were given to the checker */
};

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "recorder: %s\n", what);
    abort();
}

static void on_event(void *context, const struct store_watch_response *response)
{
    struct recorder *recorder = context;
    pthread_mutex_lock(&recorder->mutex);
    if (response->event_count)
        model_store_replay(recorder->events, response->events, response->event_count);
    if (response->error == ALLOT_ECOMPACTED)
        recorder->fault = response->error;
    recorder->broken = recorder->broken || response->error != 0;
    pthread_cond_signal(&recorder->changed);
    pthread_mutex_unlock(&recorder->mutex);
}

/* Keeps the watch going. */
static void *recorder_thread(void *argument)
{
    struct recorder *recorder = argument;
    const struct store_operations *operations = recorder->store->operations;
    const struct store_keys keys = {SPAN(PREFIX), SPAN(PREFIX_END)};
    bool go_on = true;
    while (go_on) {
        pthread_mutex_lock(&recorder->mutex);
        int64_t next = model_store_revision(recorder->events) + 1;
        recorder->broken = false;
        pthread_mutex_unlock(&recorder->mutex);
        must(operations->watch(recorder->store, &keys, next, on_event, recorder,
                               &recorder->watch) == 0,
             "cannot watch");
        pthread_mutex_lock(&recorder->mutex);
        while (!recorder->stopping && !recorder->broken)
            pthread_cond_wait(&recorder->changed, &recorder->mutex);
        go_on = !recorder->stopping && !recorder->fault;
        pthread_mutex_unlock(&recorder->mutex);
        operations->watch_cancel(recorder->store, recorder->watch);
        (void)nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return NULL;
}

struct recorder *recorder_start(const struct cluster *cluster)
{
    struct recorder *recorder = calloc(1, sizeof *recorder);
    struct etcd_store_config config = {.endpoints = cluster->endpoints};
    struct error_message why;
    must(recorder != NULL, "out of memory");
    must(etcd_store_open(&config, &recorder->store, &why) == 0, why.text);
    recorder->events = model_store_create();
    must(pthread_mutex_init(&recorder->mutex, NULL) == 0, "mutex");
    must(pthread_cond_init(&recorder->changed, NULL) == 0, "condition");
    must(pthread_create(&recorder->thread, NULL, recorder_thread, recorder) == 0, "thread");
    return recorder;
}

void recorder_stop(struct recorder *recorder)
{
    pthread_mutex_lock(&recorder->mutex);
    recorder->stopping = true;
    pthread_cond_signal(&recorder->changed);
    pthread_mutex_unlock(&recorder->mutex);
    pthread_join(recorder->thread, NULL);
    recorder->store->operations->destroy(recorder->store);
    pthread_cond_destroy(&recorder->changed);
    pthread_mutex_destroy(&recorder->mutex);
    model_store_destroy(recorder->events);
    free(recorder);
}

int64_t recorder_revision(struct recorder *recorder)
{
    pthread_mutex_lock(&recorder->mutex);
    int64_t revision = model_store_revision(recorder->events);
    pthread_mutex_unlock(&recorder->mutex);
    return revision;
}

bool recorder_check(struct recorder *recorder, struct history_checker *checker)
{
    size_t count;
    pthread_mutex_lock(&recorder->mutex);
    const struct store_event *events = model_store_events_since(recorder->events, 0, &count);
    bool right = recorder->fault == 0;
    if (!right)
        fprintf(stderr, "recorder: %s\n", allot_error_text(recorder->fault));
    while (right && recorder->checked < count) {
        const struct store_event *first = &events[recorder->checked];
        size_t size = 1;
        while (recorder->checked + size < count &&
               first[size].kv.mod_revision == first->kv.mod_revision)
            size++;
        right = history_checker_add(checker, first, size);
        recorder->checked += size;
    }
    pthread_mutex_unlock(&recorder->mutex);
    return right;
}
