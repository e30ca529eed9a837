#include "core/placement.h"

#include <stdlib.h>

#include "core/levels.h"

/* Room for @count elements and one more. */
static void *array(size_t count, size_t size, int *error)
{
    void *memory = calloc(count + 1, size);
    if (!memory)
        *error = ALLOT_ENOMEM;
    return memory;
}

static int allocate_members(struct placement *placement)
{
    const struct state *state = placement->state;
    size_t members = (size_t)state->member_count;
    int error = 0;
    placement->takers = array(members, sizeof *placement->takers, &error);
    placement->zone_takers =
        array((size_t)state->zone_count, sizeof *placement->zone_takers, &error);
    placement->load_bound = array(members, sizeof *placement->load_bound, &error);
    placement->load = array(members, sizeof *placement->load, &error);
    placement->first_slot = array(members, sizeof *placement->first_slot, &error);
    return error;
}

void placement_set_members(struct placement *placement)
{
    const struct state *state = placement->state;
    placement->taker_count = 0;
    for (int32_t zone = 0; zone < state->zone_count; zone++) {
        placement->zone_takers[zone] = placement->taker_count;
        for (int32_t m = state->zone_member_begin[zone]; m < state->zone_member_end[zone]; m++)
            if (state->effective_limit[m] > 0)
                placement->takers[placement->taker_count++] = m;
    }
    placement->zone_takers[state->zone_count] = placement->taker_count;
    for (int32_t m = 0; m < state->member_count; m++)
        placement->load_bound[m] = levels_load_bound(state, m);
}

/* An eighth more, so that what is added later needs no room at first; not used, it costs no memory
 * either. */
static size_t with_slack(int64_t count)
{
    return (size_t)(count + count / 8);
}

static int allocate_items(struct placement *placement)
{
    size_t items = with_slack(placement->state->item_count);
    int error = 0;
    placement->item_capacity = (int32_t)items;
    placement->begin = array(items, sizeof *placement->begin, &error);
    placement->room = array(items, sizeof *placement->room, &error);
    placement->placed = array(items, sizeof *placement->placed, &error);
    placement->loose = array(items, sizeof *placement->loose, &error);
    placement->open = array(items, sizeof *placement->open, &error);
    placement->noted = array(items, sizeof *placement->noted, &error);
    placement->notes = array(items, sizeof *placement->notes, &error);
    return error;
}

/* How many replicas the item could have. */
static int32_t wanted_of(const struct placement *placement, int32_t item)
{
    int32_t wanted = placement->state->replication[item];
    return wanted < placement->taker_count ? wanted : placement->taker_count;
}

static int allocate_slots(struct placement *placement)
{
    int64_t slots = 0;
    int error = 0;
    for (int32_t item = 0; item < placement->state->item_count; item++) {
        placement->begin[item] = (int32_t)slots;
        placement->room[item] = wanted_of(placement, item);
        slots += placement->room[item];
        if (slots > INT32_MAX)
            return ALLOT_ELIMIT;
    }
    size_t room = with_slack(slots);
    if (room > INT32_MAX)
        return ALLOT_ELIMIT;
    placement->slot_count = (int32_t)slots;
    placement->slot_capacity = (int32_t)room;
    placement->member = array(room, sizeof *placement->member, &error);
    placement->kept = array(room, sizeof *placement->kept, &error);
    return error;
}

int placement_init(struct placement *placement, const struct state *state)
{
    *placement = (struct placement){.state = state};
    int error = allocate_members(placement);
    if (!error)
        placement_set_members(placement);
    if (!error)
        error = allocate_items(placement);
    if (!error)
        error = allocate_slots(placement);
    if (error) {
        placement_release(placement);
        return error;
    }
    for (int32_t item = 0; item < state->item_count; item++) {
        placement_keep_current(placement, item);
        if (placement->loose[item])
            placement_note(placement, item);
        if (placement_missing(placement, item) > 0)
            placement->open[placement->open_count++] = item;
    }
    return 0;
}

