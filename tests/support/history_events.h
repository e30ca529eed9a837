/* Events for tests of what history is shown as. */
#ifndef ALLOT_TESTS_SUPPORT_HISTORY_EVENTS_H
#define ALLOT_TESTS_SUPPORT_HISTORY_EVENTS_H

#include "api/history.h"

#define SECRET "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f"
#define EVENTS_TIME INT64_C(1767225600123) /* 2026-01-01T00:00:00.123Z */

/* One of each kind, by number; oldest first. */
enum {
    EVENT_GAP,
    EVENT_ITEM,
    EVENT_MEMBER,
    EVENT_ASSIGNMENT,
    EVENT_EXPIRY,
    EVENT_ALLOCATOR,
    EVENT_SCHEDULER,
    EVENT_OTHER,
    EVENT_COUNT
};
extern const struct history_event history_events[EVENT_COUNT];

#endif
