/* How passes keep to the limits of transactions: whole checkpoints side by side, and what is too
 * large on its own cut short. */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/pass.h"
#include "tests/support/instance_builder.h"

enum { MOST_KEYS = 1000, MOST_ITEMS = 200, TEXT_SIZE = 32 };

/* Keys that are made in loops. */
struct crowd {
    struct builder_key keys[MOST_KEYS];
    char names[MOST_KEYS][TEXT_SIZE];
    size_t count;
    const char *desired[MOST_ITEMS];
    char everybody[MOST_KEYS * 8]; /* desired of an item that wants the first members */
};

__attribute__((format(printf, 3, 4))) static void add(struct crowd *crowd, const char *value,
                                                      const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(crowd->names[crowd->count], TEXT_SIZE, format, arguments);
    va_end(arguments);
    crowd->keys[crowd->count] = (struct builder_key)KEY(crowd->names[crowd->count], value);
    crowd->count++;
}

/* Members a#000 and so on; @desired of them in `everybody`. */
static struct crowd crowd_of(int members, int desired)
{
    struct crowd crowd = {.count = 0};
    for (int m = 0; m < members; m++) {
        add(&crowd, "999", "members/a#%03d", m);
        if (m < desired)
            snprintf(crowd.everybody + strlen(crowd.everybody), 16, "a#%03d ", m);
    }
    return crowd;
}

static const struct pass_options PLAIN = {.fence_revision = 0};
static const struct pass_options SPLIT = {.split_oversized = true};
static const struct pass_options LIVE = {
    .fence = {BUILDER_ROOT "/schedulers/x", sizeof BUILDER_ROOT "/schedulers/x" - 1},
    .fence_revision = 99,
    .actor_key = {BUILDER_ROOT "/actor", sizeof BUILDER_ROOT "/actor" - 1},
    .guarded = true,
    .split_oversized = true,
};

/* Runs a pass and asserts the @count @sizes of its transactions: {checks, operations, …}. */
static struct pass_summary expect(const struct crowd *crowd, const struct pass_options *options,
                                  const size_t *sizes, size_t count)
{
    struct state *state = builder_observe(builder_keyspace(crowd->keys, crowd->count, true));
    struct solution *solution = builder_solution(state, crowd->desired);
    struct pass *pass = NULL;
    const struct store_txn *txn = NULL;
    cr_assert_eq(pass_create(options, state, solution, &pass), 0);
    for (size_t i = 0; i + 1 < count; i += 2) {
        cr_assert_eq(pass_next(pass, &txn), 0);
        cr_assert_not_null(txn);
        cr_assert_eq(txn->compare_count, sizes[i], "%zu checks, not %zu", txn->compare_count,
                     sizes[i]);
        cr_assert_eq(txn->success_count, sizes[i + 1], "%zu operations, not %zu",
                     txn->success_count, sizes[i + 1]);
        pass_done(pass, true);
    }
    cr_assert_eq(pass_next(pass, &txn), 0);
    cr_assert_null(txn);
    struct pass_summary summary = pass_summary(pass);
    pass_destroy(pass);
    solution_unref(solution);
    state_unref(state);
    return summary;
}
#define EXPECT(crowd, options, ...)                       \
    expect(crowd, options, (const size_t[]){__VA_ARGS__}, \
           sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t))

/* --- what every transaction checks --- */

Test(pass_limits, checks_in_every_transaction_that_keys_are_absent)
{
    struct crowd crowd = crowd_of(1, 1);
    for (int i = 0; i < 200; i++) {
        add(&crowd, "1", "items/i%03d", i);
        crowd.desired[i] = "a#000";
    }
    struct pass_options options = LIVE;
    options.absent =
        (struct store_keys){SPAN(BUILDER_ROOT "/schedulers/"), SPAN(BUILDER_ROOT "/schedulers0")};
    struct state *state = builder_observe(builder_keyspace(crowd.keys, crowd.count, true));
    struct solution *solution = builder_solution(state, crowd.desired);
    struct pass *pass = NULL;
    const struct store_txn *txn = NULL;
    int transactions = 0;
    cr_assert_eq(pass_create(&options, state, solution, &pass), 0);
    while (pass_next(pass, &txn) == 0 && txn) {
        const struct store_compare *absent = &txn->compares[1]; /* after the fence */
        cr_assert(span_equal(absent->keys.key, options.absent.key));
        cr_assert(span_equal(absent->keys.range_end, options.absent.range_end));
        cr_assert_eq(absent->target, STORE_CREATE_REVISION);
        cr_assert_eq(absent->relation, STORE_EQUAL);
        cr_assert_eq(absent->number, 0);
        pass_done(pass, true);
        transactions++;
    }
    cr_assert_eq(transactions, 2);
    pass_destroy(pass);
    solution_unref(solution);
    state_unref(state);
}

