/* Rows for what happens, added to a history's database within a transaction of the caller's.
 * Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_APPEND_H
#define ALLOT_SERVER_HISTORY_APPEND_H

#include "core/history.h"
#include "server/history_actor.h"
#include "server/history_block.h"
#include "server/history_keys.h"

struct history_appender;

/* @db and @names are borrowed. ALLOT_ENOMEM; as history_db_fail. */
int history_appender_create(struct history_db *db, struct history_names *names,
                            struct history_appender **ret);
void history_appender_destroy(struct history_appender *appender); /* NULL is fine */

/* What all events of a revision have in common. */
struct history_origin {
    int64_t revision;
    int64_t time_ms;
    bool time_is_observed;
    bool reconstructed;
    const struct store_kv *actor; /* what ROOT/actor was given, borrowed; NULL: nothing */
    int64_t principal;            /* names; 0: nobody has told */
};

/* What is an event's own. */
struct history_new_event {
    int64_t order;
    enum history_kind kind;
    enum history_operation operation;
    struct span key;        /* without the root */
    struct key_parts parts; /* of the whole key, and borrowed from it */
    struct span before;     /* data NULL: none, as the next */
    struct span after;
    int64_t create_revision;
    int64_t mod_revision; /* only of those that are reconstructed */
    int64_t version;
    int64_t lease;
    int64_t actor_revision; /* 0: its own */
    int64_t principal;
};

/* Adds an event; those of a revision in order, from 0. @names: what is known of those in its key;
 * they are found if need be. */
int history_append_event(struct history_appender *appender, const struct history_origin *origin,
                         const struct history_new_event *event, struct history_key_names *names);

/* Whether one of a revision's events puts ROOT/actor, which tells who made it and when. */
bool history_tells_time(struct span root, const struct store_event *events, size_t count);

/* Adds a revision: all of its @count events, one or more, that have changed @keys, which then is as
 * of that revision. It was made at @now_ms, unless its actor tells another time. After an error,
 * the transaction is to be rolled back and the appender destroyed. As history_db_fail;
 * ALLOT_ENOMEM; ALLOT_ELIMIT (more changes in one revision than can be numbered). */
int history_append(struct history_appender *appender, struct span root, struct history_keys *keys,
                   const struct store_event *events, size_t count, int64_t now_ms);

/* Adds the round that @event, which was appended, is the record of. */
int history_append_round(struct history_appender *appender, const struct history_origin *origin,
                         const struct history_new_event *event);

/* Writes down what is known of the newest block: at the end of each transaction. */
int history_append_end(struct history_appender *appender);

/* Reads the newest block anew, after events have been removed. */
int history_append_reread(struct history_appender *appender);

/* Added in all. */
struct history_append_total {
    int64_t events;
    int64_t bytes; /* of values */
};
struct history_append_total history_append_total(const struct history_appender *appender);

#endif
