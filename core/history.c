#include "core/history.h"

const char *const history_kind_names[HISTORY_KIND_COUNT] = {
    [HISTORY_ITEM] = "item",
    [HISTORY_MEMBER] = "member",
    [HISTORY_ASSIGNMENT] = "assignment",
    [HISTORY_ALLOCATOR] = "allocator",
    [HISTORY_SCHEDULER] = "scheduler",
    [HISTORY_OTHER] = "other",
    [HISTORY_GAP] = "gap",
};

const char *const history_operation_names[HISTORY_OPERATION_COUNT] = {
    [HISTORY_CREATE] = "create", [HISTORY_UPDATE] = "update", [HISTORY_DELETE] = "delete",
    [HISTORY_EXPIRE] = "expire", [HISTORY_MISS] = "miss",
};
