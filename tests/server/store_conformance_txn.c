/* Conformance of transactions and ranges. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"
#include "tests/server/store_conformance.h"
#include "tests/support/store_sync.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void assert_text(struct span span, const char *text)
{
    cr_assert(span_equal(span, span_of(text)), "\"%.*s\" is not \"%s\"", (int)span.size, span.data,
              text);
}

/* --- keys and ranges --- */

void store_conformance_put_and_delete(struct store *store, const char *prefix)
{
    struct span key = conformance_key(prefix, "key");
    struct store_kv kv;
    cr_assert_not(sync_exists(store, key, NULL));
    int64_t created = must_put(store, key, "one", 0);
    cr_assert(sync_exists(store, key, &kv));
    cr_assert_eq(kv.create_revision, created);
    cr_assert_eq(kv.mod_revision, created);
    cr_assert_eq(kv.version, 1);
    cr_assert_eq(kv.lease, 0);

    int64_t modified = must_put(store, key, "one", 0);
    cr_assert_gt(modified, created);
    cr_assert(sync_exists(store, key, &kv));
    cr_assert_eq(kv.create_revision, created);
    cr_assert_eq(kv.mod_revision, modified);
    cr_assert_eq(kv.version, 2);

    int64_t deleted;
    cr_assert_eq(sync_delete(store, key, &deleted), 0);
    cr_assert_gt(deleted, modified);
    cr_assert_not(sync_exists(store, key, NULL));

    int64_t again = must_put(store, key, "two", 0);
    cr_assert(sync_exists(store, key, &kv));
    cr_assert_eq(kv.create_revision, again);
    cr_assert_eq(kv.version, 1);
}

void store_conformance_keys_and_values_of_any_bytes(struct store *store, const char *prefix)
{
    char key_bytes[512], value[256];
    size_t size = (size_t)snprintf(key_bytes, sizeof key_bytes, "%s", prefix);
    for (size_t i = 0; i < sizeof value; i++)
        key_bytes[size++] = value[255 - i] = (char)i;
    struct span key = {key_bytes, size};
    struct span shorter = {key_bytes, size - 1};
    cr_assert_eq(sync_put(store, key, (struct span){value, sizeof value}, 0, NULL), 0);
    cr_assert_eq(sync_put(store, shorter, (struct span){0}, 0, NULL), 0);

    struct store_range range = {.keys = conformance_all(prefix)};
    struct sync_answer answer;
    cr_assert_eq(sync_range(store, &range, &answer), 0);
    cr_assert_eq(answer.kv_count, 2);
    cr_assert(span_equal(answer.kvs[0].key, shorter));
    cr_assert_eq(answer.kvs[0].value.size, 0);
    cr_assert(span_equal(answer.kvs[1].key, key));
    cr_assert(span_equal(answer.kvs[1].value, (struct span){value, sizeof value}));
    sync_answer_release(&answer);
}

/* Asserts that a range gives the keys of these names. */
static void assert_range(struct store *store, const char *prefix, struct store_range range,
                         const char *const *names, size_t count, bool more)
{
    struct sync_answer answer;
    cr_assert_eq(sync_range(store, &range, &answer), 0);
    cr_assert_eq(answer.kv_count, count);
    for (size_t i = 0; i < count; i++) {
        cr_assert(span_equal(answer.kvs[i].key, conformance_key(prefix, names[i])));
        assert_text(answer.kvs[i].value, names[i]);
    }
    cr_assert_eq(answer.more, more);
    cr_assert_neq(answer.cluster_id, 0);
    sync_answer_release(&answer);
}

#define ASSERT_RANGE(store, prefix, range, more, ...)                       \
    assert_range((store), (prefix), (range), (const char *[]){__VA_ARGS__}, \
                 COUNT(((const char *[]){__VA_ARGS__})), (more))

