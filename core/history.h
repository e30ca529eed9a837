/* What happened, as history tells it: the events of a run of watch responses, each with what stood
 * there before, what it did, and where its actor is told. Pure; who stores it is server/. */
#ifndef ALLOT_CORE_HISTORY_H
#define ALLOT_CORE_HISTORY_H

#include "core/keyspace.h"

/* What a key is about. ROOT/actor itself is told with each revision, and is no event. */
enum history_kind {
    HISTORY_ITEM,
    HISTORY_MEMBER,
    HISTORY_ASSIGNMENT,
    HISTORY_ALLOCATOR, /* ROOT/allocator: the operators' settings */
    HISTORY_SCHEDULER, /* ROOT/schedulers/…: candidates for leadership */
    HISTORY_OTHER,     /* all other keys under the root, those that don't parse included */
    HISTORY_GAP,       /* no key: what happened in between is not known; see api/history.h */
    HISTORY_KIND_COUNT
};
extern const char *const history_kind_names[HISTORY_KIND_COUNT];

enum history_operation {
    HISTORY_CREATE,
    HISTORY_UPDATE,
    HISTORY_DELETE,
    HISTORY_EXPIRE, /* deleted with its lease, which nobody has given up */
    HISTORY_MISS,   /* of a gap */
    HISTORY_OPERATION_COUNT
};
extern const char *const history_operation_names[HISTORY_OPERATION_COUNT];

/* One event but those of ROOT/actor being put. */
struct history_change {
    const struct store_event *event; /* borrowed from the responses */
    int32_t order;                   /* among the changes of its revision, from 0 */
    enum history_kind kind;
    struct key_parts parts; /* of its key, if that parses; else of kind KEY_OTHER */
    bool existed;           /* the key, before; if so: */
    struct span before;     /* its value, borrowed from the former keyspace or the responses */
    int64_t before_lease;
};

struct history_revision {
    int64_t revision;
    const struct store_kv *actor; /* what ROOT/actor was given with it, borrowed; NULL: nothing */
    size_t begin;                 /* of its changes */
    size_t count;
};

struct history_changes {
    struct history_revision *revisions;
    size_t revision_count;
    struct history_change *changes;
    size_t change_count;
};

/* Reads off all @responses (in order, none of them an error), which follow @former. Released by
 * history_changes_release. ALLOT_ENOMEM leaves @ret untouched. Cost: the events, sorted by key, and
 * a search in @former for each key. */
int history_changes_make(const struct keyspace *former,
                         const struct store_watch_response *responses, size_t count,
                         struct history_changes *ret);
void history_changes_release(struct history_changes *changes); /* also of a zeroed one */

/* Whether @key is ROOT/actor; and what a key without its root is about. */
bool history_is_actor(struct span root, struct span key);
enum history_kind history_kind_of(struct span name);

#endif
