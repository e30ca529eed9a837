#include "server/backup_restore.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/keys.h"
#include "server/backup_leases.h"
#include "server/backup_root.h"
#include "server/clock.h"

enum {
    HOLD_STEP_MS = 500,
    LAST_RENEWAL_MS = 60000, /* before all is done, of leases that would be renewed by then */
};

struct restore {
    const struct backup_restore_config *config;
    struct backup_restored *restored;
    struct error_message *why;
    struct backup_root root;
    const struct backup_key **order; /* what is restored, in this order */
    size_t order_count;
    struct backup_leases leases;
};

static int fail(struct restore *restore, int error, const char *what)
{
    (void)snprintf(restore->why->text, sizeof restore->why->text, "%s: %s", what,
                   allot_error_text(error));
    return error;
}

/* --- what is restored, and in which order --- */

static bool is_left_out(struct span name)
{
    return span_has_prefix(name, SPAN(KEYS_SCHEDULERS)) || span_equal(name, SPAN(KEYS_ACTOR)) ||
           span_has_prefix(name, SPAN(KEYS_ROUNDS)) || span_equal(name, SPAN(KEYS_FORMAT));
}

static bool is_member(const struct backup_key *key)
{
    return span_has_prefix(key->name, SPAN(KEYS_MEMBERS));
}

/* Members first, in the order of their creation; then the others by name, as are members that were
 * created at once. */
static int compare(const void *left, const void *right)
{
    const struct backup_key *a = *(const struct backup_key *const *)left;
    const struct backup_key *b = *(const struct backup_key *const *)right;
    if (is_member(a) != is_member(b))
        return is_member(a) ? -1 : 1;
    if (is_member(a) && a->create_revision != b->create_revision)
        return a->create_revision < b->create_revision ? -1 : 1;
    return span_compare(a->name, b->name);
}

static int make_order(struct restore *restore)
{
    const struct backup *backup = restore->config->backup;
    restore->order = calloc(backup->key_count + 1, sizeof *restore->order);
    int error = backup_leases_init(&restore->leases, restore->config->store, backup->lease_count);
    if (!restore->order || error)
        return fail(restore, ALLOT_ENOMEM, "beginning");
    restore->leases.retry_ms = restore->config->retry_ms;
    restore->leases.retries = restore->config->retries;
    for (size_t i = 0; i < backup->key_count; i++) {
        const struct backup_key *key = &backup->keys[i];
        if (is_left_out(key->name))
            continue;
        restore->order[restore->order_count++] = key;
        if (key->lease > 0)
            restore->leases.all[key->lease - 1].ttl = backup->ttls[key->lease - 1];
    }
    qsort(restore->order, restore->order_count, sizeof *restore->order, compare);
    return 0;
}

static int prepare(struct restore *restore)
{
    if (!keys_root_is_valid(restore->config->root))
        return fail(restore, ALLOT_EINVAL, "the root");
    int error = backup_check_format(restore->config->backup, restore->why);
    return error ? error : make_order(restore);
}

/* --- leases --- */

static int grant_leases(struct restore *restore)
{
    struct backup_restored *restored = restore->restored;
    int error = backup_leases_grant(&restore->leases);
    for (size_t i = 0; i < restore->leases.count; i++) {
        int64_t ttl = restore->leases.all[i].ttl;
        restored->leases += ttl > 0;
        if (ttl > 0 && (restored->shortest_ttl == 0 || ttl < restored->shortest_ttl))
            restored->shortest_ttl = ttl;
    }
    return error ? fail(restore, error, "granting leases") : 0;
}

static int renew_leases(struct restore *restore, int64_t ahead_ms)
{
    int error = backup_leases_renew(&restore->leases, ahead_ms);
    return error ? fail(restore, error, "keeping leases alive") : 0;
}

static int hold_leases(struct restore *restore)
{
    int64_t until_ms = clock_monotonic_ms() + restore->config->hold_ms;
    int error = 0;
    while (!error && clock_monotonic_ms() < until_ms) {
        (void)poll(NULL, 0, HOLD_STEP_MS);
        error = renew_leases(restore, 0);
    }
    return error;
}

