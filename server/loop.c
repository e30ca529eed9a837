#include "server/loop.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/root_format.h"
#include "api/settings.h"
#include "server/clock.h"
#include "server/executor.h"
#include "server/log.h"
#include "server/loop_metrics.h"
#include "server/mirror.h"
#include "server/round_writer.h"
#include "server/session.h"
#include "server/store_wait.h"

enum {
    TXN_TIMEOUT_MS = 10000,
    FIRST_RETRY_MS = 100,
    LONGEST_RETRY_MS = 10000,
    KEPT_ROUNDS = 1000,
};

#define ROUNDS "/rounds/"

struct loop {
    struct loop_config config; /* its spans are not used after the start */
    const struct candidate *candidate;
    char *actor_key;     /* ROOT/actor */
    char *settings_key;  /* ROOT/allocator */
    char *rounds_prefix; /* ROOT/rounds/ */
    struct executor *executor;
    struct solver *solver; /* the thread's own */
    struct session *session;
    struct mirror *mirror;
    pthread_t thread;
    bool thread_started;
    struct progress progress;    /* of the thread */
    struct allocator *allocator; /* the thread's own, as what it writes */
    struct round_writer writer;
    struct loop_metrics metrics;

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping;
    struct state *newest; /* the state of the newest keyspace, or NULL */
    int64_t newest_us;    /* to make it */
    struct solution *solution;
    const char *refused; /* to be announced: why; NULL: not */
    int64_t
        changed_ms; /* when newest was set while the allocator had seen the one before; 0: not */
    struct allocator_status status;

    pthread_mutex_t publishing; /* snapshots are published in order */
};

/* --- publishing --- */

/* Publishes the newest state with the newest solution, if that is of the same network. */
static int publish(struct loop *loop)
{
    struct snapshot *snapshot = NULL;
    pthread_mutex_lock(&loop->publishing);
    pthread_mutex_lock(&loop->mutex);
    bool fits = solution_fits(loop->solution, loop->newest);
    int error = snapshot_create(loop->newest, fits ? loop->solution : NULL, &snapshot);
    pthread_mutex_unlock(&loop->mutex);
    if (!error) {
        publisher_publish(loop->config.publisher, snapshot);
        if (loop->config.hub)
            watch_hub_publish(loop->config.hub, snapshot->state->revision);
    }
    pthread_mutex_unlock(&loop->publishing);
    snapshot_unref(snapshot);
    return error;
}

/* --- the mirror's side --- */

/* Has our key announced if it isn't ours: it isn't yet, or is a former run's, or somebody has
 * interfered. */
static void announce(struct loop *loop, const struct state *state)
{
    bool stands = state->own && state->own->lease == session_term(loop->session).lease;
    const char *fault = root_format_fault(state->keyspace);
    if (!fault && !stands && loop->candidate->fault)
        fault = loop->candidate->fault(state);
    pthread_mutex_lock(&loop->mutex);
    bool newly_refused = fault && fault != loop->refused;
    loop->refused = fault;
    pthread_mutex_unlock(&loop->mutex);
    if (newly_refused)
        log_write(LOG_ERROR, "this root is not ours to lead",
                  LOG_FIELDS(log_text("why", fault), log_span("root", loop->config.root)));
    if (!fault && !stands)
        session_check(loop->session);
}

static int on_applied(void *context, struct keyspace *keyspace)
{
    struct loop *loop = context;
    struct state_config config = {
        .candidates = loop->candidate->prefix,
        .own_key = loop->candidate->key,
        .local_member = loop->candidate->member,
        .gone_members_are_inconsistent = !loop->config.gone_members_count,
        .balance_tolerance = loop->config.balance_tolerance,
    };
    pthread_mutex_lock(&loop->mutex);
    struct state *former = loop->newest ? state_ref(loop->newest) : NULL;
    pthread_mutex_unlock(&loop->mutex);
    struct state *state = NULL;
    int64_t begin_us = clock_monotonic_us();
    int error = state_follow(&config, former, keyspace, &state);
    int64_t end_us = clock_monotonic_us();
    loop_metrics_note_phase(&loop->metrics, LOOP_OBSERVES, end_us - begin_us);
    if (!error && former && loop->config.moves)
        item_moves_follow(loop->config.moves, former, state, clock_monotonic_ms());
    state_unref(former);
    if (error)
        return error;
    pthread_mutex_lock(&loop->mutex);
    former = loop->newest;
    loop->newest = state;
    loop->newest_us = end_us - begin_us;
    if (loop->changed_ms == 0)
        loop->changed_ms = clock_monotonic_ms();
    pthread_cond_signal(&loop->changed);
    pthread_mutex_unlock(&loop->mutex);
    state_unref(former);
    if (loop->config.hub)
        watch_hub_reach(loop->config.hub, state->revision);
    announce(loop, state);
    return publish(loop);
}

static void on_heard(void *context, const struct store_watch_response *response)
{
    struct loop *loop = context;
    if (loop->config.outcomes)
        outcomes_hear(loop->config.outcomes, response);
    if (loop->config.hub)
        watch_hub_hear(loop->config.hub, response);
}

