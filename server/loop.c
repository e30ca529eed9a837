#include "server/loop_internal.h"

#include <stdlib.h>
#include <string.h>

#include "api/root_format.h"
#include "server/clock.h"
#include "server/executor.h"
#include "server/log.h"

#define ROUNDS "/rounds/"

static const char displaced[] =
    "another server of this root has the same --instance: give each a name of its own";

/* --- publishing --- */

int loop_publish(struct loop *loop)
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

/* Whether our key stands as we put it: it can be a former run's, or another process's. */
static bool is_announced(const struct state *state, struct allocator_term term)
{
    return state->own && state->own->lease == term.lease;
}

static bool leads(const struct state *state, struct allocator_term term)
{
    return state_is_leader(state) && is_announced(state, term);
}

static void report_refusal(const struct loop *loop, const char *why)
{
    log_write(LOG_ERROR, "this root is not ours to lead",
              LOG_FIELDS(log_text("why", why), log_span("instance", loop->candidate->instance),
                         log_span("root", loop->config.root)));
}

/* Has our key announced if it isn't ours: it isn't yet, or is a former run's, or somebody has
 * interfered. Has it taken back where another kind was there before it. */
static void announce(struct loop *loop, const struct state *state)
{
    bool stands = is_announced(state, session_term(loop->session));
    const char *fault = root_format_fault(state->keyspace);
    const char *exclusion = loop->candidate->fault ? loop->candidate->fault(state) : NULL;
    fault = fault ? fault : exclusion;
    if (exclusion && stands)
        session_retract(loop->session); /* first: who is refused doesn't lead */
    pthread_mutex_lock(&loop->mutex);
    bool newly_refused = fault && fault != loop->refused;
    loop->refused = fault;
    pthread_mutex_unlock(&loop->mutex);
    if (newly_refused)
        report_refusal(loop, fault);
    bool is_others = state->own && session_is_displaced(loop->session);
    if (!fault && !stands && !is_others)
        session_check(loop->session);
}

/* The state that a new one of @keyspace follows, with a reference; NULL: there is none, or the
 * store has gone back since, so that it is of another past. */
static struct state *former_of(struct loop *loop, const struct keyspace *keyspace)
{
    pthread_mutex_lock(&loop->mutex);
    struct state *former = loop->newest;
    if (former && (keyspace_cluster_id(former->keyspace) != keyspace_cluster_id(keyspace) ||
                   keyspace_revision(former->keyspace) > keyspace_revision(keyspace)))
        former = NULL;
    if (former)
        state_ref(former);
    pthread_mutex_unlock(&loop->mutex);
    return former;
}

static void report_lead(struct loop *loop, const struct state *state)
{
    bool is_leading = leads(state, session_term(loop->session));
    if (is_leading != loop->was_leading)
        log_write(LOG_INFO, is_leading ? "leads" : "leads no more",
                  LOG_FIELDS(log_span("instance", loop->candidate->instance),
                             log_integer("revision", state->revision)));
    loop->was_leading = is_leading;
}

static int on_applied(void *context, struct keyspace *keyspace)
{
    struct loop *loop = context;
    struct state_config config = {
        .candidates = loop->candidate->prefix,
        .candidate_user = loop->candidate->user,
        .own_key = loop->candidate->key,
        .local_member = loop->candidate->member,
        .gone_members_are_inconsistent = !loop->config.gone_members_count,
        .balance_tolerance = loop->config.balance_tolerance,
    };
    struct state *former = former_of(loop, keyspace);
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
    report_lead(loop, state);
    return loop_publish(loop);
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
    struct loop *loop = context;
    const char *why = NULL;
    if (error == ALLOT_EEXISTS && session_is_displaced(loop->session))
        why = displaced;
    else if (error == ALLOT_ELOCKED)
        why = "servers lead this root: end them, or have the member serve another";
    if (why)
        report_refusal(loop, why);
    else
        log_write(LOG_WARNING, "session",
                  LOG_FIELDS(log_text("cannot", what), log_text("error", allot_error_text(error))));
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
        .context = loop,
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
        error = loop_create_allocator(loop);
    if (!error)
        error = session_start(&session, &loop->session);
    if (!error)
        error = mirror_start(&mirror, &loop->mirror);
    if (!error && pthread_create(&loop->thread, NULL, loop_allocator_thread, loop) != 0)
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

void loop_withdraw(struct loop *loop)
{
    if (!loop)
        return;
    pthread_mutex_lock(&loop->mutex);
    loop->stopping = true;
    pthread_cond_signal(&loop->changed);
    pthread_mutex_unlock(&loop->mutex);
    if (loop->thread_started)
        pthread_join(loop->thread, NULL);
    loop->thread_started = false;
    if (loop->session)
        session_withdraw(loop->session);
}

void loop_stop(struct loop *loop)
{
    if (!loop)
        return;
    loop_withdraw(loop);       /* first of all: the next one may lead at once */
    mirror_stop(loop->mirror); /* it calls the session */
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

int loop_update(struct loop *loop, session_change *change, void *context)
{
    return session_update(loop->session, change, context);
}

void loop_status(struct loop *loop, struct loop_status *ret)
{
    bool following = mirror_is_following(loop->mirror);
    int64_t current_ms = mirror_current_ms(loop->mirror);
    struct allocator_term term = session_term(loop->session);
    bool is_displaced = session_is_displaced(loop->session);
    pthread_mutex_lock(&loop->mutex);
    *ret = (struct loop_status){
        .store_reachable = following,
        .running = !loop->stopping,
        .leading =
            loop->newest && leads(loop->newest, term) && term.until_ms > clock_monotonic_ms(),
        .refused = !loop->refused && is_displaced ? displaced : loop->refused,
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
