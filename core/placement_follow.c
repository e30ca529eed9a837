#include "core/placement_follow.h"

#include <stdlib.h>
#include <string.h>

#include "core/keyspace_difference.h"

struct following {
    struct placement *placement;
    const struct state *state; /* the new one */
    struct placement_shifts *shifts;
    int32_t *changed; /* items, by their new numbers; some more than once */
    int32_t changed_count;
    int32_t changed_most;
};

/* --- what has changed --- */

static bool is_valid(const struct entry *entry)
{
    return entry && entry->valid;
}

static bool note_changed(struct following *following, int32_t item)
{
    if (item == STATE_NONE)
        return true;
    if (following->changed_count > 0 && following->changed[following->changed_count - 1] == item)
        return true;
    if (following->changed_count == following->changed_most)
        return false;
    following->changed[following->changed_count++] = item;
    return true;
}

static bool note_item(struct following *following, const struct entry *before,
                      const struct entry *after)
{
    struct placement_shifts *shifts = following->shifts;
    const struct state *former = following->placement->state;
    if (is_valid(before) && is_valid(after))
        return note_changed(following, state_find_item(following->state, after->parts.item));
    if (is_valid(after)) {
        int32_t item = state_find_item(following->state, after->parts.item);
        if (shifts->come_count == PLACEMENT_MOST_SHIFTS)
            return false;
        shifts->come[shifts->come_count++] = item;
        return note_changed(following, item);
    }
    if (is_valid(before)) {
        if (shifts->gone_count == PLACEMENT_MOST_SHIFTS)
            return false;
        shifts->gone[shifts->gone_count++] = state_find_item(former, before->parts.item);
    }
    return true;
}

/* Whether the difference is of a kind that can be followed, which is noted. */
static bool note_difference(struct following *following,
                            const struct keyspace_difference *difference)
{
    const struct entry *before = difference->before;
    const struct entry *after = difference->after;
    const struct key_parts *parts = after ? &after->parts : &before->parts;
    switch (parts->kind) {
    case KEY_MEMBER:
        return is_valid(before) == is_valid(after);
    case KEY_ITEM:
        return note_item(following, before, after);
    case KEY_ASSIGNMENT: /* who it is of is in the key alone */
        return (before && after) || parts->slot < 0 ||
               note_changed(following, state_find_item(following->state, parts->item));
    default:
        return true;
    }
}

static bool note_differences(struct following *following)
{
    struct keyspace_difference difference =
        keyspace_compare(following->placement->state->keyspace, following->state->keyspace);
    while (keyspace_next_difference(&difference))
        if (!note_difference(following, &difference))
            return false;
    return true;
}

/* Whether zones and takers are those that they were; loads and slots are counted by these. */
static bool has_same_takers(const struct state *former, const struct state *state)
{
    if (former->member_count != state->member_count || former->zone_count != state->zone_count)
        return false;
    for (int32_t m = 0; m < state->member_count; m++)
        if (former->member_zone[m] != state->member_zone[m] ||
            (former->effective_limit[m] > 0) != (state->effective_limit[m] > 0))
            return false;
    return true;
}

/* --- numbers --- */

/* All arrays by item. */
static void move_items(struct placement *placement, int32_t to, int32_t from, int32_t count)
{
    size_t size = (size_t)count;
    memmove(placement->begin + to, placement->begin + from, size * sizeof *placement->begin);
    memmove(placement->room + to, placement->room + from, size * sizeof *placement->room);
    memmove(placement->placed + to, placement->placed + from, size * sizeof *placement->placed);
    memmove(placement->loose + to, placement->loose + from, size * sizeof *placement->loose);
    memmove(placement->noted + to, placement->noted + from, size * sizeof *placement->noted);
}

/* Numbers items from @item on anew, @change higher. */
static void renumber(struct placement *placement, int32_t item, int32_t change)
{
    for (int32_t i = 0; i < placement->note_count; i++)
        placement->notes[i] += placement->notes[i] >= item ? change : 0;
}

static void leave(struct placement *placement, int32_t count, int32_t item)
{
    placement_clear(placement, item);
    placement->loose_count -= placement->loose[item];
    if (placement->noted[item]) {
        int32_t note = 0;
        while (placement->notes[note] != item)
            note++;
        placement->notes[note] = placement->notes[--placement->note_count];
    }
    move_items(placement, item, item + 1, count - item - 1);
    renumber(placement, item + 1, -1);
}

static void come(struct placement *placement, int32_t count, int32_t item)
{
    move_items(placement, item + 1, item, count - item);
    renumber(placement, item, 1);
    placement->begin[item] = placement->room[item] = placement->placed[item] = 0;
    placement->loose[item] = placement->noted[item] = false;
}

static int shift_items(struct following *following)
{
    struct placement *placement = following->placement;
    const struct placement_shifts *shifts = following->shifts;
    int32_t count = placement->state->item_count;
    int error = placement_reserve_items(placement, count + shifts->come_count);
    if (error)
        return error;
    for (int32_t i = shifts->gone_count - 1; i >= 0; i--)
        leave(placement, count--, shifts->gone[i]);
    for (int32_t i = 0; i < shifts->come_count; i++)
        come(placement, count++, shifts->come[i]);
    return 0;
}

/* --- slots --- */

/* Takes the replicas off the items that were routed, or lack some: by their former numbers. */
static void put_back(struct placement *placement)
{
    for (int32_t i = 0; i < placement->open_count; i++)
        placement_note(placement, placement->open[i]);
    placement->open_count = 0;
    for (int32_t i = 0; i < placement->note_count; i++)
        placement_clear(placement, placement->notes[i]);
}

