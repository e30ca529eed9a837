#include "core/simulation.h"

#include <stdlib.h>

#include "core/pass.h"

struct simulation {
    const struct simulation_config *config;
    struct keyspace *keyspace;
    struct state *state; /* of keyspace */
    struct solver *solver;
    struct solution *solution; /* the last one */
    struct store_event *events;
    size_t event_capacity;
    struct simulation_result result;
};

static int reserve_events(struct simulation *simulation, size_t count)
{
    if (count <= simulation->event_capacity)
        return 0;
    struct store_event *events = realloc(simulation->events, count * sizeof *events);
    if (!events)
        return ALLOT_ENOMEM;
    simulation->events = events;
    simulation->event_capacity = count;
    return 0;
}

static int observe(struct simulation *simulation)
{
    struct span root = keyspace_root(simulation->keyspace);
    size_t size = keys_max_size(root, (struct span){0}, (struct span){0}, (struct span){0});
    char *buffer = malloc(size);
    if (!buffer)
        return ALLOT_ENOMEM;
    struct state_config config = {.candidates = keys_members_prefix(root, buffer, size),
                                  .gone_members_are_inconsistent =
                                      simulation->config->gone_members_are_inconsistent,
                                  .balance_tolerance = simulation->config->balance_tolerance};
    struct state *state = NULL;
    int error = state_follow(&config, simulation->state, simulation->keyspace, &state);
    free(buffer);
    if (error)
        return error;
    state_unref(simulation->state);
    simulation->state = state;
    return 0;
}

/* The event that putting @value at @key under @lease makes at the next revision. */
static struct store_event put_event(const struct simulation *simulation, struct span key,
                                    struct span value, int64_t lease)
{
    const struct entry *former = keyspace_find(simulation->keyspace, key);
    int64_t revision = keyspace_revision(simulation->keyspace) + 1;
    return (struct store_event){
        .kind = STORE_EVENT_PUT,
        .kv = {.key = key,
               .value = value,
               .create_revision = former ? former->create_revision : revision,
               .mod_revision = revision,
               .version = former ? former->version + 1 : 1,
               .lease = lease},
    };
}

static int apply_events(struct simulation *simulation, size_t count)
{
    struct keyspace *keyspace = NULL;
    struct store_watch_response response = {
        .cluster_id = keyspace_cluster_id(simulation->keyspace),
        .revision = keyspace_revision(simulation->keyspace) + 1,
        .events = simulation->events,
        .event_count = count,
    };
    int error = keyspace_apply(simulation->keyspace, &response, 1, &keyspace);
    if (error)
        return error;
    keyspace_unref(simulation->keyspace);
    simulation->keyspace = keyspace;
    return 0;
}

/* Nobody else writes, so every check holds. */
static int execute(struct simulation *simulation, const struct store_txn *txn)
{
    int error = reserve_events(simulation, txn->success_count);
    for (size_t i = 0; !error && i < txn->success_count; i++) {
        const struct store_op *op = &txn->success[i];
        if (simulation->config->on_operation)
            simulation->config->on_operation(simulation->config->context, op->kind, op->keys.key);
        if (op->kind == STORE_OP_PUT)
            simulation->events[i] = put_event(simulation, op->keys.key, op->value, op->lease);
        else
            simulation->events[i] = (struct store_event){
                .kind = STORE_EVENT_DELETE,
                .kv = {.key = op->keys.key,
                       .mod_revision = keyspace_revision(simulation->keyspace) + 1}};
    }
    return error ? error : apply_events(simulation, txn->success_count);
}

