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

static struct span without_root(struct span root, struct span key)
{
    return (struct span){key.data + root.size, key.size - root.size};
}

bool history_is_actor(struct span root, struct span key)
{
    return span_has_prefix(key, root) && span_equal(without_root(root, key), SPAN(KEYS_ACTOR));
}

enum history_kind history_kind_of(struct span root, struct span key, struct key_parts *ret_parts)
{
    struct span name = without_root(root, key);
    if (keys_parse(root, key, ret_parts))
        *ret_parts = (struct key_parts){.kind = KEY_OTHER, .slot = -1};
    switch (ret_parts->kind) {
    case KEY_ITEM:
        return HISTORY_ITEM;
    case KEY_MEMBER:
        return HISTORY_MEMBER;
    case KEY_ASSIGNMENT:
        return HISTORY_ASSIGNMENT;
    case KEY_OTHER:
        break;
    }
    if (span_has_prefix(name, SPAN(KEYS_SCHEDULERS)))
        return HISTORY_SCHEDULER;
    return span_equal(name, SPAN(KEYS_ALLOCATOR)) ? HISTORY_ALLOCATOR : HISTORY_OTHER;
}
