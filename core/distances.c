#include "core/distances.h"

#include <stdlib.h>
#include <string.h>

int distances_init(struct distances *distances, struct residual *residual)
{
    const struct placement *placement = residual->placement;
    size_t members = (size_t)placement->state->member_count + 1;
    *distances = (struct distances){.residual = residual, .scale = (int64_t)members + 2};
    distances->potential = calloc(members, sizeof *distances->potential);
    distances->key = calloc(members, sizeof *distances->key);
    distances->base = calloc(members, sizeof *distances->base);
    distances->done = calloc(members, sizeof *distances->done);
    distances->order = calloc(members, sizeof *distances->order);
    if (distances->potential && distances->key && distances->base && distances->done &&
        distances->order)
        return 0;
    distances_release(distances);
    return ALLOT_ENOMEM;
}

void distances_release(struct distances *distances)
{
    free(distances->potential);
    free(distances->key);
    free(distances->base);
    free(distances->done);
    free(distances->order);
    *distances = (struct distances){0};
}

/* The key with its member's potential taken off: what the search goes by. */
static int64_t reduced(const struct distances *distances, int32_t member)
{
    return distances->key[member] - distances->base[member];
}

/* --- bringing members nearer --- */

static void set_key(struct distances *distances, int32_t member, int64_t key)
{
    int64_t cost = residual_member_cost(distances->residual, member);
    distances->key[member] = key;
    if (cost == RESIDUAL_FULL)
        return;
    int64_t sink_key = key + cost * distances->scale + 1 - distances->sink_base;
    if (sink_key < distances->sink_key)
        distances->sink_key = sink_key;
}

static void note_farthest(struct distances *distances)
{
    const struct placement *placement = distances->residual->placement;
    distances->farthest = 0;
    for (int32_t zone = 0; zone < placement->state->zone_count; zone++) {
        int32_t first = placement->zone_takers[zone];
        if (first < placement->zone_takers[zone + 1] &&
            distances->key[distances->order[first]] > distances->farthest)
            distances->farthest = distances->key[distances->order[first]];
    }
}

/* Gives @key to the members of @zone that are farther and don't have the item. Those are first in
 * order, and stay so if they have it. */
static bool reach_zone(struct distances *distances, int32_t zone, int64_t key)
{
    const struct placement *placement = distances->residual->placement;
    int32_t *order = distances->order;
    int32_t has = placement->zone_takers[zone];
    int32_t end = placement->zone_takers[zone + 1];
    bool nearer = false;
    for (int32_t i = has; i < end && distances->key[order[i]] > key; i++) {
        int32_t member = order[i];
        if (residual_has(distances->residual, member)) {
            order[i] = order[has];
            order[has++] = member;
        } else {
            set_key(distances, member, key);
            nearer = true;
        }
    }
    return nearer;
}

/* Gives @key to a member that is farther. */
static void reach_member(struct distances *distances, int32_t member, int64_t key)
{
    const struct placement *placement = distances->residual->placement;
    int32_t *order = distances->order;
    int32_t zone = placement->state->member_zone[member];
    int32_t at = placement->zone_takers[zone];
    while (order[at] != member)
        at++;
    for (; at + 1 < placement->zone_takers[zone + 1] && distances->key[order[at + 1]] > key; at++)
        order[at] = order[at + 1];
    order[at] = member;
    set_key(distances, member, key);
}

/* Brings members nearer by a replica of @item that comes from @slot, or the source, where the key
 * is @key. */
static void reach_by(struct distances *distances, int32_t item, int32_t slot, int64_t key)
{
    struct residual *residual = distances->residual;
    const struct placement *placement = residual->placement;
    const struct state *state = placement->state;
    bool nearer = false;
    residual_look(residual, item, slot);
    for (int32_t zone = 0; zone < state->zone_count; zone++)
        nearer =
            reach_zone(distances, zone, key + (residual->cost[zone] + 1) * distances->scale + 1) ||
            nearer;
    if (placement->loose[item])
        for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++) {
            int32_t member = state->assignment_member[a];
            if (member == STATE_NONE || state->effective_limit[member] == 0 ||
                residual_has(residual, member))
                continue;
            int64_t kept = key + residual->cost[state->member_zone[member]] * distances->scale + 1;
            if (kept >= distances->key[member])
                continue;
            reach_member(distances, member, kept);
            nearer = true;
        }
    if (nearer)
        note_farthest(distances);
}

/* --- the search --- */

static void begin(struct distances *distances)
{
    const struct placement *placement = distances->residual->placement;
    for (int32_t i = 0; i < placement->taker_count; i++) {
        int32_t member = placement->takers[i];
        distances->key[member] = DISTANCES_FAR;
        distances->base[member] = distances->potential[member] * distances->scale;
        distances->done[member] = false;
        distances->order[i] = member;
    }
    distances->sink_base = distances->sink_potential * distances->scale;
    distances->sink_key = DISTANCES_FAR;
    distances->farthest = DISTANCES_FAR;
}

