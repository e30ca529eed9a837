/* What comes in on the streams of a watch. */
#include <stddef.h>

#include "server/clock.h"
#include "server/etcd_gateway.h"
#include "server/etcd_watch_internal.h"
#include "server/store_check.h"

enum {
    /* etcd's watchBatchMaxRevs: a message of as many revisions may have left out later ones. */
    BATCH_REVISIONS = 1000,
    LOOK_BACK_AGAIN_MS = 200,
};

/* Everything up to @revision has been told. */
static void advance(struct store_watch *watch, int64_t revision)
{
    if (watch->next_revision <= revision)
        watch->next_revision = revision + 1;
}

static void tell_progress(struct store_watch *watch, uint64_t cluster_id, int64_t revision)
{
    advance(watch, revision);
    const struct store_watch_response response = {.cluster_id = cluster_id,
                                                  .revision = etcd_watch_told(watch)};
    etcd_watch_tell(watch, &response);
}

/* If what looking back has shown has been told by now. */
static void settle(struct store_watch *watch, uint64_t cluster_id)
{
    int64_t told = etcd_watch_told(watch);
    if (watch->seen_revision > told && watch->seen_last_event <= told)
        tell_progress(watch, cluster_id, watch->seen_revision);
}

static int64_t last_revision(const struct etcd_watch_message *message)
{
    return message->events[message->event_count - 1].kv.mod_revision;
}

static int64_t complete_revision(const struct etcd_watch_message *message)
{
    return message->revision_count < BATCH_REVISIONS ? message->revision : last_revision(message);
}

/* --- the watch's own stream --- */

static void take_created(struct store_watch *watch, const struct etcd_watch_message *message)
{
    watch->created = true;
    watch->broken_ms = 0;
    if (watch->next_revision == 0)
        watch->next_revision = message->revision + 1;
    if (message->revision < etcd_watch_told(watch) && !watch->refreshing)
        etcd_watch_refresh(watch);
}

/* The stream ends, or the whole watch does. */
static void take_cancelled(struct store_watch *watch, const struct etcd_watch_message *message)
{
    struct etcd_fault fault;
    if (message->compact_revision > 0) {
        etcd_watch_end(watch, ALLOT_ECOMPACTED, message->compact_revision);
        return;
    }
    etcd_fault_of_reason(message->reason, &fault);
    if (fault.kind == ETCD_FAULT_LOGIN && !watch->logged_in_again) {
        watch->logged_in_again = true;
        etcd_client_refuse_token(watch->watches->client, watch->stream.token_number);
        return;
    }
    etcd_client_report_refusal(watch->watches->client, fault.text);
    etcd_watch_end(watch, ALLOT_EUNAVAILABLE, 0);
}

/* Leaves out of the stream's first events those that it tells again. They come in one message.
 * False: they aren't there, so this is another store than the one that has told of them. */
static bool skip_told(struct store_watch *watch, struct etcd_watch_message *message)
{
    bool must_be_there = watch->told_again > 0 && watch->told_again == watch->event_revision;
    size_t before = message->event_count;
    for (; message->event_count > 0 && watch->told_again > 0 &&
           message->events[0].kv.mod_revision == watch->told_again;
         message->event_count--)
        message->events++;
    watch->told_again = 0;
    return message->event_count < before || !must_be_there;
}

static bool take_events(struct store_watch *watch, const struct etcd_watch_message *message)
{
    if (message->events[0].kv.mod_revision < watch->next_revision) {
        etcd_watch_end(watch, ALLOT_EIO, 0);
        return false;
    }
    watch->event_revision = last_revision(message);
    watch->cannot_look_back = false;
    advance(watch, complete_revision(message));
    const struct store_watch_response response = {
        .cluster_id = message->cluster_id,
        .revision = etcd_watch_told(watch),
        .events = message->events,
        .event_count = message->event_count,
    };
    etcd_watch_tell(watch, &response);
    settle(watch, message->cluster_id);
    return true;
}