/* --- side by side --- */

/* Items of three additions: 42 of them make 126, the 43rd goes into the next transaction whole. */
Test(pass_limits, packs_whole_checkpoints)
{
    struct crowd crowd = crowd_of(3, 3);
    for (int i = 0; i < 100; i++) {
        add(&crowd, "3", "items/i%03d", i);
        crowd.desired[i] = crowd.everybody;
    }
    EXPECT(&crowd, &PLAIN, 126, 126, 126, 126, 48, 48);
    EXPECT(&crowd, &SPLIT, 126, 126, 126, 126, 48, 48);
    EXPECT(&crowd, &LIVE, 127, 127, 127, 127, 49, 49);
}

/* Full to the last check and operation; with fence and actor that is one less. */
Test(pass_limits, fills_transactions)
{
    struct crowd crowd = crowd_of(1, 1);
    for (int i = 0; i < 150; i++) {
        add(&crowd, "1", "items/i%03d", i);
        crowd.desired[i] = crowd.everybody;
    }
    EXPECT(&crowd, &PLAIN, 128, 128, 22, 22);
    EXPECT(&crowd, &LIVE, 128, 128, 24, 24);
    const struct pass_options fenced = {.fence = LIVE.fence};
    const struct pass_options signed_only = {.actor_key = LIVE.actor_key};
    EXPECT(&crowd, &fenced, 128, 127, 24, 23);
    EXPECT(&crowd, &signed_only, 127, 128, 23, 24);
}

/* Additions to one member all rest on it: with the fence it is all that is checked. Removals rest
 * on the members that stay: 20 items that each lose one of three replicas need the fence, two
 * members, and of each item itself and three assignments. */
Test(pass_limits, checks_once_what_many_rest_on)
{
    struct crowd crowd = crowd_of(1, 1);
    for (int i = 0; i < 150; i++) {
        add(&crowd, "1", "items/i%03d", i);
        crowd.desired[i] = crowd.everybody;
    }
    struct pass_options merged = LIVE;
    merged.merged_checks = true;
    EXPECT(&crowd, &merged, 2, 128, 2, 24);

    crowd = crowd_of(3, 2);
    for (int i = 0; i < 20; i++) {
        add(&crowd, "2", "items/i%03d", i);
        for (int m = 0; m < 3; m++)
            add(&crowd, "ok", "assign/i%03d#a#%03d#%d", i, m, m);
        crowd.desired[i] = crowd.everybody;
    }
    EXPECT(&crowd, &merged, 83, 21);
    EXPECT(&crowd, &LIVE, 121, 21);
}

/* Moves have two operations to a check, or with their member's two to two; removals the item's
 * check beside their own. */
Test(pass_limits, counts_operations_and_checks)
{
    struct crowd moves = crowd_of(1, 1);
    struct crowd removals = crowd_of(1, 0);
    for (int i = 0; i < 70; i++) {
        add(&moves, "1", "items/i%03d", i);
        add(&moves, "ok", "assign/i%03d#a#000#1", i);
        moves.desired[i] = moves.everybody;
        add(&removals, "0", "items/i%03d", i);
        add(&removals, "ok", "assign/i%03d#a#000#0", i);
        removals.desired[i] = "";
    }
    EXPECT(&moves, &PLAIN, 64, 128, 6, 12);
    EXPECT(&removals, &PLAIN, 128, 64, 12, 6);
    EXPECT(&moves, &LIVE, 127, 127, 15, 15);
    EXPECT(&removals, &LIVE, 127, 64, 15, 8);
}

