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

#endif
