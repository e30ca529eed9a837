/* The optimal solver over states that follow each other: that its answers are those from nothing,
 * whatever has changed. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/levels.h"
#include "core/optimal_solver.h"
#include "core/placement_follow.h"
#include "tests/support/array.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/instance_builder.h"

enum { MOST_EVENTS = 64, TEXT_SIZE = 64 };

struct events {
    struct store_event events[MOST_EVENTS];
    char keys[MOST_EVENTS][TEXT_SIZE];
    char values[MOST_EVENTS][TEXT_SIZE];
    size_t count;
};

static char *add(struct events *events, bool put)
{
    size_t i = events->count++;
    cr_assert_lt(i, MOST_EVENTS);
    events->events[i].kind = put ? STORE_EVENT_PUT : STORE_EVENT_DELETE;
    return events->keys[i];
}

static void set_value(struct events *events, const char *text, int32_t number)
{
    (void)snprintf(events->values[events->count - 1], TEXT_SIZE, "%d%s", (int)number, text);
}

static int32_t below(struct random *random, int32_t limit)
{
    return limit > 0 ? (int32_t)random_below(random, (uint64_t)limit) : 0;
}

static void change_item(struct events *events, struct random *random, int32_t most_replication)
{
    bool put = below(random, 3) > 0;
    (void)snprintf(add(events, put), TEXT_SIZE, BUILDER_ROOT "/items/i%05d",
                   (int)below(random, 45));
    if (put)
        set_value(events, below(random, 20) ? "" : " bad", below(random, most_replication + 1));
}

/* Of a member that is there. */
static const struct key_parts *some_member(const struct state *state, struct random *random)
{
    return &state->members[below(random, state->member_count)]->parts;
}

static void change_member(const struct state *state, struct events *events, struct random *random)
{
    if (state->member_count == 0 || below(random, 8) == 0) {
        int32_t member = below(random, 14);
        bool put = below(random, 2);
        (void)snprintf(add(events, put), TEXT_SIZE, BUILDER_ROOT "/members/z%d#m%03d",
                       (int)(member % 4), (int)member);
        set_value(events, "", below(random, 20));
        return;
    }
    const struct key_parts *parts = some_member(state, random);
    (void)snprintf(add(events, true), TEXT_SIZE, BUILDER_ROOT "/members/%.*s#%.*s",
                   (int)parts->zone.size, parts->zone.data, (int)parts->suffix.size,
                   parts->suffix.data);
    set_value(events, below(random, 3) ? "" : " exiting", below(random, 20));
}

static void change_assignment(const struct state *state, struct events *events,
                              struct random *random)
{
    if (state->assignment_count > 0 && below(random, 2)) {
        const struct span key = state->assignments[below(random, state->assignment_count)]->key;
        bool put = below(random, 3) == 0;
        (void)snprintf(add(events, put), TEXT_SIZE, "%.*s", (int)key.size, key.data);
        (void)snprintf(events->values[events->count - 1], TEXT_SIZE, BUILDER_CONSISTENT);
    } else if (state->member_count > 0) {
        const struct key_parts *parts = some_member(state, random);
        (void)snprintf(add(events, true), TEXT_SIZE, BUILDER_ROOT "/assign/i%05d#%.*s#%.*s#%d",
                       (int)below(random, 45), (int)parts->zone.size, parts->zone.data,
                       (int)parts->suffix.size, parts->suffix.data, (int)below(random, 3));
    }
}

/* What the solution wants of some item comes to be. */
static void adopt(const struct state *state, const struct solution *solution, struct events *events,
                  struct random *random)
{
    if (state->item_count == 0)
        return;
    int32_t item = below(random, state->item_count);
    const struct span id = state->items[item]->parts.item;
    const struct desired desired = solution_desired(solution, item);
    for (int32_t d = 0; d < desired.count; d++) {
        const struct key_parts *parts = &state->members[desired.members[d]]->parts;
        (void)snprintf(add(events, true), TEXT_SIZE, BUILDER_ROOT "/assign/%.*s#%.*s#%.*s#9",
                       (int)id.size, id.data, (int)parts->zone.size, parts->zone.data,
                       (int)parts->suffix.size, parts->suffix.data);
    }
}

