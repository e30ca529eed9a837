#include "server/history.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/clock.h"
#include "server/history_file.h"
#include "server/history_origin.h"
#include "server/history_readers.h"
#include "server/history_writer.h"
#include "server/log.h"
#include "server/mirror_load.h"
#include "server/watch_queue.h"

enum {
    QUEUE_MAX_BYTES = 64 << 20, /* beyond which the watch is begun anew, later */
    BATCH_EVENTS = 50000,       /* of one transaction, and those of its last message */
    FIRST_RETRY_MS = 250,
    STORE_RETRY_MS = 500,
    PROGRESS_MS = 10000, /* between two notes of progress alone */
    WAIT_MS = 2000,      /* until it may be read */
    POLL_MS = 50,        /* whether that was cancelled */
};

struct history {
    struct history_config config; /* its path and root are not used after the start */
    char *path;
    char *root;
    char *root_prefix; /* ROOT + "/" */
    char *root_end;    /* the end of its range */
    struct store_keys keys;
    struct api_history api;
    struct history_readers *readers;
    struct watch_queue queue;
    pthread_t thread;

    /* The thread's own. */
    struct history_writer *writer; /* NULL: not open */
    struct history_file file;      /* that it has open */
    bool failed;                   /* the last thing that was tried with the file */
    int64_t retry_ms;
    int64_t written_ms; /* monotonic: the last transaction */
    int64_t look_at_ms;

    pthread_mutex_t mutex;
    pthread_cond_t reached; /* a revision, or a failure */
    bool is_own;            /* the file is this store's history, of this root: it may be read */
    struct history_status status;
    int64_t events_written;
    int64_t write_errors;
    int64_t behind_since_ms; /* monotonic; 0: it is current */
};

/* --- what the thread tells --- */

static void set_status(struct history *history, enum history_condition condition,
                       const char *detail)
{
    struct history_status measured = {0};
    int error = history->writer ? history_writer_measure(history->writer, &measured) : 0;
    pthread_mutex_lock(&history->mutex);
    struct history_status *status = &history->status;
    if (history->writer && !error)
        *status = measured;
    status->condition = condition;
    if (condition == HISTORY_WORKS)
        history->behind_since_ms = 0;
    else if (history->behind_since_ms == 0)
        history->behind_since_ms = clock_monotonic_ms();
    history->write_errors += condition == HISTORY_FAILS;
    (void)snprintf(status->detail, sizeof status->detail, "%s", detail);
    pthread_cond_broadcast(&history->reached);
    pthread_mutex_unlock(&history->mutex);
}

static void set_own(struct history *history, bool is_own)
{
    pthread_mutex_lock(&history->mutex);
    history->is_own = is_own;
    pthread_mutex_unlock(&history->mutex);
}

/* The file can't be written: that is said once, and tried again for as long as it takes. */
static void note_failure(struct history *history, int error, const char *why)
{
    const char *detail = why[0] ? why : allot_error_text(error);
    if (!history->failed)
        log_write(LOG_ERROR, "history can't be written; it is tried again, and catches up then",
                  LOG_FIELDS(log_text("error", detail)));
    history->failed = true;
    if (history_file_check(history->path, &history->file, &(struct error_message){""}))
        set_own(history, false);
    set_status(history, HISTORY_FAILS, detail);
    history_writer_close(history->writer);
    history->writer = NULL;
}

static void note_success(struct history *history)
{
    if (history->failed)
        log_write(LOG_INFO, "history is written again",
                  LOG_FIELDS(log_integer("reached", history_writer_reached(history->writer))));
    history->failed = false;
    history->retry_ms = FIRST_RETRY_MS;
    history->written_ms = clock_monotonic_ms();
    pthread_mutex_lock(&history->mutex);
    history->events_written += history_writer_take_written(history->writer);
    pthread_mutex_unlock(&history->mutex);
    bool is_behind = watch_queue_events(&history->queue) > 0;
    set_status(history, is_behind ? HISTORY_BEHIND : HISTORY_WORKS, "");
}

/* --- the file --- */

static int open_writer(struct history *history)
{
    struct error_message why = {""};
    if (history->writer)
        return 0;
    history_readers_renew(history->readers);
    int error = history_file_make_directory(history->path, &why);
    if (!error)
        error = history_writer_open(history->path, span_of(history->root), &history->writer, &why);
    if (!error)
        error = history_file_find(history->path, &history->file, &why);
    if (error)
        note_failure(history, error, why.text);
    return error;
}

/* --- the store --- */

/* A store that was made anew, or put back to what it was, begins another history. */
static int check_store(struct history *history)
{
    struct error_message why = {""};
    bool is_same = false;
    int error = history_origin_check(history->config.store, span_of(history->root), history->writer,
                                     history->readers, &is_same);
    if (error || is_same)
        return error;
    history_writer_close(history->writer);
    history->writer = NULL;
    set_own(history, false);
    error = history_readers_set_aside(history->readers, &why);
    if (error)
        note_failure(history, error, why.text);
    return error ? error : open_writer(history);
}

