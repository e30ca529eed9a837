#include "tests/server/store_conformance.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/support/store_sync.h"

enum { ARENA_SIZE = 1 << 20 };

/* Each case runs in a process of its own. */
static char arena[ARENA_SIZE];
static size_t arena_used;

static struct span keep(const char *text)
{
    size_t size = strlen(text);
    cr_assert_leq(arena_used + size, sizeof arena);
    char *at = arena + arena_used;
    memcpy(at, text, size);
    arena_used += size;
    return (struct span){at, size};
}

struct span conformance_key(const char *prefix, const char *name)
{
    char text[256];
    snprintf(text, sizeof text, "%s%s", prefix, name);
    return keep(text);
}

struct span conformance_numbered(const char *prefix, int number)
{
    char text[256];
    snprintf(text, sizeof text, "%s%05d", prefix, number);
    return keep(text);
}

struct store_keys conformance_all(const char *prefix)
{
    static char end[256];
    struct span key = keep(prefix);
    return (struct store_keys){key, store_range_end_of_prefix(key, end)};
}

struct store_op op_put(struct span key, const char *value)
{
    return op_put_under(key, value, 0);
}

struct store_op op_put_under(struct span key, const char *value, int64_t lease)
{
    return (struct store_op){
        .kind = STORE_OP_PUT, .keys.key = key, .value = span_of(value), .lease = lease};
}

struct store_op op_delete(struct span key)
{
    return (struct store_op){.kind = STORE_OP_DELETE, .keys.key = key};
}

struct store_op op_get(struct span key)
{
    return (struct store_op){.kind = STORE_OP_GET, .keys.key = key};
}

struct store_txn txn_of(const struct store_op *ops, size_t count)
{
    return (struct store_txn){.success = ops, .success_count = count};
}

int64_t must_put(struct store *store, struct span key, const char *value, int64_t lease)
{
    int64_t revision = 0;
    cr_assert_eq(sync_put(store, key, span_of(value), lease, &revision), 0);
    return revision;
}
