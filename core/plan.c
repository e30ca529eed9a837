#include "core/plan.h"

#include <stdlib.h>
#include <string.h>

const char *const plan_operation_names[] = {"add", "remove", "promote", "pack", NULL};

/* A move whose key lies in the text, which may still grow. */
struct noted_move {
    enum plan_operation operation;
    int64_t round;
    size_t begin;
    size_t size;
};

/* The plan, and what only its making needs. */
struct making {
    struct plan plan;
    const struct plan_config *config;
    struct noted_move *noted;
    size_t noted_count, noted_capacity;
    char *text; /* the keys of the moves */
    size_t text_size, text_capacity;
    /* A deletion, of which the next operation tells whether it is a move to another slot. */
    char *deleted;
    size_t deleted_size, deleted_capacity;
    bool has_deleted;
    int error;
};

/* Makes room for @size bytes in *@array; false (and `error`) when memory has run out. */
static bool reserve(struct making *making, void *array, size_t *capacity, size_t size)
{
    if (making->error || size <= *capacity)
        return !making->error;
    size_t more = 2 * size;
    void *grown = realloc(*(void **)array, more);
    if (!grown) {
        making->error = ALLOT_ENOMEM;
        return false;
    }
    *(void **)array = grown;
    *capacity = more;
    return true;
}

static struct span root_of(const struct making *making)
{
    return keyspace_root(making->plan.before->keyspace);
}

/* --- what the simulation tells --- */

static void note(struct making *making, enum plan_operation operation, struct span key)
{
    making->plan.counts[operation]++;
    if (making->noted_count >= making->config->max_moves)
        return;
    if (!reserve(making, &making->noted, &making->noted_capacity,
                 (making->noted_count + 1) * sizeof *making->noted) ||
        !reserve(making, &making->text, &making->text_capacity, making->text_size + key.size))
        return;
    memcpy(making->text + making->text_size, key.data, key.size);
    making->noted[making->noted_count++] =
        (struct noted_move){operation, making->plan.rounds + 1, making->text_size, key.size};
    making->text_size += key.size;
}

static void note_deleted(struct making *making)
{
    if (making->has_deleted)
        note(making, PLAN_REMOVE, (struct span){making->deleted, making->deleted_size});
    making->has_deleted = false;
}

static void keep_deleted(struct making *making, struct span key)
{
    if (!reserve(making, &making->deleted, &making->deleted_capacity, key.size))
        return;
    memcpy(making->deleted, key.data, key.size);
    making->deleted_size = key.size;
    making->has_deleted = true;
}

/* Whether the last deletion and a put at @key move a replica from one slot to another. */
static bool is_move(const struct making *making, struct span key, struct key_parts *parts)
{
    struct key_parts former;
    struct span deleted = {making->deleted, making->deleted_size};
    return keys_parse(root_of(making), key, parts) == 0 && making->has_deleted &&
           keys_parse(root_of(making), deleted, &former) == 0 &&
           keys_compare_assignments(&former, parts) == 0;
}

static void on_operation(void *context, enum store_op_kind kind, struct span key)
{
    struct making *making = context;
    struct key_parts parts = {.slot = -1};
    if (kind != STORE_OP_PUT) {
        note_deleted(making);
        keep_deleted(making, key);
    } else if (is_move(making, key, &parts)) {
        making->has_deleted = false;
        note(making, parts.slot == 0 ? PLAN_PROMOTE : PLAN_PACK, key);
    } else {
        note_deleted(making);
        note(making, PLAN_ADD, key);
    }
}

static void on_round(void *context, const struct simulation_round *round)
{
    struct making *making = context;
    (void)round;
    note_deleted(making);
    making->plan.rounds++;
}

/* --- from keyspace to keyspace --- */

