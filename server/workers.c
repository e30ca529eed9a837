#include "server/workers.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/error.h"

struct task {
    workers_task *function;
    void *context;
};

struct workers {
    pthread_mutex_t mutex; /* protects what follows */
    pthread_cond_t changed;
    bool ending;
    struct task *tasks; /* a ring */
    int first;
    int count;
    int capacity;
    int thread_count;
    pthread_t threads[];
};

/* Waits for a task; false: there is none, and none will come. */
static bool take(struct workers *workers, struct task *ret)
{
    (void)pthread_mutex_lock(&workers->mutex);
    while (workers->count == 0 && !workers->ending)
        (void)pthread_cond_wait(&workers->changed, &workers->mutex);
    bool taken = workers->count > 0;
    if (taken) {
        *ret = workers->tasks[workers->first];
        workers->first = (workers->first + 1) % workers->capacity;
        workers->count--;
    }
    (void)pthread_mutex_unlock(&workers->mutex);
    return taken;
}

static void *run(void *context)
{
    struct task task;
    while (take(context, &task))
        task.function(task.context);
    return NULL;
}

static int start_threads(struct workers *workers, int threads)
{
    while (workers->thread_count < threads) {
        if (pthread_create(&workers->threads[workers->thread_count], NULL, run, workers) != 0)
            return ALLOT_EIO;
        workers->thread_count++;
    }
    return 0;
}

int workers_create(int threads, int queue_max, struct workers **ret)
{
    struct workers *workers =
        calloc(1, sizeof *workers + (size_t)threads * sizeof workers->threads[0]);
    if (!workers)
        return ALLOT_ENOMEM;
    workers->capacity = queue_max;
    workers->tasks = calloc((size_t)queue_max, sizeof *workers->tasks);
    if (!workers->tasks || pthread_mutex_init(&workers->mutex, NULL) != 0) {
        free(workers->tasks);
        free(workers);
        return ALLOT_ENOMEM;
    }
    if (pthread_cond_init(&workers->changed, NULL) != 0) {
        (void)pthread_mutex_destroy(&workers->mutex);
        free(workers->tasks);
        free(workers);
        return ALLOT_ENOMEM;
    }
    int error = start_threads(workers, threads);
    if (error)
        workers_destroy(workers);
    else
        *ret = workers;
    return error;
}

void workers_destroy(struct workers *workers)
{
    if (!workers)
        return;
    (void)pthread_mutex_lock(&workers->mutex);
    workers->ending = true;
    (void)pthread_cond_broadcast(&workers->changed);
    (void)pthread_mutex_unlock(&workers->mutex);
    for (int i = 0; i < workers->thread_count; i++)
        (void)pthread_join(workers->threads[i], NULL);
    (void)pthread_cond_destroy(&workers->changed);
    (void)pthread_mutex_destroy(&workers->mutex);
    free(workers->tasks);
    free(workers);
}

int workers_submit(struct workers *workers, workers_task *task, void *context)
{
    (void)pthread_mutex_lock(&workers->mutex);
    int error = workers->count == workers->capacity ? ALLOT_ELIMIT : 0;
    if (!error) {
        workers->tasks[(workers->first + workers->count++) % workers->capacity] =
            (struct task){task, context};
        (void)pthread_cond_signal(&workers->changed);
    }
    (void)pthread_mutex_unlock(&workers->mutex);
    return error;
}