void store_conformance_range_bounds_and_order(struct store *store, const char *prefix)
{
    static const char *const names[] = {"b", "ab", "a", "\xff", "aa", "a\x01", "B"};
    for (size_t i = 0; i < COUNT(names); i++)
        must_put(store, conformance_key(prefix, names[i]), names[i], 0);
    struct store_range all = {.keys = conformance_all(prefix)};
    struct store_range one = {.keys.key = conformance_key(prefix, "a")};
    struct store_range some = {
        .keys = {conformance_key(prefix, "a\x01"), conformance_key(prefix, "b")}};
    struct store_range none = {
        .keys = {conformance_key(prefix, "b"), conformance_key(prefix, "a")}};
    struct store_range limited = all;
    ASSERT_RANGE(store, prefix, all, false, "B", "a", "a\x01", "aa", "ab", "b", "\xff");
    ASSERT_RANGE(store, prefix, one, false, "a");
    ASSERT_RANGE(store, prefix, some, false, "a\x01", "aa", "ab");
    assert_range(store, prefix, none, NULL, 0, false);
    limited.limit = 2;
    ASSERT_RANGE(store, prefix, limited, true, "B", "a");
    limited.limit = COUNT(names);
    ASSERT_RANGE(store, prefix, limited, false, "B", "a", "a\x01", "aa", "ab", "b", "\xff");
}

void store_conformance_range_of_the_past(struct store *store, const char *prefix)
{
    struct span a = conformance_key(prefix, "a"), b = conformance_key(prefix, "b");
    struct store_range range = {.keys = conformance_all(prefix)};
    struct sync_answer answer;
    int64_t first = must_put(store, a, "old", 0);
    int64_t second = must_put(store, b, "b", 0);
    int64_t third = must_put(store, a, "new", 0);
    int64_t fourth;
    cr_assert_eq(sync_delete(store, a, &fourth), 0);
    int64_t fifth = must_put(store, a, "again", 0);

    static const struct {
        const char *a;
        const char *b;
        int64_t version;
    } expected[] = {{NULL, NULL, 0}, {"old", NULL, 1}, {"old", "b", 1},
                    {"new", "b", 2}, {NULL, "b", 0},   {"again", "b", 1}};
    int64_t revisions[] = {first - 1, first, second, third, fourth, fifth};
    for (size_t i = 0; i < COUNT(expected); i++) {
        size_t count = 0;
        range.revision = revisions[i];
        cr_assert_eq(sync_range(store, &range, &answer), 0);
        cr_assert_eq(answer.revision, revisions[i]);
        if (expected[i].a) {
            assert_text(answer.kvs[count].value, expected[i].a);
            cr_assert_eq(answer.kvs[count++].version, expected[i].version);
        }
        if (expected[i].b)
            assert_text(answer.kvs[count++].value, expected[i].b);
        cr_assert_eq(answer.kv_count, count);
        sync_answer_release(&answer);
    }
    range.revision = 0;
    cr_assert_eq(sync_range(store, &range, &answer), 0);
    cr_assert_geq(answer.revision, fifth);
    cr_assert_eq(answer.kv_count, 2);
    sync_answer_release(&answer);
    range.revision = sync_revision(store) + 1000000;
    cr_assert_eq(sync_range(store, &range, NULL), ALLOT_EFUTURE);
}

void store_conformance_range_in_pages_of_one_revision(struct store *store, const char *prefix)
{
    enum { KEYS = 50, PAGE = 7 };
    struct store_range range = {.keys = conformance_all(prefix), .limit = PAGE};
    struct sync_answer answer;
    char from[256];
    for (int i = 0; i < KEYS; i++)
        must_put(store, conformance_numbered(prefix, i), "first", 0);
    int got = 0;
    for (bool more = true; more;) {
        cr_assert_eq(sync_range(store, &range, &answer), 0);
        for (size_t i = 0; i < answer.kv_count; i++, got++) {
            cr_assert(span_equal(answer.kvs[i].key, conformance_numbered(prefix, got)));
            assert_text(answer.kvs[i].value, "first");
        }
        struct span last = answer.kvs[answer.kv_count - 1].key;
        memcpy(from, last.data, last.size);
        from[last.size] = 0;
        range.keys.key = (struct span){from, last.size + 1};
        range.revision = answer.revision;
        more = answer.more;
        sync_answer_release(&answer);
        /* what the next page must not show: a key before, one changed, one gone, one new */
        must_put(store, conformance_numbered(prefix, 0), "second", 0);
        must_put(store, conformance_numbered(prefix, got), "second", 0);
        cr_assert_eq(sync_delete(store, conformance_numbered(prefix, got + 1), NULL), 0);
        must_put(store, conformance_numbered(prefix, KEYS + got), "second", 0);
    }
    cr_assert_eq(got, KEYS);
}

