#include "core/residual.h"

#include <stdlib.h>

#include "core/levels.h"

/* So that the sum of the costs of a path, times the number of its steps, is within 64 bits. */
enum { MOST_MEMBERS = 1 << 18 };

int residual_init(struct residual *residual, struct placement *placement)
{
    const struct state *state = placement->state;
    *residual = (struct residual){.placement = placement};
    if (state->member_count > MOST_MEMBERS)
        return ALLOT_ELIMIT;
    residual->overflow_price = 4 * ((int64_t)state->member_count + 1);
    residual->zone_price = 4 * residual->overflow_price;
    residual->cost = calloc((size_t)state->zone_count + 1, sizeof *residual->cost);
    residual->count = calloc((size_t)state->zone_count + 1, sizeof *residual->count);
    residual->seen = calloc((size_t)state->member_count + 1, sizeof *residual->seen);
    if (residual->cost && residual->count && residual->seen)
        return 0;
    residual_release(residual);
    return ALLOT_ENOMEM;
}

void residual_release(struct residual *residual)
{
    free(residual->cost);
    free(residual->count);
    free(residual->seen);
    *residual = (struct residual){0};
}

static void count_zones(struct residual *residual, int32_t item)
{
    const struct placement *placement = residual->placement;
    const struct state *state = placement->state;
    const int32_t *members = placement->member + placement->begin[item];
    residual->look++;
    for (int32_t zone = 0; zone < state->zone_count; zone++)
        residual->count[zone] = 0;
    for (int32_t i = 0; i < placement->placed[item]; i++) {
        residual->seen[members[i]] = residual->look;
        residual->count[state->member_zone[members[i]]]++;
    }
}

void residual_look(struct residual *residual, int32_t item, int32_t slot)
{
    const struct placement *placement = residual->placement;
    const struct state *state = placement->state;
    int32_t bound = levels_zone_bound(state, state->replication[item]);
    int32_t from = STATE_NONE; /* zone */
    int64_t given_back = 0;
    count_zones(residual, item);
    if (slot != STATE_NONE) {
        from = state->member_zone[placement->member[slot]];
        given_back = placement->kept[slot] ? 0 : -1;
    }
    int64_t left = given_back; /* the cost of having left that zone */
    if (from != STATE_NONE && residual->count[from] > bound)
        left -= residual->zone_price;
    for (int32_t zone = 0; zone < state->zone_count; zone++) {
        bool free = residual->count[zone] < bound;
        residual->cost[zone] = zone == from ? given_back : left + (free ? 0 : residual->zone_price);
    }
}

int64_t residual_member_cost(const struct residual *residual, int32_t member)
{
    const struct placement *placement = residual->placement;
    int32_t load = placement->load[member];
    if (load < placement->load_bound[member])
        return 0;
    return load < placement->state->effective_limit[member] ? residual->overflow_price
                                                            : RESIDUAL_FULL;
}
