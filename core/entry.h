/* Private to the keyspace: entries made, decoded and counted. */
#ifndef ALLOT_CORE_ENTRY_H
#define ALLOT_CORE_ENTRY_H

#include "core/keyspace.h"

/* Copies and decodes @kv, whose key is under the root. On success @ret is an entry with one
 * reference, or NULL if @kv doesn't decode and @config doesn't keep what doesn't (it is reported
 * either way). ALLOT_ENOMEM leaves @ret untouched. One allocation. */
int entry_create(const struct keyspace_config *config, const struct store_kv *kv,
                 const struct entry **ret);

/* References are counted atomically: versions of a keyspace share entries across threads. */
const struct entry *entry_ref(const struct entry *entry);
void entry_unref(const struct entry *entry); /* NULL is fine */

#endif