static struct keyspace *apply(struct keyspace *keyspace, struct events *events)
{
    struct keyspace *changed = NULL;
    int64_t revision = keyspace_revision(keyspace) + 1;
    for (size_t i = 0; i < events->count; i++)
        events->events[i].kv = (struct store_kv){.key = span_of(events->keys[i]),
                                                 .value = span_of(events->values[i]),
                                                 .create_revision = revision,
                                                 .mod_revision = revision,
                                                 .version = 1};
    struct store_watch_response response = {.cluster_id = keyspace_cluster_id(keyspace),
                                            .revision = revision,
                                            .events = events->events,
                                            .event_count = events->count};
    cr_assert_eq(keyspace_apply(keyspace, &response, 1, &changed), 0);
    return changed;
}

static struct state *change(const struct state *state, const struct solution *solution,
                            struct random *random)
{
    struct events *events = array_create(1, sizeof *events);
    int32_t count = 1 + below(random, 4);
    for (int32_t i = 0; i < count; i++)
        switch (below(random, 5)) {
        case 0:
            change_item(events, random, 5);
            break;
        case 1:
            change_member(state, events, random);
            break;
        case 2:
            adopt(state, solution, events, random);
            break;
        default:
            change_assignment(state, events, random);
        }
    struct state *changed = builder_observe(apply(state->keyspace, events));
    changed->balance_tolerance = state->balance_tolerance;
    free(events);
    return changed;
}

static void expect_equal(const struct solution *a, const struct solution *b, uint64_t seed)
{
    cr_assert_eq(a->item_count, b->item_count);
    for (int32_t item = 0; item < a->item_count; item++) {
        struct desired one = solution_desired(a, item);
        struct desired other = solution_desired(b, item);
        cr_assert_eq(one.count, other.count, "seed %" PRIu64 ", item %d", seed, (int)item);
        for (int32_t i = 0; i < one.count; i++)
            cr_assert_eq(one.members[i], other.members[i], "seed %" PRIu64 ", item %d", seed,
                         (int)item);
    }
}

/* The very answer, so that a plan, another server, and one that has just started agree with it. */
static void expect_as_from_nothing(const struct state *state, const struct solution *solution,
                                   uint64_t seed)
{
    struct certificate_verdict verdict;
    struct solution *anew = NULL;
    cr_assert_eq(certificate_check(state, solution, &verdict), 0);
    cr_assert_eq(verdict.fault, CERTIFICATE_VALID, "seed %" PRIu64 ": %s", seed,
                 certificate_fault_texts[verdict.fault]);
    cr_assert_eq(optimal_solver_solve(state, &anew), 0);
    expect_equal(solution, anew, seed);
    solution_unref(anew);
}

static struct state *first_state(struct random *random, uint64_t seed)
{
    struct builder_knobs knobs = builder_random_knobs(random);
    knobs.capacity_percent = 60 + below(random, 100);
    struct state *state = builder_observe(builder_random(&knobs, seed, true));
    state->balance_tolerance = seed % 3 ? 0 : below(random, 100);
    return state;
}

Test(placement_follow, answers_as_from_nothing)
{
    struct random random = {.state = 8};
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct state *state = first_state(&random, seed);
        struct optimal_solver *solver = NULL;
        struct solution *solution = NULL;
        cr_assert_eq(optimal_solver_create(&solver), 0);
        cr_assert_eq(optimal_solver_answer(solver, state, &solution), 0);
        for (int step = 0; step < 40; step++) {
            struct state *next = change(state, solution, &random);
            state_unref(state);
            solution_unref(solution);
            state = next;
            cr_assert_eq(optimal_solver_answer(solver, state, &solution), 0);
            expect_as_from_nothing(state, solution, seed);
        }
        optimal_solver_destroy(solver);
        solution_unref(solution);
        state_unref(state);
    }
}

/* --- by itself --- */