static int run_pass(struct simulation *simulation, struct simulation_round *round)
{
    const struct entry *leader = simulation->state->leader;
    struct pass_options options = {.fence = leader ? leader->key : (struct span){0},
                                   .fence_revision = leader ? leader->mod_revision : 0};
    struct pass *pass = NULL;
    int error = pass_create(&options, simulation->state, simulation->solution, &pass);
    const struct store_txn *txn = NULL;
    while (!error && (error = pass_next(pass, &txn)) == 0 && txn) {
        error = execute(simulation, txn);
        pass_done(pass, true);
    }
    if (!error) {
        struct pass_summary summary = pass_summary(pass);
        round->idle = summary.transactions == 0;
        simulation->result.additions += summary.additions;
        simulation->result.removals += summary.removals;
        simulation->result.packings += summary.promotions + summary.packings;
        simulation->result.transactions += summary.transactions;
    }
    pass_destroy(pass);
    return error;
}

/* Whether it is for want of its member alone that assignment @a is not consistent. */
static bool is_given_up(const struct simulation *simulation, int32_t a)
{
    return simulation->config->gone_members_are_inconsistent &&
           simulation->state->assignment_member[a] == STATE_NONE;
}

/* Marks every assignment consistent that isn't yet, in one revision. One that is marked already may
 * be waiting for others of its item. */
static int mark_consistent(struct simulation *simulation, int64_t *ret_marked)
{
    const struct state *state = simulation->state;
    size_t count = 0;
    bool waiting = false;
    int error = reserve_events(simulation, (size_t)state->assignment_count + 1);
    for (int32_t a = 0; !error && a < state->assignment_count; a++) {
        const struct entry *entry = state->assignments[a];
        if (state->consistent[a] || state->assignment_item[a] == STATE_NONE ||
            is_given_up(simulation, a))
            continue;
        if (span_equal(state_report(state, a), simulation->config->consistent_value))
            waiting = true;
        else
            simulation->events[count++] = put_event(
                simulation, entry->key, simulation->config->consistent_value, entry->lease);
    }
    if (!error && count > 0)
        error = apply_events(simulation, count);
    else if (!error && waiting && !simulation->config->gone_members_are_inconsistent)
        error = ALLOT_EVALUE;
    if (!error)
        *ret_marked = (int64_t)count;
    return error;
}

static int solve(struct simulation *simulation, struct simulation_round *round)
{
    if (solution_fits(simulation->solution, simulation->state))
        return 0;
    struct solution *solution = NULL;
    int error = solver_answer(simulation->solver, simulation->state, &solution);
    if (!error)
        error = levels_measure(simulation->state, solution, &simulation->result.levels);
    if (error) {
        solution_unref(solution);
        return error;
    }
    solution_unref(simulation->solution);
    simulation->solution = solution;
    simulation->result.unattainable = solution->unattainable;
    round->solved = true;
    return 0;
}

static int run_round(struct simulation *simulation)
{
    struct simulation_round round = {0};
    int error = observe(simulation);
    if (!error)
        error = solve(simulation, &round);
    if (!error)
        error = run_pass(simulation, &round);
    if (!error && round.idle)
        error = mark_consistent(simulation, &round.marked);
    if (error)
        return error;
    simulation->result.rounds++;
    simulation->result.idle = round.idle && round.marked == 0;
    if (simulation->config->on_round)
        simulation->config->on_round(simulation->config->context, &round);
    return 0;
}

int simulation_run(const struct simulation_config *config, struct keyspace *keyspace,
                   struct simulation_result *ret)
{
    struct simulation simulation = {.config = config, .keyspace = keyspace_ref(keyspace)};
    int error = solver_create(config->solver, config->executor, &simulation.solver);
    while (!error && !simulation.result.idle && simulation.result.rounds < config->max_rounds)
        error = config->cancelled && atomic_load(config->cancelled) ? ALLOT_ECANCELED
                                                                    : run_round(&simulation);
    if (!error) {
        *ret = simulation.result;
        ret->keyspace = keyspace_ref(simulation.keyspace);
    }
    solver_destroy(simulation.solver);
    solution_unref(simulation.solution);
    state_unref(simulation.state);
    keyspace_unref(simulation.keyspace);
    free(simulation.events);
    return error;
}
