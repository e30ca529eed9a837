#include "core/allocator_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void copy_key(struct span *key, char **at)
{
    if (key->size)
        memcpy(*at, key->data, key->size);
    key->data = *at;
    *at += key->size;
}

static int copy_keys(struct allocator *allocator)
{
    struct allocator_config *config = &allocator->config;
    size_t prefix = config->absent_prefix.size;
    allocator->keys = malloc(config->own_key.size + config->settings_key.size +
                             config->actor_key.size + 2 * prefix + 1);
    if (!allocator->keys)
        return ALLOT_ENOMEM;
    char *at = allocator->keys;
    copy_key(&config->own_key, &at);
    copy_key(&config->settings_key, &at);
    copy_key(&config->actor_key, &at);
    copy_key(&config->absent_prefix, &at);
    allocator->absent.key = config->absent_prefix;
    if (prefix)
        allocator->absent.range_end = store_range_end_of_prefix(config->absent_prefix, at);
    return 0;
}

int allocator_create(const struct allocator_config *config, struct allocator **ret)
{
    struct allocator *allocator = calloc(1, sizeof *allocator);
    if (!allocator)
        return ALLOT_ENOMEM;
    allocator->config = *config;
    if (copy_keys(allocator) != 0) {
        free(allocator);
        return ALLOT_ENOMEM;
    }
    struct recorder_config recorder = {
        .prefix = config->rounds_prefix,
        .kept = config->rounds_kept,
        .settings = allocator->config.settings_key,
        .value = config->round_value,
        .context = config->context,
    };
    if (recorder_init(&allocator->recorder, &recorder) != 0) {
        free(allocator->keys);
        free(allocator);
        return ALLOT_ENOMEM;
    }
    allocator->random = config->seed;
    allocator->rules = ALLOCATOR_RULES_NONE;
    allocator->retry_at_ms = INT64_MAX;
    allocator->unsettled = true;
    allocator->unsettled_moves = ALLOCATOR_UNKNOWN_MOVES;
    allocator->term.until_ms = INT64_MIN;
    *ret = allocator;
    return 0;
}

void allocator_destroy(struct allocator *allocator)
{
    if (!allocator)
        return;
    pass_destroy(allocator->pass);
    recorder_release(&allocator->recorder);
    state_unref(allocator->renewal.state);
    solution_unref(allocator->solution);
    state_unref(allocator->newest);
    free(allocator->keys);
    free(allocator);
}

struct allocator_status allocator_status(const struct allocator *allocator)
{
    struct allocator_status status = allocator->status;
    status.lost_records = allocator->recorder.lost;
    status.idle_revision = recorder_is_due(&allocator->recorder) ? 0 : allocator->idle_revision;
    return status;
}

/* Whether the store's revisions go on from one state to the other. They don't if it was restored
 * from a backup meanwhile. */
static bool continues(const struct state *former, const struct state *state)
{
    return keyspace_cluster_id(former->keyspace) == keyspace_cluster_id(state->keyspace) &&
           former->revision <= state->revision;
}

/* Whether our own key is the same in both. If it isn't, others may have led in between, even if no
 * state without it was seen. */
static bool keeps_own_key(const struct state *former, const struct state *state)
{
    return former->own && state->own && former->own->create_revision == state->own->create_revision;
}

void allocator_observe(struct allocator *allocator, struct state *state)
{
    struct state *former = allocator->newest;
    bool goes_on = former && continues(former, state);
    if (former && !goes_on) {
        allocator->wait_revision = 0;
        allocator->applied_revision = 0;
    }
    if (former && !(goes_on && keeps_own_key(former, state))) {
        allocator->unsettled = true;
        allocator->unsettled_moves = ALLOCATOR_UNKNOWN_MOVES;
        allocator->solved_as_leader = false;
        recorder_begin_anew(&allocator->recorder);
    }
    state_ref(state);
    state_unref(allocator->newest);
    allocator->newest = state;
}

void allocator_set_term(struct allocator *allocator, struct allocator_term term)
{
    allocator->term = term;
}

