/* The keys under a root as of one revision, for who follows them: a hash table, as each event looks
 * up one key and changes it. Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_KEYS_H
#define ALLOT_SERVER_HISTORY_KEYS_H

#include "core/keyspace.h"
#include "server/history_names.h"

struct history_key {
    struct store_kv kv;
    struct history_key_names names; /* what is known of them */
};

struct history_keys;

int history_keys_create(struct history_keys **ret);   /* ALLOT_ENOMEM */
void history_keys_destroy(struct history_keys *keys); /* NULL is fine */

size_t history_keys_count(const struct history_keys *keys);

/* The one of that name, or NULL; borrowed until it is put or removed. */
struct history_key *history_keys_find(const struct history_keys *keys, struct span key);
/* Puts a copy of @kv, as which it is returned; NULL: no memory. The names of the key stay. */
struct history_key *history_keys_put(struct history_keys *keys, const struct store_kv *kv);
/* Removes it, if it is there. */
void history_keys_remove(struct history_keys *keys, struct span key);

/* Takes those of @keyspace instead. ALLOT_ENOMEM: what there is then is undefined. */
int history_keys_load(struct history_keys *keys, const struct keyspace *keyspace);

/* All of them in order, borrowed until one is put or removed; the array is the caller's to free.
 * ALLOT_ENOMEM. */
int history_keys_sort(const struct history_keys *keys, const struct store_kv ***ret);

#endif
