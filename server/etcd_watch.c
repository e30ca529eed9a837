#include "server/etcd_watch_internal.h"

#include <stdlib.h>

#include "server/clock.h"
#include "server/etcd_gateway.h"
#include "server/etcd_json_request.h"
#include "server/store_check.h"

enum {
    OPEN_AGAIN_MS = 50,
    OPEN_TIMEOUT_MS = 5000,  /* from the beginning of a stream to "created" */
    LOOK_BACK_DELAY_MS = 30, /* what is missing mostly comes by itself */
    LOOK_BACK_TIMEOUT_MS = 5000,
    MAX_BODY = 8 << 20, /* of a request, as JSON */
};

/* The watches of the store whose thread this is. */
static _Thread_local const struct etcd_watches *own_watches;

int etcd_watches_init(struct etcd_watches *watches)
{
    if (pthread_mutex_init(&watches->mutex, NULL) != 0)
        return ALLOT_ENOMEM;
    if (pthread_cond_init(&watches->told, NULL) != 0) {
        pthread_mutex_destroy(&watches->mutex);
        return ALLOT_ENOMEM;
    }
    return 0;
}

void etcd_watches_release(struct etcd_watches *watches)
{
    pthread_cond_destroy(&watches->told);
    pthread_mutex_destroy(&watches->mutex);
}

/* --- making, cancelling and freeing --- */

static void copy(struct span *span, char *to)
{
    if (span->size)
        memcpy(to, span->data, span->size);
    span->data = to;
}

void etcd_watch_free(struct store_watch *watch)
{
    etcd_transfer_release(&watch->stream.transfer);
    etcd_transfer_release(&watch->look_back.transfer);
    buffer_release(&watch->body);
    buffer_release(&watch->look_back_body);
    buffer_release(&watch->refresh.body);
    free(watch);
}

static struct store_watch *watch_create(struct etcd_watches *watches, const struct store_keys *keys,
                                        int64_t start_revision)
{
    struct store_watch *watch = calloc(1, sizeof *watch + keys->key.size + keys->range_end.size);
    if (!watch)
        return NULL;
    watch->watches = watches;
    watch->keys = *keys;
    watch->next_revision = start_revision;
    watch->stream.message = etcd_watch_on_message;
    watch->stream.ended = etcd_watch_on_ended;
    watch->look_back.message = etcd_watch_on_look_back;
    watch->look_back.ended = etcd_watch_on_look_back_ended;
    buffer_init(&watch->body, MAX_BODY);
    buffer_init(&watch->look_back_body, MAX_BODY);
    buffer_init(&watch->refresh.body, MAX_BODY);
    copy(&watch->keys.key, watch->bytes);
    copy(&watch->keys.range_end, watch->bytes + keys->key.size);
    if (etcd_transfer_init(&watch->stream.transfer, &etcd_gateway) < 0) {
        etcd_watch_free(watch);
        return NULL;
    }
    return watch;
}

int etcd_watches_add(struct etcd_watches *watches, const struct store_keys *keys,
                     int64_t start_revision, store_watch_event *event, void *context,
                     struct store_watch **ret)
{
    size_t size;
    int error = store_check_watch(keys, start_revision, &size);
    if (!error && keys->range_end.size > 0 && span_compare(keys->range_end, keys->key) <= 0)
        error = ALLOT_EINVAL;
    if (error)
        return error;
    struct store_watch *watch = watch_create(watches, keys, start_revision);
    if (!watch)
        return ALLOT_ENOMEM;
    watch->event = event;
    watch->context = context;
    watch->broken_ms = clock_monotonic_ms();
    pthread_mutex_lock(&watches->mutex);
    if (watches->stopped)
        error = ALLOT_ECANCELED;
    else if (watches->made >= watches->maximum)
        error = ALLOT_ELIMIT;
    if (!error) {
        watches->made++;
        watch->next = watches->added;
        watches->added = watch;
        *ret = watch;
    }
    pthread_mutex_unlock(&watches->mutex);
    if (error)
        etcd_watch_free(watch);
    else
        etcd_client_wake(watches->client);
    return error;
}

