/* An ordered in-memory mirror of the keys under a root: an immutable value.
 *
 * A keyspace never changes once it is made: keyspace_apply makes a new one, which shares all that
 * did not change with the old one. So any thread may read one for as long as it holds a reference,
 * and an error leaves the old one in place. References are counted atomically.
 *
 * Entries lie in pages of a bounded size, themselves shared: applying a change to one key copies
 * one page and the list of pages. */
#ifndef ALLOT_CORE_KEYSPACE_H
#define ALLOT_CORE_KEYSPACE_H

#include "core/decoder.h"
#include "core/store.h"

/* One decoded key. Immutable; lives as long as any keyspace that holds it. */
struct entry {
    struct key_parts parts; /* spans point into key */
    struct span key;
    struct span value; /* raw */
    int64_t create_revision;
    int64_t mod_revision;
    int64_t version;
    int64_t lease;
    union {
        struct item_value item;
        struct member_value member;
        struct assignment_value assignment;
    };
    bool valid; /* false: the key or value does not decode (kept only with keep_invalid) */
};

/* Why an event was not taken as it came: for the log. */
enum keyspace_anomaly {
    KEYSPACE_BAD_KEY,       /* under one of the prefixes, but doesn't parse */
    KEYSPACE_BAD_VALUE,     /* doesn't decode */
    KEYSPACE_ABSENT_DELETE, /* a delete of a key that isn't there: ignored */
    KEYSPACE_VERSION_SKIP,  /* a put whose version isn't the next: applied */
};
typedef void keyspace_report(void *context, enum keyspace_anomaly anomaly, struct span key,
                             int64_t mod_revision, const char *why);

/* Copied by the keyspace, except what decoder.context and report_context point to, which must
 * outlive it. */
struct keyspace_config {
    struct span root;
    struct decoder decoder;
    /* Whether what does not decode is kept, marked invalid (the live loop does), or ignored (the
     * reference does: a bad put leaves the former value in place). */
    bool keep_invalid;
    keyspace_report *report; /* may be NULL */
    void *report_context;
};

struct keyspace;

/* An empty keyspace as of @revision 0 that belongs to no cluster yet.
 * Errors: ALLOT_ENOMEM; ALLOT_EINVAL (root not valid). */
int keyspace_create(const struct keyspace_config *config, struct keyspace **ret);

/* Loading: collects keys in any number of steps and any order, then makes a keyspace of exactly
 * those with @former's configuration. @former is borrowed until the loader is destroyed.
 * keyspace_loader_create: ALLOT_ENOMEM.
 * keyspace_loader_add: decodes and copies @kvs; those not below the root are left out. ALLOT_ENOMEM
 * (then some of @kvs were added: the loader is to be destroyed).
 * keyspace_loader_finish: a new keyspace as of @revision. ALLOT_ENOMEM; ALLOT_EEXISTS (a key
 * twice); ALLOT_ECLUSTER (@former belongs to another cluster; a freshly created one belongs to
 * none). The loader is then empty, and is to be destroyed either way. Cost: linear, and a sort if
 * the keys did not come in order. */
struct keyspace_loader;
int keyspace_loader_create(const struct keyspace *former, struct keyspace_loader **ret);
int keyspace_loader_add(struct keyspace_loader *loader, const struct store_kv *kvs, size_t count);
int keyspace_loader_finish(struct keyspace_loader *loader, uint64_t cluster_id, int64_t revision,
                           struct keyspace **ret);
void keyspace_loader_destroy(struct keyspace_loader *loader); /* NULL is fine */

/* A new keyspace: @former with all events of @responses (one or more, ordered), merged in one pass
 * by (key, mod revision). Single inconsistent events are tolerated and reported.
 * Errors, @ret untouched: ALLOT_ECLUSTER (cluster id changed), ALLOT_EORDER (the first mod revision
 * of a response is not greater than the revision reached before it, or revisions decrease),
 * ALLOT_ENOMEM (what was reported by then is reported again when it is tried again); the error of a
 * response that carries one. The responses are checked before anything is reported. A @former that
 * belongs to no cluster takes that of the first response. Cost: the events, sorted, the pages that
 * they touch, and the list of pages. */
int keyspace_apply(const struct keyspace *former, const struct store_watch_response *responses,
                   size_t count, struct keyspace **ret);

struct keyspace *keyspace_ref(struct keyspace *keyspace);
void keyspace_unref(struct keyspace *keyspace); /* NULL is fine */

uint64_t keyspace_cluster_id(const struct keyspace *keyspace);
/* The greatest mod revision that was applied (or the revision of the load). */
int64_t keyspace_revision(const struct keyspace *keyspace);
/* Up to where events have been seen, progress included: a broken watch resumes at this + 1. */
int64_t keyspace_seen_revision(const struct keyspace *keyspace);
size_t keyspace_count(const struct keyspace *keyspace);
struct span keyspace_root(const struct keyspace *keyspace);
const struct decoder *keyspace_decoder(const struct keyspace *keyspace);

/* The entry of a key, or NULL. O(log n). */
const struct entry *keyspace_find(const struct keyspace *keyspace, struct span key);
/* The same of the root and @name (such as KEYS_ALLOCATOR). */
const struct entry *keyspace_find_under_root(const struct keyspace *keyspace, struct span name);
/* The entry of an item, or of a member, by its identity; NULL if there is none, or it is invalid.
 */
const struct entry *keyspace_item(const struct keyspace *keyspace, struct span item);
const struct entry *keyspace_member(const struct keyspace *keyspace, struct span zone,
                                    struct span suffix);

/* Walks entries in key order from the first key >= @from. keyspace_next returns NULL at the end.
 *     struct keyspace_cursor cursor = keyspace_seek(keyspace, SPAN("/allot/items/"));
 *     for (const struct entry *e; (e = keyspace_next(&cursor));) … */
struct keyspace_cursor {
    const struct keyspace *keyspace;
    size_t page;
    size_t index;
};
struct keyspace_cursor keyspace_seek(const struct keyspace *keyspace, struct span from);
const struct entry *keyspace_next(struct keyspace_cursor *cursor);
/* How many entries come before the cursor's. O(pages). */
size_t keyspace_rank(const struct keyspace_cursor *cursor);

#endif