/* False: the stream is to be cut. */
static bool take_message(struct store_watch *watch, struct etcd_watch_message *message)
{
    if (message->canceled) {
        take_cancelled(watch, message);
        return false;
    }
    watch->logged_in_again = false;
    if (message->created)
        take_created(watch, message);
    if (!watch->created) {
        etcd_watch_end(watch, ALLOT_EIO, 0);
        return false;
    }
    if (message->event_count > 0 && !skip_told(watch, message)) {
        etcd_watch_end(watch, ALLOT_EORDER, 0);
        return false;
    }
    if (message->event_count > 0)
        return take_events(watch, message);
    if (!message->created)
        tell_progress(watch, message->cluster_id, message->revision);
    return true;
}

bool etcd_watch_on_message(struct etcd_stream *stream, const struct etcd_answer *answer)
{
    struct store_watch *watch =
        (struct store_watch *)((char *)stream - offsetof(struct store_watch, stream));
    struct etcd_watch_message message;
    struct etcd_fault fault;
    struct arena arena = {0};
    if (watch->ended)
        return false;
    watch->heard_ms = clock_monotonic_ms();
    if (etcd_gateway.is_fault(answer, &fault)) {
        if (fault.kind == ETCD_FAULT_LOGIN)
            etcd_client_refuse_token(watch->watches->client, stream->token_number);
        return false;
    }
    int error = etcd_json_read_watch(answer, &arena, &message);
    if (error)
        etcd_watch_end(watch, error, 0);
    bool go_on = !error && take_message(watch, &message);
    if (go_on)
        etcd_watches_reach(watch->watches, message.revision);
    arena_release(&arena);
    return go_on;
}

void etcd_watch_on_ended(struct etcd_stream *stream, enum etcd_transfer_end end)
{
    struct store_watch *watch =
        (struct store_watch *)((char *)stream - offsetof(struct store_watch, stream));
    if (end == ETCD_TRANSFER_LARGE)
        etcd_watch_end(watch, ALLOT_ELIMIT, 0);
    watch->cut = true;
}

/* --- looking back --- */

/* Of the last event that is the watch's; 0: there is none. */
static int64_t last_own_revision(const struct store_watch *watch,
                                 const struct etcd_watch_message *message)
{
    size_t i = message->event_count;
    while (i > 0 && !store_keys_have(&watch->keys, message->events[i - 1].kv.key))
        i--;
    return i > 0 ? message->events[i - 1].kv.mod_revision : 0;
}

/* It cannot look back like this. */
static void take_look_back_cancelled(struct store_watch *watch,
                                     const struct etcd_watch_message *message)
{
    if (watch->event_revision > 0 && message->compact_revision > 0)
        watch->event_revision = 0;
    else
        watch->cannot_look_back = true;
}

static bool take_look_back(struct store_watch *watch, const struct etcd_watch_message *message)
{
    if (message->canceled) {
        take_look_back_cancelled(watch, message);
        return false;
    }
    if (message->event_count == 0)
        return true;
    int64_t last = last_own_revision(watch, message);
    watch->seen_revision = complete_revision(message);
    if (watch->seen_last_event < last)
        watch->seen_last_event = last;
    settle(watch, message->cluster_id);
    return watch->seen_revision < watch->watches->known.revision;
}

bool etcd_watch_on_look_back(struct etcd_stream *stream, const struct etcd_answer *answer)
{
    struct store_watch *watch =
        (struct store_watch *)((char *)stream - offsetof(struct store_watch, look_back));
    struct etcd_watch_message message;
    struct etcd_fault fault;
    struct arena arena = {0};
    bool go_on = !etcd_gateway.is_fault(answer, &fault) &&
                 etcd_json_read_watch(answer, &arena, &message) == 0 &&
                 take_look_back(watch, &message);
    arena_release(&arena);
    return go_on;
}

void etcd_watch_on_look_back_ended(struct etcd_stream *stream, enum etcd_transfer_end end)
{
    struct store_watch *watch =
        (struct store_watch *)((char *)stream - offsetof(struct store_watch, look_back));
    (void)end;
    watch->look_back_ms = clock_monotonic_ms() + LOOK_BACK_AGAIN_MS;
}