void store_conformance_range_that_is_wrong(struct store *store, const char *prefix)
{
    struct store_range range = {.keys = conformance_all(prefix), .revision = -1};
    cr_assert_eq(sync_range(store, &range, NULL), ALLOT_EINVAL);
    range = (struct store_range){.keys = conformance_all(prefix), .limit = -1};
    cr_assert_eq(sync_range(store, &range, NULL), ALLOT_EINVAL);
    range = (struct store_range){0};
    cr_assert_eq(sync_range(store, &range, NULL), ALLOT_EINVAL);
}

/* --- compares --- */

static bool holds(struct store *store, struct store_compare compare)
{
    struct store_txn txn = {.compares = &compare, .compare_count = 1};
    struct sync_answer answer;
    cr_assert_eq(sync_txn(store, &txn, &answer), 0);
    bool succeeded = answer.succeeded;
    sync_answer_release(&answer);
    return succeeded;
}

/* Compares what is @number with less, equal and more, by all relations. */
static void assert_compares(struct store *store, struct store_keys keys,
                            enum store_compare_target target, int64_t number)
{
    for (int relation = STORE_EQUAL; relation <= STORE_LESS; relation++) {
        for (int64_t other = number - 1; other <= number + 1; other++) {
            bool expected = relation == STORE_EQUAL       ? number == other
                            : relation == STORE_NOT_EQUAL ? number != other
                            : relation == STORE_GREATER   ? number > other
                                                          : number < other;
            struct store_compare compare = {.keys = keys,
                                            .target = target,
                                            .relation = (enum store_compare_relation)relation,
                                            .number = other};
            cr_assert_eq(holds(store, compare), expected, "target %d relation %d: %d and %d",
                         (int)target, relation, (int)number, (int)other);
        }
    }
}

static void assert_value_compares(struct store *store, struct store_keys keys, const char *value)
{
    static const char *const others[] = {"", "a", "m", "mm", "z"};
    for (size_t i = 0; i < COUNT(others); i++) {
        int order = strcmp(value, others[i]);
        struct store_compare compare = {
            .keys = keys, .target = STORE_VALUE, .value = span_of(others[i])};
        compare.relation = STORE_EQUAL;
        cr_assert_eq(holds(store, compare), order == 0);
        compare.relation = STORE_NOT_EQUAL;
        cr_assert_eq(holds(store, compare), order != 0);
        compare.relation = STORE_GREATER;
        cr_assert_eq(holds(store, compare), order > 0);
        compare.relation = STORE_LESS;
        cr_assert_eq(holds(store, compare), order < 0);
    }
}

void store_conformance_compare_every_target_and_relation(struct store *store, const char *prefix)
{
    struct store_keys keys = {.key = conformance_key(prefix, "key")};
    struct store_lease_result lease;
    cr_assert_eq(sync_grant(store, 0, 60, &lease), 0);
    int64_t created = must_put(store, keys.key, "x", 0);
    must_put(store, keys.key, "y", 0);
    int64_t modified = must_put(store, keys.key, "m", lease.id);
    assert_compares(store, keys, STORE_CREATE_REVISION, created);
    assert_compares(store, keys, STORE_MOD_REVISION, modified);
    assert_compares(store, keys, STORE_VERSION, 3);
    assert_compares(store, keys, STORE_LEASE, lease.id);
    assert_value_compares(store, keys, "m");
}

