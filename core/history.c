#include "core/history.h"

#include <stdlib.h>

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

enum history_kind history_kind_of(struct span name)
{
    static const struct {
        struct span prefix;
        enum history_kind kind;
    } prefixes[] = {{{KEYS_ITEMS, sizeof KEYS_ITEMS - 1}, HISTORY_ITEM},
                    {{KEYS_MEMBERS, sizeof KEYS_MEMBERS - 1}, HISTORY_MEMBER},
                    {{KEYS_ASSIGNMENTS, sizeof KEYS_ASSIGNMENTS - 1}, HISTORY_ASSIGNMENT},
                    {{KEYS_SCHEDULERS, sizeof KEYS_SCHEDULERS - 1}, HISTORY_SCHEDULER}};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (span_has_prefix(name, prefixes[i].prefix))
            return prefixes[i].kind;
    return span_equal(name, SPAN(KEYS_ALLOCATOR)) ? HISTORY_ALLOCATOR : HISTORY_OTHER;
}

/* --- what each event does --- */

static struct history_change make_change(struct span root, const struct store_event *event,
                                         int32_t order)
{
    struct history_change change = {.event = event, .order = order};
    struct span name = without_root(root, event->kv.key);
    if (keys_parse(root, event->kv.key, &change.parts))
        change.parts = (struct key_parts){.kind = KEY_OTHER, .slot = -1};
    change.kind = history_kind_of(name);
    bool is_entity = change.kind <= HISTORY_ASSIGNMENT;
    if (is_entity && change.parts.kind == KEY_OTHER)
        change.kind = HISTORY_OTHER;
    return change;
}

static void add_event(struct span root, const struct store_event *event,
                      struct history_changes *changes)
{
    struct history_revision *revision =
        changes->revision_count ? &changes->revisions[changes->revision_count - 1] : NULL;
    if (!revision || revision->revision != event->kv.mod_revision) {
        revision = &changes->revisions[changes->revision_count++];
        *revision = (struct history_revision){.revision = event->kv.mod_revision,
                                              .begin = changes->change_count};
    }
    if (event->kind == STORE_EVENT_PUT && history_is_actor(root, event->kv.key))
        revision->actor = &event->kv;
    else
        changes->changes[changes->change_count++] =
            make_change(root, event, (int32_t)revision->count++);
}

/* By key, then in the order of the events. */
static int compare_changes(const void *first, const void *second)
{
    const struct history_change *a = *(const struct history_change *const *)first;
    const struct history_change *b = *(const struct history_change *const *)second;
    int order = span_compare(a->event->kv.key, b->event->kv.key);
    return order ? order : (a > b) - (a < b);
}

static void set_before(struct history_change *change, const struct history_change *last,
                       const struct keyspace *former)
{
    const struct entry *entry = NULL;
    if (last && span_equal(last->event->kv.key, change->event->kv.key)) {
        change->existed = last->event->kind == STORE_EVENT_PUT;
        change->before = last->event->kv.value;
        change->before_lease = last->event->kv.lease;
    } else if ((entry = keyspace_find(former, change->event->kv.key))) {
        change->existed = true;
        change->before = entry->value;
        change->before_lease = entry->lease;
    }
    if (!change->existed) {
        change->before = (struct span){NULL, 0};
        change->before_lease = 0;
    } else if (!change->before.data) {
        change->before = SPAN("");
    }
}

static int find_before(const struct keyspace *former, struct history_changes *changes)
{
    size_t count = changes->change_count;
    struct history_change **sorted = malloc((count + 1) * sizeof(struct history_change *));
    if (!sorted)
        return ALLOT_ENOMEM;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &changes->changes[i];
    qsort(sorted, count, sizeof(struct history_change *), compare_changes);
    for (size_t i = 0; i < count; i++)
        set_before(sorted[i], i ? sorted[i - 1] : NULL, former);
    free(sorted);
    return 0;
}

int history_changes_make(const struct keyspace *former,
                         const struct store_watch_response *responses, size_t count,
                         struct history_changes *ret)
{
    size_t events = 0;
    for (size_t i = 0; i < count; i++)
        events += responses[i].event_count;
    struct history_changes changes = {
        .revisions = malloc((events + 1) * sizeof(struct history_revision)),
        .changes = malloc((events + 1) * sizeof(struct history_change))};
    int error = changes.revisions && changes.changes ? 0 : ALLOT_ENOMEM;
    for (size_t i = 0; i < count && !error; i++)
        for (size_t j = 0; j < responses[i].event_count; j++)
            add_event(keyspace_root(former), &responses[i].events[j], &changes);
    if (!error)
        error = find_before(former, &changes);
    if (error)
        history_changes_release(&changes);
    else
        *ret = changes;
    return error;
}

void history_changes_release(struct history_changes *changes)
{
    free(changes->revisions);
    free(changes->changes);
    *changes = (struct history_changes){0};
}
