#include <criterion/criterion.h>
#include <sched.h>
#include <stdatomic.h>

#include "core/error.h"
#include "server/outcomes.h"
#include "tests/support/fail_alloc.h"

static struct outcomes *outcomes;
static atomic_long found; /* -1: not told yet */

static void setup(void)
{
    cr_assert_eq(outcomes_create(SPAN("/t/actor"), &outcomes), 0);
    atomic_store(&found, -1);
}

static void teardown(void)
{
    outcomes_destroy(outcomes);
}

TestSuite(outcomes, .init = setup, .fini = teardown);

static void tell(void *context, int64_t revision)
{
    (void)context;
    cr_assert_eq(atomic_exchange(&found, (long)revision), -1, "told twice");
}

static void hear(enum store_event_kind kind, const char *key, const char *value, int64_t revision)
{
    struct store_event event = {
        .kind = kind,
        .kv = {.key = span_of(key), .value = span_of(value), .mod_revision = revision}};
    outcomes_hear(outcomes, &(struct store_watch_response){
                                .revision = revision, .events = &event, .event_count = 1});
}

static void find(const char *value, int64_t timeout_ms)
{
    cr_assert_eq(outcomes_find(outcomes, outcomes_mark(span_of(value)), timeout_ms, tell, NULL), 0);
}

Test(outcomes, recall_what_was_heard_before)
{
    hear(STORE_EVENT_PUT, "/t/actor", "mine", 7);
    hear(STORE_EVENT_PUT, "/t/actor", "another's", 8);
    find("mine", 100000);
    cr_assert_eq(atomic_load(&found), 7);
}

Test(outcomes, wait_for_what_is_heard_later)
{
    find("mine", 100000);
    hear(STORE_EVENT_PUT, "/t/other", "mine", 5);
    hear(STORE_EVENT_DELETE, "/t/actor", "mine", 6);
    hear(STORE_EVENT_PUT, "/t/actor", "another's", 7);
    cr_assert_eq(atomic_load(&found), -1);
    hear(STORE_EVENT_PUT, "/t/actor", "mine", 8);
    cr_assert_eq(atomic_load(&found), 8);
    hear(STORE_EVENT_PUT, "/t/actor", "mine", 9);
}

Test(outcomes, give_up_after_a_while)
{
    find("mine", 10);
    while (atomic_load(&found) == -1)
        sched_yield();
    cr_assert_eq(atomic_load(&found), 0);
}

Test(outcomes, forget_what_is_long_past)
{
    hear(STORE_EVENT_PUT, "/t/actor", "mine", 1);
    for (int i = 0; i < OUTCOMES_REMEMBERED; i++)
        hear(STORE_EVENT_PUT, "/t/actor", "another's", 2 + i);
    find("mine", 0);
    while (atomic_load(&found) == -1)
        sched_yield();
    cr_assert_eq(atomic_load(&found), 0);
}

Test(outcomes, end_waits_when_they_end)
{
    find("mine", 100000);
    outcomes_destroy(outcomes);
    outcomes = NULL;
    cr_assert_eq(atomic_load(&found), 0);
}

Test(outcomes, survive_every_allocation_failure)
{
    int error = ALLOT_ENOMEM;
    for (long nth = 1; error; nth++) {
        struct outcomes *more = NULL;
        fail_alloc_set(nth);
        error = outcomes_create(SPAN("/t/actor"), &more);
        fail_alloc_set(0);
        cr_assert(error == 0 || error == ALLOT_ENOMEM);
        outcomes_destroy(more);
        cr_assert_lt(nth, 20);
    }
    fail_alloc_set(1);
    cr_assert_eq(outcomes_find(outcomes, 1, 10, tell, NULL), ALLOT_ENOMEM);
    fail_alloc_set(0);
    cr_assert_eq(atomic_load(&found), -1);
}
