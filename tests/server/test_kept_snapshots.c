#include <criterion/criterion.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/kept_snapshots.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/snapshots.h"

static struct kept_snapshots kept;

static void setup(void)
{
    cr_assert_eq(kept_snapshots_init(&kept, KEPT_SNAPSHOTS_MS), 0);
}

static void teardown(void)
{
    kept_snapshots_release(&kept);
}

TestSuite(kept_snapshots, .init = setup, .fini = teardown);

static void keep(int64_t revision, int64_t now_ms)
{
    struct snapshot *snapshot = snapshot_of_nothing(revision);
    kept_snapshots_keep(&kept, snapshot, now_ms);
    snapshot_unref(snapshot);
}

static bool finds(int64_t revision, int64_t now_ms)
{
    struct snapshot *snapshot = kept_snapshots_find(&kept, revision, now_ms);
    bool found = snapshot != NULL;
    cr_assert(!found || snapshot->state->revision == revision);
    snapshot_unref(snapshot);
    return found;
}

Test(kept_snapshots, finds_what_is_kept_and_nothing_else)
{
    keep(5, 1000);
    keep(7, 1000);
    keep(5, 1001);
    cr_assert(finds(5, 1002));
    cr_assert(finds(7, 1002));
    cr_assert_not(finds(6, 1002));
}

Test(kept_snapshots, lets_go_of_the_one_used_longest_ago)
{
    for (int i = 0; i < KEPT_SNAPSHOTS_MAX; i++)
        keep(i + 1, 1000 + i);
    cr_assert(finds(1, 2000)); /* used again, so the second is the oldest now */
    keep(100, 2001);
    cr_assert(finds(1, 2002));
    cr_assert_not(finds(2, 2002));
    cr_assert(finds(3, 2002));
    cr_assert(finds(100, 2002));
}

Test(kept_snapshots, lets_go_of_what_is_too_old)
{
    keep(1, 0);
    keep(2, 30000);
    keep(3, KEPT_SNAPSHOTS_MS);
    cr_assert_eq(kept_snapshots_sweep(&kept, KEPT_SNAPSHOTS_MS - 1), 1);
    cr_assert_eq(kept_snapshots_sweep(&kept, KEPT_SNAPSHOTS_MS), 30000);
    cr_assert_not(finds(1, KEPT_SNAPSHOTS_MS));
    cr_assert(finds(2, KEPT_SNAPSHOTS_MS));
    cr_assert_eq(kept_snapshots_sweep(&kept, INT64_C(3) * KEPT_SNAPSHOTS_MS), 0);
    cr_assert_not(finds(2, 0));
    cr_assert_not(finds(3, 0));
}

static int count_kept(struct kept_snapshots *those)
{
    int count = 0;
    (void)pthread_mutex_lock(&those->mutex);
    for (int i = 0; i < KEPT_SNAPSHOTS_MAX; i++)
        count += those->places[i].snapshot != NULL;
    (void)pthread_mutex_unlock(&those->mutex);
    return count;
}

/* Nobody asks for any of them: they go by themselves, and so do those that come later. */
Test(kept_snapshots, lets_go_without_being_asked)
{
    struct kept_snapshots brief;
    cr_assert_eq(kept_snapshots_init(&brief, 1), 0);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++) {
            struct snapshot *snapshot = snapshot_of_nothing(i + 1);
            kept_snapshots_keep(&brief, snapshot, clock_monotonic_ms());
            snapshot_unref(snapshot);
        }
        while (count_kept(&brief) > 0)
            (void)usleep(1000);
    }
    kept_snapshots_release(&brief);
}

static void keep_with(struct state *state, struct solution *solution)
{
    struct snapshot *snapshot = NULL;
    cr_assert_eq(snapshot_create(state, solution, &snapshot), 0);
    kept_snapshots_keep(&kept, snapshot, 1000);
    snapshot_unref(snapshot);
}

static bool is_solved(int64_t revision)
{
    struct snapshot *snapshot = kept_snapshots_find(&kept, revision, 1000);
    bool solved = snapshot->solution != NULL;
    snapshot_unref(snapshot);
    return solved;
}

Test(kept_snapshots, prefers_the_one_that_is_solved)
{
    struct snapshot *nothing = snapshot_of_nothing(5);
    struct solution *solution = NULL;
    cr_assert_eq(solver_solve(SOLVER_OPTIMAL, nothing->state, NULL, &solution), 0);
    keep_with(nothing->state, NULL);
    cr_assert_not(is_solved(5));
    keep_with(nothing->state, solution);
    cr_assert(is_solved(5));
    keep_with(nothing->state, NULL);
    cr_assert(is_solved(5));
    cr_assert_eq(count_kept(&kept), 1);
    solution_unref(solution);
    snapshot_unref(nothing);
}

Test(kept_snapshots, survives_want_of_memory)
{
    struct kept_snapshots others;
    fail_alloc_set(1);
    cr_assert_eq(kept_snapshots_init(&others, 1), ALLOT_ENOMEM);
    fail_alloc_set(0);
}
