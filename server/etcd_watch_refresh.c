/* What linearizable answers tell of how far the store is. */
#include <stddef.h>

#include "server/clock.h"
#include "server/etcd_watch_internal.h"

/* --- what is known --- */

struct etcd_known etcd_watches_known(struct etcd_watches *watches)
{
    pthread_mutex_lock(&watches->mutex);
    struct etcd_known known = watches->known;
    pthread_mutex_unlock(&watches->mutex);
    return known;
}

static void set_known(struct etcd_watches *watches, struct etcd_known known)
{
    pthread_mutex_lock(&watches->mutex);
    watches->known = known;
    pthread_mutex_unlock(&watches->mutex);
}

void etcd_watches_reach(struct etcd_watches *watches, int64_t revision)
{
    if (watches->known.revision < revision)
        set_known(watches, (struct etcd_known){revision, watches->known.returns});
}

/* What the watches have told is not what the store is any more. */
static void go_back(struct etcd_watches *watches, int64_t revision)
{
    struct etcd_known former = watches->known;
    set_known(watches, (struct etcd_known){revision, former.returns + 1});
    etcd_client_report_return(watches->client, former.revision, revision);
    for (struct store_watch *watch = watches->first; watch; watch = watch->next)
        if (!watch->ended)
            etcd_watch_end(watch, ALLOT_EORDER, 0);
}

void etcd_watches_heard(struct etcd_watches *watches, struct etcd_known before, int64_t revision)
{
    if (before.returns != watches->known.returns)
        return;
    if (revision < before.revision)
        go_back(watches, revision);
    else
        etcd_watches_reach(watches, revision);
}

/* --- refreshing --- */

static void on_refreshed(struct etcd_call *call, int error, const struct etcd_answer *answer)
{
    struct store_watch *watch =
        (struct store_watch *)(void *)((char *)call - offsetof(struct store_watch, refresh));
    struct store_range_result result;
    struct arena arena = {0};
    watch->refreshing = false;
    if (watch->orphan) {
        etcd_watch_free(watch);
        return;
    }
    if (!error)
        error = etcd_client_wire(watch->watches->client)->read_range(answer, 0, &arena, &result);
    arena_release(&arena);
    if (error) {
        watch->cut = true;
        return;
    }
    watch->heard_ms = clock_monotonic_ms();
    etcd_watches_heard(watch->watches, watch->refresh_known, result.revision);
    /* If the store is further, there is something to come, or looking back shows that there isn't.
     */
    if (watch->ended || watch->cut || etcd_watch_told(watch) < result.revision)
        return;
    const struct store_watch_response response = {.cluster_id = result.cluster_id,
                                                  .revision = etcd_watch_told(watch)};
    etcd_watch_tell(watch, &response);
}

void etcd_watch_refresh(struct store_watch *watch)
{
    const struct store_range range = {.keys.key = watch->keys.key, .limit = 1};
    struct buffer body = watch->refresh.body;
    buffer_clear(&body);
    etcd_client_wire(watch->watches->client)->put_range(&body, &range);
    watch->refresh = (struct etcd_call){
        .method = ETCD_RANGE,
        .body = body,
        .repeatable = true,
        .endpoint = watch->stream.endpoint,
        .done = on_refreshed,
    };
    watch->refresh_known = etcd_watches_known(watch->watches);
    watch->heard_ms = clock_monotonic_ms(); /* so that a refused one waits its turn */
    if (!body.error && etcd_client_submit(watch->watches->client, &watch->refresh) == 0)
        watch->refreshing = true;
}
