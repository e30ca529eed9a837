#include "server/executor.h"

#include <pthread.h>
#include <stdlib.h>

struct worker {
    pthread_t thread;
    bool started;
    void (*task)(void *argument, int index);
    void *argument;
    int index;
};

struct threads {
    struct executor executor;
    struct worker workers[];
};

static void *worker_thread(void *argument)
{
    const struct worker *worker = argument;
    worker->task(worker->argument, worker->index);
    return NULL;
}

static void run(void *context, void (*task)(void *argument, int index), void *argument)
{
    struct threads *threads = context;
    int width = threads->executor.width;
    for (int i = 1; i < width; i++) {
        struct worker *worker = &threads->workers[i];
        *worker = (struct worker){.task = task, .argument = argument, .index = i};
        worker->started = pthread_create(&worker->thread, NULL, worker_thread, worker) == 0;
    }
    task(argument, 0);
    for (int i = 1; i < width; i++) {
        struct worker *worker = &threads->workers[i];
        if (worker->started)
            pthread_join(worker->thread, NULL);
        else
            task(argument, i);
    }
}

int executor_create(int width, struct executor **ret)
{
    struct threads *threads = calloc(1, sizeof *threads + (size_t)width * sizeof *threads->workers);
    if (!threads)
        return ALLOT_ENOMEM;
    threads->executor = (struct executor){.width = width, .run = run, .context = threads};
    *ret = &threads->executor;
    return 0;
}

void executor_destroy(struct executor *executor)
{
    free(executor); /* the first field of struct threads */
}
