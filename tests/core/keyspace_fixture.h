/* What the tests of the keyspace share: a decoder of plain numbers, a log of what was reported, and
 * short ways to write events. */
#ifndef ALLOT_TESTS_CORE_KEYSPACE_FIXTURE_H
#define ALLOT_TESTS_CORE_KEYSPACE_FIXTURE_H

#include "core/keyspace.h"

/* Values are decimal numbers (of items and members: the replication and the limit; of assignments:
 * `user`); any other doesn't decode. The value "enomem" makes the decoder run out of memory. */
struct fixture {
    size_t reports[4]; /* by enum keyspace_anomaly */
    char last_key[64];
    int64_t last_revision;
    char last_why[64];
};

#define FIXTURE_ROOT SPAN("/r")

/* Reports go to @fixture, which must outlive the keyspace. */
struct keyspace_config fixture_config(struct fixture *fixture, bool keep_invalid);

/* An empty keyspace; ends the test if there is none. */
struct keyspace *fixture_keyspace(struct fixture *fixture, bool keep_invalid);

size_t fixture_report_count(const struct fixture *fixture);

/* Events; the texts are borrowed. */
struct store_event fixture_put(const char *key, const char *value, int64_t create_revision,
                               int64_t mod_revision, int64_t version);
struct store_event fixture_delete(const char *key, int64_t mod_revision);

/* Applies one response of the cluster 1 as of the last event's revision, and replaces *@keyspace by
 * the result if there is one. Returns the error. */
int fixture_apply(struct keyspace **keyspace, const struct store_event *events, size_t count);

/* Checks that the keyspace is well formed inside: order, counts, the sizes of pages, parts that
 * point into their own keys. Ends the test otherwise. */
void fixture_check_pages(const struct keyspace *keyspace);

#endif
