/* A loop over a real etcd that has seen a hundred thousand changes holds no more than after the
 * first thousand: threads, open files (so sockets) and bytes. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>

#include "api/values.h"
#include "server/loop.h"
#include "tests/etcd/fixture.h"
#include "tests/support/loop_idle.h"
#include "tests/support/store_sync.h"

#ifdef __SANITIZE_ADDRESS__
/* Of the sanitizers' own interface, whose header is not everywhere. */
size_t __sanitizer_get_current_allocated_bytes(void); /* NOLINT: their name */
#endif

enum {
    ITEMS = 100, /* changed in each transaction */
    FEW = 1000 / ITEMS,
    MANY = 100000 / ITEMS,
    SLACK = 64 << 10, /* bytes: buffers that have grown to what they need */
};

struct held {
    size_t threads;
    size_t files;
    size_t bytes;
};

static size_t count_entries(const char *path)
{
    DIR *directory = opendir(path);
    size_t count = 0;
    cr_assert_not_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static size_t live_bytes(void)
{
#ifdef __SANITIZE_ADDRESS__
    return __sanitizer_get_current_allocated_bytes();
#else
    return mallinfo2().uordblks;
#endif
}

static struct held measure(void)
{
    return (struct held){count_entries("/proc/self/task"), count_entries("/proc/self/fd"),
                         live_bytes()};
}

/* Every item is put again, with another label. */
static int64_t change_items(struct store *store, int number)
{
    char keys[ITEMS][64];
    char value[96];
    struct store_op ops[ITEMS];
    struct sync_answer answer;
    snprintf(value, sizeof value, "{\"replication\":2,\"labels\":{\"n\":\"%06d\"}}", number);
    for (int i = 0; i < ITEMS; i++) {
        snprintf(keys[i], sizeof keys[i], "/growth/items/item-%03d", i);
        ops[i] = (struct store_op){
            .kind = STORE_OP_PUT, .keys = {.key = span_of(keys[i])}, .value = span_of(value)};
    }
    struct store_txn txn = {.success = ops, .success_count = ITEMS};
    cr_assert_eq(sync_txn(store, &txn, &answer), 0);
    int64_t revision = answer.revision;
    sync_answer_release(&answer);
    return revision;
}

static struct held change(struct store *store, struct loop *loop, int transactions)
{
    int64_t revision = 0;
    for (int i = 0; i < transactions; i++)
        revision = change_items(store, i);
    cr_assert_neq(loop_idle_wait(loop, revision), 0, "not idle");
    return measure();
}

Test(etcd_growth, none_with_the_number_of_changes, .timeout = 300)
{
    struct fixture fixture;
    struct publisher *publisher = NULL;
    struct loop *loop = NULL;
    struct candidate candidate;
    struct error_message why;
    struct decoder decoder = api_decoder();
    fixture_open(&fixture);
    cr_assert_eq(publisher_create(&publisher), 0);
    cr_assert_eq(candidate_init_scheduler(&candidate, SPAN("/growth"), SPAN("one"), &why), 0);
    for (int m = 0; m < 4; m++) {
        char key[64];
        snprintf(key, sizeof key, "/growth/members/zone-%d#member", m);
        cr_assert_eq(sync_put(fixture.store, span_of(key), SPAN("{\"item_limit\":80}"), 0, NULL),
                     0);
    }
    struct loop_config config = {.store = fixture.store,
                                 .publisher = publisher,
                                 .decoder = &decoder,
                                 .root = SPAN("/growth"),
                                 .candidate = &candidate,
                                 .ttl_seconds = 5,
                                 .gather_ms = 5,
                                 .threads = 2};
    cr_assert_eq(loop_start(&config, &loop), 0);
    struct held few = change(fixture.store, loop, FEW);
    struct held many = change(fixture.store, loop, MANY);
    cr_expect_leq(many.threads, few.threads);
    cr_expect_leq(many.files, few.files);
    cr_expect_leq(many.bytes, few.bytes + SLACK, "%zu bytes after few changes, %zu after many",
                  few.bytes, many.bytes);
    loop_stop(loop);
    candidate_release(&candidate);
    publisher_destroy(publisher);
    fixture_remove(&fixture);
}
