#include <criterion/criterion.h>
#include <stdio.h>

#include "server/item_moves.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/instance_builder.h"

enum { LIMIT = 2 };
static const int64_t MINUTE_MS = 60000;

static struct item_moves *moves;
static struct state *state; /* as it was followed last */
static int64_t now_ms;

static void setup(void)
{
    cr_assert_eq(item_moves_create(LIMIT, &moves), 0);
    now_ms = 1000000007;
}

static void teardown(void)
{
    state_unref(state);
    item_moves_destroy(moves);
}

TestSuite(item_moves, .init = setup, .fini = teardown);

/* Goes on to a state with these assignments, "i1#a#1#0 i1#a#2#1", and returns how many moves that
 * was. */
static int64_t go_on(const char *assignments)
{
    enum { MOST = 16 };
    static char names[MOST][64];
    static int64_t revision = 10;
    struct builder_key keys[MOST] = {{0}};
    size_t count = 0;
    int read = 0;
    for (; sscanf(assignments, " %40s%n", names[count] + 32, &read) == 1; assignments += read) {
        char name[64];
        (void)snprintf(name, sizeof name, "assign/%.40s", names[count] + 32);
        (void)snprintf(names[count], sizeof names[count], "%.60s", name);
        keys[count] = (struct builder_key)KEY(names[count], "ok");
        keys[count].create_revision = keys[count].mod_revision = revision;
        count++;
    }
    keys[count] = (struct builder_key)KEY("items/i1", "2");
    keys[count].create_revision = keys[count].mod_revision = revision++;
    struct state *next = builder_observe(builder_keyspace(keys, count + 1, false));
    int64_t before = item_moves_total(moves);
    if (state)
        item_moves_follow(moves, state, next, now_ms);
    state_unref(state);
    state = next;
    return item_moves_total(moves) - before;
}

Test(item_moves, are_new_members_of_items_that_had_some)
{
    go_on("");
    cr_expect_eq(go_on("i1#a#1#0 i1#a#2#1"), 0, "the first ones");
    cr_expect_eq(go_on("i1#a#1#1 i1#a#2#0"), 0, "other slots");
    cr_expect_eq(go_on("i1#a#1#1 i1#a#2#0 i1#b#1#2"), 1, "one more");
    cr_expect_eq(go_on("i1#a#2#0 i1#b#1#1"), 0, "one less");
    cr_expect_eq(go_on("i1#a#2#0 i1#b#2#1"), 1, "one for another");
    cr_expect_eq(go_on("i1#c#1#0 i1#c#2#1"), 2, "all are others");
    cr_expect_eq(go_on(""), 0, "none is left");
    cr_expect_eq(go_on("i1#a#1#0"), 0, "the first again");
    cr_expect_eq(go_on("i1#a#1#0 i10#a#1#0"), 0, "the first of another");
}

/* Moves @item, which has one assignment, back and forth. */
static void move(const char *item, int times)
{
    char assignment[40];
    for (int i = 0; i <= times; i++) {
        (void)snprintf(assignment, sizeof assignment, "%s#a#%d#0", item, i);
        cr_assert_eq(go_on(assignment), i > 0);
    }
    go_on("");
}

Test(item_moves, thrash_beyond_the_limit)
{
    go_on("");
    move("i1", LIMIT);
    cr_expect_eq(item_moves_thrashing(moves, now_ms), 0);
    move("i2", LIMIT + 1);
    cr_expect_eq(item_moves_thrashing(moves, now_ms), 1);
    move("i1", 1);
    cr_expect_eq(item_moves_thrashing(moves, now_ms), 2);
    cr_expect_eq(item_moves_total(moves), 2 * LIMIT + 2);
}

Test(item_moves, are_forgotten_after_an_hour)
{
    go_on("");
    move("i1", LIMIT);
    now_ms += 30 * MINUTE_MS;
    move("i1", 1);
    cr_expect_eq(item_moves_thrashing(moves, now_ms), 1);
    cr_expect_eq(item_moves_thrashing(moves, now_ms + 24 * MINUTE_MS), 1);
    cr_expect_eq(item_moves_thrashing(moves, now_ms + 30 * MINUTE_MS), 0);
    now_ms += 30 * MINUTE_MS;
    move("i1", LIMIT - 1);
    cr_expect_eq(item_moves_thrashing(moves, now_ms), 0, "the first are forgotten, not the second");
    move("i1", 1);
    cr_expect_eq(item_moves_thrashing(moves, now_ms), 1);
    cr_expect_eq(item_moves_thrashing(moves, now_ms + 3000000000 * 60), 0, "long after");
}

Test(item_moves, count_many_within_a_moment)
{
    go_on("");
    move("i1", 1000);
    cr_expect_eq(item_moves_thrashing(moves, now_ms), 1);
    cr_expect_eq(item_moves_total(moves), 1000);
}

/* Items number @begin and up to @end, each with one assignment, to member @member. */
static struct state *many(int begin, int end, int member)
{
    static int64_t revision = 1000;
    size_t count = (size_t)(end - begin);
    char(*names)[64] = calloc(count, sizeof *names);
    struct builder_key *keys = calloc(count, sizeof *keys);
    cr_assert(names && keys);
    revision++;
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(names[i], sizeof *names, "assign/i%06d#a#%d#0", begin + (int)i, member);
        keys[i] = (struct builder_key){names[i], "ok", revision, revision, 0};
    }
    struct state *made = builder_observe(builder_keyspace(keys, count, false));
    free(keys);
    free(names);
    return made;
}

Test(item_moves, of_many_items_are_all_counted)
{
    static const int ITEMS = 5000;
    struct state *former = many(0, ITEMS, 0);
    for (int member = 1; member <= LIMIT + 1; member++) {
        struct state *next = many(0, ITEMS, member);
        item_moves_follow(moves, former, next, now_ms);
        state_unref(former);
        former = next;
        cr_expect_eq(item_moves_thrashing(moves, now_ms), member > LIMIT ? ITEMS : 0);
    }
    state_unref(former);
    cr_expect_eq(item_moves_total(moves), (int64_t)ITEMS * (LIMIT + 1));
    cr_expect_eq(item_moves_thrashing(moves, now_ms + 60 * MINUTE_MS), 0);
}

Test(item_moves, are_counted_in_all_without_memory)
{
    go_on("");
    go_on("i1#a#1#0");
    struct builder_key keys[] = {KEY("assign/i1#a#2#0", "ok")};
    struct state *next = BUILDER_STATE(keys);
    fail_alloc_set(1);
    item_moves_follow(moves, state, next, now_ms);
    fail_alloc_set(0);
    cr_expect_eq(item_moves_total(moves), 1);
    cr_expect_eq(item_moves_thrashing(moves, now_ms), 0);
    state_unref(next);
    struct item_moves *none = NULL;
    fail_alloc_set(1);
    cr_expect_eq(item_moves_create(LIMIT, &none), ALLOT_ENOMEM);
    fail_alloc_set(0);
}
