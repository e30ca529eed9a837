/* Differences of keyspaces: that applying them to the one gives the other, and nothing is told that
 * is the same. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/keyspace_difference.h"
#include "tests/support/array.h"
#include "tests/support/instance_builder.h"

enum { KEYS = 3000 };

/* Puts or deletes @count keys of KEYS at random. */
static struct keyspace *change(struct keyspace *keyspace, struct random *random, size_t count)
{
    char(*keys)[32] = array_create(count, sizeof *keys);
    struct store_event *events = array_create(count, sizeof *events);
    struct keyspace *changed = NULL;
    int64_t revision = keyspace_revision(keyspace) + 1;
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(keys[i], 32, BUILDER_ROOT "/items/i%05d", (int)random_below(random, KEYS));
        events[i] = (struct store_event){.kind = random_below(random, 3) ? STORE_EVENT_PUT
                                                                         : STORE_EVENT_DELETE,
                                         .kv = {.key = span_of(keys[i]),
                                                .value = SPAN("1"),
                                                .create_revision = revision,
                                                .mod_revision = revision,
                                                .version = 1}};
    }
    struct store_watch_response response = {.cluster_id = BUILDER_CLUSTER_ID,
                                            .revision = revision,
                                            .events = events,
                                            .event_count = count};
    cr_assert_eq(keyspace_apply(keyspace, &response, 1, &changed), 0);
    free(keys);
    free(events);
    return changed;
}

/* Walks both keyspaces whole, and expects every difference in its turn. */
static int64_t check(const struct keyspace *former, const struct keyspace *newer, uint64_t seed)
{
    struct keyspace_difference difference = keyspace_compare(former, newer);
    int64_t count = 0;
    for (int key = 0; key < KEYS; key++) {
        char text[32];
        (void)snprintf(text, sizeof text, BUILDER_ROOT "/items/i%05d", key);
        const struct entry *before = keyspace_find(former, span_of(text));
        const struct entry *after = keyspace_find(newer, span_of(text));
        if (before == after)
            continue;
        cr_assert(keyspace_next_difference(&difference), "seed %" PRIu64, seed);
        cr_assert_eq(difference.before, before, "seed %" PRIu64, seed);
        cr_assert_eq(difference.after, after, "seed %" PRIu64, seed);
        count++;
    }
    cr_assert_not(keyspace_next_difference(&difference), "seed %" PRIu64, seed);
    return count;
}

Test(keyspace_difference, is_all_that_differs)
{
    struct random random = {.state = 6};
    int64_t differences = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct keyspace *empty = builder_keyspace(NULL, 0, false);
        struct keyspace *former = change(empty, &random, random_below(&random, 3000));
        struct keyspace *newer = keyspace_ref(former);
        for (uint64_t i = 0; i < 1 + seed % 3; i++) {
            struct keyspace *changed =
                change(newer, &random, 1 + random_below(&random, seed % 2 ? 3 : 300));
            keyspace_unref(newer);
            newer = changed;
        }
        differences += check(former, newer, seed);
        differences += check(newer, former, seed);
        check(former, empty, seed);
        cr_assert_eq(check(newer, newer, seed), 0);
        keyspace_unref(newer);
        keyspace_unref(former);
        keyspace_unref(empty);
    }
    cr_assert_gt(differences, 1000);
}