void store_conformance_compare_absent_keys(struct store *store, const char *prefix)
{
    struct store_keys keys = {.key = conformance_key(prefix, "key")};
    must_put(store, keys.key, "value", 0);
    cr_assert_eq(sync_delete(store, keys.key, NULL), 0);
    for (int target = STORE_CREATE_REVISION; target <= STORE_LEASE; target++) {
        if (target != STORE_VALUE)
            assert_compares(store, keys, (enum store_compare_target)target, 0);
    }
    for (int relation = STORE_EQUAL; relation <= STORE_LESS; relation++) {
        struct store_compare compare = {
            .keys = keys, .target = STORE_VALUE, .relation = (enum store_compare_relation)relation};
        cr_assert_not(holds(store, compare));
    }
}

void store_conformance_compare_ranges(struct store *store, const char *prefix)
{
    struct store_compare none_there = {.keys = conformance_all(prefix)};
    struct store_compare all_there = {.keys = conformance_all(prefix), .relation = STORE_GREATER};
    struct store_compare all_new = {
        .keys = conformance_all(prefix), .target = STORE_VERSION, .number = 1};
    struct store_compare values = {
        .keys = conformance_all(prefix), .target = STORE_VALUE, .value = SPAN("v")};
    cr_assert(holds(store, none_there));
    cr_assert_not(holds(store, all_there));
    cr_assert_not(holds(store, values));
    must_put(store, conformance_key(prefix, "a"), "v", 0);
    must_put(store, conformance_key(prefix, "b"), "v", 0);
    cr_assert_not(holds(store, none_there));
    cr_assert(holds(store, all_there));
    cr_assert(holds(store, all_new));
    cr_assert(holds(store, values));
    must_put(store, conformance_key(prefix, "b"), "w", 0);
    cr_assert_not(holds(store, all_new));
    cr_assert_not(holds(store, values));
}

/* --- transactions --- */

void store_conformance_txn_takes_one_branch(struct store *store, const char *prefix)
{
    struct span key = conformance_key(prefix, "key");
    struct store_compare compares[] = {
        {.keys.key = key, .target = STORE_VERSION, .relation = STORE_EQUAL, .number = 1},
        {.keys.key = key, .target = STORE_VALUE, .relation = STORE_EQUAL, .value = SPAN("there")},
    };
    struct store_op success[] = {op_put(conformance_key(prefix, "yes"), "1"), op_get(key)};
    struct store_op failure[] = {op_put(conformance_key(prefix, "no"), "1")};
    struct store_txn txn = {.compares = compares,
                            .compare_count = 2,
                            .success = success,
                            .success_count = 2,
                            .failure = failure,
                            .failure_count = 1};
    struct sync_answer answer;
    must_put(store, key, "not there", 0); /* so that only one compare holds */
    cr_assert_eq(sync_txn(store, &txn, &answer), 0);
    cr_assert_not(answer.succeeded);
    cr_assert_eq(answer.result_count, 1);
    sync_answer_release(&answer);
    cr_assert(sync_exists(store, failure[0].keys.key, NULL));
    cr_assert_not(sync_exists(store, success[0].keys.key, NULL));

    cr_assert_eq(sync_delete(store, key, NULL), 0);
    must_put(store, key, "there", 0);
    cr_assert_eq(sync_txn(store, &txn, &answer), 0);
    cr_assert(answer.succeeded);
    cr_assert_eq(answer.result_count, 2);
    cr_assert_eq(answer.kv_counts[1], 1);
    assert_text(answer.kvs[0].value, "there");
    sync_answer_release(&answer);
    cr_assert(sync_exists(store, success[0].keys.key, NULL));
}