/* What moves takes its value along: 15 of 100,000 bytes make a request. */
Test(pass_limits, counts_bytes)
{
    struct crowd crowd = crowd_of(1, 1);
    static char value[100001];
    memset(value, 'x', sizeof value - 1);
    for (int i = 0; i < 20; i++) {
        add(&crowd, "1", "items/i%03d", i);
        add(&crowd, value, "assign/i%03d#a#000#1", i);
        crowd.desired[i] = crowd.everybody;
    }
    EXPECT(&crowd, &PLAIN, 15, 30, 5, 10);
    EXPECT(&crowd, &LIVE, 31, 31, 11, 11);
}

/* --- over the limits --- */

/* An item on either side of one that has to be alone. */
static void add_neighbours(struct crowd *crowd)
{
    add(crowd, "1", "items/a");
    add(crowd, "1", "items/z");
}

/* 300 assignments of an item that does not exist. */
Test(pass_limits, cuts_dead_assignments_short)
{
    struct crowd crowd = crowd_of(1, 1);
    add_neighbours(&crowd);
    crowd.desired[0] = crowd.desired[1] = crowd.everybody;
    for (int a = 0; a < 300; a++)
        add(&crowd, "ok", "assign/dead#a#%03d#%d", a, a);
    EXPECT(&crowd, &PLAIN, 1, 1, 301, 300, 1, 1);
    struct pass_summary summary = EXPECT(&crowd, &SPLIT, 1, 1, 128, 127, 1, 1);
    cr_assert_eq(summary.dead_removals, 127);
    cr_assert_eq(summary.additions, 2);
    cr_assert_eq(summary.skipped, 0);
    summary = EXPECT(&crowd, &LIVE, 2, 2, 128, 127, 2, 2);
    cr_assert_eq(summary.dead_removals, 126);
}

Test(pass_limits, cuts_additions_short)
{
    struct crowd crowd = crowd_of(200, 200);
    add_neighbours(&crowd);
    add(&crowd, "200", "items/i");
    crowd.desired[0] = crowd.desired[2] = "a#000";
    crowd.desired[1] = crowd.everybody;
    EXPECT(&crowd, &PLAIN, 1, 1, 200, 200, 1, 1);
    EXPECT(&crowd, &SPLIT, 1, 1, 128, 128, 1, 1);
    struct pass_summary summary = EXPECT(&crowd, &LIVE, 2, 2, 128, 128, 2, 2);
    cr_assert_eq(summary.additions, 127 + 2);
}

Test(pass_limits, cuts_removals_short)
{
    struct crowd crowd = crowd_of(200, 0);
    add_neighbours(&crowd);
    add(&crowd, "0", "items/i");
    for (int a = 0; a < 200; a++)
        add(&crowd, "ok", "assign/i#a#%03d#%d", a, a);
    crowd.desired[0] = crowd.desired[2] = "a#000";
    crowd.desired[1] = "";
    EXPECT(&crowd, &PLAIN, 1, 1, 201, 200, 1, 1);
    EXPECT(&crowd, &SPLIT, 1, 1, 128, 127, 1, 1);
    struct pass_summary summary = EXPECT(&crowd, &LIVE, 2, 2, 128, 127, 2, 2);
    cr_assert_eq(summary.removals, 126);
}

/* 100 additions, then 100 removals, of which 27 find room beside the check of the item. */
Test(pass_limits, cuts_what_comes_after_additions_short)
{
    struct crowd crowd = crowd_of(200, 100);
    add(&crowd, "0", "items/i");
    for (int a = 100; a < 200; a++)
        add(&crowd, "", "assign/i#a#%03d#%d", a, a);
    crowd.desired[0] = crowd.everybody;
    EXPECT(&crowd, &PLAIN, 201, 200);
    EXPECT(&crowd, &SPLIT, 128, 127);
}

/* The removal rests on 130 replicas that would all have to be checked: no transaction can. The rest
 * of the pass goes on. */
Test(pass_limits, skips_a_removal_that_no_transaction_can_guard)
{
    struct crowd crowd = crowd_of(131, 130);
    add_neighbours(&crowd);
    add(&crowd, "130", "items/i");
    for (int a = 0; a < 131; a++)
        add(&crowd, "ok", "assign/i#a#%03d#%d", a, a);
    crowd.desired[0] = crowd.desired[2] = "a#000";
    crowd.desired[1] = crowd.everybody;
    struct pass_summary summary = EXPECT(&crowd, &LIVE, 2, 2, 2, 2);
    cr_assert_eq(summary.skipped, 1);
    cr_assert_eq(summary.removals, 0);
    cr_assert_eq(summary.additions, 2);
    summary = EXPECT(&crowd, &SPLIT, 4, 3); /* not guarded */
    cr_assert_eq(summary.skipped, 0);
}

