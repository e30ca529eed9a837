/* Which members have which items while the optimal solver works: a flow in its network, as slots.
 *
 * Every item has a run of slots, one for each replica that it could have; those in use come first,
 * and name a member. A slot in use is never given up, it only changes its member: so the number of
 * an item's replicas only grows. The zone-items of the network are not there as such: how many
 * replicas an item has in a zone is counted from its slots when it is asked for.
 *
 * Who goes from a member to the items that it has needs lists of slots, which are made when they
 * are needed first: mostly never. */
#ifndef ALLOT_CORE_PLACEMENT_H
#define ALLOT_CORE_PLACEMENT_H

#include "core/solution_writer.h"

struct placement {
    const struct state *state; /* borrowed */
    int32_t taker_count;       /* members that can take anything at all: of limit > 0 */
    int32_t *takers;           /* in order */
    int32_t *zone_takers;      /* zones + 1: where those of each zone begin */

    /* By member. */
    int32_t *load_bound;
    int32_t *load;
    int32_t *first_slot; /* of its list, or STATE_NONE; once listed */

    /* By item. */
    int32_t item_capacity;
    int32_t *begin;  /* where its slots begin */
    int32_t *room;   /* how many it has */
    int32_t *placed; /* how many of them are in use */
    bool *loose;     /* it may have a current assignment that it doesn't keep, to a taker */
    int32_t loose_count;
    int32_t *open; /* items that lack replicas which they could have, in order; see _close */
    int32_t open_count;
    /* Items whose slots may be others than all of their current assignments, in no order. */
    bool *noted;
    int32_t *notes;
    int32_t note_count;

    /* By slot. */
    int32_t slot_count;
    int32_t slot_capacity;
    int32_t *member;
    bool *kept;        /* its member is a current assignment */
    int32_t new_count; /* in use and not kept */
    bool listed;
    int32_t *item;
    int32_t *next; /* in the list of its member, or STATE_NONE */
    int32_t *previous;
};

/* Begins with the current assignments, as far as replications, and the bounds of zones and
 * loads hold them, in key order: a flow of cost 0. @state is borrowed until the release. Errors:
 * ALLOT_ENOMEM; ALLOT_ELIMIT (more slots than can be numbered). Linear. */
int placement_init(struct placement *placement, const struct state *state);
void placement_release(struct placement *placement); /* also of a zeroed one */

/* How many replicas @item could have and hasn't. */
static inline int32_t placement_missing(const struct placement *placement, int32_t item)
{
    return placement->room[item] - placement->placed[item];
}

/* Takes those off the open items that lack nothing any more. */
void placement_close(struct placement *placement);

/* Makes the lists of the members' slots, if they aren't there. ALLOT_ENOMEM. */
int placement_list(struct placement *placement);
void placement_unlist(struct placement *placement);

/* Whether @item is assigned to @member now. */
bool placement_is_current(const struct placement *placement, int32_t item, int32_t member);

/* Gives @item, which lacks one, a replica on @member, which hasn't got it. */
void placement_add(struct placement *placement, int32_t item, int32_t member);

/* Moves the replica in @slot to @member, which hasn't got its item. They are listed. The slot comes
 * first in its new list, so that who goes through that doesn't meet it again. */
void placement_move(struct placement *placement, int32_t slot, int32_t member);

/* Writes what @item has, which is the writer's next one. ALLOT_ENOMEM. */
int placement_write(const struct placement *placement, struct solution_writer *writer,
                    int32_t item);

/* Copies what was placed; no certificate. ALLOT_ENOMEM. */
int placement_solution(const struct placement *placement, struct solution **ret);

/* --- for who brings it up to date: placement_follow.h --- */

/* What follows from the state's members. */
void placement_set_members(struct placement *placement);
/* Gives @item, which has no replicas, its current assignments, as far as they cost nothing. */
void placement_keep_current(struct placement *placement, int32_t item);
/* Takes the item's replicas off. */
void placement_clear(struct placement *placement, int32_t item);
/* Notes that the item's slots may be others than its current assignments. */
void placement_note(struct placement *placement, int32_t item);
/* Room for @count items. ALLOT_ENOMEM. */
int placement_reserve_items(struct placement *placement, int32_t count);
/* Gives @item, which has no replicas, as many slots as it could use. ALLOT_ENOMEM; ALLOT_ELIMIT. */
int placement_set_room(struct placement *placement, int32_t item);

#endif
