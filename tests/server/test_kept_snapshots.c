#include <criterion/criterion.h>

#include "server/kept_snapshots.h"
#include "tests/support/snapshots.h"

static struct kept_snapshots kept;

static void setup(void)
{
    cr_assert_eq(kept_snapshots_init(&kept), 0);
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
    keep(3, KEPT_SNAPSHOTS_MS + 1);
    cr_assert_not(finds(1, KEPT_SNAPSHOTS_MS + 2));
    cr_assert(finds(2, KEPT_SNAPSHOTS_MS + 2));
}