static void on_broken(void *context, int error)
{
    struct loop *loop = context;
    if (loop->config.hub)
        watch_hub_break(loop->config.hub);
    log_write(LOG_WARNING, "mirror starts over",
              LOG_FIELDS(log_text("error", allot_error_text(error))));
}

static void on_anomaly(void *context, enum keyspace_anomaly anomaly, struct span key,
                       int64_t mod_revision, const char *why)
{
    static const char *const names[] = {
        [KEYSPACE_BAD_KEY] = "malformed key",
        [KEYSPACE_BAD_VALUE] = "value does not decode",
        [KEYSPACE_ABSENT_DELETE] = "delete of an absent key",
        [KEYSPACE_VERSION_SKIP] = "version skips",
    };
    (void)context;
    log_write(LOG_WARNING, names[anomaly],
              LOG_FIELDS(log_span("key", key), log_integer("revision", mod_revision),
                         log_text("error", why)));
}

static void on_session_failed(void *context, const char *what, int error)
{
    (void)context;
    log_write(LOG_WARNING, "session",
              LOG_FIELDS(log_text("cannot", what), log_text("error", allot_error_text(error))));
}

/* --- the allocator's thread --- */

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

static int create_allocator(struct loop *loop)
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
    error = publish(loop);
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
    if (error == ALLOT_EFENCE) {
        session_check(loop->session);
        return;
    }
    pthread_mutex_lock(&loop->mutex);
    if (loop->newest && loop->changed_ms == 0)
        loop->changed_ms = clock_monotonic_ms(); /* the new allocator hasn't seen it */
    pthread_mutex_unlock(&loop->mutex);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Waits for a state that the allocator hasn't seen, or until @wake_at_ms; false: stop. A new state
 * is given @gather_ms to be joined by others. Only states in which our candidate stands are of use.
 */