/* The keys as they'd be after the changes. */
static int change(struct keyspace *former, const struct store_event *events, size_t count,
                  struct keyspace **ret)
{
    int64_t revision = keyspace_revision(former) + 1;
    if (count == 0) {
        *ret = keyspace_ref(former);
        return 0;
    }
    struct store_event *made = calloc(count, sizeof *made);
    if (!made)
        return ALLOT_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = keyspace_find(former, events[i].kv.key);
        made[i] = events[i];
        made[i].kv.create_revision = entry ? entry->create_revision : revision;
        made[i].kv.mod_revision = revision;
        made[i].kv.version = entry ? entry->version + 1 : 1;
    }
    struct store_watch_response response = {.cluster_id = keyspace_cluster_id(former),
                                            .revision = revision,
                                            .events = made,
                                            .event_count = count};
    int error = keyspace_apply(former, &response, 1, ret);
    free(made);
    return error;
}

static int observe_after(struct making *making, struct keyspace *keyspace)
{
    struct state_config config = {
        .gone_members_are_inconsistent = making->config->gone_members_are_inconsistent,
        .balance_tolerance = making->plan.before->balance_tolerance,
    };
    return state_observe(&config, keyspace, &making->plan.after);
}

static int run(struct making *making, struct keyspace *changed)
{
    const struct plan_config *config = making->config;
    struct simulation_config simulation = {
        .max_rounds = config->max_rounds,
        .gone_members_are_inconsistent = config->gone_members_are_inconsistent,
        .consistent_value = config->consistent_value,
        .balance_tolerance = making->plan.before->balance_tolerance,
        .solver = config->solver,
        .executor = config->executor,
        .cancelled = config->cancelled,
        .on_operation = on_operation,
        .on_round = on_round,
        .context = making,
    };
    struct simulation_result result;
    int error = simulation_run(&simulation, changed, &result);
    if (error)
        return error;
    making->plan.converged = result.idle;
    making->plan.unattainable_after = result.unattainable;
    making->plan.levels_after = result.levels;
    error = observe_after(making, result.keyspace);
    keyspace_unref(result.keyspace);
    return error ? error : making->error;
}

static int solve_before(struct making *making)
{
    const struct plan_config *config = making->config;
    struct plan *plan = &making->plan;
    struct solution *solution = NULL;
    int error = solver_solve(config->solver, plan->before, config->executor, &solution);
    if (!error)
        error = levels_measure(plan->before, solution, &plan->levels_before);
    if (!error)
        plan->unattainable_before = solution->unattainable;
    solution_unref(solution);
    return error;
}

/* Turns what was noted into the plan's moves, now that the text stays where it is. */
static int finish_moves(struct making *making)
{
    struct plan *plan = &making->plan;
    plan->moves = calloc(making->noted_count + 1, sizeof *plan->moves);
    if (!plan->moves)
        return ALLOT_ENOMEM;
    for (size_t i = 0; i < making->noted_count; i++) {
        const struct noted_move *noted = &making->noted[i];
        struct plan_move *move = &plan->moves[plan->move_count];
        struct span key = {making->text + noted->begin, noted->size};
        *move = (struct plan_move){.operation = noted->operation, .round = noted->round};
        /* What does not parse is the key of no assignment: it was removed as one that names
         * nobody. */
        plan->move_count += keys_parse(root_of(making), key, &move->parts) == 0;
    }
    return 0;
}

int plan_make(const struct plan_config *config, struct state *before,
              const struct store_event *events, size_t event_count, struct plan **ret)
{
    struct making *making = calloc(1, sizeof *making);
    if (!making)
        return ALLOT_ENOMEM;
    making->config = config;
    making->plan.before = state_ref(before);
    struct keyspace *changed = NULL;
    int error = solve_before(making);
    if (!error)
        error = change(before->keyspace, events, event_count, &changed);
    if (!error)
        error = run(making, changed);
    if (!error)
        error = finish_moves(making);
    keyspace_unref(changed);
    if (error)
        plan_destroy(&making->plan);
    else
        *ret = &making->plan;
    return error;
}

void plan_destroy(struct plan *plan)
{
    if (!plan)
        return;
    struct making *making = (struct making *)plan; /* its first field */
    state_unref(plan->before);
    state_unref(plan->after);
    free(plan->moves);
    free(making->noted);
    free(making->text);
    free(making->deleted);
    free(making);
}
