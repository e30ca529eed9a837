/* The names in a history, each stored once and numbered from then on; those met of late are kept
 * at hand. For one thread. Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_NAMES_H
#define ALLOT_SERVER_HISTORY_NAMES_H

#include "core/history.h"
#include "server/history_db.h"

enum history_name_kind {
    HISTORY_NAME_ITEM,
    HISTORY_NAME_ZONE,
    HISTORY_NAME_MEMBER, /* ZONE#SUFFIX */
    HISTORY_NAME_PRINCIPAL,
    HISTORY_NAME_KEY, /* another key, without the root */
};

struct history_names;

/* @db is borrowed until the end. ALLOT_ENOMEM, or as history_db_prepare. */
int history_names_create(struct history_db *db, struct history_names **ret);
void history_names_destroy(struct history_names *names); /* NULL is fine */

/* Drops what is at hand, if that is much: all spans that were returned end. To be called before a
 * run of few of the following; or, with @all, whenever names may have gone from the file. */
void history_names_make_room(struct history_names *names, bool all);

/* Eras are counted in so many blocks of events. */
enum { HISTORY_ERA_BLOCKS = 256 };
/* The one that names are added in from now on, or used again. */
void history_names_set_era(struct history_names *names, int64_t era);

/* The number of a name, 0 if it has none, or with @adds a new one then; with @adds it is also
 * noted as used in this era. As history_db_fail. */
int history_names_find(struct history_names *names, enum history_name_kind kind, struct span name,
                       bool adds, int64_t *ret);

/* The name of a number; borrowed until room is made. ALLOT_EVALUE: there is none. */
int history_names_text(struct history_names *names, int64_t id, struct span *ret);

/* The numbers of the names in a key, as they were found in an era; 0: it has none such. */
struct history_key_names {
    int64_t era; /* -1: they were not looked up */
    int64_t item;
    int64_t zone;
    int64_t member;
    int64_t name; /* the key itself, if it has none of the others */
};

/* Finds those of @key, without the root, of @kind and with @parts; adds what is missing. Those that
 * were found in this era are taken as they are. As history_names_find. */
int history_names_of_key(struct history_names *names, enum history_kind kind, struct span key,
                         const struct key_parts *parts, struct history_key_names *ret);

#endif
