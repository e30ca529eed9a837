/* The loop's thread that decides: it has the allocator take its steps, solves, and carries
 * transactions out. */
#include "server/loop_internal.h"

#include "api/root_format.h"
#include "api/settings.h"
#include "server/clock.h"
#include "server/log.h"
#include "server/store_wait.h"

enum {
    TXN_TIMEOUT_MS = 10000,
    FIRST_RETRY_MS = 100,
    LONGEST_RETRY_MS = 10000,
    KEPT_ROUNDS = 1000,
};

static struct span record_round(void *context, const struct round *round)
{
    struct loop *loop = context;
    loop_metrics_note_round(&loop->metrics);
    return round_writer_record(&loop->writer, round);
}

static struct span tell_actor(void *context, const struct round_id *id)
{
    struct loop *loop = context;
    return round_writer_actor(&loop->writer, id);
}

int loop_create_allocator(struct loop *loop)
{
    struct allocator_config config = {
        .own_key = loop->candidate->key,
        .settings_key = span_of(loop->settings_key),
        .absent_prefix = loop->candidate->absent_prefix,
        .actor_key = span_of(loop->actor_key),
        .actor_value = tell_actor,
        .rounds_prefix = span_of(loop->rounds_prefix),
        .rounds_kept = KEPT_ROUNDS,
        .round_value = record_round,
        .context = loop,
        .first_retry_ms = FIRST_RETRY_MS,
        .longest_retry_ms = LONGEST_RETRY_MS,
        .seed = (uint64_t)clock_wall_ms(),
    };
    struct allocator *allocator = NULL;
    int error = allocator_create(&config, &allocator);
    if (error)
        return error;
    allocator_destroy(loop->allocator);
    loop->allocator = allocator;
    loop_metrics_note_allocator(&loop->metrics);
    return 0;
}

static void certify(const struct state *state, const struct solution *solution)
{
    struct certificate_verdict verdict;
    int error = certificate_check(state, solution, &verdict);
    const char *fault = error ? allot_error_text(error) : certificate_fault_texts[verdict.fault];
    if (!error && verdict.fault == CERTIFICATE_VALID)
        log_write(LOG_DEBUG, "proven best", LOG_FIELDS(log_integer("revision", state->revision)));
    else
        log_write(LOG_ERROR, "not proven best",
                  LOG_FIELDS(log_integer("revision", state->revision),
                             log_integer("assigned", solution->assigned),
                             log_text("error", fault)));
}

static void solve(struct loop *loop, struct state *state)
{
    struct solution *solution = NULL;
    int64_t begin_us = clock_monotonic_us();
    int error = solver_answer(loop->solver, state, &solution);
    int64_t took_us = clock_monotonic_us() - begin_us;
    round_writer_note_solution(&loop->writer, took_us);
    loop_metrics_note_phase(&loop->metrics, LOOP_SOLVES, took_us);
    allocator_solved(loop->allocator, clock_monotonic_ms(), solution, error);
    if (error) {
        log_write(LOG_ERROR, "cannot solve",
                  LOG_FIELDS(log_text("error", allot_error_text(error))));
        return;
    }
    log_write(LOG_DEBUG, "solved",
              LOG_FIELDS(log_integer("revision", state->revision),
                         log_integer("assigned", solution->assigned),
                         log_integer("unattainable", solution->unattainable),
                         log_integer("ms", took_us / 1000)));
    if (loop->config.certify)
        certify(state, solution);
    pthread_mutex_lock(&loop->mutex);
    struct solution *former = loop->solution;
    loop->solution = solution;
    pthread_mutex_unlock(&loop->mutex);
    solution_unref(former);
    error = loop_publish(loop);
    if (error) /* readers see it with the next change */
        log_write(LOG_WARNING, "cannot publish",
                  LOG_FIELDS(log_text("error", allot_error_text(error))));
}

static void read_result(void *context, const struct store_txn_result *result)
{
    struct loop *loop = context;
    allocator_done(loop->allocator, clock_monotonic_ms(), 0, result);
}

static void execute(struct loop *loop, const struct store_txn *txn)
{
    int64_t begin_us = clock_monotonic_us();
    progress_wait(&loop->progress, TXN_TIMEOUT_MS);
    loop_metrics_note_txn(&loop->metrics, 1);
    int error = store_wait_txn(loop->config.store, txn, TXN_TIMEOUT_MS, read_result, loop);
    loop_metrics_note_txn(&loop->metrics, -1);
    round_writer_note_wait(&loop->writer, clock_monotonic_us() - begin_us);
    if (!error)
        return;
    log_write(LOG_WARNING, "transaction of the allocator failed",
              LOG_FIELDS(log_text("error", allot_error_text(error))));
    allocator_done(loop->allocator, clock_monotonic_ms(), error, NULL);
}