/* Whether @item, coming from where the key is @key at a cost of @cost or more, could bring a member
 * nearer. */
static bool may_reach(const struct distances *distances, int32_t item, int64_t key, int64_t cost)
{
    return distances->residual->placement->loose[item] ||
           key + (cost + 1) * distances->scale + 1 < distances->farthest;
}

/* What leaving a zone can gain: no item has all its replicas in one before a path has had to pay
 * for it. */
static int64_t zone_gain(const struct distances *distances)
{
    int64_t price = distances->residual->zone_price;
    return distances->sink_potential < price ? 0 : price;
}

/* Whether any item could bring a member nearer from where the key is @key. Mostly none can, where
 * nothing is loose or new: then nobody has to go through a member's replicas to see that. */
static bool may_lead_on(const struct distances *distances, int64_t key)
{
    const struct placement *placement = distances->residual->placement;
    int64_t least = -zone_gain(distances) - (placement->new_count > 0);
    return placement->loose_count > 0 ||
           key + (least + 1) * distances->scale + 1 < distances->farthest;
}

static int go_on_from(struct distances *distances, int32_t member)
{
    struct placement *placement = distances->residual->placement;
    int64_t key = distances->key[member];
    int64_t gain = zone_gain(distances);
    distances->done[member] = true;
    if (!may_lead_on(distances, key))
        return 0;
    int error = placement_list(placement);
    if (error)
        return error;
    for (int32_t slot = placement->first_slot[member]; slot != STATE_NONE;
         slot = placement->next[slot]) {
        int64_t least = -gain - !placement->kept[slot];
        if (may_reach(distances, placement->item[slot], key, least))
            reach_by(distances, placement->item[slot], slot, key);
    }
    return 0;
}

/* The least reduced key of the members that have not been gone on from, or DISTANCES_FAR. */
static int64_t least_key(const struct distances *distances)
{
    const struct placement *placement = distances->residual->placement;
    int64_t least = DISTANCES_FAR;
    for (int32_t i = 0; i < placement->taker_count; i++) {
        int32_t member = placement->takers[i];
        if (distances->done[member] || distances->key[member] == DISTANCES_FAR)
            continue;
        if (reduced(distances, member) < least)
            least = reduced(distances, member);
    }
    return least;
}

/* Goes on from member after member until the sink is nearer than what they could lead to. */
static int search(struct distances *distances)
{
    const struct placement *placement = distances->residual->placement;
    for (int64_t least;
         (least = least_key(distances)) != DISTANCES_FAR && least + 1 < distances->sink_key;) {
        for (int32_t i = 0; i < placement->taker_count; i++) {
            int32_t member = placement->takers[i];
            if (distances->done[member] || distances->key[member] == DISTANCES_FAR ||
                reduced(distances, member) != least)
                continue;
            int error = go_on_from(distances, member);
            if (error)
                return error;
        }
    }
    return 0;
}

/* Without a path, all that was not reached is taken for as far as the farthest that was. */
static int64_t sink_distance(const struct distances *distances)
{
    const struct placement *placement = distances->residual->placement;
    int64_t greatest = 0;
    if (distances->sink_key != DISTANCES_FAR)
        return distances->sink_key / distances->scale;
    for (int32_t i = 0; i < placement->taker_count; i++) {
        int32_t member = placement->takers[i];
        if (distances->key[member] != DISTANCES_FAR &&
            reduced(distances, member) / distances->scale > greatest)
            greatest = reduced(distances, member) / distances->scale;
    }
    return greatest;
}

static void add_to_potentials(struct distances *distances)
{
    const struct placement *placement = distances->residual->placement;
    int64_t distance = sink_distance(distances);
    for (int32_t i = 0; i < placement->taker_count; i++) {
        int32_t member = placement->takers[i];
        bool nearer = distances->key[member] != DISTANCES_FAR &&
                      reduced(distances, member) / distances->scale < distance;
        distances->potential[member] +=
            nearer ? reduced(distances, member) / distances->scale : distance;
    }
    distances->sink_potential += distance;
}

int distances_search(struct distances *distances, bool *ret_found)
{
    const struct placement *placement = distances->residual->placement;
    begin(distances);
    for (int32_t i = 0; i < placement->open_count; i++)
        if (may_reach(distances, placement->open[i], 0, 0))
            reach_by(distances, placement->open[i], STATE_NONE, 0);
    int error = search(distances);
    if (error)
        return error;
    add_to_potentials(distances);
    *ret_found = distances->sink_key != DISTANCES_FAR;
    distances->last_step = *ret_found ? (int32_t)(distances->sink_key % distances->scale) - 1 : 0;
    return 0;
}

bool distances_leads(const struct distances *distances, int32_t member)
{
    return distances->key[member] != DISTANCES_FAR &&
           reduced(distances, member) < distances->sink_key;
}
