/* What those who operate the cluster have the allocator put off: everything, all moves, or more of
 * them than they like. Nothing of it by default.
 *
 * A move is a replica that an item gets beyond those that it lacks: for balance, for the zones, or
 * to leave a member. It is under way until it is consistent, or others have made room for it: of an
 * item, as many as it has replicas that aren't consistent, but no more than it has above its
 * replication; those with the highest slots, which came last. Members that are gone have no
 * replicas. What an item lacks is repaired whatever the limits say, where its member has a free
 * slot. Pure. */
#ifndef ALLOT_CORE_RULES_H
#define ALLOT_CORE_RULES_H

#include "core/state.h"

enum allocator_pause {
    ALLOCATOR_RUNS,    /* nothing is put off */
    ALLOCATOR_REPAIRS, /* moves are: only what is missing is added; see convergence.repairs_only */
    ALLOCATOR_PAUSES,  /* everything: no pass is begun */
};

/* Each: the most that there may be; below 0: any number. */
struct move_limits {
    int64_t in_flight;  /* under way in all */
    int64_t per_member; /* … to one member */
    int64_t per_zone;   /* … to members of one zone */
    int64_t per_minute; /* begun in any 60 seconds, those that are consistent at once included */
};

struct allocator_rules {
    enum allocator_pause pause;
    struct move_limits limits;
};
#define ALLOCATOR_RULES_NONE ((struct allocator_rules){ALLOCATOR_RUNS, {-1, -1, -1, -1}})

/* Whether there is one. */
bool move_limits_any(const struct move_limits *limits);
bool allocator_rules_equal(const struct allocator_rules *a, const struct allocator_rules *b);

/* Replicas that item number @item lacks. */
int32_t moves_missing(const struct state *state, int32_t item);

/* Moves of the item that are under way. */
int32_t moves_of_item(const struct state *state, int32_t item);

/* … of all items. */
int64_t moves_in_flight(const struct state *state);

/* Whether a new replica of the item counts as consistent before anybody has reported it: then
 * moving it is under way at no time. */
bool moves_at_once(const struct state *state, int32_t item);

/* Moves under way, by where they go. */
struct move_counts {
    int64_t total;
    int32_t *member; /* by member */
    int32_t *zone;   /* by zone */
};

/* Counts them. Released by move_counts_release, also after an error: ALLOT_ENOMEM. */
int move_counts_make(const struct state *state, struct move_counts *ret);
void move_counts_release(struct move_counts *counts);

/* Adds @count moves (which may be less than 0) to member number @member. */
void move_counts_add(struct move_counts *counts, const struct state *state, int32_t member,
                     int32_t count);

enum move_limit {
    MOVE_LIMIT_NONE,
    MOVE_LIMIT_IN_FLIGHT,
    MOVE_LIMIT_MEMBER,
    MOVE_LIMIT_ZONE,
};

/* The first limit that keeps one more move from going to the member, or MOVE_LIMIT_NONE. */
enum move_limit move_limits_reached(const struct move_limits *limits,
                                    const struct move_counts *counts, const struct state *state,
                                    int32_t member);

/* The moves that one allocator has begun in the last 60 seconds, to the second. */
enum { MOVE_WINDOW_SECONDS = 60 };
struct move_window {
    int64_t begun[MOVE_WINDOW_SECONDS + 1]; /* by second, modulo */
    int64_t second;                         /* the newest that is in there */
    int64_t unknown_until_ms; /* up to here others may have begun any number before it */
};

/* Begins a window of which nothing is known before @now_ms, in milliseconds on any clock that never
 * goes back. */
void move_window_begin(struct move_window *window, int64_t now_ms);
void move_window_note(struct move_window *window, int64_t now_ms, int64_t moves);

/* How many may be begun now, at most @limit a minute; any number if that is below 0. */
int64_t move_window_room(struct move_window *window, int64_t limit, int64_t now_ms);
/* When there is room again, if there is none now; INT64_MAX: never, or there is. */
int64_t move_window_next_room_ms(struct move_window *window, int64_t limit, int64_t now_ms);

#endif
