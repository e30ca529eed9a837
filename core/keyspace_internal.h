/* Private to keyspace*.c: what a keyspace consists of. */
#ifndef ALLOT_CORE_KEYSPACE_INTERNAL_H
#define ALLOT_CORE_KEYSPACE_INTERNAL_H

#include "core/page.h"

/* The configuration, with a root of its own: shared by all versions. */
struct keyspace_settings {
    atomic_size_t references;
    struct keyspace_config config;
    char root[];
};

struct keyspace {
    atomic_size_t references;
    struct keyspace_settings *settings; /* a reference */
    struct page_list list;
    uint64_t cluster_id; /* 0: none yet */
    int64_t revision;
    int64_t seen_revision;
};

/* A keyspace with one reference and @former's settings, but neither pages nor revisions.
 * NULL if out of memory. */
struct keyspace *keyspace_succeed(const struct keyspace *former);

/* Whether @key is below the root: what is not is not the keyspace's concern. */
bool keyspace_holds(const struct keyspace *keyspace, struct span key);

#endif
