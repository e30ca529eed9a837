/* History, as the API asks for it: a port that server/ implements (server/history.h).
 *
 * What is asked for may take a while: all functions but `status` are called by workers, end early
 * with ALLOT_ECANCELED once *@cancelled, and may be called by several threads at a time. Each
 * answers from one moment of the history, up to and with the revision that it has `reached`. */
#ifndef ALLOT_API_HISTORY_H
#define ALLOT_API_HISTORY_H

#include <stdatomic.h>

#include "core/history.h"
#include "core/snapshot.h"

/* --- events --- */

/* Where an event stands: after all of lower revisions, and of its own those with lower orders. */
struct history_position {
    int64_t revision;
    int32_t order; /* in the revision, from 0 */
};

struct history_event {
    struct history_position position;
    /* By the writer's clock; or when this server saw it, where no writer has told. */
    int64_t time_ms; /* since 1970 */
    bool time_is_observed;
    enum history_kind kind;
    enum history_operation operation;
    /* It is not known when, in which steps and by whom this happened, only that it has: see
     * HISTORY_GAP. */
    bool reconstructed;
    struct span key;        /* without the root: "/items/a"; empty for a gap */
    struct key_parts parts; /* of the key; kind KEY_OTHER if it names none of our entities */
    /* Raw values; data NULL: none. A gap's `after` is {"from_revision":1,"to_revision":20}: what
     * happened after the first and up to the second is not known. */
    struct span before;
    struct span after;
    int64_t create_revision; /* of the key; 0 after a deletion, as the others */
    int64_t version;
    int64_t lease;
    /* Who did it: the value that ROOT/actor was given with it; data NULL: nobody has told. And the
     * revision in which that was: its own, or when a lease was given up the earlier one in which
     * its member was deleted. */
    struct span actor;
    int64_t actor_revision;
};

/* All that is not empty (data NULL), 0 or INT64_MAX must fit. */
struct history_filter {
    unsigned kinds; /* bits 1 << enum history_kind */
    struct span item;
    struct span zone;
    struct span suffix; /* only with a zone */
    struct span principal;
    int64_t from_revision; /* this one and later */
    int64_t to_revision;   /* this one and earlier; INT64_MAX: any */
    int64_t from_ms;       /* at this time and later */
    int64_t to_ms;         /* at this time and earlier; INT64_MAX: any */
};

struct history_query {
    struct history_filter filter;
    bool newest_first;
    bool continues; /* after this position, in the order asked for */
    struct history_position position;
    int limit; /* events at most, >= 1 */
    /* The history must have come that far: waits for it a little, then ALLOT_EUNAVAILABLE. */
    int64_t min_revision;
};

/* What a page has come to. There may be more although fewer than `limit` events were found, or
 * none: a page looks at a bounded number of events. */
struct history_page {
    int64_t reached;
    bool more;                    /* a next page can go on … */
    struct history_position last; /* … after this */
};

/* Told of one event, borrowed during the call. False: no more of them; the page ends before it. */
typedef bool history_visit_event(void *context, const struct history_event *event);

/* --- rounds --- */

/* One pass of the allocator that solved or changed something. */
struct history_round {
    int64_t revision;   /* in which it was recorded */
    int64_t time_ms;    /* as that of an event */
    struct span record; /* JSON as its leader has written it: core/round.h tells its fields */
    /* What it was about: the first change that it knew of and the pass before it did not, and how
     * many such revisions there were; 0: none. Changes by the allocator itself count only where
     * there were no others. */
    int64_t cause_revision;
    int64_t cause_count;
};

struct history_round_query {
    int64_t from_revision; /* recorded in this one and later */
    int64_t to_revision;   /* INT64_MAX: any */
    int64_t from_ms;
    int64_t to_ms; /* INT64_MAX: any */
    bool newest_first;
    bool continues;
    struct history_position position;
    int limit;
    int64_t min_revision;
};

typedef bool history_visit_round(void *context, const struct history_round *round);

/* --- a moment of the past --- */

/* The last revision that is not later: by number, or by time if `revision` is 0. By time, it is the
 * one before the first whose writer's clock was past that. */
struct history_moment {
    int64_t revision;
    int64_t time_ms;
    bool is_newest; /* found by time: nothing that happened later is known so far */
};

/* --- the port --- */

enum history_condition {
    HISTORY_WORKS,
    HISTORY_BEHIND, /* it is catching up */
    HISTORY_FAILS,  /* it can't be written, and catches up when it can */
};

struct history_status {
    enum history_condition condition;
    char detail[ERROR_MESSAGE_SIZE]; /* HISTORY_FAILS: why */
    int64_t reached;                 /* revision up to which all is known */
    int64_t oldest; /* what happened after this revision is in here; up from here the state at
                     * each revision is known */
    int64_t event_count;
    int64_t bytes; /* of its file */
    int64_t queued_events;
    int64_t oldest_ms; /* time of the oldest event; 0: none */
};

struct api_history {
    void *context;
    /* Errors of all: ALLOT_ENOMEM; ALLOT_ECANCELED; ALLOT_EUNAVAILABLE (min_revision is not
     * reached, or the history can't be read now); ALLOT_EIO (the file is damaged). */
    int (*events)(void *context, const struct history_query *query, const atomic_bool *cancelled,
                  history_visit_event *visit, void *visitor, struct history_page *ret);
    int (*rounds)(void *context, const struct history_round_query *query,
                  const atomic_bool *cancelled, history_visit_round *visit, void *visitor,
                  struct history_page *ret);
    /* The cluster as it was, unsolved, once the history has come to @min_revision, as for a query;
     * @at becomes the revision found, and the time of its last change (0: none is known). Further:
     * ALLOT_ECOMPACTED (before the oldest moment, which @at becomes), ALLOT_EFUTURE (after the
     * newest, likewise). */
    int (*state)(void *context, struct history_moment *at, int64_t min_revision,
                 const atomic_bool *cancelled, struct snapshot **ret);
    void (*status)(void *context, struct history_status *ret);
};

#endif
