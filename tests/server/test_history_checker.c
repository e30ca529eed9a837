/* The checker of histories finds each fault that is planted here, by the transactions of an allotd
 * named one. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/support/history_checker.h"

static struct model_store *source;
static struct history_checker checker;
static int64_t round_number;

/* Gives the checker all that it hasn't seen, revision by revision. */
static void show(void)
{
    size_t count;
    const struct store_event *events =
        model_store_events_since(source, model_store_revision(checker.store) + 1, &count);
    while (count > 0) {
        size_t size = 1;
        while (size < count && events[size].kv.mod_revision == events[0].kv.mod_revision)
            size++;
        (void)history_checker_add(&checker, events, size);
        events += size;
        count -= size;
    }
}

static void put(const char *key, const char *value)
{
    model_store_put(source, span_of(key), span_of(value), 0);
    show();
}

static void set_up(void)
{
    source = model_store_create();
    history_checker_init(&checker, "/t");
    put("/t/schedulers/one", "{}");
    put("/t/members/a#1", "{\"item_limit\":2}");
    put("/t/members/b#1", "{\"item_limit\":2}");
    put("/t/members/c#1", "{\"item_limit\":2}");
    put("/t/items/x", "{\"replication\":2,\"consistency\":\"reported\"}");
    put("/t/items/y", "{\"replication\":1}");
    put("/t/assign/x#a#1#0", "{\"consistent\":true}");
    put("/t/assign/x#b#1#1", "{\"consistent\":true}");
    put("/t/assign/x#c#1#2", "{\"consistent\":true}");
}

static void tear_down(void)
{
    history_checker_release(&checker);
    model_store_destroy(source);
}

TestSuite(history_checker, .init = set_up, .fini = tear_down);

/* A transaction of the loop's, decided on @revision: puts @put, deletes @deleted, unless NULL. */
static void decide(const char *instance, int64_t revision, const char *put, const char *deleted)
{
    char actor[256];
    snprintf(actor, sizeof actor,
             "{\"principal\":\"allocator\",\"instance\":\"%s\",\"round\":%lld,\"decided_on\":%lld}",
             instance, (long long)++round_number, (long long)revision);
    struct store_op ops[3] = {
        {.kind = STORE_OP_PUT, .keys = {.key = SPAN("/t/actor")}, .value = span_of(actor)}};
    size_t count = 1;
    if (put)
        ops[count++] = (struct store_op){.kind = STORE_OP_PUT, .keys = {.key = span_of(put)}};
    if (deleted)
        ops[count++] =
            (struct store_op){.kind = STORE_OP_DELETE, .keys = {.key = span_of(deleted)}};
    struct store_txn txn = {.success = ops, .success_count = count};
    struct store_txn_result result;
    cr_assert_eq(model_store_txn(source, &txn, &result), 0);
    show();
}

static void expect_fault(const char *text)
{
    const char *fault = history_checker_fault(&checker);
    cr_assert_not_null(strstr(fault, text), "\"%s\" instead of \"%s\"", fault, text);
}

Test(history_checker, finds_nothing_wrong_with_what_is_right)
{
    decide("one", model_store_revision(source), "/t/assign/y#a#1#0", "/t/assign/x#c#1#2");
    cr_assert_str_eq(history_checker_fault(&checker), "");
    cr_assert_eq(checker.additions, 1);
    cr_assert_eq(checker.removals, 1);
    cr_assert_eq(checker.passes, 1);
    int64_t revision = model_store_revision(source);
    cr_assert(history_checker_has(&checker, SPAN("/t/assign/y#a#1#0"), revision));
    cr_assert(history_checker_has(&checker, SPAN("/t/assign/x#c#1#2"), revision));
    cr_assert_not(history_checker_has(&checker, SPAN("/t/assign/y#a#1#0"), revision - 1));
}

Test(history_checker, lets_others_do_what_the_loop_may_not)
{
    model_store_delete(source, SPAN("/t/assign/x#c#1#2"));
    model_store_delete(source, SPAN("/t/assign/x#b#1#1"));
    put("/t/actor", "{\"principal\":\"anonymous\"}");
    cr_assert_str_eq(history_checker_fault(&checker), "");
}

Test(history_checker, finds_a_removal_below_the_replication)
{
    model_store_delete(source, SPAN("/t/members/a#1"));
    decide("one", model_store_revision(source) - 1, NULL, "/t/assign/x#c#1#2");
    expect_fault("item x is left with 1 of 2 consistent");
}

Test(history_checker, finds_another_than_the_leader)
{
    put("/t/schedulers/two", "{}");
    decide("two", model_store_revision(source), "/t/assign/y#a#1#0", NULL);
    expect_fault("/t/schedulers/two isn't the leader");
}

/* A record is a write of the loop's as any other. */
Test(history_checker, finds_a_record_by_another_than_the_leader)
{
    decide("one", model_store_revision(source), "/t/rounds/0000000000000000002-0000000001", NULL);
    cr_assert_str_eq(history_checker_fault(&checker), "");
    put("/t/schedulers/two", "{}");
    decide("two", model_store_revision(source), "/t/rounds/0000000000000000009-0000000001", NULL);
    expect_fault("/t/schedulers/two isn't the leader");
}

Test(history_checker, finds_a_record_that_is_late)
{
    decide("one", model_store_revision(source), "/t/rounds/0000000000000000002-0000000002", NULL);
    decide("one", model_store_revision(source), "/t/rounds/0000000000000000002-0000000001", NULL);
    expect_fault("is not the newest record");
}

Test(history_checker, finds_a_member_above_its_limit)
{
    int64_t revision = model_store_revision(source);
    put("/t/members/a#1", "{\"item_limit\":1}"); /* unseen, but the pass must check the member */
    decide("one", revision, "/t/assign/y#a#1#0", NULL);
    expect_fault("member a#1 has 2 of at most 1 assignments");
}

Test(history_checker, finds_a_member_above_its_effective_limit)
{
    put("/t/members/a#1", "{\"item_limit\":2,\"exiting\":true}"); /* sheds what others can take */
    int64_t revision = model_store_revision(source);
    put("/t/members/a#1", "{\"item_limit\":2}");
    decide("one", revision, "/t/assign/y#a#1#0", NULL);
    expect_fault("above its effective limit");
}

Test(history_checker, finds_two_additions_of_a_pass_above_the_effective_limit)
{
    put("/t/items/z", "{\"replication\":1}");
    int64_t revision = model_store_revision(source);
    decide("one", revision, "/t/assign/y#a#1#0", NULL);
    cr_assert_str_eq(history_checker_fault(&checker), "");
    round_number--; /* the same pass */
    put("/t/members/a#1", "{\"item_limit\":9}");
    decide("one", revision, "/t/assign/z#a#1#0", NULL);
    expect_fault("above its effective limit");
}

Test(history_checker, finds_an_addition_to_a_member_that_the_pass_cannot_know)
{
    int64_t revision = model_store_revision(source);
    put("/t/members/d#1", "{\"item_limit\":2}");
    decide("one", revision, "/t/assign/y#d#1#0", NULL);
    expect_fault("a member that its pass doesn't know");
}