void store_conformance_txn_takes_a_revision_if_it_changes(struct store *store, const char *prefix)
{
    struct span a = conformance_key(prefix, "a"), b = conformance_key(prefix, "b");
    struct store_op puts[] = {op_put(a, "1"), op_put(b, "1")};
    struct store_op nothing[] = {op_get(a), op_delete(conformance_key(prefix, "absent"))};
    struct store_txn two = txn_of(puts, 2), none = txn_of(nothing, 2), empty = {0};
    struct store_kv kv;
    struct sync_answer answer;
    int64_t revision = must_put(store, a, "0", 0);
    cr_assert_eq(sync_txn(store, &two, &answer), 0);
    cr_assert_eq(answer.revision, revision + 1);
    sync_answer_release(&answer);
    cr_assert(sync_exists(store, a, &kv));
    cr_assert_eq(kv.mod_revision, revision + 1);
    cr_assert(sync_exists(store, b, &kv));
    cr_assert_eq(kv.mod_revision, revision + 1);

    cr_assert_eq(sync_txn(store, &none, &answer), 0);
    cr_assert_eq(answer.revision, revision + 1);
    cr_assert_eq(answer.deleted[1], 0);
    sync_answer_release(&answer);
    cr_assert_eq(sync_txn(store, &empty, &answer), 0);
    cr_assert(answer.succeeded);
    cr_assert_eq(answer.revision, revision + 1);
    sync_answer_release(&answer);
    cr_assert_eq(must_put(store, a, "2", 0), revision + 2);
}

void store_conformance_txn_sees_its_own_writes(struct store *store, const char *prefix)
{
    struct span a = conformance_key(prefix, "a"), b = conformance_key(prefix, "b");
    struct store_op everything = {.kind = STORE_OP_GET, .keys = conformance_all(prefix)};
    struct store_op nothing = {
        .kind = STORE_OP_DELETE,
        .keys = {conformance_key(prefix, "c"), conformance_key(prefix, "x")}};
    struct store_op ops[] = {everything,   op_put(b, "new"), everything,
                             op_delete(a), everything,       nothing};
    struct store_txn txn = txn_of(ops, COUNT(ops));
    struct sync_answer answer;
    must_put(store, a, "old", 0);
    cr_assert_eq(sync_txn(store, &txn, &answer), 0);
    cr_assert_eq(answer.kv_counts[0], 1);
    cr_assert_eq(answer.kv_counts[2], 2);
    cr_assert_eq(answer.kv_counts[4], 1);
    cr_assert_eq(answer.deleted[3], 1);
    cr_assert_eq(answer.deleted[5], 0);
    assert_text(answer.kvs[0].value, "old");
    assert_text(answer.kvs[1].value, "old");
    assert_text(answer.kvs[2].value, "new");
    cr_assert_eq(answer.kvs[2].mod_revision, answer.revision);
    assert_text(answer.kvs[3].value, "new");
    sync_answer_release(&answer);
}

void store_conformance_txn_is_all_or_nothing(struct store *store, const char *prefix)
{
    struct span a = conformance_key(prefix, "a"), b = conformance_key(prefix, "b");
    struct span c = conformance_key(prefix, "c");
    struct store_lease_result lease;
    struct store_kv kv;
    cr_assert_eq(sync_grant(store, 0, 60, &lease), 0);
    cr_assert_eq(sync_revoke(store, lease.id), 0);
    int64_t revision = must_put(store, a, "0", 0);
    must_put(store, c, "0", 0);
    struct store_op ops[] = {op_put(a, "1"), op_delete(c), op_put_under(b, "1", lease.id)};
    struct store_txn txn = txn_of(ops, COUNT(ops));
    cr_assert_eq(sync_txn(store, &txn, NULL), ALLOT_ELEASE);
    cr_assert(sync_exists(store, a, &kv));
    cr_assert_eq(kv.mod_revision, revision);
    cr_assert(sync_exists(store, c, NULL));
    cr_assert_not(sync_exists(store, b, NULL));
    cr_assert_eq(must_put(store, a, "2", 0), revision + 2);
    cr_assert(sync_exists(store, a, &kv));
    cr_assert_eq(kv.version, 2);
}