static bool is_stopping(void *context)
{
    struct history *history = context;
    return watch_queue_is_stopping(&history->queue);
}

/* Takes what there is now for what came of what can't be known any more. */
static int bridge(struct history *history)
{
    struct keyspace_config config = history_raw_config;
    struct keyspace *empty = NULL, *now = NULL;
    config.root = span_of(history->root);
    int error = keyspace_create(&config, &empty);
    if (!error) {
        const struct mirror_load_config load = {.store = history->config.store,
                                                .empty = empty,
                                                .keys = history->keys,
                                                .stopping = is_stopping,
                                                .context = history};
        error = mirror_load(&load, &now);
    }
    if (!error) {
        log_write(LOG_WARNING, "the store keeps nothing any more of a time that history has missed",
                  LOG_FIELDS(log_integer("from", history_writer_reached(history->writer)),
                             log_integer("to", keyspace_revision(now))));
        error = history_writer_bridge(history->writer, now, clock_wall_ms());
        if (error)
            note_failure(history, error, history_writer_message(history->writer));
        else
            note_success(history);
    }
    keyspace_unref(now);
    keyspace_unref(empty);
    return error;
}

/* --- following --- */

static void prune(struct history *history)
{
    bool more = false;
    int error =
        history_writer_prune(history->writer, &history->config.limits, clock_wall_ms(), &more);
    history->look_at_ms = clock_monotonic_ms() + (more ? 1 : history->config.look_ms);
    if (error)
        note_failure(history, error, history_writer_message(history->writer));
}

/* A file that was moved away is written without an error, but is nobody's history any more. */
static void look_after(struct history *history)
{
    struct error_message why = {""};
    int error = history_file_check(history->path, &history->file, &why);
    history_readers_forget(history->readers);
    if (error)
        note_failure(history, error, why.text);
    else
        prune(history);
}

