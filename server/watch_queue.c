#include "server/watch_queue.h"

#include <stdlib.h>

#include "core/error.h"
#include "server/clock.h"

int watch_queue_init(struct watch_queue *queue, size_t max_bytes)
{
    *queue = (struct watch_queue){.max_bytes = max_bytes, .last = &queue->first};
    if (pthread_mutex_init(&queue->mutex, NULL) != 0)
        return ALLOT_ENOMEM;
    if (clock_condition_init(&queue->changed) != 0) {
        pthread_mutex_destroy(&queue->mutex);
        return ALLOT_ENOMEM;
    }
    return 0;
}

void watch_queue_release(struct watch_queue *queue)
{
    watch_messages_free(queue->first);
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->mutex);
}

/* --- messages --- */

static struct span copy_span(struct span span, char **at)
{
    struct span copy = {*at, span.size};
    if (span.size)
        memcpy(*at, span.data, span.size);
    *at += span.size;
    return copy;
}

static struct watch_message *copy_response(const struct store_watch_response *response)
{
    size_t size = sizeof(struct watch_message) + response->event_count * sizeof(struct store_event);
    for (size_t i = 0; i < response->event_count; i++)
        size += response->events[i].kv.key.size + response->events[i].kv.value.size;
    struct watch_message *message = malloc(size);
    if (!message)
        return NULL;
    message->next = NULL;
    message->heard_ms = clock_monotonic_ms();
    message->size = size;
    message->response = *response;
    message->response.events = message->events;
    char *at = (char *)(message->events + response->event_count);
    for (size_t i = 0; i < response->event_count; i++) {
        message->events[i] = response->events[i];
        message->events[i].kv.key = copy_span(response->events[i].kv.key, &at);
        message->events[i].kv.value = copy_span(response->events[i].kv.value, &at);
    }
    return message;
}

void watch_messages_free(struct watch_message *messages)
{
    while (messages) {
        struct watch_message *next = messages->next;
        free(messages);
        messages = next;
    }
}

struct store_watch_response *watch_messages_responses(const struct watch_message *messages,
                                                      size_t *ret_count, size_t *ret_events,
                                                      int *ret_end)
{
    size_t count = 0;
    for (const struct watch_message *m = messages; m; m = m->next)
        count++;
    struct store_watch_response *responses = malloc((count + 1) * sizeof *responses);
    if (!responses)
        return NULL;
    *ret_count = 0;
    *ret_events = 0;
    *ret_end = 0;
    for (const struct watch_message *m = messages; m && !*ret_end; m = m->next) {
        *ret_end = m->response.error;
        if (*ret_end)
            break;
        *ret_events += m->response.event_count;
        responses[(*ret_count)++] = m->response;
    }
    return responses;
}

/* --- the queue --- */

void watch_queue_push(void *context, const struct store_watch_response *response)
{
    struct watch_queue *queue = context;
    struct watch_message *message = copy_response(response);
    pthread_mutex_lock(&queue->mutex);
    if (!message) {
        queue->error = ALLOT_ENOMEM;
    } else if (queue->error || queue->bytes + message->size > queue->max_bytes) {
        queue->error = ALLOT_ELIMIT;
        free(message);
    } else {
        *queue->last = message;
        queue->last = &message->next;
        queue->bytes += message->size;
        queue->events += response->event_count;
    }
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

/* Cuts the first messages off, up to the one with which there are @max_events. */
static struct watch_message *cut(struct watch_queue *queue, size_t max_events)
{
    struct watch_message *taken = queue->first;
    size_t events = 0;
    struct watch_message **end = &queue->first;
    while (*end && events < max_events) {
        events += (*end)->response.event_count;
        queue->bytes -= (*end)->size;
        end = &(*end)->next;
    }
    struct watch_message *rest = *end;
    *end = NULL;
    queue->events -= events;
    queue->first = rest;
    if (!rest)
        queue->last = &queue->first;
    return taken;
}

struct watch_message *watch_queue_take(struct watch_queue *queue, int64_t gather_until_ms,
                                       int64_t until_ms, size_t max_events, int *ret_error)
{
    struct watch_message *taken = NULL;
    pthread_mutex_lock(&queue->mutex);
    while (!queue->stopping && !queue->error && !queue->first &&
           clock_condition_wait(&queue->changed, &queue->mutex, until_ms))
        ;
    while (!queue->stopping && !queue->error && queue->first && queue->events < max_events &&
           clock_condition_wait(&queue->changed, &queue->mutex, gather_until_ms))
        ;
    if (!queue->stopping && queue->first)
        taken = cut(queue, max_events);
    *ret_error = taken || queue->stopping ? 0 : queue->error;
    pthread_mutex_unlock(&queue->mutex);
    return taken;
}

struct watch_message *watch_queue_drain(struct watch_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    struct watch_message *taken = cut(queue, SIZE_MAX);
    pthread_mutex_unlock(&queue->mutex);
    return taken;
}

void watch_queue_clear(struct watch_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    watch_messages_free(queue->first);
    queue->first = NULL;
    queue->last = &queue->first;
    queue->bytes = 0;
    queue->events = 0;
    queue->error = 0;
    pthread_mutex_unlock(&queue->mutex);
}

size_t watch_queue_events(struct watch_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    size_t events = queue->events;
    pthread_mutex_unlock(&queue->mutex);
    return events;
}

void watch_queue_stop(struct watch_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    queue->stopping = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

bool watch_queue_is_stopping(struct watch_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    bool stopping = queue->stopping;
    pthread_mutex_unlock(&queue->mutex);
    return stopping;
}

bool watch_queue_pause(struct watch_queue *queue, int64_t until_ms)
{
    pthread_mutex_lock(&queue->mutex);
    while (!queue->stopping && clock_condition_wait(&queue->changed, &queue->mutex, until_ms))
        ;
    bool stopping = queue->stopping;
    pthread_mutex_unlock(&queue->mutex);
    return !stopping;
}