void store_conformance_txn_conflicts(struct store *store, const char *prefix)
{
    struct span key = conformance_key(prefix, "key"), other = conformance_key(prefix, "other");
    struct store_op twice[] = {op_put(key, "1"), op_put(other, "1"), op_put(key, "1")};
    struct store_op both[] = {op_put(key, "1"), op_delete(key)};
    struct store_op within[] = {{.kind = STORE_OP_DELETE, .keys = conformance_all(prefix)},
                                op_put(key, "1")};
    struct store_op beside[] = {
        op_put(key, "1"), {.kind = STORE_OP_DELETE, .keys = {other, conformance_key(prefix, "z")}}};
    struct store_op deletes[] = {op_delete(other), op_delete(other)};
    struct store_txn txn = txn_of(twice, 3);
    struct sync_answer answer;
    cr_assert_eq(sync_txn(store, &txn, NULL), ALLOT_EINVAL);
    txn = txn_of(both, 2);
    cr_assert_eq(sync_txn(store, &txn, NULL), ALLOT_EINVAL);
    txn = txn_of(within, 2);
    cr_assert_eq(sync_txn(store, &txn, NULL), ALLOT_EINVAL);
    txn = (struct store_txn){.failure = twice, .failure_count = 3}; /* a branch not taken */
    cr_assert_eq(sync_txn(store, &txn, NULL), ALLOT_EINVAL);
    cr_assert_not(sync_exists(store, key, NULL));

    txn = (struct store_txn){.success = twice,
                             .success_count = 1,
                             .failure = twice,
                             .failure_count = 1}; /* a put in either branch */
    cr_assert_eq(sync_txn(store, &txn, NULL), 0);
    must_put(store, other, "1", 0);
    txn = txn_of(beside, 2);
    cr_assert_eq(sync_txn(store, &txn, NULL), 0);
    cr_assert_not(sync_exists(store, other, NULL));
    must_put(store, other, "1", 0);
    txn = txn_of(deletes, 2);
    cr_assert_eq(sync_txn(store, &txn, &answer), 0);
    cr_assert_eq(answer.deleted[0], 1);
    cr_assert_eq(answer.deleted[1], 0);
    sync_answer_release(&answer);
}

/* Of a transaction that has these operations in either branch. */
static size_t keys_size(const struct store_compare *compares, size_t compare_count,
                        const struct store_op *ops, size_t op_count)
{
    size_t size = 0;
    for (size_t i = 0; i < compare_count; i++)
        size += compares[i].keys.key.size;
    for (size_t i = 0; i < op_count; i++)
        size += 2 * ops[i].keys.key.size;
    return size;
}

void store_conformance_txn_limits(struct store *store, const char *prefix)
{
    struct store_compare compares[STORE_MAX_COMPARES + 1];
    struct store_op ops[STORE_MAX_OPS + 1];
    for (int i = 0; i <= STORE_MAX_COMPARES; i++)
        compares[i] = (struct store_compare){.keys.key = conformance_numbered(prefix, i)};
    for (int i = 0; i <= STORE_MAX_OPS; i++)
        ops[i] = op_put(conformance_numbered(prefix, i), "value");
    struct store_txn most = {.compares = compares,
                             .compare_count = STORE_MAX_COMPARES,
                             .success = ops,
                             .success_count = STORE_MAX_OPS,
                             .failure = ops,
                             .failure_count = STORE_MAX_OPS};
    struct store_txn txn = most;
    txn.compare_count++;
    cr_assert_eq(sync_txn(store, &txn, NULL), ALLOT_ELIMIT);
    txn = most;
    txn.success_count++;
    cr_assert_eq(sync_txn(store, &txn, NULL), ALLOT_ELIMIT);
    txn = most;
    txn.failure_count++;
    cr_assert_eq(sync_txn(store, &txn, NULL), ALLOT_ELIMIT);
    cr_assert_eq(sync_txn(store, &most, NULL), 0);

    char *value = calloc(1, STORE_MAX_REQUEST + 1);
    cr_assert_not_null(value);
    ops[0].value = (struct span){value, STORE_MAX_REQUEST};
    txn = txn_of(ops, 1);
    cr_assert_eq(sync_txn(store, &txn, NULL), ALLOT_ELIMIT);
    ops[0].value.size = STORE_MAX_REQUEST / 2;
    cr_assert_eq(sync_txn(store, &txn, NULL), 0);
    ops[1].value = ops[0].value;
    txn.success_count = 2;
    cr_assert_eq(sync_txn(store, &txn, NULL), ALLOT_ELIMIT);

    /* as many of everything as there may be, and as many bytes */
    size_t bytes = keys_size(compares, STORE_MAX_COMPARES, ops, STORE_MAX_OPS);
    for (int i = 0; i < STORE_MAX_OPS; i++)
        ops[i].value = (struct span){0};
    ops[0].value = (struct span){value, (STORE_MAX_REQUEST - bytes) / 2};
    cr_assert_eq(sync_txn(store, &most, NULL), 0);
    free(value);
}