/* Of current assignments only, as many as cost nothing, and the open items those that lack some. */
static void check_placement(const struct placement *placement, uint64_t seed)
{
    const struct state *state = placement->state;
    int32_t open = 0;
    int32_t loose = 0;
    int32_t *load = array_create((size_t)state->member_count, sizeof *load);
    for (int32_t item = 0; item < state->item_count; item++) {
        int32_t bound = levels_zone_bound(state, state->replication[item]);
        int32_t in_zone[8] = {0};
        cr_assert_leq(placement->placed[item], state->replication[item], "seed %" PRIu64, seed);
        for (int32_t i = 0; i < placement->placed[item]; i++) {
            int32_t slot = placement->begin[item] + i;
            int32_t member = placement->member[slot];
            cr_assert(placement->kept[slot], "seed %" PRIu64, seed);
            cr_assert(placement_is_current(placement, item, member), "seed %" PRIu64, seed);
            cr_assert(!placement->listed || placement->item[slot] == item, "seed %" PRIu64, seed);
            cr_assert_leq(++in_zone[state->member_zone[member]], bound, "seed %" PRIu64, seed);
            load[member]++;
        }
        loose += placement->loose[item];
        if (placement_missing(placement, item) > 0)
            cr_assert_eq(placement->open[open++], item, "seed %" PRIu64, seed);
    }
    cr_assert_eq(placement->open_count, open, "seed %" PRIu64, seed);
    cr_assert_eq(placement->loose_count, loose, "seed %" PRIu64, seed);
    cr_assert_eq(placement->new_count, 0, "seed %" PRIu64, seed);
    for (int32_t m = 0; m < state->member_count; m++) {
        cr_assert_eq(placement->load[m], load[m], "seed %" PRIu64, seed);
        cr_assert_leq(load[m], levels_load_bound(state, m), "seed %" PRIu64, seed);
    }
    free(load);
}

Test(placement_follow, keeps_what_costs_nothing)
{
    struct random random = {.state = 9};
    int followed = 0;
    int steps = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct state *state = first_state(&random, seed);
        struct placement placement;
        cr_assert_eq(placement_init(&placement, state), 0);
        if (seed % 2)
            cr_assert_eq(placement_list(&placement), 0);
        for (int step = 0; step < 40; step++, steps++) {
            struct solution *solution = NULL;
            struct placement_shifts shifts;
            bool follows;
            cr_assert_eq(optimal_solver_solve(state, &solution), 0);
            struct state *next = change(state, solution, &random);
            cr_assert_eq(placement_follow(&placement, next, &shifts, &follows), 0);
            if (!follows) {
                placement_release(&placement);
                cr_assert_eq(placement_init(&placement, next), 0);
            }
            check_placement(&placement, seed);
            followed += follows;
            solution_unref(solution);
            state_unref(state);
            state = next;
        }
        placement_release(&placement);
        state_unref(state);
    }
    cr_log_info("%d of %d followed", followed, steps);
    cr_assert_gt(followed, steps / 2);
}

/* --- failures --- */

Test(placement_follow, survives_every_allocation_failure)
{
    struct random random = {.state = 10};
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct state *state = first_state(&random, seed);
        struct solution *solution = NULL;
        cr_assert_eq(optimal_solver_solve(state, &solution), 0);
        struct state *next = change(state, solution, &random);
        solution_unref(solution);
        int error = ALLOT_ENOMEM;
        for (long nth = 1; error; nth++) {
            struct optimal_solver *solver = NULL;
            struct solution *first = NULL;
            struct solution *second = NULL;
            fail_alloc_set(nth);
            error = optimal_solver_create(&solver);
            if (!error)
                error = optimal_solver_answer(solver, state, &first);
            if (!error)
                error = optimal_solver_answer(solver, next, &second);
            cr_assert_eq(error == 0, fail_alloc_count() < nth);
            fail_alloc_set(0);
            cr_assert(error == 0 || error == ALLOT_ENOMEM);
            if (solver && error) { /* it has forgotten all, and goes on */
                solution_unref(second);
                cr_assert_eq(optimal_solver_answer(solver, next, &second), 0);
            }
            if (second)
                expect_as_from_nothing(next, second, seed);
            solution_unref(first);
            solution_unref(second);
            optimal_solver_destroy(solver);
            cr_assert_lt(nth, 300);
        }
        state_unref(next);
        state_unref(state);
    }
}