static void take_off(struct placement *placement, int32_t item)
{
    placement_clear(placement, item);
    placement_note(placement, item);
}

static bool is_crowded(const struct placement *placement, int32_t member)
{
    return member != STATE_NONE && placement->load_bound[member] > 0 &&
           placement->state->total_count[member] > placement->load_bound[member];
}

/* Where more are assigned to a member than cost nothing, those of the first items stay; and which
 * an item can't keep decides which others it can. So all items that such a member has are assigned
 * anew, that they come in order. Nothing but these is to be looked at: mostly there is none. */
static void relieve(struct placement *placement)
{
    const struct state *state = placement->state;
    bool found = false;
    for (int32_t i = 0; i < placement->taker_count && !found; i++)
        found = is_crowded(placement, placement->takers[i]);
    for (int32_t item = 0; item < state->item_count && found; item++)
        for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++)
            if (is_crowded(placement, state->assignment_member[a])) {
                take_off(placement, item);
                break;
            }
}

static int compare_numbers(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a;
    int32_t right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

static void sort_notes(struct placement *placement)
{
    qsort(placement->notes, (size_t)placement->note_count, sizeof *placement->notes,
          compare_numbers);
}

/* Gives the items that were taken off what costs nothing of their current assignments, in order. */
static int assign_anew(struct placement *placement)
{
    int error = 0;
    sort_notes(placement);
    for (int32_t i = 0; i < placement->note_count && !error; i++) {
        int32_t item = placement->notes[i];
        error = placement_set_room(placement, item);
        if (error)
            break;
        placement_keep_current(placement, item);
        if (placement_missing(placement, item) > 0)
            placement->open[placement->open_count++] = item;
    }
    return error;
}

static int turn(struct following *following)
{
    struct placement *placement = following->placement;
    placement_unlist(placement);
    put_back(placement);
    int error = shift_items(following);
    if (error)
        return error;
    placement->state = following->state;
    placement_set_members(placement);
    for (int32_t i = 0; i < following->changed_count; i++)
        take_off(placement, following->changed[i]);
    relieve(placement);
    return assign_anew(placement);
}

/* Slots that items have left are not used again: too many of them, and a new placement is better.
 */
static bool is_wasteful(const struct placement *placement)
{
    return placement->slot_count > 2 * placement->state->item_slots + 1024;
}

int placement_follow(struct placement *placement, const struct state *state,
                     struct placement_shifts *ret_shifts, bool *ret_follows)
{
    /* More would take longer to look up than to make the placement anew. */
    int32_t most = state->item_count / 128 + 16;
    struct following following = {
        .placement = placement, .state = state, .shifts = ret_shifts, .changed_most = most};
    *ret_shifts = (struct placement_shifts){.come_count = 0};
    following.changed = malloc((size_t)most * sizeof *following.changed);
    if (!following.changed)
        return ALLOT_ENOMEM;
    *ret_follows = has_same_takers(placement->state, state) && !is_wasteful(placement) &&
                   note_differences(&following);
    int error = *ret_follows ? turn(&following) : 0;
    free(following.changed);
    return error;
}

/* --- notes --- */

/* In order, too, as if it had not been routed. */
static bool has_just_current(const struct placement *placement, int32_t item)
{
    bool just_current = placement_missing(placement, item) == 0 && !placement->loose[item];
    const int32_t *member = placement->member + placement->begin[item];
    for (int32_t i = 0; just_current && i < placement->placed[item]; i++)
        just_current =
            placement->kept[placement->begin[item] + i] && (i == 0 || member[i - 1] < member[i]);
    return just_current;
}

void placement_forget(struct placement *placement)
{
    int32_t left = 0;
    for (int32_t i = 0; i < placement->note_count; i++) {
        int32_t item = placement->notes[i];
        placement->noted[item] = !has_just_current(placement, item);
        if (placement->noted[item])
            placement->notes[left++] = item;
    }
    placement->note_count = left;
}

/* --- the answer --- */

/* Writes one solution while reading another. */
struct succession {
    struct solution_writer writer;
    const struct solution *former;
    int32_t item;
    int32_t former_item;
};

static int share(struct succession *succession, int32_t count)
{
    int error = solution_writer_share(&succession->writer, succession->former,
                                      succession->former_item, count);
    succession->item += count;
    succession->former_item += count;
    return error;
}

static int write_items(struct succession *succession, const struct placement *placement,
                       const struct placement_shifts *shifts)
{
    int32_t note = 0;
    int32_t come = 0;
    int32_t gone = 0;
    int32_t count = placement->state->item_count;
    int error = 0;
    while (!error && succession->item < count) {
        int32_t same =
            (note < placement->note_count ? placement->notes[note] : count) - succession->item;
        int32_t until_gone =
            gone < shifts->gone_count ? shifts->gone[gone] - succession->former_item : INT32_MAX;
        if (until_gone == 0) {
            succession->former_item++;
            gone++;
        } else if (same > 0) {
            error = share(succession, same < until_gone ? same : until_gone);
        } else {
            bool is_new = come < shifts->come_count && shifts->come[come] == succession->item;
            come += is_new;
            succession->former_item += !is_new;
            error = placement_write(placement, &succession->writer, succession->item++);
            note++;
        }
    }
    return error;
}

int placement_follow_solution(struct placement *placement, const struct solution *former,
                              const struct placement_shifts *shifts, struct solution **ret)
{
    struct succession succession = {.former = former};
    int error = solution_writer_init(&succession.writer, placement->state);
    if (error)
        return error;
    sort_notes(placement);
    error = write_items(&succession, placement, shifts);
    if (!error)
        error = solution_writer_finish(&succession.writer, ret);
    solution_writer_release(&succession.writer);
    return error;
}
