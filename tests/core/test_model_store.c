/* The model store stands for real ones in the tests of the loop: so it is tested itself. */
#include <criterion/criterion.h>

#include "tests/support/model_store.h"

static const struct store_kv *find(const struct model_store *store, const char *key)
{
    return model_table_find(model_store_table(store), span_of(key));
}

static struct store_compare number_is(const char *key, enum store_compare_target target,
                                      int64_t number)
{
    return (struct store_compare){
        .keys = {.key = span_of(key)}, .target = target, .relation = STORE_EQUAL, .number = number};
}

static struct store_op put_of(const char *key, const char *value, int64_t lease)
{
    return (struct store_op){.kind = STORE_OP_PUT,
                             .keys = {.key = span_of(key)},
                             .value = span_of(value),
                             .lease = lease};
}

Test(model_store, counts_revisions_and_versions)
{
    struct model_store *store = model_store_create();
    cr_assert_eq(model_store_revision(store), 1);
    model_store_put(store, SPAN("b"), SPAN("1"), 0);
    model_store_put(store, SPAN("a"), SPAN("2"), 0);
    model_store_put(store, SPAN("b"), SPAN("3"), 0);
    cr_assert_eq(model_store_revision(store), 4);
    const struct store_kv *b = find(store, "b");
    cr_assert_eq(b->create_revision, 2);
    cr_assert_eq(b->mod_revision, 4);
    cr_assert_eq(b->version, 2);
    cr_assert(span_equal(b->value, SPAN("3")));

    model_store_delete(store, SPAN("b"));
    model_store_delete(store, SPAN("b")); /* changes nothing */
    cr_assert_eq(model_store_revision(store), 5);
    cr_assert_null(find(store, "b"));
    model_store_put(store, SPAN("b"), SPAN("4"), 0);
    cr_assert_eq(find(store, "b")->create_revision, 6);
    cr_assert_eq(find(store, "b")->version, 1);
    model_store_destroy(store);
}

Test(model_store, compares_an_absent_key_as_zero)
{
    struct model_store *store = model_store_create();
    struct store_op put = put_of("a", "1", 0);
    struct store_compare compare = number_is("a", STORE_CREATE_REVISION, 0);
    struct store_txn txn = {
        .compares = &compare, .compare_count = 1, .success = &put, .success_count = 1};
    struct store_txn_result result;
    cr_assert_eq(model_store_txn(store, &txn, &result), 0);
    cr_assert(result.succeeded);
    cr_assert_eq(result.revision, 2);
    cr_assert_eq(model_store_txn(store, &txn, &result), 0);
    cr_assert_not(result.succeeded);
    cr_assert_eq(result.revision, 2);

    compare = (struct store_compare){
        .keys = {.key = SPAN("absent")}, .target = STORE_VALUE, .relation = STORE_NOT_EQUAL};
    cr_assert_eq(model_store_txn(store, &txn, &result), 0);
    cr_assert_not(result.succeeded);
    model_store_destroy(store);
}

Test(model_store, takes_all_of_a_transaction_or_nothing)
{
    struct model_store *store = model_store_create();
    model_store_put(store, SPAN("a"), SPAN("1"), 0);
    struct store_op ops[] = {put_of("b", "1", 0), put_of("c", "1", 99)};
    struct store_txn txn = {.success = ops, .success_count = 2};
    struct store_txn_result result;
    cr_assert_eq(model_store_txn(store, &txn, &result), ALLOT_ELEASE);
    ops[1] = put_of("b", "2", 0);
    cr_assert_eq(model_store_txn(store, &txn, &result), ALLOT_EINVAL);
    cr_assert_eq(model_store_revision(store), 2);
    cr_assert_null(find(store, "b"));

    ops[1] = (struct store_op){.kind = STORE_OP_DELETE, .keys = {.key = SPAN("a")}};
    cr_assert_eq(model_store_txn(store, &txn, &result), 0);
    cr_assert_eq(result.results[1].deleted, 1);
    size_t count;
    const struct store_event *events = model_store_events_since(store, 3, &count);
    cr_assert_eq(count, 2);
    cr_assert_eq(events[0].kind, STORE_EVENT_PUT);
    cr_assert_eq(events[0].kv.mod_revision, 3);
    cr_assert_eq(events[1].kind, STORE_EVENT_DELETE);
    cr_assert_eq(events[1].kv.mod_revision, 3);
    model_store_destroy(store);
}

Test(model_store, reads_in_the_failure_branch)
{
    struct model_store *store = model_store_create();
    model_store_put(store, SPAN("a"), SPAN("1"), 0);
    struct store_compare compare = number_is("a", STORE_MOD_REVISION, 7);
    struct store_op gets[] = {{.kind = STORE_OP_GET, .keys = {.key = SPAN("absent")}},
                              {.kind = STORE_OP_GET, .keys = {.key = SPAN("a")}}};
    struct store_txn txn = {
        .compares = &compare, .compare_count = 1, .failure = gets, .failure_count = 2};
    struct store_txn_result result;
    cr_assert_eq(model_store_txn(store, &txn, &result), 0);
    cr_assert_not(result.succeeded);
    cr_assert_eq(result.result_count, 2);
    cr_assert_eq(result.results[0].kv_count, 0);
    cr_assert_eq(result.results[1].kv_count, 1);
    cr_assert_eq(result.results[1].kvs[0].mod_revision, 2);
    model_store_destroy(store);
}

Test(model_store, deletes_what_is_attached_to_a_lease_in_one_revision)
{
    struct model_store *store = model_store_create();
    int64_t lease = model_store_grant(store);
    model_store_put(store, SPAN("a"), SPAN(""), lease);
    model_store_put(store, SPAN("b"), SPAN(""), lease);
    model_store_put(store, SPAN("c"), SPAN(""), lease);
    model_store_put(store, SPAN("c"), SPAN(""), 0); /* no longer attached */
    int64_t revision = model_store_revision(store);
    cr_assert_eq(model_store_revoke(store, lease), 0);
    cr_assert_eq(model_store_revision(store), revision + 1);
    cr_assert_eq(model_store_table(store)->count, 1);
    cr_assert_eq(model_store_revoke(store, lease), ALLOT_ELEASE);
    cr_assert_not(model_store_has_lease(store, lease));
    size_t count;
    model_store_events_since(store, revision + 1, &count);
    cr_assert_eq(count, 2);
    model_store_destroy(store);
}

Test(model_store, keeps_a_lease_when_told_to)
{
    struct model_store *store = model_store_create();
    int64_t lease = model_store_grant(store);
    struct store_op put = {
        .kind = STORE_OP_PUT, .keys = {.key = SPAN("a")}, .value = SPAN("2"), .keep_lease = true};
    struct store_txn txn = {.success = &put, .success_count = 1};
    struct store_txn_result result;
    cr_assert_eq(model_store_txn(store, &txn, &result), ALLOT_EINVAL);
    model_store_put(store, SPAN("a"), SPAN("1"), lease);
    cr_assert_eq(model_store_txn(store, &txn, &result), 0);
    cr_assert_eq(find(store, "a")->lease, lease);
    model_store_destroy(store);
}