void placement_release(struct placement *placement)
{
    free(placement->takers);
    free(placement->zone_takers);
    free(placement->load_bound);
    free(placement->load);
    free(placement->first_slot);
    free(placement->begin);
    free(placement->room);
    free(placement->placed);
    free(placement->noted);
    free(placement->notes);
    free(placement->loose);
    free(placement->open);
    free(placement->member);
    free(placement->kept);
    placement_unlist(placement);
    *placement = (struct placement){0};
}

/* --- lists --- */

static void link_slot(struct placement *placement, int32_t slot)
{
    int32_t member = placement->member[slot];
    int32_t first = placement->first_slot[member];
    placement->previous[slot] = STATE_NONE;
    placement->next[slot] = first;
    if (first != STATE_NONE)
        placement->previous[first] = slot;
    placement->first_slot[member] = slot;
}

static void unlink_slot(struct placement *placement, int32_t slot)
{
    int32_t next = placement->next[slot];
    int32_t previous = placement->previous[slot];
    if (next != STATE_NONE)
        placement->previous[next] = previous;
    if (previous != STATE_NONE)
        placement->next[previous] = next;
    else
        placement->first_slot[placement->member[slot]] = next;
}

int placement_list(struct placement *placement)
{
    size_t slots = (size_t)placement->slot_capacity;
    int error = 0;
    if (placement->listed)
        return 0;
    placement->item = array(slots, sizeof *placement->item, &error);
    placement->next = array(slots, sizeof *placement->next, &error);
    placement->previous = array(slots, sizeof *placement->previous, &error);
    if (error)
        return error; /* and what was made is freed with the rest */
    for (int32_t m = 0; m < placement->state->member_count; m++)
        placement->first_slot[m] = STATE_NONE;
    for (int32_t item = placement->state->item_count - 1; item >= 0; item--)
        for (int32_t i = placement->room[item] - 1; i >= 0; i--) {
            placement->item[placement->begin[item] + i] = item;
            if (i < placement->placed[item])
                link_slot(placement, placement->begin[item] + i);
        }
    placement->listed = true;
    return 0;
}

void placement_unlist(struct placement *placement)
{
    free(placement->item);
    free(placement->next);
    free(placement->previous);
    placement->item = placement->next = placement->previous = NULL;
    placement->listed = false;
}

/* --- changes --- */

bool placement_is_current(const struct placement *placement, int32_t item, int32_t member)
{
    const struct state *state = placement->state;
    for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++)
        if (state->assignment_member[a] == member)
            return true;
    return false;
}

void placement_note(struct placement *placement, int32_t item)
{
    if (!placement->noted[item])
        placement->notes[placement->note_count++] = item;
    placement->noted[item] = true;
}

static void set_loose(struct placement *placement, int32_t item, bool loose)
{
    placement->loose_count += loose - placement->loose[item];
    placement->loose[item] = loose;
}

static void put(struct placement *placement, int32_t slot, int32_t member, bool kept)
{
    placement->member[slot] = member;
    placement->kept[slot] = kept;
    placement->new_count += !kept;
    placement->load[member]++;
    if (placement->listed)
        link_slot(placement, slot);
}

static void take_out(struct placement *placement, int32_t slot)
{
    placement->load[placement->member[slot]]--;
    placement->new_count -= !placement->kept[slot];
    if (placement->listed)
        unlink_slot(placement, slot);
}

void placement_add(struct placement *placement, int32_t item, int32_t member)
{
    int32_t slot = placement->begin[item] + placement->placed[item]++;
    put(placement, slot, member, placement_is_current(placement, item, member));
    placement_note(placement, item);
}

void placement_move(struct placement *placement, int32_t slot, int32_t member)
{
    int32_t item = placement->item[slot];
    set_loose(placement, item, placement->loose[item] || placement->kept[slot]);
    take_out(placement, slot);
    put(placement, slot, member, placement_is_current(placement, item, member));
    placement_note(placement, item);
}