void etcd_watches_cancel(struct etcd_watches *watches, struct store_watch *watch)
{
    pthread_mutex_lock(&watches->mutex);
    watch->cancelled = true; /* the thread may free it from now on, but not while it tells */
    while (watches->telling == watch && own_watches != watches)
        pthread_cond_wait(&watches->told, &watches->mutex);
    pthread_mutex_unlock(&watches->mutex);
    etcd_client_wake(watches->client);
}

/* --- telling --- */

void etcd_watch_tell(struct store_watch *watch, const struct store_watch_response *response)
{
    struct etcd_watches *watches = watch->watches;
    pthread_mutex_lock(&watches->mutex);
    bool silent = watch->cancelled || watch->ended;
    if (!silent)
        watches->telling = watch;
    pthread_mutex_unlock(&watches->mutex);
    if (silent)
        return;
    watch->event(watch->context, response);
    pthread_mutex_lock(&watches->mutex);
    watches->telling = NULL;
    pthread_cond_broadcast(&watches->told);
    pthread_mutex_unlock(&watches->mutex);
}

void etcd_watch_end(struct store_watch *watch, int error, int64_t compact_revision)
{
    const struct store_watch_response response = {
        .revision = watch->next_revision > 0 ? etcd_watch_told(watch) : 0,
        .error = error,
        .compact_revision = compact_revision,
    };
    etcd_watch_tell(watch, &response);
    watch->ended = true;
}

/* --- where streams begin --- */

/* A compaction also forgets what was deleted in its very revision, and who begins there isn't told:
 * so who must not miss anything of @revision begins one before it, and is refused if that is
 * compacted. 0 is kept. */
static int64_t before(int64_t revision)
{
    return revision > 1 ? revision - 1 : revision;
}

/* --- looking back --- */

static void look_back(struct store_watch *watch, int64_t now_ms)
{
    if (!watch->look_back_is_made &&
        etcd_transfer_init(&watch->look_back.transfer, &etcd_gateway) < 0) {
        etcd_transfer_release(&watch->look_back.transfer);
        watch->look_back_ms = now_ms + LOOK_BACK_TIMEOUT_MS;
        return;
    }
    watch->look_back_is_made = true;
    buffer_clear(&watch->look_back_body);
    watch->seen_revision = watch->seen_last_event = 0;
    if (watch->event_revision > 0)
        etcd_json_put_watch(&watch->look_back_body, &watch->keys, before(watch->event_revision));
    else
        etcd_json_put_watch_all(&watch->look_back_body, watch->next_revision);
    int error = watch->look_back_body.error;
    if (!error)
        error = etcd_client_open_stream(watch->watches->client, &watch->look_back,
                                        buffer_span(&watch->look_back_body));
    watch->look_back_ms = now_ms + (error ? OPEN_AGAIN_MS : LOOK_BACK_TIMEOUT_MS);
}

/* Returns when there is something to do again. */
static int64_t look_back_if_behind(struct store_watch *watch, int64_t now_ms)
{
    bool behind =
        etcd_watch_told(watch) < watch->watches->known.revision && !watch->cannot_look_back;
    if (watch->look_back.transfer.running) {
        if (behind && now_ms < watch->look_back_ms)
            return watch->look_back_ms;
        etcd_client_close_stream(&watch->look_back);
        watch->look_back_ms = 0;
    }
    if (!behind) {
        watch->look_back_ms = 0;
        return INT64_MAX;
    }
    if (watch->look_back_ms == 0)
        watch->look_back_ms = now_ms + LOOK_BACK_DELAY_MS;
    if (now_ms >= watch->look_back_ms)
        look_back(watch, now_ms);
    return watch->look_back_ms;
}

/* --- rounds --- */

static void close_streams(struct store_watch *watch)
{
    etcd_client_close_stream(&watch->stream);
    etcd_client_close_stream(&watch->look_back);
    watch->created = false;
}

/* The stream has broken, or is to be opened anew for another reason. */
static void cut(struct store_watch *watch, int64_t now_ms)
{
    bool worked = watch->created;
    if (watch->stream.transfer.running)
        etcd_client_leave_endpoint(watch->watches->client, watch->stream.endpoint);
    close_streams(watch);
    watch->cut = false;
    if (watch->broken_ms == 0)
        watch->broken_ms = now_ms;
    watch->open_ms = worked ? now_ms : now_ms + OPEN_AGAIN_MS;
}