static void report_pass(const struct allocator_status *before, const struct allocator_status *after)
{
    const struct pass_summary *pass = &after->last_pass;
    if (after->round == before->round || pass->transactions == 0)
        return;
    log_write(LOG_INFO, "pass",
              LOG_FIELDS(log_integer("round", after->round),
                         log_integer("additions", pass->additions),
                         log_integer("removals", pass->removals + pass->dead_removals),
                         log_integer("promotions", pass->promotions),
                         log_integer("packings", pass->packings),
                         log_integer("transactions", pass->transactions),
                         log_integer("failed_transactions", pass->failed_transactions)));
    if (pass->skipped)
        log_write(LOG_WARNING, "removals skipped: more checks than a transaction may have",
                  LOG_FIELDS(log_integer("items", pass->skipped)));
}

/* The allocator has stopped before its time: either the candidate's key was lost, and is announced
 * again, of which a newer state will tell; or memory has run out, and is tried again. */
static void restart(struct loop *loop, int error)
{
    log_write(LOG_WARNING, "allocator starts over",
              LOG_FIELDS(log_text("error", allot_error_text(error))));
    pthread_mutex_lock(&loop->mutex);
    bool is_refused = loop->refused != NULL; /* then the key was taken back: it stays so */
    if (error != ALLOT_EFENCE && loop->newest && loop->changed_ms == 0)
        loop->changed_ms = clock_monotonic_ms(); /* the new allocator hasn't seen it */
    pthread_mutex_unlock(&loop->mutex);
    if (error == ALLOT_EFENCE && !is_refused)
        session_check(loop->session);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Whether there is anything to decide in @state: our candidate stands there. A member's key can be
 * that of another process of its name, whose exit isn't ours. */
static bool is_of_use(struct loop *loop, const struct state *state)
{
    bool is_member = loop->candidate->member.size != 0;
    return state->own && (!is_member || state->own->lease == session_term(loop->session).lease);
}

/* Waits for a state that is of use and that the allocator hasn't seen, or until @wake_at_ms; false:
 * stop. A new state is given @gather_ms to be joined by others. */
static bool wait_for_state(struct loop *loop, int64_t gather_ms, int64_t wake_at_ms,
                           struct state **ret)
{
    *ret = NULL;
    pthread_mutex_lock(&loop->mutex);
    while (!loop->stopping) {
        int64_t due = INT64_MAX;
        if (loop->changed_ms != 0 && is_of_use(loop, loop->newest))
            due = loop->changed_ms + gather_ms;
        if (clock_monotonic_ms() >= due) {
            *ret = state_ref(loop->newest);
            round_writer_note_state(&loop->writer, loop->newest_us);
            loop->changed_ms = 0;
            break;
        }
        if (clock_monotonic_ms() >= wake_at_ms)
            break;
        progress_wait(&loop->progress, PROGRESS_IDLE_MS);
        clock_condition_wait(
            &loop->changed, &loop->mutex,
            earlier(earlier(due, wake_at_ms), clock_monotonic_ms() + PROGRESS_IDLE_MS));
    }
    bool go_on = !loop->stopping;
    pthread_mutex_unlock(&loop->mutex);
    return go_on;
}

static bool is_stopping(struct loop *loop)
{
    pthread_mutex_lock(&loop->mutex);
    bool stopping = loop->stopping;
    pthread_mutex_unlock(&loop->mutex);
    return stopping;
}

/* Whether a pass that goes well has another to follow it: what has changed meanwhile was gathered
 * while it took its time. */
static bool is_busy(const struct allocator_status *status)
{
    return status->round > 0 && status->idle_revision == 0 && status->failed_passes == 0;
}

/* What operators want put off, as the state has it: with the state that is then decided on.
 * Settings that can't be read pause everything, as does a root that isn't ours to work on; for want
 * of memory, the former ones hold. */
static void read_settings(struct loop *loop, const struct state *state, struct settings *settings)
{
    struct error_message why = {""};
    struct settings former = *settings;
    int error = settings_read(state->keyspace, settings, &why);
    if (root_format_fault(state->keyspace))
        *settings = (struct settings){{.pause = ALLOCATOR_PAUSES, .limits = settings->rules.limits},
                                      INT64_MAX};
    if (allocator_rules_equal(&settings->rules, &former.rules) &&
        settings->until_ms == former.until_ms)
        return;
    const struct move_limits *limits = &settings->rules.limits;
    log_write(error ? LOG_ERROR : LOG_INFO, "allocator settings",
              LOG_FIELDS(log_text("paused", settings_pause_names[settings->rules.pause]),
                         log_integer("max_moves_in_flight", limits->in_flight),
                         log_integer("max_moves_in_flight_per_member", limits->per_member),
                         log_integer("max_moves_in_flight_per_zone", limits->per_zone),
                         log_integer("max_moves_per_minute", limits->per_minute),
                         log_text("error", error ? allot_error_text(error) : ""),
                         log_span("root", loop->config.root)));
}

/* When a pause that was in force at @wall_ms ends by itself, on the monotonic clock; INT64_MAX: not
 * so far. The step was taken by that time, too: else a pause could end between the two, and nobody
 * would be woken. */
static int64_t end_of_pause(const struct settings *settings, int64_t wall_ms)
{
    int64_t left_ms = settings->until_ms - wall_ms;
    bool ends = settings->until_ms != INT64_MAX && left_ms > 0;
    return ends ? clock_monotonic_ms() + left_ms : INT64_MAX;
}

static void report_lost_rounds(const struct allocator_status *before,
                               const struct allocator_status *after)
{
    if (after->lost_records != before->lost_records)
        log_write(LOG_WARNING, "a round is not recorded",
                  LOG_FIELDS(log_integer("round", after->round)));
}

/* Has what the pass under way has done recorded, if the store has answered so far. */
static void finish(struct loop *loop)
{
    round_writer_begin_step(&loop->writer);
    struct allocator_step step = allocator_finish(loop->allocator, clock_monotonic_ms());
    round_writer_end_step(&loop->writer);
    if (step.action == ALLOCATOR_TXN)
        execute(loop, step.txn);
}

/* One step of the allocator, by the rules of @wall_ms. */
static struct allocator_step take_step(struct loop *loop, const struct settings *settings,
                                       int64_t wall_ms)
{
    allocator_set_term(loop->allocator, session_term(loop->session));
    struct allocator_rules rules = settings_rules_at(settings, wall_ms);
    allocator_set_rules(loop->allocator, &rules);
    round_writer_begin_step(&loop->writer);
    struct allocator_step step = allocator_step(loop->allocator, clock_monotonic_ms());
    round_writer_end_step(&loop->writer);
    struct allocator_status status = allocator_status(loop->allocator);
    loop_metrics_note_status(&loop->metrics, &status, &loop->writer);
    pthread_mutex_lock(&loop->mutex);
    loop->status = status;
    pthread_mutex_unlock(&loop->mutex);
    return step;
}

/* The allocator has nothing to do for now: says what it has done since there was @before. */
static void report(struct allocator_status *before, const struct allocator_status *after)
{
    report_lost_rounds(before, after);
    report_pass(before, after);
    *before = *after;
}

/* The allocator has stopped with an error: another one goes on. Returns when to look again. */
static int64_t replace(struct loop *loop, int error, struct allocator_status *before)
{
    report_lost_rounds(before, &loop->status);
    restart(loop, error);
    *before = (struct allocator_status){0};
    bool is_made = loop_create_allocator(loop) == 0; /* else tried again, the old one has stopped */
    return is_made ? INT64_MAX : clock_monotonic_ms() + LONGEST_RETRY_MS;
}

static void run(struct loop *loop)
{
    struct allocator_status before = {0}; /* what was reported of */
    struct settings settings = SETTINGS_NONE;
    while (!is_stopping(loop)) {
        int64_t wall_ms = clock_wall_ms();
        struct allocator_step step = take_step(loop, &settings, wall_ms);
        int64_t wake_at_ms = step.wake_at_ms;
        int64_t gather_ms = is_busy(&loop->status) ? 0 : loop->config.gather_ms;
        switch (step.action) {
        case ALLOCATOR_SOLVE:
            solve(loop, step.state);
            continue;
        case ALLOCATOR_TXN:
            execute(loop, step.txn);
            continue;
        case ALLOCATOR_STOP:
            if (step.error == 0) {
                if (loop->config.left)
                    loop->config.left(loop->config.context);
                return;
            }
            wake_at_ms = replace(loop, step.error, &before);
            break;
        case ALLOCATOR_WAIT:
            report(&before, &loop->status);
            break;
        }
        struct state *state = NULL;
        wake_at_ms = earlier(wake_at_ms, end_of_pause(&settings, wall_ms));
        if (!wait_for_state(loop, gather_ms, wake_at_ms, &state))
            break;
        if (state) {
            read_settings(loop, state, &settings);
            allocator_observe(loop->allocator, state);
        }
        state_unref(state);
    }
    finish(loop);
}

void *loop_allocator_thread(void *argument)
{
    struct loop *loop = argument;
    progress_begin(&loop->progress, "allocator");
    run(loop);
    progress_end(&loop->progress);
    return NULL;
}
