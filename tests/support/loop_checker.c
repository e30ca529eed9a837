#include "tests/support/loop_checker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void loop_checker_init(struct loop_checker *checker, const struct model_store *store,
                       struct span root, struct decoder decoder)
{
    *checker = (struct loop_checker){.store = store, .root = root, .decoder = decoder};
    loop_checker_observe(checker);
}

void loop_checker_release(struct loop_checker *checker)
{
    model_table_release(&checker->table);
}

static void fault(struct loop_checker *checker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void fault(struct loop_checker *checker, const char *format, ...)
{
    if (checker->fault[0])
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(checker->fault, sizeof checker->fault, format, arguments);
    va_end(arguments);
}

#define TEXT(span) (int)(span).size, (span).data

/* --- what stands in a table --- */

static struct key_parts parse(const struct loop_checker *checker, struct span key)
{
    struct key_parts parts;
    if (keys_parse(checker->root, key, &parts) != 0)
        parts.kind = KEY_OTHER;
    return parts;
}

static const struct store_kv *find_item(const struct loop_checker *checker,
                                        const struct model_table *table, struct span item)
{
    char buffer[128];
    return model_table_find(table, keys_item(checker->root, item, buffer, sizeof buffer));
}

static const struct store_kv *find_member(const struct loop_checker *checker,
                                          const struct model_table *table,
                                          const struct key_parts *parts)
{
    char buffer[128];
    return model_table_find(
        table, keys_member(checker->root, parts->zone, parts->suffix, buffer, sizeof buffer));
}

/* The replication of the item, or -1 if it isn't there or isn't valid. */
static int32_t replication_of(const struct loop_checker *checker, const struct model_table *table,
                              struct span item)
{
    const struct store_kv *kv = find_item(checker, table, item);
    struct item_value value;
    struct error_message why;
    if (!kv || checker->decoder.item(checker->decoder.context, NULL, kv->value, &value, &why) != 0)
        return -1;
    return value.replication;
}

/* The item limit of the member, or -1 if it isn't there or isn't valid. */
static int32_t limit_of(const struct loop_checker *checker, const struct model_table *table,
                        const struct key_parts *parts)
{
    const struct store_kv *kv = find_member(checker, table, parts);
    struct member_value value;
    struct error_message why;
    if (!kv ||
        checker->decoder.member(checker->decoder.context, NULL, kv->value, &value, &why) != 0)
        return -1;
    return value.item_limit;
}

/* Whether the member has been registered since the assignment was written: then what that says is
 * of another member of its name. */
static bool is_newer(const struct store_kv *member, const struct store_kv *assignment)
{
    return member && member->create_revision > assignment->mod_revision;
}

/* Whether the assignment's value says so. Its item must be valid. */
static bool is_consistent(const struct loop_checker *checker, const struct model_table *table,
                          const struct store_kv *assignment)
{
    const struct decoder *decoder = &checker->decoder;
    struct key_parts parts = parse(checker, assignment->key);
    const struct store_kv *item = find_item(checker, table, parts.item);
    struct item_value item_value;
    struct assignment_value value = {0};
    struct error_message why;
    return item && decoder->item(decoder->context, NULL, item->value, &item_value, &why) == 0 &&
           decoder->assignment(decoder->context, NULL, assignment->value, &value, &why) == 0 &&
           !is_newer(find_member(checker, table, &parts), assignment) &&
           decoder->is_consistent(decoder->context, &item_value, &value, 1, 0);
}

static bool same_member(const struct key_parts *a, const struct key_parts *b)
{
    return span_equal(a->zone, b->zone) && span_equal(a->suffix, b->suffix);
}

static int count_consistent(const struct loop_checker *checker, const struct model_table *table,
                            struct span item)
{
    int count = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct key_parts parts = parse(checker, table->kvs[i].key);
        count += parts.kind == KEY_ASSIGNMENT && span_equal(parts.item, item) &&
                 is_consistent(checker, table, &table->kvs[i]) &&
                 limit_of(checker, table, &parts) >= 0;
    }
    return count;
}

/* Pairs of assignments of one item that have the same member, or the same slot. */
static int count_collisions(const struct loop_checker *checker, const struct model_table *table,
                            struct span item)
{
    int count = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct key_parts parts = parse(checker, table->kvs[i].key);
        if (parts.kind != KEY_ASSIGNMENT || !span_equal(parts.item, item))
            continue;
        for (size_t j = 0; j < i; j++) {
            struct key_parts other = parse(checker, table->kvs[j].key);
            count += other.kind == KEY_ASSIGNMENT && span_equal(other.item, item) &&
                     (same_member(&parts, &other) || parts.slot == other.slot);
        }
    }
    return count;
}

