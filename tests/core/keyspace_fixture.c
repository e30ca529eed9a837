#include "tests/core/keyspace_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "core/keyspace_internal.h"

/* --- the decoder --- */

static int decode_number(struct span value, int32_t *ret, struct error_message *why)
{
    int32_t number = 0;
    if (span_equal(value, SPAN("enomem")))
        return ALLOT_ENOMEM;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9' || i >= 9) {
            snprintf(why->text, sizeof why->text, "not a number");
            return ALLOT_EVALUE;
        }
        number = number * 10 + (value.data[i] - '0');
    }
    if (value.size == 0)
        return ALLOT_EVALUE; /* and no story */
    *ret = number;
    return 0;
}

static int decode_item(void *context, const struct key_parts *key, struct span value,
                       struct item_value *ret, struct error_message *why)
{
    (void)context;
    cr_assert_eq(key->kind, KEY_ITEM);
    return decode_number(value, &ret->replication, why);
}

static int decode_member(void *context, const struct key_parts *key, struct span value,
                         struct member_value *ret, struct error_message *why)
{
    (void)context;
    cr_assert_eq(key->kind, KEY_MEMBER);
    return decode_number(value, &ret->item_limit, why);
}

static int decode_assignment(void *context, const struct key_parts *key, struct span value,
                             struct assignment_value *ret, struct error_message *why)
{
    (void)context;
    cr_assert_eq(key->kind, KEY_ASSIGNMENT);
    int32_t number = 0;
    int error = decode_number(value, &number, why);
    if (!error)
        ret->user = (uint32_t)number;
    return error;
}

static bool is_consistent(void *context, const struct item_value *item,
                          const struct assignment_value *assignments, size_t count, size_t index)
{
    (void)context, (void)item, (void)count;
    return assignments[index].user > 0;
}

static void take_report(void *context, enum keyspace_anomaly anomaly, struct span key,
                        int64_t mod_revision, const char *why)
{
    struct fixture *fixture = context;
    fixture->reports[anomaly]++;
    fixture->last_revision = mod_revision;
    snprintf(fixture->last_key, sizeof fixture->last_key, "%.*s", (int)key.size, key.data);
    snprintf(fixture->last_why, sizeof fixture->last_why, "%s", why);
}

/* --- short ways --- */

struct keyspace_config fixture_config(struct fixture *fixture, bool keep_invalid)
{
    return (struct keyspace_config){.root = FIXTURE_ROOT,
                                    .decoder = {.item = decode_item,
                                                .member = decode_member,
                                                .assignment = decode_assignment,
                                                .is_consistent = is_consistent},
                                    .keep_invalid = keep_invalid,
                                    .report = take_report,
                                    .report_context = fixture};
}

struct keyspace *fixture_keyspace(struct fixture *fixture, bool keep_invalid)
{
    struct keyspace_config config = fixture_config(fixture, keep_invalid);
    struct keyspace *keyspace = NULL;
    cr_assert_eq(keyspace_create(&config, &keyspace), 0);
    return keyspace;
}

size_t fixture_report_count(const struct fixture *fixture)
{
    return fixture->reports[0] + fixture->reports[1] + fixture->reports[2] + fixture->reports[3];
}

struct store_event fixture_put(const char *key, const char *value, int64_t create_revision,
                               int64_t mod_revision, int64_t version)
{
    return (struct store_event){.kind = STORE_EVENT_PUT,
                                .kv = {.key = span_of(key),
                                       .value = span_of(value),
                                       .create_revision = create_revision,
                                       .mod_revision = mod_revision,
                                       .version = version,
                                       .lease = mod_revision * 10}};
}

struct store_event fixture_delete(const char *key, int64_t mod_revision)
{
    return (struct store_event){.kind = STORE_EVENT_DELETE,
                                .kv = {.key = span_of(key), .mod_revision = mod_revision}};
}

int fixture_apply(struct keyspace **keyspace, const struct store_event *events, size_t count)
{
    struct store_watch_response response = {.cluster_id = 1,
                                            .revision = events[count - 1].kv.mod_revision,
                                            .events = events,
                                            .event_count = count};
    struct keyspace *next = NULL;
    int error = keyspace_apply(*keyspace, &response, 1, &next);
    if (error) {
        cr_assert_null(next);
        return error;
    }
    keyspace_unref(*keyspace);
    *keyspace = next;
    return 0;
}

/* --- checks --- */

static void check_within(struct span part, struct span key)
{
    cr_assert(part.size == 0 ||
              (part.data >= key.data && part.data + part.size <= key.data + key.size));
}

void fixture_check_pages(const struct keyspace *keyspace)
{
    const struct page_list *list = &keyspace->list;
    const struct entry *former = NULL;
    size_t count = 0;
    for (size_t p = 0; p < list->count; p++) {
        const struct page *page = list->pages[p];
        cr_assert_gt(page->count, 0);
        cr_assert_leq(page->count, PAGE_MAX);
        cr_assert(list->count == 1 || page->count >= PAGE_MIN, "page %zu of %zu has %zu", p,
                  list->count, page->count);
        for (size_t e = 0; e < page->count; former = page->entries[e++]) {
            const struct entry *entry = page->entries[e];
            cr_assert(!former || span_compare(former->key, entry->key) < 0);
            check_within(entry->parts.item, entry->key);
            check_within(entry->parts.zone, entry->key);
            check_within(entry->parts.suffix, entry->key);
        }
        count += page->count;
    }
    cr_assert_eq(count, keyspace_count(keyspace));
}
