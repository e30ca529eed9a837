#include "server/metrics.h"

#include <math.h>

#include "server/clock.h"
#include "server/cluster_metrics.h"
#include "server/process_metrics.h"
#include "server/tls.h"

int metrics_init(struct metrics *metrics, int thrash_moves)
{
    size_t count;
    const struct api_route *routes = routes_all(&count);
    *metrics = (struct metrics){.started_ms = clock_wall_ms()};
    int error = http_metrics_create(routes, count, &metrics->http);
    if (!error)
        error = item_moves_create(thrash_moves, &metrics->moves);
    if (error)
        metrics_release(metrics);
    return error;
}

void metrics_release(struct metrics *metrics)
{
    item_moves_destroy(metrics->moves);
    http_metrics_destroy(metrics->http);
    *metrics = (struct metrics){0};
}

/* --- the store --- */

static void write_store(struct metrics_text *text, const struct loop_status *loop, int64_t now_ms)
{
    metrics_text_gauge(text, "allot_store_reachable",
                       "1: the store is being watched, and what it tells is applied.",
                       loop->store_reachable);
    if (loop->current_monotonic_ms == 0)
        return;
    int64_t age_ms = now_ms - loop->current_monotonic_ms;
    metrics_text_gauge_us(text, "allot_store_watch_age_seconds",
                          "How old what is served may be; 0: it is current.",
                          age_ms < API_STALE_MS ? 0 : age_ms * 1000);
}

static void write_lease(struct metrics_text *text, const struct loop_status *loop, int64_t now_ms,
                        int64_t ttl_seconds)
{
    metrics_text_gauge(text, "allot_lease_ttl_seconds", "Time to live of this server's lease.",
                       ttl_seconds);
    if (loop->term.lease == 0)
        return;
    int64_t left_ms = loop->term.until_ms - now_ms;
    metrics_text_gauge_us(text, "allot_lease_remaining_seconds",
                          "How long this server's lease is sure to last unless it is renewed.",
                          left_ms > 0 ? left_ms * 1000 : 0);
}

/* --- the loop --- */

static void write_loop(const struct metrics *metrics, struct metrics_text *text,
                       const struct loop_status *loop)
{
    metrics_text_gauge(text, "allot_leader",
                       "1: this server leads, and its lease can't have expired.", loop->leading);
    loop_metrics_write(loop_metrics(metrics->loop), text);
    metrics_text_gauge(text, "allot_loop_consecutive_failed_passes", "Failed passes in a row.",
                       loop->failed_passes);
}

static void write_moves(struct metrics_text *text, struct item_moves *moves, int64_t now_ms)
{
    metrics_text_gauge(text, "allot_thrashing_items",
                       "Items that have moved more often than --thrash-moves within an hour.",
                       item_moves_thrashing(moves, now_ms));
    metrics_text_counter(text, "allot_item_moves_total",
                         "Assignments to further members that items have got while they had some.",
                         item_moves_total(moves));
}

/* --- history --- */

/* @revision: that of the newest snapshot. */
static void write_history(struct metrics_text *text, struct history *history, int64_t revision)
{
    const struct api_history *api = history_api(history);
    struct history_measures measures;
    struct history_status status;
    history_measure(history, &measures);
    api->status(api->context, &status);
    metrics_text_counter(text, "allot_history_events_total", "Events that were written down.",
                         measures.events);
    metrics_text_gauge(text, "allot_history_rows", "Events that are kept.", status.event_count);
    metrics_text_gauge(text, "allot_history_bytes", "Size of the history's file.", status.bytes);
    metrics_text_gauge(text, "allot_history_queue_events",
                       "Events that have come and are not written down.", status.queued_events);
    metrics_text_gauge(text, "allot_history_lag_revisions",
                       "Revisions by which the newest snapshot is ahead of the history.",
                       revision > status.reached ? revision - status.reached : 0);
    metrics_text_gauge_us(text, "allot_history_behind_seconds",
                          "For how long the history has not been current; 0: it is.",
                          measures.behind_ms * 1000);
    metrics_text_counter(text, "allot_history_write_errors_total",
                         "Failed tries to write the history's file.", measures.write_errors);
    metrics_text_gauge(text, "allot_history_healthy", "1: the history can be written.",
                       status.condition != HISTORY_FAILS);
}

/* --- the whole --- */

/* What rests on the newest snapshot, if there is one. */
static void write_snapshot(struct metrics *metrics, struct metrics_text *text)
{
    struct snapshot *snapshot = publisher_snapshot(metrics->publisher);
    int64_t revision = snapshot ? snapshot->state->revision : 0;
    metric_raise(&metrics->store.revision, revision);
    metrics_text_gauge(text, "allot_leader_known", "1: there is a leader, this server or another.",
                       snapshot && snapshot->state->leader);
    if (snapshot)
        cluster_metrics_write(text, snapshot, clock_wall_ms());
    if (metrics->history)
        write_history(text, metrics->history, revision);
    snapshot_unref(snapshot);
    metrics_text_gauge(text, "allot_store_revision", "The newest revision that was seen.",
                       metric_read(&metrics->store.revision));
}

static void write_expiration(struct metrics_text *text)
{
    int64_t seconds = tls_expiration_seconds();
    metrics_text_family(text, "allot_tls_certificate_expiration_timestamp_seconds", METRIC_GAUGE,
                        "When the certificate that clients are shown expires, in seconds since "
                        "1970.");
    metrics_text_real(text, METRIC_NO_LABELS, seconds > 0 ? (double)seconds : INFINITY);
}

void metrics_write(struct metrics *metrics, struct metrics_text *text)
{
    struct loop_status loop;
    int64_t now_ms = clock_monotonic_ms();
    loop_status(metrics->loop, &loop);
    http_metrics_write(metrics->http, text);
    if (metrics->hub)
        metrics_text_gauge(text, "allot_watches", "Connections that watch changes.",
                           watch_hub_count(metrics->hub));
    store_metrics_write(&metrics->store, text);
    write_store(text, &loop, now_ms);
    write_lease(text, &loop, now_ms, metrics->ttl_seconds);
    write_loop(metrics, text, &loop);
    write_moves(text, metrics->moves, now_ms);
    write_snapshot(metrics, text);
    write_expiration(text);
    process_metrics_write(text, metrics->started_ms);
}