static bool holds(const struct loop_checker *checker, const struct model_table *table,
                  const struct key_parts *wanted)
{
    for (size_t i = 0; i < table->count; i++) {
        struct key_parts parts = parse(checker, table->kvs[i].key);
        if (parts.kind == KEY_ASSIGNMENT && keys_compare_assignments(&parts, wanted) == 0)
            return true;
    }
    return false;
}

/* --- one transaction --- */

struct transition {
    struct loop_checker *checker;
    const char *author;
    const struct state *mirror;
    struct model_table before;
    const struct model_table *after;
    const struct store_event *events;
    size_t event_count;
};

static void check_leader(const struct transition *transition)
{
    const struct store_kv *leader = NULL;
    char prefix[128];
    (void)snprintf(prefix, sizeof prefix, "%.*s/schedulers/", TEXT(transition->checker->root));
    for (size_t i = 0; i < transition->before.count; i++) {
        const struct store_kv *kv = &transition->before.kvs[i];
        if (span_has_prefix(kv->key, span_of(prefix)) &&
            (!leader || kv->create_revision < leader->create_revision))
            leader = kv;
    }
    if (!leader || !span_equal(leader->key, span_of(transition->author)))
        fault(transition->checker, "%s isn't the leader", transition->author);
}

static void check_actor(const struct transition *transition)
{
    const struct store_event *first = &transition->events[0];
    char actor[128];
    (void)snprintf(actor, sizeof actor, "%.*s/actor", TEXT(transition->checker->root));
    if (first->kind != STORE_EVENT_PUT || !span_equal(first->kv.key, span_of(actor)))
        fault(transition->checker, "the actor isn't put first");
}

static void check_item(const struct transition *transition, struct span item)
{
    int before = count_consistent(transition->checker, &transition->before, item);
    int after = count_consistent(transition->checker, transition->after, item);
    int32_t replication = replication_of(transition->checker, &transition->before, item);
    if (after < before && after < replication)
        fault(transition->checker, "item %.*s is left with %d of %d consistent, of %d before",
              TEXT(item), after, (int)replication, before);
    if (count_collisions(transition->checker, transition->after, item) >
        count_collisions(transition->checker, &transition->before, item))
        fault(transition->checker, "item %.*s has two assignments for one member or slot",
              TEXT(item));
}

/* Whether the item was in the mirror, valid, and is the same ever since. */
static bool was_counted(const struct transition *transition, struct span item)
{
    int32_t mirrored = state_find_item(transition->mirror, item);
    const struct store_kv *kv = find_item(transition->checker, transition->after, item);
    return mirrored != STATE_NONE && kv &&
           kv->create_revision == transition->mirror->items[mirrored]->create_revision;
}

static void check_addition(const struct transition *transition, const struct key_parts *added)
{
    const struct model_table *after = transition->after;
    int count = 0;
    for (size_t i = 0; i < after->count; i++) {
        struct key_parts parts = parse(transition->checker, after->kvs[i].key);
        count += parts.kind == KEY_ASSIGNMENT && same_member(&parts, added) &&
                 was_counted(transition, parts.item);
    }
    int32_t limit = limit_of(transition->checker, after, added);
    if (limit < 0 || (was_counted(transition, added->item) && count > limit))
        fault(transition->checker, "member %.*s#%.*s has %d of at most %d assignments",
              TEXT(added->zone), TEXT(added->suffix), count, (int)limit);
}

/* Whether the mirror has the key, but nobody can say what it means. */
static bool is_invalid(const struct transition *transition, struct span key)
{
    const struct entry *entry = keyspace_find(transition->mirror->keyspace, key);
    return entry && !entry->valid;
}

static void check_frozen(const struct transition *transition, const struct key_parts *parts)
{
    char buffer[128];
    struct span item = keys_item(transition->checker->root, parts->item, buffer, sizeof buffer);
    bool frozen = is_invalid(transition, item);
    struct span member =
        keys_member(transition->checker->root, parts->zone, parts->suffix, buffer, sizeof buffer);
    if (frozen || is_invalid(transition, member))
        fault(transition->checker,
              "an assignment of item %.*s, which is invalid or has an invalid "
              "member, is touched",
              TEXT(parts->item));
}

