#include "core/entry.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

/* The bytes of key and value follow at once: there are hundreds of thousands of these, and each is
 * one allocation without gaps. */
struct counted_entry {
    struct entry entry; /* first, so that it has the same address */
    atomic_uint references;
    char bytes[];
};

static struct counted_entry *counted(const struct entry *entry)
{
    return (struct counted_entry *)entry;
}

static struct span copy_span(char *to, struct span from)
{
    if (from.size > 0)
        memcpy(to, from.data, from.size);
    return (struct span){to, from.size};
}

static struct counted_entry *copy_kv(const struct store_kv *kv)
{
    if (kv->key.size > PTRDIFF_MAX / 4 || kv->value.size > PTRDIFF_MAX / 4)
        return NULL;
    size_t size = offsetof(struct counted_entry, bytes) + kv->key.size + kv->value.size;
    struct counted_entry *copy = malloc(size < sizeof *copy ? sizeof *copy : size);
    if (!copy)
        return NULL;
    copy->entry = (struct entry){
        .valid = true,
        .key = copy_span(copy->bytes, kv->key),
        .value = copy_span(copy->bytes + kv->key.size, kv->value),
        .create_revision = kv->create_revision,
        .mod_revision = kv->mod_revision,
        .version = kv->version,
        .lease = kv->lease,
    };
    atomic_init(&copy->references, 1);
    return copy;
}

static int decode_value(const struct decoder *decoder, struct entry *entry,
                        struct error_message *why)
{
    switch (entry->parts.kind) {
    case KEY_ITEM:
        return decoder->item(decoder->context, &entry->parts, entry->value, &entry->item, why);
    case KEY_MEMBER:
        return decoder->member(decoder->context, &entry->parts, entry->value, &entry->member, why);
    case KEY_ASSIGNMENT:
        return decoder->assignment(decoder->context, &entry->parts, entry->value,
                                   &entry->assignment, why);
    case KEY_OTHER:
        break;
    }
    return 0;
}

static const char *bad_key_reason(enum key_kind kind)
{
    switch (kind) {
    case KEY_ITEM:
        return "not an item's ID";
    case KEY_MEMBER:
        return "not ZONE#SUFFIX";
    case KEY_ASSIGNMENT:
        return "not ID#ZONE#SUFFIX#SLOT";
    case KEY_OTHER:
        break;
    }
    return allot_error_text(ALLOT_EKEY);
}

int entry_create(const struct keyspace_config *config, const struct store_kv *kv,
                 const struct entry **ret)
{
    struct error_message why = {{0}};
    enum keyspace_anomaly anomaly = KEYSPACE_BAD_KEY;
    struct counted_entry *made = copy_kv(kv);
    if (!made)
        return ALLOT_ENOMEM;
    struct entry *entry = &made->entry;

    int error = keys_parse(config->root, entry->key, &entry->parts);
    const char *reason = bad_key_reason(entry->parts.kind);
    if (!error) {
        error = decode_value(&config->decoder, entry, &why);
        anomaly = KEYSPACE_BAD_VALUE;
        reason = why.text[0] ? why.text : allot_error_text(ALLOT_EVALUE);
    }
    if (error == ALLOT_ENOMEM) {
        free(made);
        return ALLOT_ENOMEM;
    }
    if (error) {
        entry->valid = false;
        if (config->report)
            config->report(config->report_context, anomaly, kv->key, kv->mod_revision, reason);
    }
    if (error && !config->keep_invalid) {
        free(made);
        entry = NULL;
    }
    *ret = entry;
    return 0;
}

const struct entry *entry_ref(const struct entry *entry)
{
    atomic_fetch_add_explicit(&counted(entry)->references, 1, memory_order_relaxed);
    return entry;
}

void entry_unref(const struct entry *entry)
{
    if (entry &&
        atomic_fetch_sub_explicit(&counted(entry)->references, 1, memory_order_acq_rel) == 1)
        free(counted(entry));
}