/* --- keys --- */

static int flush(struct restore *restore)
{
    struct transaction *transaction = &restore->root.transaction;
    int error = transaction->error;
    if (transaction->operation_count > 0 || error)
        error = backup_root_submit(&restore->root);
    backup_root_begin(&restore->root);
    return error ? error : renew_leases(restore, 0);
}

/* The value to restore. All members are older than all assignments afterwards: so what was said of
 * an assignment before its member was registered, which doesn't count (see state_report), must not
 * come back as that member's word. */
static struct span find_value(struct restore *restore, const struct backup_key *key)
{
    struct key_parts parts;
    if (keys_parse(SPAN(""), key->name, &parts) != 0 || parts.kind != KEY_ASSIGNMENT)
        return key->value;
    size_t size = keys_max_size(SPAN(""), (struct span){0}, parts.zone, parts.suffix);
    char *buffer = transaction_allocate(&restore->root.transaction, size);
    if (!buffer)
        return key->value; /* the transaction can't be made anyway */
    const struct backup_key *member = backup_find(
        restore->config->backup, keys_member(SPAN(""), parts.zone, parts.suffix, buffer, size));
    if (member && key->mod_revision < member->create_revision)
        return (struct span){0};
    return key->value;
}

static void put(struct restore *restore, const struct backup_key *key)
{
    struct transaction *transaction = &restore->root.transaction;
    struct span root = restore->config->root;
    size_t size = root.size + key->name.size;
    char *text = transaction_allocate(transaction, size);
    if (!text)
        return;
    memcpy(text, root.data, root.size);
    memcpy(text + root.size, key->name.data, key->name.size);
    transaction_put(transaction, (struct span){text, size}, find_value(restore, key),
                    key->lease ? restore->leases.all[key->lease - 1].id : 0);
}

/* Members that are created by one transaction count as created in the order of their names. */
static bool needs_another_transaction(const struct backup_key *former, const struct backup_key *key)
{
    return former && is_member(key) && span_compare(former->name, key->name) > 0;
}

static int put_all(struct restore *restore)
{
    struct transaction *transaction = &restore->root.transaction;
    const struct backup_key *former = NULL;
    int error = 0;
    backup_root_begin(&restore->root);
    for (size_t i = 0; i < restore->order_count && !error; i++) {
        const struct backup_key *key = restore->order[i];
        if (needs_another_transaction(former, key))
            error = flush(restore);
        struct transaction_mark mark = transaction_mark(transaction);
        if (!error)
            put(restore, key);
        if (!error && !transaction_fits(transaction) && mark.operation_count > 0) {
            transaction_rewind(transaction, mark);
            error = flush(restore);
            if (!error)
                put(restore, key);
        }
        former = key;
    }
    restore->restored->keys = restore->order_count;
    return error ? error : flush(restore);
}

int backup_restore(const struct backup_restore_config *config, struct backup_restored *ret,
                   struct error_message *why)
{
    struct restore restore = {.config = config,
                              .restored = ret,
                              .why = why,
                              .root = {.store = config->store,
                                       .path = config->root,
                                       .digest = config->digest,
                                       .retry_ms = config->retry_ms,
                                       .retries = config->retries,
                                       .why = why}};
    const struct backup_key *format = backup_find(config->backup, SPAN(KEYS_FORMAT));
    struct span format_value = {NULL, 0};
    *ret = (struct backup_restored){0};
    if (format)
        format_value = format->value;
    int error = prepare(&restore);
    if (!error)
        error = backup_root_take(&restore.root);
    if (!error)
        error = grant_leases(&restore);
    if (!error)
        error = put_all(&restore);
    if (!error)
        error = renew_leases(&restore, LAST_RENEWAL_MS);
    if (!error)
        error = backup_root_leave(&restore.root, format_value);
    ret->revision = restore.root.revision;
    if (!error && config->tell)
        config->tell(config->context, ret);
    if (!error)
        error = hold_leases(&restore);
    backup_root_release(&restore.root);
    free(restore.order);
    backup_leases_release(&restore.leases);
    return error;
}