/* An item's current assignments are in order of zone, then of member, which may be there twice. */
void placement_keep_current(struct placement *placement, int32_t item)
{
    const struct state *state = placement->state;
    int32_t bound = levels_zone_bound(state, state->replication[item]);
    int32_t slot = placement->begin[item];
    int32_t slots_end = slot + placement->room[item];
    int32_t last = STATE_NONE;
    int32_t zone = STATE_NONE;
    int32_t in_zone = 0;
    bool loose = false;
    for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++) {
        int32_t member = state->assignment_member[a];
        if (member == STATE_NONE || member == last || state->effective_limit[member] == 0)
            continue;
        last = member;
        if (state->member_zone[member] != zone)
            in_zone = 0;
        zone = state->member_zone[member];
        if (slot < slots_end && in_zone < bound &&
            placement->load[member] < placement->load_bound[member]) {
            put(placement, slot++, member, true);
            in_zone++;
        } else {
            loose = true;
        }
    }
    set_loose(placement, item, loose);
    placement->placed[item] = slot - placement->begin[item];
}

void placement_close(struct placement *placement)
{
    int32_t left = 0;
    for (int32_t i = 0; i < placement->open_count; i++)
        if (placement_missing(placement, placement->open[i]) > 0)
            placement->open[left++] = placement->open[i];
    placement->open_count = left;
}

/* --- the answer --- */

/* Writes the item's members, ascending. */
static void write_members(const struct placement *placement, int32_t item, int32_t *ret_members)
{
    const int32_t *members = placement->member + placement->begin[item];
    for (int32_t i = 0; i < placement->placed[item]; i++) {
        int32_t at = i;
        for (; at > 0 && ret_members[at - 1] > members[i]; at--)
            ret_members[at] = ret_members[at - 1];
        ret_members[at] = members[i];
    }
}

int placement_write(const struct placement *placement, struct solution_writer *writer, int32_t item)
{
    int32_t *members = NULL;
    int error = solution_writer_add(writer, placement->placed[item], &members);
    if (!error)
        write_members(placement, item, members);
    return error;
}

int placement_solution(const struct placement *placement, struct solution **ret)
{
    struct solution_writer writer;
    int error = solution_writer_init(&writer, placement->state);
    for (int32_t item = 0; !error && item < placement->state->item_count; item++)
        error = placement_write(placement, &writer, item);
    if (!error)
        error = solution_writer_finish(&writer, ret);
    solution_writer_release(&writer);
    return error;
}

/* --- bringing it up to date --- */

void placement_clear(struct placement *placement, int32_t item)
{
    while (placement->placed[item] > 0)
        take_out(placement, placement->begin[item] + --placement->placed[item]);
}

/* Makes room for @count elements of @size bytes in *@array, which may move. */
static bool grow(void *array, int32_t count, size_t size)
{
    void *grown = realloc(*(void **)array, ((size_t)count + 1) * size);
    if (grown)
        *(void **)array = grown;
    return grown;
}

int placement_reserve_items(struct placement *placement, int32_t count)
{
    if (count <= placement->item_capacity)
        return 0;
    int32_t most = (int32_t)with_slack(count);
    if (!grow(&placement->begin, most, sizeof *placement->begin) ||
        !grow(&placement->room, most, sizeof *placement->room) ||
        !grow(&placement->placed, most, sizeof *placement->placed) ||
        !grow(&placement->loose, most, sizeof *placement->loose) ||
        !grow(&placement->open, most, sizeof *placement->open) ||
        !grow(&placement->noted, most, sizeof *placement->noted) ||
        !grow(&placement->notes, most, sizeof *placement->notes))
        return ALLOT_ENOMEM;
    placement->item_capacity = most;
    return 0;
}

static int reserve_slots(struct placement *placement, int64_t count)
{
    if (count <= placement->slot_capacity)
        return 0;
    if (with_slack(count) > INT32_MAX)
        return ALLOT_ELIMIT;
    int32_t most = (int32_t)with_slack(count);
    if (!grow(&placement->member, most, sizeof *placement->member) ||
        !grow(&placement->kept, most, sizeof *placement->kept))
        return ALLOT_ENOMEM;
    placement->slot_capacity = most;
    return 0;
}

int placement_set_room(struct placement *placement, int32_t item)
{
    int32_t wanted = wanted_of(placement, item);
    if (wanted > placement->room[item]) {
        int error = reserve_slots(placement, (int64_t)placement->slot_count + wanted);
        if (error)
            return error;
        placement->begin[item] = placement->slot_count;
        placement->slot_count += wanted;
    }
    placement->room[item] = wanted;
    return 0;
}