void allocator_set_rules(struct allocator *allocator, const struct allocator_rules *rules)
{
    if (allocator_rules_equal(&allocator->rules, rules))
        return;
    allocator->rules = *rules;
    allocator->wait_revision = 0; /* there is reason to look again */
}

static bool in_term(const struct allocator *allocator, int64_t now_ms)
{
    return now_ms < allocator->term.until_ms;
}

/* --- moves --- */

void allocator_stop(struct allocator *allocator, int error)
{
    pass_destroy(allocator->pass);
    allocator->pass = NULL;
    recorder_lose(&allocator->recorder);
    allocator->phase = PHASE_STOP;
    allocator->stop_error = error;
}

/* Source of the generator: Steele, Lea & Flood, "Fast splittable pseudorandom number generators",
 * 2014. */
static uint64_t next_random(struct allocator *allocator)
{
    uint64_t z = allocator->random += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static int64_t retry_delay(struct allocator *allocator)
{
    int64_t delay = allocator->config.first_retry_ms;
    for (int64_t i = 1; i < allocator->status.failed_passes; i++)
        if (delay < allocator->config.longest_retry_ms)
            delay *= 2;
    if (delay > allocator->config.longest_retry_ms)
        delay = allocator->config.longest_retry_ms;
    return delay - (int64_t)(next_random(allocator) % (uint64_t)(delay / 2 + 1));
}

/* Waits for news; after a failure also for the time of the next try. */
void allocator_wait_for_change(struct allocator *allocator, int64_t now_ms, bool failed)
{
    allocator->phase = PHASE_WAIT;
    allocator->retry_at_ms = INT64_MAX;
    if (!failed) {
        allocator->status.failed_passes = 0;
        return;
    }
    allocator->status.failed_passes++;
    allocator->retry_at_ms = now_ms + retry_delay(allocator);
}

static void close_pass(struct allocator *allocator, enum recorder_end how)
{
    struct pass_summary summary = pass_summary(allocator->pass);
    bool idle = how == RECORDER_SERVED && summary.transactions == 0 && summary.throttled == 0;
    allocator->idle_revision = idle ? allocator->recorder.view.state->revision : 0;
    allocator->status.last_pass = summary;
    allocator->status.ended++;
    pass_summary_add(&allocator->status.total, &summary);
    recorder_end(&allocator->recorder, how, &summary, allocator->solution);
    pass_destroy(allocator->pass);
    allocator->pass = NULL;
}

void allocator_end_pass(struct allocator *allocator, int64_t now_ms, int error)
{
    bool failed = allocator->failed || error;
    close_pass(allocator, error ? RECORDER_BROKEN : failed ? RECORDER_FAILED : RECORDER_SERVED);
    if (failed)
        allocator->status.last_error = error;
    allocator_wait_for_change(allocator, now_ms, failed);
    int64_t room_ms = allocator->status.last_pass.throttled == 0
                          ? INT64_MAX
                          : move_window_next_room_ms(&allocator->window,
                                                     allocator->rules.limits.per_minute, now_ms);
    if (room_ms < allocator->retry_at_ms)
        allocator->retry_at_ms = room_ms;
    if (!error && recorder_is_due(&allocator->recorder))
        allocator->phase = PHASE_RECORD;
}

/* Ends a pass before its time: the next one takes its place. */
static void leave_pass(struct allocator *allocator, int64_t now_ms)
{
    close_pass(allocator, RECORDER_BROKEN);
    allocator_wait_for_change(allocator, now_ms, false);
    allocator->wait_revision = 0;
    allocator->retry_at_ms = now_ms;
    if (recorder_is_due(&allocator->recorder))
        allocator->phase = PHASE_RECORD;
}

static struct span actor_value(const struct allocator *allocator, const struct round_id *id)
{
    if (allocator->config.actor_key.size == 0)
        return (struct span){0};
    return allocator->config.actor_value(allocator->config.context, id);
}

/* The limits for a pass that begins now. */
static struct move_limits pass_limits(struct allocator *allocator, int64_t now_ms)
{
    struct move_limits limits = allocator->rules.limits;
    limits.per_minute = move_window_room(&allocator->window, limits.per_minute, now_ms);
    return limits;
}

static int begin_pass(struct allocator *allocator, int64_t now_ms)
{
    struct state *state = allocator->newest;
    const struct entry *settings =
        allocator->config.settings_key.size
            ? keyspace_find(state->keyspace, allocator->config.settings_key)
            : NULL;
    allocator->status.round++;
    allocator->failed = false;
    allocator->fence_revision = state->own->mod_revision;
    allocator->moves_noted = 0;
    recorder_begin(&allocator->recorder, allocator->status.round, state, &allocator->rules);
    struct pass_options options = {
        .fence = allocator->config.own_key,
        .fence_revision = allocator->fence_revision,
        .settings = allocator->config.settings_key,
        .settings_revision = settings ? settings->mod_revision : 0,
        .absent = allocator->absent,
        .actor_key = allocator->config.actor_key,
        .actor_value = actor_value(allocator, &allocator->recorder.round.id),
        .guarded = true,
        .repairs_only = allocator->rules.pause == ALLOCATOR_REPAIRS,
        .moves_limited = move_limits_any(&allocator->rules.limits),
        .moves = pass_limits(allocator, now_ms),
        .merged_checks = true,
        .split_oversized = true,
    };
    return pass_create(&options, state, allocator->solution, &allocator->pass);
}

/* A follower's solution may be of assignments long past: whoever comes to lead would move them back
 * to where they were then. */
static bool needs_solution(const struct allocator *allocator)
{
    const struct state *state = allocator->newest;
    return !solution_fits(allocator->solution, state) ||
           (state_is_leader(state) && !allocator->solved_as_leader);
}

/* From WAIT, once there is a reason to look: to where the newest state leads. */
static void look(struct allocator *allocator, int64_t now_ms)
{
    struct state *state = allocator->newest;
    allocator->wait_revision = state->revision + 1;
    if (!state->own) {
        allocator_stop(allocator, ALLOT_EFENCE);
    } else if (state_should_exit(state)) {
        allocator_stop(allocator, 0);
    } else if (needs_solution(allocator)) {
        allocator->phase = PHASE_SOLVE;
        if (state_is_leader(state) && !allocator->solved_as_leader)
            move_window_begin(&allocator->window, now_ms);
        allocator->solved_as_leader = state_is_leader(state);
    } else if (!state_is_leader(state)) {
        allocator_wait_for_change(allocator, now_ms, false);
    } else if (state->own->lease != allocator->term.lease || !in_term(allocator, now_ms)) {
        allocator_wait_for_change(allocator, now_ms, false);
        allocator->retry_at_ms = now_ms + allocator->config.first_retry_ms;
    } else if (allocator->unsettled) {
        allocator->phase = PHASE_RENEW;
    } else if (recorder_is_still_due(&allocator->recorder, state)) {
        allocator->fence_revision = state->own->mod_revision;
        allocator->phase = PHASE_RECORD;
    } else if (allocator->rules.pause == ALLOCATOR_PAUSES) {
        allocator->idle_revision = 0;
        allocator_wait_for_change(allocator, now_ms, false);
    } else {
        int error = begin_pass(allocator, now_ms);
        if (error)
            allocator_stop(allocator, error);
        else
            allocator->phase = PHASE_PASS;
    }
}

static bool has_seen_what_was_applied(const struct allocator *allocator)
{
    return allocator->newest && allocator->newest->revision >= allocator->applied_revision;
}

static struct allocator_step wait_step(const struct allocator *allocator)
{
    bool time_will_do = has_seen_what_was_applied(allocator);
    return (struct allocator_step){.action = ALLOCATOR_WAIT,
                                   .wake_at_ms = time_will_do ? allocator->retry_at_ms : INT64_MAX};
}

static struct allocator_step record(struct allocator *allocator)
{
    struct recorder_checks checks = {
        .fence = allocator->config.own_key,
        .fence_revision = allocator->fence_revision,
        .absent = allocator->absent,
        .actor_key = allocator->config.actor_key,
        .actor_value = actor_value(allocator, &allocator->recorder.round.id),
    };
    const struct store_txn *txn =
        recorder_make_txn(&allocator->recorder, &checks, allocator->newest->keyspace);
    allocator->phase = txn ? PHASE_RECORDING : PHASE_WAIT;
    return txn ? (struct allocator_step){.action = ALLOCATOR_TXN, .txn = txn}
               : wait_step(allocator);
}

static struct allocator_step next_txn(struct allocator *allocator, int64_t now_ms)
{
    const struct store_txn *txn = NULL;
    int error = in_term(allocator, now_ms) ? 0 : ALLOT_ELEASE;
    if (!error && !allocator_rules_equal(&allocator->recorder.view.rules, &allocator->rules)) {
        leave_pass(allocator, now_ms);
    } else {
        if (!error)
            error = pass_next(allocator->pass, &txn);
        if (error || !txn)
            allocator_end_pass(allocator, now_ms, error);
    }
    if (allocator->phase == PHASE_RECORD)
        return record(allocator);
    if (allocator->phase == PHASE_WAIT)
        return wait_step(allocator);
    allocator->phase = PHASE_TXN;
    return (struct allocator_step){.action = ALLOCATOR_TXN, .txn = txn};
}

static struct allocator_step renew_fence(struct allocator *allocator)
{
    struct allocator_renewal *renewal = &allocator->renewal;
    struct state *state = state_ref(allocator->newest);
    state_unref(renewal->state);
    renewal->state = state;
    struct store_keys key = {.key = allocator->config.own_key};
    struct store_op *put = renewal->puts;
    struct round_id id = {state->own->mod_revision, allocator->status.round, state->revision};
    if (allocator->config.actor_key.size != 0)
        *put++ = (struct store_op){.kind = STORE_OP_PUT,
                                   .keys = {.key = allocator->config.actor_key},
                                   .value = actor_value(allocator, &id)};
    *put++ = (struct store_op){
        .kind = STORE_OP_PUT, .keys = key, .value = state->own->value, .lease = state->own->lease};
    renewal->unchanged = (struct store_compare){.keys = key,
                                                .target = STORE_MOD_REVISION,
                                                .relation = STORE_EQUAL,
                                                .number = state->own->mod_revision};
    renewal->get = (struct store_op){.kind = STORE_OP_GET, .keys = key};
    renewal->txn = (struct store_txn){.compares = &renewal->unchanged,
                                      .compare_count = 1,
                                      .success = renewal->puts,
                                      .success_count = (size_t)(put - renewal->puts),
                                      .failure = &renewal->get,
                                      .failure_count = 1};
    allocator->phase = PHASE_RENEWAL;
    return (struct allocator_step){.action = ALLOCATOR_TXN, .txn = &renewal->txn};
}

static bool has_reason_to_look(const struct allocator *allocator, int64_t now_ms)
{
    return has_seen_what_was_applied(allocator) &&
           (allocator->newest->revision >= allocator->wait_revision ||
            now_ms >= allocator->retry_at_ms);
}

struct allocator_step allocator_step(struct allocator *allocator, int64_t now_ms)
{
    assert(allocator->phase != PHASE_SOLVE && allocator->phase != PHASE_TXN &&
           allocator->phase != PHASE_RENEWAL && allocator->phase != PHASE_RECORDING);
    if (allocator->phase == PHASE_WAIT && has_reason_to_look(allocator, now_ms))
        look(allocator, now_ms);

    switch (allocator->phase) {
    case PHASE_SOLVE:
        return (struct allocator_step){.action = ALLOCATOR_SOLVE, .state = allocator->newest};
    case PHASE_PASS:
        return next_txn(allocator, now_ms);
    case PHASE_RENEW:
        return renew_fence(allocator);
    case PHASE_RECORD:
        return record(allocator);
    case PHASE_STOP:
        return (struct allocator_step){.action = ALLOCATOR_STOP, .error = allocator->stop_error};
    default:
        return wait_step(allocator);
    }
}

struct allocator_step allocator_finish(struct allocator *allocator, int64_t now_ms)
{
    if (allocator->phase == PHASE_PASS)
        leave_pass(allocator, now_ms);
    if (allocator->phase == PHASE_RECORD && in_term(allocator, now_ms))
        return record(allocator);
    return (struct allocator_step){.action = ALLOCATOR_WAIT, .wake_at_ms = INT64_MAX};
}
