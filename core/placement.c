#include "core/placement.h"

#include <stdlib.h>

#include "core/levels.h"

/* Room for @count elements and one more, not cleared. */
static void *array(size_t count, size_t size, int *error)
{
    void *memory = malloc((count + 1) * size);
    if (!memory)
        *error = ALLOT_ENOMEM;
    return memory;
}

static int set_members(struct placement *placement)
{
    const struct state *state = placement->state;
    size_t members = (size_t)state->member_count;
    int error = 0;
    placement->takers = array(members, sizeof *placement->takers, &error);
    placement->zone_takers =
        array((size_t)state->zone_count, sizeof *placement->zone_takers, &error);
    placement->fair_share = array(members, sizeof *placement->fair_share, &error);
    placement->load = calloc(members + 1, sizeof *placement->load);
    placement->first_slot = array(members, sizeof *placement->first_slot, &error);
    if (error || !placement->load)
        return ALLOT_ENOMEM;
    for (int32_t zone = 0; zone < state->zone_count; zone++) {
        placement->zone_takers[zone] = placement->taker_count;
        for (int32_t m = state->zone_member_begin[zone]; m < state->zone_member_end[zone]; m++)
            if (state->effective_limit[m] > 0)
                placement->takers[placement->taker_count++] = m;
    }
    placement->zone_takers[state->zone_count] = placement->taker_count;
    for (int32_t m = 0; m < state->member_count; m++)
        placement->fair_share[m] = levels_fair_share(state, m);
    return 0;
}

static int set_slots(struct placement *placement)
{
    const struct state *state = placement->state;
    size_t items = (size_t)state->item_count;
    int64_t slots = 0;
    int error = 0;
    placement->begin = calloc(items + 1, sizeof *placement->begin);
    placement->placed = array(items, sizeof *placement->placed, &error);
    placement->loose = array(items, sizeof *placement->loose, &error);
    placement->open = array(items, sizeof *placement->open, &error);
    if (error || !placement->begin)
        return ALLOT_ENOMEM;
    for (int32_t item = 0; item < state->item_count; item++) {
        int32_t wanted = state->replication[item];
        placement->begin[item] = (int32_t)slots;
        slots += wanted < placement->taker_count ? wanted : placement->taker_count;
        if (slots > INT32_MAX)
            return ALLOT_ELIMIT;
    }
    placement->begin[items] = placement->slot_count = (int32_t)slots;
    placement->member = array((size_t)slots, sizeof *placement->member, &error);
    placement->kept = array((size_t)slots, sizeof *placement->kept, &error);
    return error;
}

/* An item's current assignments are in order of zone, then of member, which may be there twice. */
static void keep_current(struct placement *placement, int32_t item)
{
    const struct state *state = placement->state;
    int32_t bound = levels_zone_bound(state, state->replication[item]);
    int32_t slot = placement->begin[item];
    int32_t slots_end = placement->begin[item + 1];
    int32_t last = STATE_NONE;
    int32_t zone = STATE_NONE;
    int32_t in_zone = 0;
    placement->loose[item] = false;
    for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++) {
        int32_t member = state->assignment_member[a];
        if (member == STATE_NONE || member == last || state->effective_limit[member] == 0)
            continue;
        last = member;
        if (state->member_zone[member] != zone)
            in_zone = 0;
        zone = state->member_zone[member];
        if (slot < slots_end && in_zone < bound &&
            placement->load[member] < placement->fair_share[member]) {
            placement->load[member]++;
            in_zone++;
            placement->kept[slot] = true;
            placement->member[slot++] = member;
        } else {
            placement->loose[item] = true;
        }
    }
    placement->placed[item] = slot - placement->begin[item];
    if (slot < slots_end)
        placement->open[placement->open_count++] = item;
}

int placement_init(struct placement *placement, const struct state *state)
{
    *placement = (struct placement){.state = state};
    int error = set_members(placement);
    if (!error)
        error = set_slots(placement);
    if (error) {
        placement_release(placement);
        return error;
    }
    for (int32_t item = 0; item < state->item_count; item++)
        keep_current(placement, item);
    return 0;
}

void placement_release(struct placement *placement)
{
    free(placement->takers);
    free(placement->zone_takers);
    free(placement->fair_share);
    free(placement->load);
    free(placement->first_slot);
    free(placement->begin);
    free(placement->placed);
    free(placement->loose);
    free(placement->open);
    free(placement->member);
    free(placement->kept);
    free(placement->item);
    free(placement->next);
    free(placement->previous);
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
    size_t slots = (size_t)placement->slot_count;
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
        for (int32_t slot = placement->begin[item + 1] - 1; slot >= placement->begin[item];
             slot--) {
            placement->item[slot] = item;
            if (slot < placement->begin[item] + placement->placed[item])
                link_slot(placement, slot);
        }
    placement->listed = true;
    return 0;
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

static void put(struct placement *placement, int32_t item, int32_t slot, int32_t member)
{
    placement->member[slot] = member;
    placement->kept[slot] = placement_is_current(placement, item, member);
    placement->load[member]++;
    if (placement->listed)
        link_slot(placement, slot);
}

void placement_add(struct placement *placement, int32_t item, int32_t member)
{
    put(placement, item, placement->begin[item] + placement->placed[item]++, member);
}

void placement_move(struct placement *placement, int32_t slot, int32_t member)
{
    int32_t item = placement->item[slot];
    placement->loose[item] = placement->loose[item] || placement->kept[slot];
    placement->load[placement->member[slot]]--;
    unlink_slot(placement, slot);
    put(placement, item, slot, member);
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

int placement_solution(const struct placement *placement, struct solution **ret)
{
    const struct state *state = placement->state;
    struct solution *solution = NULL;
    int64_t total = 0;
    for (int32_t m = 0; m < state->member_count; m++)
        total += placement->load[m];
    int error = solution_create(state, total, &solution);
    if (error)
        return error;
    int32_t end = 0;
    for (int32_t item = 0; item < state->item_count; item++) {
        int32_t begin = solution->begin[item] = end;
        const int32_t *members = placement->member + placement->begin[item];
        for (int32_t i = 0; i < placement->placed[item]; i++) {
            int32_t at = end++;
            for (; at > begin && solution->member[at - 1] > members[i]; at--)
                solution->member[at] = solution->member[at - 1];
            solution->member[at] = members[i];
        }
    }
    solution->begin[state->item_count] = end;
    solution->assigned = end;
    solution->unattainable = state->item_slots - end;
    *ret = solution;
    return 0;
}
