/* What happened, as history tells it: what an event is about, and what it did. Pure; who stores it
 * is server/. */
#ifndef ALLOT_CORE_HISTORY_H
#define ALLOT_CORE_HISTORY_H

#include "core/keys.h"

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

/* Whether @key is ROOT/actor. */
bool history_is_actor(struct span root, struct span key);
/* What a key under @root is about, and what it names: KEY_OTHER, if it doesn't parse. */
enum history_kind history_kind_of(struct span root, struct span key, struct key_parts *ret_parts);

#endif
