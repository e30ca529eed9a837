/* Rows for what happens, added to a history's database within a transaction of the caller's.
 * Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_APPEND_H
#define ALLOT_SERVER_HISTORY_APPEND_H

#include "core/history.h"
#include "server/history_actor.h"
#include "server/history_names.h"

/* Events in a block, at least: what a search that an index is of little use for looks at, at most,
 * before it goes on to the next. */
enum { HISTORY_BLOCK_EVENTS = 16384 };

/* The newest block. */
struct history_block {
    int64_t number; /* from 1; 0: there is none yet */
    int64_t first_position;
    int64_t last_position;
    int64_t event_count;
    int64_t kinds;
    int64_t first_ms;
    int64_t last_ms;
};

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
    bool has_actor;
    bool reconstructed;
    int64_t principal; /* names; 0: nobody has told */
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

/* Each adds a row: of a revision, before its events; and of an event. */
int history_append_revision(struct history_appender *appender, const struct history_origin *origin,
                            const struct store_kv *actor);
int history_append_event(struct history_appender *appender, const struct history_origin *origin,
                         const struct history_new_event *event);

/* Adds a revision and its changes, seen at @now_ms. After an error, the transaction is to be rolled
 * back and the appender destroyed. As history_db_fail; ALLOT_ENOMEM; ALLOT_ELIMIT (more changes in
 * one revision than can be numbered). */
int history_append(struct history_appender *appender, struct span root,
                   const struct history_changes *changes, size_t revision, int64_t now_ms);

/* Writes down what is known of the newest block: at the end of each transaction. */
int history_append_end(struct history_appender *appender);

/* Added in all. */
struct history_append_total {
    int64_t events;
    int64_t bytes; /* of values */
};
struct history_append_total history_append_total(const struct history_appender *appender);

#endif
