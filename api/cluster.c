#include "api/cluster_json.h"
#include "api/cluster_warnings.h"
#include "api/item_status.h"
#include "api/reply.h"
#include "api/resources.h"
#include "api/settings.h"
#include "api/timestamp.h"

/* GET /v1/cluster: the whole at a glance. Cost: all entries. */

/* The candidate's name: its key after ROOT/schedulers/. */
static struct span instance_of(const struct api_call *call, const struct entry *leader)
{
    static const struct span folder = {KEYS_SCHEDULERS, sizeof KEYS_SCHEDULERS - 1};
    struct span root = call->runtime->root;
    struct span key = leader->key;
    size_t prefix = root.size + folder.size;
    bool is_ours =
        key.size > prefix && span_has_prefix(key, root) &&
        span_has_prefix((struct span){key.data + root.size, key.size - root.size}, folder);
    return is_ours ? (struct span){key.data + prefix, key.size - prefix} : key;
}

static void write_leader(struct json_writer *writer, const struct api_call *call)
{
    const struct entry *leader = call->snapshot->state->leader;
    json_name(writer, "leader");
    if (!leader) {
        json_null(writer);
        return;
    }
    json_begin(writer, '{');
    json_string_field(writer, "instance", instance_of(call, leader));
    json_integer_field(writer, "since_revision", leader->create_revision);
    json_end(writer, '}');
}

/* What the allocator has still to do, as of this snapshot; null before it is solved. */
static void write_pending(struct json_writer *writer, const struct snapshot *snapshot)
{
    const struct solution *solution = snapshot_solution(snapshot);
    json_name(writer, "pending");
    if (!solution) {
        json_null(writer);
        return;
    }
    struct change_summary changes = solution_changes(solution, snapshot->state);
    json_begin(writer, '{');
    json_integer_field(writer, "add", changes.added);
    json_integer_field(writer, "remove", changes.removed);
    json_integer_field(writer, "keep", changes.unchanged);
    json_end(writer, '}');
}

/* What is put off, by what is in force now. */
static void write_pause(struct json_writer *writer, const struct api_call *call)
{
    struct settings settings = SETTINGS_NONE;
    struct error_message why = {""};
    int error = settings_read(call->snapshot->state->keyspace, &settings, &why);
    if (error == ALLOT_ENOMEM)
        writer->out->error = error;
    int64_t now_ms = call->runtime->wall_clock_ms(call->runtime->context);
    json_text_field(writer, "paused",
                    settings_pause_names[settings_rules_at(&settings, now_ms).pause]);
}

static void write_health(struct json_writer *writer, const struct api_call *call,
                         const struct api_health *health)
{
    json_name(writer, "allocator");
    json_begin(writer, '{');
    json_text_field(writer, "instance", health->instance);
    json_boolean_field(writer, "running", health->allocator_running);
    json_boolean_field(writer, "leading", health->leading);
    json_integer_field(writer, "failed_passes", health->failed_passes);
    write_pause(writer, call);
    write_pending(writer, call->snapshot);
    json_end(writer, '}');
    json_name(writer, "store");
    json_begin(writer, '{');
    json_text_field(writer, "kind", health->store);
    json_boolean_field(writer, "reachable", health->store_reachable);
    json_integer_field(writer, "snapshot_age_ms", health->snapshot_age_ms);
    json_end(writer, '}');
}

static const char *const history_condition_names[] = {
    [HISTORY_WORKS] = "works", [HISTORY_BEHIND] = "behind", [HISTORY_FAILS] = "fails"};

/* Null if @status is NULL: none is kept. */
static void write_history(struct json_writer *writer, const struct history_status *status)
{
    char oldest[TIMESTAMP_SIZE];
    json_name(writer, "history");
    if (!status) {
        json_null(writer);
        return;
    }
    json_begin(writer, '{');
    json_text_field(writer, "condition", history_condition_names[status->condition]);
    if (status->condition == HISTORY_FAILS)
        json_text_field(writer, "detail", status->detail);
    json_integer_field(writer, "revision", status->reached);
    json_integer_field(writer, "oldest_revision", status->oldest);
    json_name(writer, "oldest_time");
    timestamp_format(status->oldest_ms, oldest);
    if (status->oldest_ms > 0)
        json_string(writer, span_of(oldest));
    else
        json_null(writer);
    json_integer_field(writer, "events", status->event_count);
    json_integer_field(writer, "bytes", status->bytes);
    json_integer_field(writer, "queued_events", status->queued_events);
    json_end(writer, '}');
}

enum api_step cluster_get(struct api_call *call)
{
    const struct state *state = call->snapshot->state;
    const struct api_history *history = call->runtime->history;
    struct cluster_invalid invalid = cluster_find_invalid(state->keyspace);
    struct history_status status = {0};
    struct api_health health = {0};
    call->runtime->health(call->runtime->context, &health);
    if (history)
        history->status(history->context, &status);
    struct json_writer writer = reply_json(call, 200);
    json_begin(&writer, '{');
    json_integer_field(&writer, "revision", state->revision);
    json_string_field(&writer, "root", call->runtime->root);
    write_leader(&writer, call);
    json_text_field(&writer, "solver", solver_kind_names[call->runtime->solver]);
    json_integer_field(&writer, "balance_tolerance", state->balance_tolerance);
    cluster_write_glance(&writer, call->snapshot, invalid.count);
    write_health(&writer, call, &health);
    write_history(&writer, history ? &status : NULL);
    cluster_write_warnings(&writer, call->snapshot, &invalid, &health, history ? &status : NULL);
    json_end(&writer, '}');
    return reply_finish(call);
}
