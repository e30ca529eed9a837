#include "api/cluster_warnings.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "api/item_status.h"

/* Passes that fail in a row: fewer happen where much changes. As the rule for alerts has it. */
enum { MANY_FAILED_PASSES = 5 };

/* Of a key: as much as helps to find it. */
enum { SHOWN_KEY = 200 };

__attribute__((format(printf, 2, 3))) static void warn(struct json_writer *writer,
                                                       const char *format, ...)
{
    char text[ERROR_MESSAGE_SIZE + 128];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    json_string(writer, span_of(text));
}

static void warn_of_store(struct json_writer *writer, const struct api_health *health)
{
    int64_t age_s = health->snapshot_age_ms / 1000;
    if (!health->store_reachable) {
        warn(writer,
             "the store can't be reached: nothing can be changed, and what is shown was so %" PRId64
             " s ago",
             age_s);
        return;
    }
    if (health->snapshot_age_ms >= API_STALE_MS)
        warn(writer, "the store has been silent for %" PRId64 " s: what is shown is that old",
             age_s);
    if (health->failed_writes > 0)
        warn(writer, "the store takes no writes (failed in a row: %" PRId64 ", the last: %s)",
             health->failed_writes, allot_error_text(health->write_error));
}

static void warn_of_leader(struct json_writer *writer, const struct state *state,
                           const struct api_health *health)
{
    if (health->refused)
        json_string(writer, span_of(health->refused));
    else if (!state->leader)
        warn(writer, "nobody leads: nothing is assigned");
    else if (state_is_leader(state) && !health->leading)
        warn(writer, "this server's lease may have expired: nothing is assigned until it is "
                     "renewed, or another server leads");
    if (health->leading && health->failed_passes >= MANY_FAILED_PASSES)
        warn(writer,
             "what is decided isn't carried out (passes failed in a row: %" PRId64
             ", the last: %s)",
             health->failed_passes,
             health->pass_error ? allot_error_text(health->pass_error)
                                : "something had changed meanwhile");
}

static void warn_of_content(struct json_writer *writer, const struct snapshot *snapshot,
                            const struct cluster_invalid *invalid)
{
    const struct solution *solution = snapshot_solution(snapshot);
    if (solution && solution->unattainable > 0)
        warn(writer,
             "there is no room for all replicas (wanted: %" PRId64 ", without room: %" PRId64 ")",
             (int64_t)snapshot->state->item_slots, (int64_t)solution->unattainable);
    if (invalid->count > 0) {
        struct span key = invalid->first->key;
        warn(writer, "what can't be read is left out (entries: %" PRId64 ", the first: %.*s)",
             invalid->count, (int)(key.size < SHOWN_KEY ? key.size : SHOWN_KEY), key.data);
    }
}

void cluster_write_warnings(struct json_writer *writer, const struct snapshot *snapshot,
                            const struct cluster_invalid *invalid, const struct api_health *health,
                            const struct history_status *history)
{
    json_name(writer, "warnings");
    json_begin(writer, '[');
    warn_of_store(writer, health);
    warn_of_leader(writer, snapshot->state, health);
    warn_of_content(writer, snapshot, invalid);
    if (history && history->condition == HISTORY_FAILS)
        warn(writer, "the history can't be written: %s", history->detail);
    json_end(writer, ']');
}
