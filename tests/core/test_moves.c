/* What happens to a cluster over time, decided by each of the two solvers: that the optimal one
 * moves no more, and places as many replicas as there is room for. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/plan.h"
#include "tests/support/instance_builder.h"

/* One cluster, as one solver has made it. */
struct story {
    enum solver_kind solver;
    struct state *state;
    int64_t moves; /* replicas that were added */
    uint64_t seed;
};

/* Lets the loop come to its end after @events: then all is assigned that was decided to be. */
static void happen(struct story *story, const struct store_event *events, size_t count)
{
    const struct plan_config config = {
        .gone_members_are_inconsistent = true,
        .consistent_value = SPAN(BUILDER_CONSISTENT),
        .max_rounds = 10000,
        .solver = story->solver,
    };
    struct plan *plan = NULL;
    cr_assert_eq(plan_make(&config, story->state, events, count, &plan), 0);
    cr_assert(plan->converged, "seed %" PRIu64, story->seed);
    story->moves += plan->counts[PLAN_ADD];
    int64_t held = 0;
    for (int32_t m = 0; m < plan->after->member_count; m++)
        held += plan->after->total_count[m];
    cr_assert_eq(held, plan->levels_after.assigned, "seed %" PRIu64, story->seed);
    state_unref(story->state);
    story->state = state_ref(plan->after);
    plan_destroy(plan);
}

/* Puts @value at @key, or deletes it if that is NULL, and lets the loop come to its end. */
static void change(struct story *story, const char *key, const char *value)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%s/%s", BUILDER_ROOT, key);
    struct store_event event = {.kind = value ? STORE_EVENT_PUT : STORE_EVENT_DELETE,
                                .kv = {.key = span_of(text), .value = span_of(value ? value : "")}};
    happen(story, &event, 1);
}

enum { ZONES = 3, MOST_MEMBERS = 18 };

/* What both stories are made of. */
struct script {
    struct random random;
    int32_t members; /* numbered from 0, in turn in each zone; some are not there */
    bool present[MOST_MEMBERS];
    int32_t limit;
    int32_t items;
};

static void member_key(char key[32], int32_t member)
{
    (void)snprintf(key, 32, "members/z%d#m%03d", (int)(member % ZONES), (int)member);
}

static void put_member(struct script *script, struct story *story, int32_t member, const char *what)
{
    char key[32];
    char value[32];
    member_key(key, member);
    (void)snprintf(value, sizeof value, "%d%s", (int)script->limit, what);
    change(story, key, value);
}

static void delete_member(struct story *story, int32_t member)
{
    char key[32];
    member_key(key, member);
    change(story, key, NULL);
}

static void drain_member(struct script *script, struct story *story, int32_t member)
{
    put_member(script, story, member, " exiting");
    delete_member(story, member);
}

static void deploy(struct script *script, struct story *story)
{
    for (int32_t member = 0; member < script->members; member++) {
        if (!script->present[member])
            continue;
        drain_member(script, story, member);
        put_member(script, story, member, "");
    }
}

static void lose_zone(struct script *script, struct story *story)
{
    int32_t zone = (int32_t)random_below(&script->random, ZONES);
    for (int pass = 0; pass < 2; pass++)
        for (int32_t member = zone; member < script->members; member += ZONES) {
            if (script->present[member] && pass == 0)
                delete_member(story, member);
            else if (script->present[member])
                put_member(script, story, member, "");
        }
}

static void put_items(struct script *script, struct story *story, int32_t count)
{
    char keys[64][32];
    char values[64][8];
    struct store_event events[64];
    for (int32_t i = 0; i < count; i++) {
        (void)snprintf(keys[i], 32, BUILDER_ROOT "/items/i%05d", (int)script->items++);
        (void)snprintf(values[i], 8, "%d", (int)(1 + random_below(&script->random, 3)));
        events[i] = (struct store_event){
            .kind = STORE_EVENT_PUT, .kv = {.key = span_of(keys[i]), .value = span_of(values[i])}};
    }
    happen(story, events, (size_t)count);
}

static void grow(struct script *script, struct story *story)
{
    if (script->members < MOST_MEMBERS) {
        script->present[script->members] = true;
        put_member(script, story, script->members++, "");
    }
    put_items(script, story, 5);
}

static void shrink(struct script *script, struct story *story)
{
    int32_t member = (int32_t)random_below(&script->random, (uint64_t)script->members);
    char key[32];
    if (script->present[member])
        drain_member(script, story, member);
    script->present[member] = false;
    (void)snprintf(key, 32, "items/i%05d",
                   (int)random_below(&script->random, (uint64_t)script->items));
    change(story, key, NULL);
}

static void begin(struct script *script, struct story *story, uint64_t seed)
{
    static const int32_t slacks[] = {100, 105, 130, 200};
    *script = (struct script){.random = {.state = seed}, .members = 9};
    int32_t items = 40 + (int32_t)random_below(&script->random, 24);
    int32_t slack = slacks[random_below(&script->random, 4)];
    script->limit = (items * 2 * slack / 100 + 8) / 9;
    story->state = builder_observe(builder_keyspace(NULL, 0, false));
    for (int32_t member = 0; member < script->members; member++) {
        script->present[member] = true;
        put_member(script, story, member, "");
    }
    put_items(script, story, items);
}

static struct story tell(enum solver_kind solver, uint64_t seed)
{
    struct story story = {.solver = solver, .seed = seed};
    struct script script;
    begin(&script, &story, seed);
    for (int i = 0; i < 6; i++) {
        switch (random_below(&script.random, 4)) {
        case 0:
            deploy(&script, &story);
            break;
        case 1:
            lose_zone(&script, &story);
            break;
        case 2:
            grow(&script, &story);
            break;
        default:
            shrink(&script, &story);
        }
    }
    return story;
}

/* Rolling deploys, zones that are lost and come back, growth and shrinkage, at all loads. */
Test(moves, are_no_more_than_the_references)
{
    int64_t optimal_moves = 0;
    int64_t reference_moves = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct story optimal = tell(SOLVER_OPTIMAL, seed);
        struct story reference = tell(SOLVER_REFERENCE, seed);
        cr_assert_leq(optimal.moves, reference.moves, "seed %" PRIu64, seed);
        optimal_moves += optimal.moves;
        reference_moves += reference.moves;
        state_unref(optimal.state);
        state_unref(reference.state);
    }
    cr_log_info("%" PRId64 " against %" PRId64, optimal_moves, reference_moves);
    cr_assert_lt(optimal_moves, reference_moves);
}