static bool is_record(const struct loop_checker *checker, struct span key)
{
    char prefix[128];
    (void)snprintf(prefix, sizeof prefix, "%.*s/rounds/", TEXT(checker->root));
    return span_has_prefix(key, span_of(prefix));
}

static void check_record(const struct transition *transition, const struct store_event *event)
{
    struct loop_checker *checker = transition->checker;
    bool put = event->kind == STORE_EVENT_PUT;
    const struct model_table *table = put ? &transition->before : transition->after;
    for (size_t i = 0; i < table->count; i++) {
        if (!is_record(checker, table->kvs[i].key))
            continue;
        int order = span_compare(table->kvs[i].key, event->kv.key);
        if (put && order >= 0)
            fault(checker, "%.*s is not the newest record", TEXT(event->kv.key));
        else if (!put && order < 0)
            fault(checker, "%.*s is not the oldest record", TEXT(event->kv.key));
    }
    for (size_t i = 0; i < transition->event_count; i++)
        if (parse(checker, transition->events[i].kv.key).kind == KEY_ASSIGNMENT)
            fault(checker, "%.*s is put with a decision", TEXT(event->kv.key));
}

static void check_event(const struct transition *transition, const struct store_event *event)
{
    struct key_parts parts = parse(transition->checker, event->kv.key);
    if (is_record(transition->checker, event->kv.key))
        check_record(transition, event);
    if (parts.kind != KEY_ASSIGNMENT)
        return;
    check_item(transition, parts.item);
    check_frozen(transition, &parts);
    bool held = holds(transition->checker, &transition->before, &parts);
    if (event->kind == STORE_EVENT_DELETE) {
        bool gone = !holds(transition->checker, transition->after, &parts);
        if (gone && find_item(transition->checker, &transition->before, parts.item) &&
            replication_of(transition->checker, &transition->before, parts.item) < 0)
            fault(transition->checker, "an assignment of the invalid item %.*s is removed",
                  TEXT(parts.item));
        return;
    }
    if (model_table_find(&transition->before, event->kv.key))
        fault(transition->checker, "%.*s is put over", TEXT(event->kv.key));
    if (!held)
        check_addition(transition, &parts);
}

/* Brings the table up to date, and returns the events that did. */
static const struct store_event *advance(struct loop_checker *checker, size_t *ret_count)
{
    const struct store_event *events =
        model_store_events_since(checker->store, checker->revision + 1, ret_count);
    for (size_t i = 0; i < *ret_count; i++)
        model_table_apply(&checker->table, &events[i]);
    checker->revision = model_store_revision(checker->store);
    return events;
}

void loop_checker_observe(struct loop_checker *checker)
{
    size_t count;
    (void)advance(checker, &count);
}

bool loop_checker_check(struct loop_checker *checker, const char *author,
                        const struct state *mirror)
{
    struct transition transition = {.checker = checker,
                                    .author = author,
                                    .mirror = mirror,
                                    .before = model_table_copy(&checker->table),
                                    .after = &checker->table};
    transition.events = advance(checker, &transition.event_count);
    if (transition.event_count > 0) {
        check_leader(&transition);
        check_actor(&transition);
    }
    for (size_t i = 0; i < transition.event_count; i++)
        check_event(&transition, &transition.events[i]);
    model_table_release(&transition.before);
    return checker->fault[0] == '\0';
}

/* --- at rest --- */

static bool has_slot(const struct loop_checker *checker, const struct model_table *table,
                     struct span item, int32_t slot)
{
    for (size_t i = 0; i < table->count; i++) {
        struct key_parts parts = parse(checker, table->kvs[i].key);
        if (parts.kind == KEY_ASSIGNMENT && span_equal(parts.item, item) && parts.slot == slot)
            return true;
    }
    return false;
}

bool loop_checker_check_idle(struct loop_checker *checker)
{
    loop_checker_observe(checker);
    const struct model_table *table = &checker->table;
    for (size_t i = 0; i < table->count; i++) {
        struct key_parts parts = parse(checker, table->kvs[i].key);
        if (parts.kind != KEY_ASSIGNMENT)
            continue;
        if (!find_item(checker, table, parts.item))
            fault(checker, "%.*s has no item", TEXT(table->kvs[i].key));
        if (parts.slot > 0 && !has_slot(checker, table, parts.item, parts.slot - 1))
            fault(checker, "%.*s has a free slot before it", TEXT(table->kvs[i].key));
        if (count_collisions(checker, table, parts.item) > 0)
            fault(checker, "item %.*s has two assignments for one member or slot",
                  TEXT(parts.item));
    }
    return checker->fault[0] == '\0';
}