/* Writes @messages down, up to one that ends the watch, whose error is returned. */
static int write_messages(struct history *history, const struct watch_message *messages)
{
    size_t count, events;
    int end;
    struct store_watch_response *responses =
        watch_messages_responses(messages, &count, &events, &end);
    if (!responses)
        return ALLOT_ENOMEM;
    bool is_due = events > 0 || clock_monotonic_ms() - history->written_ms >= PROGRESS_MS;
    int error = 0;
    if (count > 0 && is_due) {
        error = history_writer_append(history->writer, responses, count, clock_wall_ms());
        if (error)
            note_failure(history, error, history_writer_message(history->writer));
        else
            note_success(history);
    }
    free(responses);
    return error ? error : end;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Until the watch ends, or the file can't be written: why. 0: stopping. */
static int follow(struct history *history)
{
    int error = 0;
    while (!error && !is_stopping(history) && history->writer) {
        int64_t gather_until = history->written_ms + history->config.gather_ms;
        struct watch_message *messages = watch_queue_take(
            &history->queue, gather_until, history->look_at_ms, BATCH_EVENTS, &error);
        if (messages)
            error = write_messages(history, messages);
        if (!error && history->writer && clock_monotonic_ms() >= history->look_at_ms)
            look_after(history);
        watch_messages_free(messages);
    }
    return error;
}

/* What has come before the stop is written down. */
static void write_rest(struct history *history)
{
    struct watch_message *messages = watch_queue_drain(&history->queue);
    if (messages && history->writer)
        (void)write_messages(history, messages);
    watch_messages_free(messages);
}

static int run(struct history *history)
{
    const struct store_operations *operations = history->config.store->operations;
    struct store_watch *watch = NULL;
    int error = open_writer(history);
    if (!error)
        error = check_store(history);
    if (!error)
        error = operations->watch(history->config.store, &history->keys,
                                  history_writer_reached(history->writer) + 1, watch_queue_push,
                                  &history->queue, &watch);
    if (error)
        return error;
    set_own(history, true);
    history_readers_renew(history->readers);
    if (!history->failed)
        note_success(history);
    error = follow(history);
    operations->watch_cancel(history->config.store, watch);
    if (is_stopping(history))
        write_rest(history);
    watch_queue_clear(&history->queue);
    return error == ALLOT_ECOMPACTED && history->writer ? bridge(history) : error;
}

static void *history_thread(void *argument)
{
    struct history *history = argument;
    bool goes_on = true;
    while (goes_on) {
        int error = run(history);
        int64_t pause_ms = 0;
        if (!history->writer) {
            pause_ms = history->retry_ms;
            history->retry_ms = least(2 * pause_ms, history->config.longest_retry_ms);
        } else if (error && error != ALLOT_ELIMIT) {
            pause_ms = STORE_RETRY_MS;
        }
        goes_on = watch_queue_pause(&history->queue, clock_monotonic_ms() + pause_ms);
    }
    return NULL;
}

/* --- the port --- */

/* Only a file that was found to be our own, and has come to @revision, is read. */
static bool may_read(const struct history *history, int64_t revision)
{
    return history->is_own && history->status.reached >= revision;
}

static int wait_for(struct history *history, int64_t revision, const atomic_bool *cancelled)
{
    int64_t until_ms = clock_monotonic_ms() + WAIT_MS;
    pthread_mutex_lock(&history->mutex);
    while (!may_read(history, revision) && history->status.condition != HISTORY_FAILS &&
           clock_monotonic_ms() < until_ms && !atomic_load(cancelled))
        clock_condition_wait(&history->reached, &history->mutex,
                             least(until_ms, clock_monotonic_ms() + POLL_MS));
    bool may = may_read(history, revision);
    pthread_mutex_unlock(&history->mutex);
    if (!may && atomic_load(cancelled))
        return ALLOT_ECANCELED;
    return may ? 0 : ALLOT_EUNAVAILABLE;
}

static int ask_events(void *context, const struct history_query *query,
                      const atomic_bool *cancelled, history_visit_event *visit, void *visitor,
                      struct history_page *ret)
{
    struct history *history = context;
    int error = wait_for(history, query->min_revision, cancelled);
    return error ? error
                 : history_readers_events(history->readers, query, cancelled, visit, visitor, ret);
}

static int ask_rounds(void *context, const struct history_round_query *query,
                      const atomic_bool *cancelled, history_visit_round *visit, void *visitor,
                      struct history_page *ret)
{
    struct history *history = context;
    int error = wait_for(history, query->min_revision, cancelled);
    return error ? error
                 : history_readers_rounds(history->readers, query, cancelled, visit, visitor, ret);
}

static int ask_state(void *context, struct history_moment *at, int64_t min_revision,
                     const atomic_bool *cancelled, struct snapshot **ret)
{
    struct history *history = context;
    int error = wait_for(history, min_revision, cancelled);
    return error ? error : history_readers_state(history->readers, at, cancelled, ret);
}

static void ask_status(void *context, struct history_status *ret)
{
    struct history *history = context;
    pthread_mutex_lock(&history->mutex);
    *ret = history->status;
    pthread_mutex_unlock(&history->mutex);
    ret->queued_events = (int64_t)watch_queue_events(&history->queue);
}

void history_measure(struct history *history, struct history_measures *ret)
{
    pthread_mutex_lock(&history->mutex);
    int64_t since_ms = history->behind_since_ms;
    *ret = (struct history_measures){
        .events = history->events_written,
        .write_errors = history->write_errors,
        .behind_ms = since_ms == 0 ? 0 : clock_monotonic_ms() - since_ms,
    };
    pthread_mutex_unlock(&history->mutex);
}

const struct api_history *history_api(struct history *history)
{
    return &history->api;
}

/* --- lifecycle --- */

static int set_names(struct history *history, const struct history_config *config)
{
    struct span root = config->root;
    history->path = strdup(config->path);
    history->root = strndup(root.data, root.size);
    history->root_prefix = malloc(root.size + 2);
    history->root_end = malloc(root.size + 2);
    if (!history->path || !history->root || !history->root_prefix || !history->root_end)
        return ALLOT_ENOMEM;
    (void)snprintf(history->root_prefix, root.size + 2, "%s/", history->root);
    history->keys.key = span_of(history->root_prefix);
    history->keys.range_end = store_range_end_of_prefix(history->keys.key, history->root_end);
    return history_readers_create(history->path, &history->readers);
}

static void history_free(struct history *history)
{
    history_readers_destroy(history->readers);
    history_writer_close(history->writer); /* the last to close takes all into the file itself */
    free(history->path);
    free(history->root);
    free(history->root_prefix);
    free(history->root_end);
    pthread_cond_destroy(&history->reached);
    pthread_mutex_destroy(&history->mutex);
    watch_queue_release(&history->queue);
    free(history);
}

static struct history *history_create(void)
{
    struct history *history = calloc(1, sizeof *history);
    if (!history)
        return NULL;
    if (watch_queue_init(&history->queue, QUEUE_MAX_BYTES) != 0)
        goto no_queue;
    if (pthread_mutex_init(&history->mutex, NULL) != 0)
        goto no_mutex;
    if (clock_condition_init(&history->reached) != 0)
        goto no_condition;
    return history;
no_condition:
    pthread_mutex_destroy(&history->mutex);
no_mutex:
    watch_queue_release(&history->queue);
no_queue:
    free(history);
    return NULL;
}

int history_start(const struct history_config *config, struct history **ret)
{
    struct history *history = history_create();
    if (!history)
        return ALLOT_ENOMEM;
    history->config = *config;
    history->retry_ms = FIRST_RETRY_MS;
    history->status.condition = HISTORY_BEHIND;
    history->behind_since_ms = clock_monotonic_ms();
    history->api = (struct api_history){.context = history,
                                        .events = ask_events,
                                        .rounds = ask_rounds,
                                        .state = ask_state,
                                        .status = ask_status};
    int error = set_names(history, config);
    if (!error && pthread_create(&history->thread, NULL, history_thread, history) != 0)
        error = ALLOT_EIO;
    if (error)
        history_free(history);
    else
        *ret = history;
    return error;
}

void history_stop(struct history *history)
{
    if (!history)
        return;
    watch_queue_stop(&history->queue);
    pthread_join(history->thread, NULL);
    history_free(history);
}
