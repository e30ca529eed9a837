/* What a watch tells, on its way from the store's thread to one that takes its time: copied, in
 * order, up to a number of bytes. */
#ifndef ALLOT_SERVER_WATCH_QUEUE_H
#define ALLOT_SERVER_WATCH_QUEUE_H

#include <pthread.h>

#include "core/store.h"

/* A copy of a watch response, in one block. */
struct watch_message {
    struct watch_message *next;
    int64_t heard_ms; /* monotonic */
    size_t size;      /* of the block */
    struct store_watch_response response;
    struct store_event events[];
};

/* All private. */
struct watch_queue {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping;
    size_t max_bytes;
    struct watch_message *first;
    struct watch_message **last;
    size_t bytes;
    size_t events;
    int error; /* a response could not be kept: nothing after it is */
};

/* It holds pointers to itself: it must stay where it is. ALLOT_ENOMEM. */
int watch_queue_init(struct watch_queue *queue, size_t max_bytes);
void watch_queue_release(struct watch_queue *queue);

/* A store_watch_event, whose context is a queue. What is beyond its maximum, or can't be copied,
 * ends what the queue takes until it is cleared: ALLOT_ELIMIT or ALLOT_ENOMEM. */
void watch_queue_push(void *context, const struct store_watch_response *response);

/* Waits until there is something, then until @gather_until_ms (monotonic; it is not waited for if
 * so much is there already that this take is full), and takes what has come: up to the first
 * message with which it has @max_events. A list for watch_messages_free. NULL: the queue is being
 * stopped, or *@ret_error is why no more will come; or *@ret_error is 0 and nothing has come by
 * @until_ms. */
struct watch_message *watch_queue_take(struct watch_queue *queue, int64_t gather_until_ms,
                                       int64_t until_ms, size_t max_events, int *ret_error);
void watch_messages_free(struct watch_message *messages); /* NULL is fine */

/* Their responses up to one that is an error, which is returned in *@ret_end (else 0), as an array
 * for free(). NULL: no memory. */
struct store_watch_response *watch_messages_responses(const struct watch_message *messages,
                                                      size_t *ret_count, size_t *ret_events,
                                                      int *ret_end);

/* All that has come, also of a queue that is being stopped; a list as above. */
struct watch_message *watch_queue_drain(struct watch_queue *queue);

/* Empties it for another watch: after the former was cancelled. */
void watch_queue_clear(struct watch_queue *queue);

/* Events that wait. */
size_t watch_queue_events(struct watch_queue *queue);

/* Ends all waiting, now and later. */
void watch_queue_stop(struct watch_queue *queue);
bool watch_queue_is_stopping(struct watch_queue *queue);
/* Waits until @until_ms (monotonic), or until the queue is stopped: then false. */
bool watch_queue_pause(struct watch_queue *queue, int64_t until_ms);

#endif
