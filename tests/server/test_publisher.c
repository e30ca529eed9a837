/* The publisher: readers get the newest snapshot, waits end exactly once and with the right answer.
 */
#include <criterion/criterion.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "server/publisher.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/snapshots.h"

static const int64_t NEVER_MS = 3600000;

struct wait {
    sem_t ended;
    atomic_int count;
    int error;
    int order; /* in which it ended, from 1 */
};

static atomic_int ended_count;

static void on_end(void *context, int error)
{
    struct wait *wait = context;
    wait->error = error;
    wait->order = atomic_fetch_add(&ended_count, 1) + 1;
    atomic_fetch_add(&wait->count, 1);
    sem_post(&wait->ended);
}

static struct publisher *publisher;

static void start(void)
{
    cr_assert_eq(publisher_create(&publisher), 0);
}

static void stop(void)
{
    publisher_destroy(publisher);
}

static void begin_wait(struct wait *wait, int64_t revision, int64_t timeout_ms)
{
    *wait = (struct wait){.error = 1};
    sem_init(&wait->ended, 0, 0);
    cr_assert_eq(publisher_wait(publisher, revision, timeout_ms, on_end, wait), 0);
}

static void publish(int64_t revision)
{
    struct snapshot *snapshot = snapshot_of_nothing(revision);
    publisher_publish(publisher, snapshot);
    snapshot_unref(snapshot);
}

/* cppcheck-suppress unknownMacro */
TestSuite(publisher, .init = start, .fini = stop);

Test(publisher, gives_the_newest)
{
    cr_assert_null(publisher_snapshot(publisher));
    publish(7);
    struct snapshot *seventh = publisher_snapshot(publisher);
    publish(9);
    struct snapshot *ninth = publisher_snapshot(publisher);
    cr_assert_eq(seventh->state->revision, 7); /* still whole, for who holds it */
    cr_assert_eq(ninth->state->revision, 9);
    snapshot_unref(seventh);
    snapshot_unref(ninth);
}

Test(publisher, does_not_wait_for_what_is_there)
{
    struct wait same, older;
    publish(5);
    begin_wait(&same, 5, NEVER_MS);
    begin_wait(&older, 1, NEVER_MS);
    cr_assert_eq(same.count, 1);
    cr_assert_eq(same.error, 0);
    cr_assert_eq(older.count, 1);
    cr_assert_eq(older.error, 0);
}

Test(publisher, ends_waits_in_order_of_revision)
{
    struct wait waits[5];
    const int64_t revisions[5] = {12, 10, 11, 10, 20};
    for (int i = 0; i < 5; i++) {
        begin_wait(&waits[i], revisions[i], NEVER_MS);
    }
    publish(9);
    cr_assert_eq(atomic_load(&ended_count), 0);
    publish(12);
    const int orders[4] = {4, 1, 3, 2};
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(waits[i].count, 1);
        cr_assert_eq(waits[i].error, 0);
        cr_assert_eq(waits[i].order, orders[i]);
    }
    cr_assert_eq(waits[4].count, 0);
    publish(20);
    cr_assert_eq(waits[4].count, 1);
}

Test(publisher, a_wait_ends_after_its_time)
{
    struct wait brief, lasting;
    begin_wait(&brief, 10, 5);
    begin_wait(&lasting, 10, NEVER_MS);
    sem_wait(&brief.ended);
    cr_assert_eq(brief.error, ALLOT_EUNAVAILABLE);
    cr_assert_eq(lasting.count, 0);
    publish(10);
    cr_assert_eq(brief.count, 1);
    cr_assert_eq(lasting.count, 1);
    cr_assert_eq(lasting.error, 0);
}

static bool is_behind(struct span subject, const struct snapshot *snapshot)
{
    return snapshot->state->revision >= (int64_t)subject.size;
}

static void begin_condition(struct wait *wait, struct span subject)
{
    *wait = (struct wait){.error = 1};
    cr_assert_eq(publisher_wait_for(publisher, is_behind, subject, NEVER_MS, on_end, wait), 0);
}

Test(publisher, waits_for_a_condition_can_be_cancelled)
{
    struct wait first, second, third;
    publish(1);
    begin_condition(&first, SPAN("four"));
    begin_condition(&second, SPAN("four"));
    begin_condition(&third, SPAN("of six"));
    publisher_cancel(publisher, &second);
    publisher_cancel(publisher, &second); /* it waits no more */
    cr_assert_eq(second.count, 1);
    cr_assert_eq(second.error, ALLOT_ECANCELED);
    cr_assert_eq(first.count + third.count, 0);
    publish(4);
    cr_assert_eq(first.error, 0);
    cr_assert_eq(third.count, 0);
    publisher_cancel(publisher, &third);
    publish(6);
    cr_assert_eq(third.count, 1);
    cr_assert_eq(third.error, ALLOT_ECANCELED);
    cr_assert_eq(second.count, 1);
}

Test(publisher, its_end_is_the_end_of_all_waits)
{
    struct wait waits[3];
    struct publisher *own = publisher;
    for (int i = 0; i < 3; i++) {
        begin_wait(&waits[i], 100 + i, NEVER_MS);
    }
    publish(1);
    publisher_destroy(own);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(waits[i].count, 1);
        cr_assert_eq(waits[i].error, ALLOT_ECANCELED);
    }
    publisher = NULL;
}

/* A wait may begin another when it ends, as a request does that goes on. */
struct chain {
    struct wait last;
    int64_t next;
};

static void go_on(void *context, int error)
{
    struct chain *chain = context;
    cr_assert_eq(error, 0);
    if (chain->next == 4) {
        on_end(&chain->last, 0);
        return;
    }
    chain->next++;
    cr_assert_eq(publisher_wait(publisher, chain->next, NEVER_MS, go_on, chain), 0);
}

Test(publisher, a_wait_may_follow_another)
{
    struct chain chain = {.next = 1};
    sem_init(&chain.last.ended, 0, 0);
    cr_assert_eq(publisher_wait(publisher, 1, NEVER_MS, go_on, &chain), 0);
    for (int64_t revision = 1; revision <= 4; revision++) {
        publish(revision);
    }
    cr_assert_eq(chain.last.count, 1);
}

Test(publisher, reports_when_memory_is_out)
{
    struct wait wait = {.error = 1};
    fail_alloc_set(1);
    cr_assert_eq(publisher_wait(publisher, 1, NEVER_MS, on_end, &wait), ALLOT_ENOMEM);
    for (long nth = 1; nth <= 2; nth++) {
        struct publisher *none = NULL;
        fail_alloc_set(nth);
        cr_assert_eq(publisher_create(&none), ALLOT_ENOMEM);
        cr_assert_null(none);
    }
    fail_alloc_set(0);
    publish(1);
    cr_assert_eq(wait.count, 0);
}