/* Two moves of half a request each go one by one; a value that fills a request can't move at all.
 */
Test(pass_limits, moves_large_values_alone)
{
    static char half[STORE_MAX_REQUEST / 2 + 1];
    static char whole[STORE_MAX_REQUEST + 1];
    memset(half, 'x', sizeof half - 1);
    memset(whole, 'x', sizeof whole - 1);
    struct crowd crowd = crowd_of(2, 2);
    add(&crowd, "2", "items/i");
    add(&crowd, half, "assign/i#a#000#2");
    add(&crowd, half, "assign/i#a#001#3");
    crowd.desired[0] = crowd.everybody;
    EXPECT(&crowd, &PLAIN, 2, 4);
    struct pass_summary summary = EXPECT(&crowd, &LIVE, 3, 3);
    cr_assert_eq(summary.promotions, 1);
    cr_assert_eq(summary.packings, 0);
    crowd.keys[3].value = whole;
    crowd.keys[4].value = "";
    add(&crowd, "1", "items/z");
    crowd.desired[1] = "a#000";
    summary = EXPECT(&crowd, &LIVE, 2, 2);
    cr_assert_eq(summary.skipped, 1);
    cr_assert_eq(summary.additions, 1);
}

/* 62 can just be: with the fence, the item and the removed one, they make 127 checks. */
Test(pass_limits, guards_as_many_as_fit)
{
    for (int kept = 62; kept <= 63; kept++) {
        struct crowd crowd = crowd_of(kept + 1, kept);
        char replication[16];
        snprintf(replication, sizeof replication, "%d", kept);
        add(&crowd, replication, "items/i");
        for (int a = 0; a < kept + 1; a++)
            add(&crowd, "ok", "assign/i#a#%03d#%d", a, a);
        crowd.desired[0] = crowd.everybody;
        struct pass_summary summary =
            kept == 62 ? EXPECT(&crowd, &LIVE, 127, 2) : expect(&crowd, &LIVE, NULL, 0);
        cr_assert_eq(summary.skipped, kept - 62);
    }
}

/* More can be where a replica goes with its member's lease: one check each. */
Test(pass_limits, guards_twice_as_many_that_go_with_their_members_leases)
{
    for (int kept = 62; kept <= 126; kept += 32) {
        struct crowd crowd = crowd_of(kept + 1, kept);
        char replication[16];
        snprintf(replication, sizeof replication, "%d", kept);
        add(&crowd, replication, "items/i");
        for (int a = 0; a < kept + 1; a++) {
            crowd.keys[a].lease = 1000 + a;
            add(&crowd, "ok", "assign/i#a#%03d#%d", a, a);
            crowd.keys[crowd.count - 1].lease = 1000 + a;
        }
        crowd.desired[0] = crowd.everybody;
        struct pass_summary summary = kept == 62   ? EXPECT(&crowd, &LIVE, 127, 2)
                                      : kept == 94 ? EXPECT(&crowd, &LIVE, 97, 2)
                                                   : expect(&crowd, &LIVE, NULL, 0);
        cr_assert_eq(summary.skipped, kept == 126);

        crowd.keys[0].lease = 1; /* this one does not */
        if (kept == 94)
            EXPECT(&crowd, &LIVE, 98, 2);
    }
}

/* Additions go ahead even so; it is a later pass that finds that the removal is stuck. */
Test(pass_limits, adds_beside_a_removal_that_cannot_be)
{
    struct crowd crowd = crowd_of(132, 131);
    add(&crowd, "130", "items/i");
    for (int a = 1; a < 132; a++)
        add(&crowd, "ok", "assign/i#a#%03d#%d", a, a);
    crowd.desired[0] = crowd.everybody;
    struct pass_summary summary = EXPECT(&crowd, &LIVE, 2, 2);
    cr_assert_eq(summary.additions, 1);
    cr_assert_eq(summary.removals, 0);
    cr_assert_eq(summary.skipped, 0);
}