void store_conformance_txn_that_is_wrong(struct store *store, const char *prefix)
{
    struct span key = conformance_key(prefix, "key");
    struct store_op no_key = op_put((struct span){0}, "value");
    struct store_op put_range = {.kind = STORE_OP_PUT, .keys = conformance_all(prefix)};
    struct store_op negative_lease = op_put_under(key, "value", -1);
    struct store_op two_leases = op_put_under(key, "value", 1);
    struct store_op no_such_op = {.kind = (enum store_op_kind)77, .keys.key = key};
    two_leases.keep_lease = true;
    struct store_op ops[] = {no_key, put_range, negative_lease, two_leases, no_such_op};
    for (size_t i = 0; i < COUNT(ops); i++) {
        struct store_txn txn = txn_of(&ops[i], 1);
        cr_assert_eq(sync_txn(store, &txn, NULL), ALLOT_EINVAL, "operation %zu", i);
    }
    struct store_compare compares[] = {
        {.target = STORE_VERSION},
        {.keys.key = key, .target = (enum store_compare_target)77},
        {.keys.key = key, .relation = (enum store_compare_relation)77},
    };
    for (size_t i = 0; i < COUNT(compares); i++) {
        struct store_txn txn = {.compares = &compares[i], .compare_count = 1};
        cr_assert_eq(sync_txn(store, &txn, NULL), ALLOT_EINVAL, "compare %zu", i);
    }
}

enum { THREADS = 4, INCREMENTS = 40, INCREMENTS_OF_ALL = THREADS * INCREMENTS };

struct incrementing {
    struct store *store;
    struct span key;
};

/* Reads a counter and puts one more, if nobody else did meanwhile; as often as it takes. */
static void *increment(void *context)
{
    const struct incrementing *incrementing = context;
    for (int done = 0; done < INCREMENTS;) {
        struct store_range range = {.keys.key = incrementing->key};
        struct sync_answer answer;
        char text[32];
        cr_assert_eq(sync_range(incrementing->store, &range, &answer), 0);
        int value = 0;
        if (answer.kv_count) {
            snprintf(text, sizeof text, "%.*s", (int)answer.kvs[0].value.size,
                     answer.kvs[0].value.data);
            value = atoi(text);
        }
        struct store_compare unchanged = {.keys.key = incrementing->key,
                                          .target = STORE_MOD_REVISION,
                                          .number =
                                              answer.kv_count ? answer.kvs[0].mod_revision : 0};
        sync_answer_release(&answer);
        snprintf(text, sizeof text, "%d", value + 1);
        struct store_op put = op_put(incrementing->key, text);
        struct store_txn txn = {
            .compares = &unchanged, .compare_count = 1, .success = &put, .success_count = 1};
        cr_assert_eq(sync_txn(incrementing->store, &txn, &answer), 0);
        done += answer.succeeded;
        sync_answer_release(&answer);
    }
    return NULL;
}

void store_conformance_txn_increments_from_many_threads(struct store *store, const char *prefix)
{
    struct incrementing incrementing = {store, conformance_key(prefix, "counter")};
    pthread_t threads[THREADS];
    struct store_kv kv;
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, increment, &incrementing), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_assert(sync_exists(store, incrementing.key, &kv));
    cr_assert_eq(kv.version, INCREMENTS_OF_ALL);
}