static bool wait_for_state(struct loop *loop, int64_t gather_ms, int64_t wake_at_ms,
                           struct state **ret)
{
    *ret = NULL;
    pthread_mutex_lock(&loop->mutex);
    while (!loop->stopping) {
        int64_t due = INT64_MAX;
        if (loop->changed_ms != 0 && loop->newest->own)
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

/* When a pause that is in force ends by itself, on the monotonic clock; INT64_MAX: not so far. */
static int64_t end_of_pause(const struct settings *settings)
{
    int64_t left_ms = settings->until_ms - clock_wall_ms();
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

static void run(struct loop *loop)
{
    struct allocator_status before = {0};
    struct settings settings = SETTINGS_NONE;
    while (!is_stopping(loop)) {
        allocator_set_term(loop->allocator, session_term(loop->session));
        struct allocator_rules rules = settings_rules_at(&settings, clock_wall_ms());
        allocator_set_rules(loop->allocator, &rules);
        round_writer_begin_step(&loop->writer);
        struct allocator_step step = allocator_step(loop->allocator, clock_monotonic_ms());
        round_writer_end_step(&loop->writer);
        struct allocator_status after = allocator_status(loop->allocator);
        loop_metrics_note_status(&loop->metrics, &after, &loop->writer);
        pthread_mutex_lock(&loop->mutex);
        loop->status = after;
        pthread_mutex_unlock(&loop->mutex);

        int64_t wake_at_ms = step.wake_at_ms;
        int64_t gather_ms = is_busy(&after) ? 0 : loop->config.gather_ms;
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
            report_lost_rounds(&before, &after);
            restart(loop, step.error);
            before = (struct allocator_status){0};
            if (create_allocator(loop) != 0) /* tried again below, with the old one still stopped */
                wake_at_ms = clock_monotonic_ms() + LONGEST_RETRY_MS;
            else
                wake_at_ms = INT64_MAX;
            break;
        case ALLOCATOR_WAIT:
            report_lost_rounds(&before, &after);
            report_pass(&before, &after);
            before = after;
            break;
        }
        struct state *state = NULL;
        if (!wait_for_state(loop, gather_ms, earlier(wake_at_ms, end_of_pause(&settings)), &state))
            break;
        if (state) {
            read_settings(loop, state, &settings);
            allocator_observe(loop->allocator, state);
        }
        state_unref(state);
    }
    finish(loop);
}

static void *allocator_thread(void *argument)
{
    struct loop *loop = argument;
    progress_begin(&loop->progress, "allocator");
    run(loop);
    progress_end(&loop->progress);
    return NULL;
}

/* --- lifecycle --- */

/* ROOT and @name; owned by the caller. NULL: out of memory. */
static char *key_under_root(const struct loop *loop, const char *name)
{
    struct span root = loop->config.root;
    char *key = malloc(root.size + strlen(name) + 1);
    if (key) {
        memcpy(key, root.data, root.size);
        memcpy(key + root.size, name, strlen(name) + 1);
    }
    return key;
}

static int create_keys(struct loop *loop)
{
    loop->actor_key = key_under_root(loop, KEYS_ACTOR);
    loop->settings_key = key_under_root(loop, KEYS_ALLOCATOR);
    loop->rounds_prefix = key_under_root(loop, ROUNDS);
    return loop->actor_key && loop->settings_key && loop->rounds_prefix ? 0 : ALLOT_ENOMEM;
}

static int start_threads(struct loop *loop)
{
    struct session_config session = {
        .store = loop->config.store,
        .key = loop->candidate->key,
        .value = loop->candidate->value,
        .absent_prefix = loop->candidate->absent_prefix,
        .ttl_seconds = loop->config.ttl_seconds,
        .exclusive = loop->candidate->exclusive,
        .failed = on_session_failed,
    };
    struct mirror_config mirror = {
        .store = loop->config.store,
        .keyspace = {.root = loop->config.root,
                     .decoder = *loop->config.decoder,
                     .keep_invalid = true,
                     .report = on_anomaly},
        .gather_ms = loop->config.gather_ms,
        .applied = on_applied,
        .heard = on_heard,
        .broken = on_broken,
        .context = loop,
    };
    int error = executor_create(loop->config.threads, &loop->executor);
    if (!error)
        error = solver_create(loop->config.solver, loop->executor, &loop->solver);
    if (!error)
        error = create_allocator(loop);
    if (!error)
        error = session_start(&session, &loop->session);
    if (!error)
        error = mirror_start(&mirror, &loop->mirror);
    if (!error && pthread_create(&loop->thread, NULL, allocator_thread, loop) != 0)
        error = ALLOT_ENOMEM;
    loop->thread_started = !error;
    return error;
}

int loop_start(const struct loop_config *config, struct loop **ret)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return ALLOT_ENOMEM;
    loop->config = *config;
    loop->candidate = config->candidate;
    if (pthread_mutex_init(&loop->mutex, NULL) != 0)
        goto no_mutex;
    if (pthread_mutex_init(&loop->publishing, NULL) != 0)
        goto no_publishing;
    if (clock_condition_init(&loop->changed) != 0)
        goto no_condition;
    int error = create_keys(loop);
    if (!error)
        error =
            round_writer_init(&loop->writer, loop->candidate->principal, loop->candidate->instance);
    if (!error)
        error = start_threads(loop);
    if (error)
        loop_stop(loop);
    else
        *ret = loop;
    return error;
no_condition:
    pthread_mutex_destroy(&loop->publishing);
no_publishing:
    pthread_mutex_destroy(&loop->mutex);
no_mutex:
    free(loop);
    return ALLOT_ENOMEM;
}

void loop_stop(struct loop *loop)
{
    if (!loop)
        return;
    pthread_mutex_lock(&loop->mutex);
    loop->stopping = true;
    pthread_cond_signal(&loop->changed);
    pthread_mutex_unlock(&loop->mutex);
    if (loop->thread_started)
        pthread_join(loop->thread, NULL);
    if (loop->session)
        session_withdraw(loop->session); /* first of all: the next one may lead at once */
    mirror_stop(loop->mirror);           /* it calls the session */
    session_destroy(loop->session);
    allocator_destroy(loop->allocator);
    solver_destroy(loop->solver);
    executor_destroy(loop->executor);
    state_unref(loop->newest);
    solution_unref(loop->solution);
    pthread_cond_destroy(&loop->changed);
    pthread_mutex_destroy(&loop->publishing);
    pthread_mutex_destroy(&loop->mutex);
    free(loop->actor_key);
    free(loop->settings_key);
    free(loop->rounds_prefix);
    round_writer_release(&loop->writer);
    free(loop);
}

int loop_update(struct loop *loop, struct span value)
{
    return session_update(loop->session, value);
}

void loop_status(struct loop *loop, struct loop_status *ret)
{
    bool following = mirror_is_following(loop->mirror);
    int64_t current_ms = mirror_current_ms(loop->mirror);
    struct allocator_term term = session_term(loop->session);
    pthread_mutex_lock(&loop->mutex);
    *ret = (struct loop_status){
        .store_reachable = following,
        .running = !loop->stopping,
        .leading = loop->newest && state_is_leader(loop->newest),
        .refused = loop->refused,
        .current_monotonic_ms = current_ms,
        .term = term,
        .failed_passes = loop->status.failed_passes,
        .allocator = loop->status,
    };
    pthread_mutex_unlock(&loop->mutex);
}

int64_t loop_overdue_ms(struct loop *loop, const char **ret_thread)
{
    struct progress *threads[] = {&loop->progress, mirror_progress(loop->mirror),
                                  session_progress(loop->session)};
    int64_t longest_ms = 0;
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        int64_t overdue_ms = progress_overdue_ms(threads[i]);
        if (overdue_ms > longest_ms) {
            longest_ms = overdue_ms;
            *ret_thread = threads[i]->name;
        }
    }
    return longest_ms;
}

const struct loop_metrics *loop_metrics(const struct loop *loop)
{
    return &loop->metrics;
}