static void open_stream(struct store_watch *watch, int64_t now_ms)
{
    buffer_clear(&watch->body);
    watch->told_again = watch->next_revision > 1 ? etcd_watch_told(watch) : 0;
    etcd_json_put_watch(&watch->body, &watch->keys, before(watch->next_revision));
    int error = watch->body.error;
    if (!error)
        error = etcd_client_open_stream(watch->watches->client, &watch->stream,
                                        buffer_span(&watch->body));
    if (error && error != ALLOT_EUNAVAILABLE)
        etcd_watch_end(watch, error, 0);
    watch->open_ms = now_ms + (error ? OPEN_AGAIN_MS : OPEN_TIMEOUT_MS);
}

/* A watch whose stream does not work yet, or any more. */
static int64_t resume(struct store_watch *watch, int64_t now_ms)
{
    int64_t give_up_ms = watch->broken_ms + watch->watches->resume_timeout_ms;
    if (now_ms >= give_up_ms) {
        etcd_watch_end(watch, ALLOT_EUNAVAILABLE, 0);
        return now_ms;
    }
    if (now_ms >= watch->open_ms) {
        if (watch->stream.transfer.running)
            cut(watch, now_ms);
        else
            open_stream(watch, now_ms);
    }
    return watch->open_ms < give_up_ms ? watch->open_ms : give_up_ms;
}

/* What is due for one watch. Returns when there is something to do again. */
static int64_t take_care(struct store_watch *watch, int64_t now_ms)
{
    if (watch->cut && !watch->ended)
        cut(watch, now_ms);
    int64_t wake_ms = INT64_MAX;
    if (!watch->ended && !watch->created)
        wake_ms = resume(watch, now_ms);
    if (watch->ended) {
        close_streams(watch);
        return INT64_MAX;
    }
    if (!watch->created)
        return wake_ms;
    int64_t refresh_ms = watch->heard_ms + watch->watches->refresh_ms;
    if (!watch->refreshing && now_ms >= refresh_ms) {
        etcd_watch_refresh(watch);
        refresh_ms = now_ms + watch->watches->refresh_ms;
    }
    if (!watch->refreshing)
        wake_ms = refresh_ms;
    int64_t look_back_ms = look_back_if_behind(watch, now_ms);
    return look_back_ms < wake_ms ? look_back_ms : wake_ms;
}

/* Frees a watch, or leaves that to the call that is under way. */
static void dispose(struct store_watch *watch)
{
    close_streams(watch);
    if (watch->refreshing)
        watch->orphan = true;
    else
        etcd_watch_free(watch);
}

/* Takes over those that were added, and those that were cancelled away. */
static void update_list(struct etcd_watches *watches)
{
    struct store_watch *cancelled = NULL;
    pthread_mutex_lock(&watches->mutex);
    while (watches->added) {
        struct store_watch *watch = watches->added;
        watches->added = watch->next;
        watch->next = watches->first;
        watches->first = watch;
    }
    for (struct store_watch **at = &watches->first; *at;) {
        struct store_watch *watch = *at;
        if (!watch->cancelled) {
            at = &watch->next;
            continue;
        }
        *at = watch->next;
        watch->next = cancelled;
        cancelled = watch;
        watches->made--;
    }
    pthread_mutex_unlock(&watches->mutex);
    while (cancelled) {
        struct store_watch *next = cancelled->next;
        dispose(cancelled);
        cancelled = next;
    }
}

int64_t etcd_watches_round(struct etcd_watches *watches, int64_t now_ms)
{
    int64_t wake_ms = INT64_MAX;
    own_watches = watches;
    update_list(watches);
    for (struct store_watch *watch = watches->first; watch; watch = watch->next) {
        int64_t next_ms = take_care(watch, now_ms);
        wake_ms = next_ms < wake_ms ? next_ms : wake_ms;
    }
    return wake_ms;
}

void etcd_watches_stop(struct etcd_watches *watches)
{
    pthread_mutex_lock(&watches->mutex);
    watches->stopped = true;
    pthread_mutex_unlock(&watches->mutex);
    update_list(watches);
    while (watches->first) {
        struct store_watch *watch = watches->first;
        watches->first = watch->next;
        etcd_watch_end(watch, ALLOT_ECANCELED, 0);
        dispose(watch);
    }
}
