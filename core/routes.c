#include "core/routes.h"

#include <stdlib.h>

/* What members are ordered by. */
struct standing_key {
    int64_t key;
    int32_t zone;
    int32_t load;
    int32_t limit;
    int32_t member;
};

int routes_init(struct routes *routes, struct distances *distances)
{
    const struct state *state = distances->residual->placement->state;
    size_t members = (size_t)state->member_count + 1;
    *routes = (struct routes){.distances = distances};
    routes->lines = calloc(members, sizeof *routes->lines);
    routes->zone_lines = calloc((size_t)state->zone_count + 1, sizeof *routes->zone_lines);
    routes->standing = calloc(members, sizeof *routes->standing);
    routes->line_of = calloc(members, sizeof *routes->line_of);
    routes->next_slot = calloc(members, sizeof *routes->next_slot);
    routes->path = calloc(members + 1, sizeof *routes->path);
    routes->round =
        calloc((size_t)distances->residual->placement->open_count + 1, sizeof *routes->round);
    routes->keys = calloc(members, sizeof *routes->keys);
    if (routes->lines && routes->zone_lines && routes->standing && routes->line_of &&
        routes->next_slot && routes->path && routes->round && routes->keys)
        return 0;
    routes_release(routes);
    return ALLOT_ENOMEM;
}

void routes_release(struct routes *routes)
{
    free(routes->lines);
    free(routes->zone_lines);
    free(routes->standing);
    free(routes->line_of);
    free(routes->next_slot);
    free(routes->path);
    free(routes->round);
    free(routes->keys);
    *routes = (struct routes){0};
}

static const struct placement *placement_of(const struct routes *routes)
{
    return routes->distances->residual->placement;
}

/* --- the lines --- */

/* < 0 if the first is to be preferred: the lower load in proportion to the limit, then the lower
 * number. */
static int prefer(int64_t load, int64_t limit, int32_t member, int64_t other_load,
                  int64_t other_limit, int32_t other)
{
    int64_t a = load * other_limit;
    int64_t b = other_load * limit;
    if (a != b)
        return a < b ? -1 : 1;
    return (member > other) - (member < other);
}

static int prefer_member(const struct placement *placement, int32_t member, int32_t other)
{
    const int32_t *load = placement->load;
    const int32_t *limit = placement->state->effective_limit;
    return prefer(load[member], limit[member], member, load[other], limit[other], other);
}

static int compare_keys(const void *a, const void *b)
{
    const struct standing_key *left = a;
    const struct standing_key *right = b;
    if (left->zone != right->zone)
        return left->zone < right->zone ? -1 : 1;
    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    return prefer(left->load, left->limit, left->member, right->load, right->limit, right->member);
}

static int32_t steps_to(const struct routes *routes, int32_t member)
{
    return (int32_t)(routes->distances->key[member] % routes->distances->scale);
}

static bool is_last(const struct routes *routes, int32_t member)
{
    return steps_to(routes, member) == routes->distances->last_step;
}

/* Whether a path may end at @member: its arc to the sink lies on a shortest path. */
static bool may_end(const struct routes *routes, int32_t member)
{
    const struct distances *distances = routes->distances;
    int64_t cost = residual_member_cost(distances->residual, member);
    return cost != RESIDUAL_FULL &&
           distances->potential[member] + cost == distances->sink_potential;
}

static int32_t collect(struct routes *routes)
{
    const struct placement *placement = placement_of(routes);
    const struct state *state = placement->state;
    int32_t count = 0;
    for (int32_t i = 0; i < placement->taker_count; i++) {
        int32_t member = placement->takers[i];
        routes->line_of[member] = STATE_NONE;
        if (!distances_leads(routes->distances, member) ||
            (is_last(routes, member) && !may_end(routes, member)))
            continue;
        routes->keys[count++] = (struct standing_key){.key = routes->distances->key[member],
                                                      .zone = state->member_zone[member],
                                                      .load = placement->load[member],
                                                      .limit = state->effective_limit[member],
                                                      .member = member};
    }
    return count;
}

static void stand_in_lines(struct routes *routes)
{
    const struct placement *placement = placement_of(routes);
    int32_t count = collect(routes);
    int32_t zone = 0;
    int32_t lines = 0;
    qsort(routes->keys, (size_t)count, sizeof *routes->keys, compare_keys);
    routes->zone_lines[0] = 0;
    for (int32_t i = 0; i < count; i++) {
        const struct standing_key *key = &routes->keys[i];
        while (zone < key->zone)
            routes->zone_lines[++zone] = lines;
        if (lines == routes->zone_lines[zone] || routes->lines[lines - 1].key != key->key)
            routes->lines[lines++] = (struct routes_line){.key = key->key, .begin = i};
        routes->lines[lines - 1].end = i + 1;
        routes->standing[i] = key->member;
        routes->line_of[key->member] = lines - 1;
        if (!is_last(routes, key->member))
            routes->next_slot[key->member] = placement->first_slot[key->member];
    }
    while (zone < placement->state->zone_count)
        routes->zone_lines[++zone] = lines;
}

static struct routes_line *find_line(struct routes *routes, int32_t zone, int64_t key)
{
    for (int32_t i = routes->zone_lines[zone]; i < routes->zone_lines[zone + 1]; i++)
        if (routes->lines[i].key == key)
            return &routes->lines[i];
    return NULL;
}

static int32_t place_in_line(const struct routes *routes, int32_t member)
{
    int32_t at = routes->lines[routes->line_of[member]].begin;
    while (routes->standing[at] != member)
        at++;
    return at;
}

static void leave_line(struct routes *routes, int32_t member)
{
    struct routes_line *line = &routes->lines[routes->line_of[member]];
    line->end--;
    for (int32_t at = place_in_line(routes, member); at < line->end; at++)
        routes->standing[at] = routes->standing[at + 1];
    routes->line_of[member] = STATE_NONE;
}

/* Its load has grown: it goes back behind those that are to be preferred now. */
static void go_back(struct routes *routes, int32_t member)
{
    const struct placement *placement = placement_of(routes);
    int32_t *standing = routes->standing;
    int32_t at = place_in_line(routes, member);
    int32_t low = at;
    int32_t high = routes->lines[routes->line_of[member]].end - 1;
    while (low < high) {
        int32_t middle = low + (high - low + 1) / 2;
        if (prefer_member(placement, standing[middle], member) < 0)
            low = middle;
        else
            high = middle - 1;
    }
    for (; at < low; at++)
        standing[at] = standing[at + 1];
    standing[low] = member;
}

/* --- a step --- */

/* The first of the line that doesn't have the item that was looked at, or STATE_NONE. */
static int32_t first_without(const struct routes *routes, const struct routes_line *line)
{
    for (int32_t i = line->begin; i < line->end; i++)
        if (!residual_has(routes->distances->residual, routes->standing[i]))
            return routes->standing[i];
    return STATE_NONE;
}

static int32_t zone_of(const struct routes *routes, int32_t member)
{
    return member == STATE_NONE ? STATE_NONE : placement_of(routes)->state->member_zone[member];
}

/* Whether the last step, to @zone, would use a unit of its item that an earlier one uses: the costs
 * that it was found by are of before those. An item may be on a path more than once, but passes
 * each of its zones once, and goes once from one to another. */
static bool is_at_odds(const struct routes *routes, int32_t length, int32_t zone)
{
    const struct routes_step *last = &routes->path[length - 1];
    int32_t from = zone_of(routes, last->member);
    for (int32_t i = 0; i + 1 < length; i++) {
        if (routes->path[i].item != last->item)
            continue;
        int32_t former_from = zone_of(routes, routes->path[i].member);
        int32_t former_to = zone_of(routes, routes->path[i + 1].member);
        if (from == former_from || from == former_to || zone == former_from || zone == former_to ||
            (former_from != former_to && from != zone))
            return true;
    }
    return false;
}

/* Of the current assignments of the last step's item one that it hasn't got any more, and that lies
 * on a shortest path from where the key is @key; or STATE_NONE. */
static int32_t back_to_current(const struct routes *routes, int32_t length, int64_t key)
{
    const struct residual *residual = routes->distances->residual;
    const struct state *state = residual->placement->state;
    int32_t item = routes->path[length - 1].item;
    for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++) {
        int32_t member = state->assignment_member[a];
        if (member == STATE_NONE || state->effective_limit[member] == 0 ||
            routes->line_of[member] == STATE_NONE || residual_has(residual, member))
            continue;
        int32_t zone = state->member_zone[member];
        int64_t next_key = key + residual->cost[zone] * routes->distances->scale + 1;
        if (routes->distances->key[member] == next_key && !is_at_odds(routes, length, zone))
            return member;
    }
    return STATE_NONE;
}

/* Where the replica of the last step can go on a shortest path, or STATE_NONE. The zone where its
 * item has fewest is preferred. */
static int32_t find_next(struct routes *routes, int32_t length)
{
    const struct distances *distances = routes->distances;
    const struct placement *placement = placement_of(routes);
    const struct routes_step *step = &routes->path[length - 1];
    int64_t key = step->member == STATE_NONE ? 0 : distances->key[step->member];
    int32_t best = STATE_NONE;
    int32_t best_count = 0;
    residual_look(distances->residual, step->item, step->slot);
    if (placement->loose[step->item])
        best = back_to_current(routes, length, key);
    if (best != STATE_NONE)
        return best;
    for (int32_t zone = 0; zone < placement->state->zone_count; zone++) {
        int64_t next_key = key + (distances->residual->cost[zone] + 1) * distances->scale + 1;
        const struct routes_line *line = find_line(routes, zone, next_key);
        int32_t member = line ? first_without(routes, line) : STATE_NONE;
        int32_t count = distances->residual->count[zone];
        if (member == STATE_NONE || (best != STATE_NONE && count > best_count) ||
            is_at_odds(routes, length, zone))
            continue;
        if (best == STATE_NONE || count < best_count ||
            prefer_member(placement, member, best) < 0) {
            best = member;
            best_count = count;
        }
    }
    return best;
}

/* Takes the next replica of the member that the last step leaves; false if there is none left. */
static bool take_next_item(struct routes *routes, int32_t length)
{
    struct routes_step *step = &routes->path[length - 1];
    int32_t next = routes->next_slot[step->member];
    if (next == STATE_NONE)
        return false;
    step->slot = next;
    step->item = placement_of(routes)->item[next];
    return true;
}

/* --- a path --- */

/* Moves the replicas along the path, from its end on. */
static void apply(struct routes *routes, int32_t length, int32_t last)
{
    struct placement *placement = routes->distances->residual->placement;
    int32_t to = last;
    for (int32_t i = length - 1; i > 0; i--) {
        const struct routes_step *step = &routes->path[i];
        routes->next_slot[step->member] = placement->next[step->slot];
        placement_move(placement, step->slot, to);
        to = step->member;
    }
    placement_add(placement, routes->path[0].item, to);
    if (may_end(routes, last))
        go_back(routes, last);
    else
        leave_line(routes, last);
}

/* Places one more replica of @item; false if there is no way. */
static bool route(struct routes *routes, int32_t item)
{
    const struct placement *placement = placement_of(routes);
    int32_t length = 1;
    routes->path[0] = (struct routes_step){.item = item, .slot = STATE_NONE, .member = STATE_NONE};
    for (;;) {
        struct routes_step *step = &routes->path[length - 1];
        if (step->member != STATE_NONE && !take_next_item(routes, length)) {
            leave_line(routes, step->member);
            length--;
            continue;
        }
        int32_t next = find_next(routes, length);
        if (next == STATE_NONE && step->member == STATE_NONE)
            return false;
        if (next == STATE_NONE) {
            routes->next_slot[step->member] = placement->next[step->slot];
        } else if (is_last(routes, next)) {
            apply(routes, length, next);
            return true;
        } else {
            routes->path[length++].member = next;
        }
    }
}

/* --- all of them --- */

/* Goes once through the items of the round, and places a replica of each that has @placed of them.
 * Items that are done with are left out. Returns the least number that one has then. */
static int32_t go_round(struct routes *routes, int32_t *count, int32_t placed)
{
    const struct placement *placement = placement_of(routes);
    int32_t left = 0;
    int32_t least = INT32_MAX;
    for (int32_t i = 0; i < *count; i++) {
        int32_t item = routes->round[i];
        if (placement->placed[item] == placed) {
            if (!route(routes, item))
                continue;
            routes->routed++;
            if (placement_missing(placement, item) == 0)
                continue;
        }
        if (placement->placed[item] < least)
            least = placement->placed[item];
        routes->round[left++] = item;
    }
    *count = left;
    return least;
}

int64_t routes_run(struct routes *routes)
{
    struct placement *placement = routes->distances->residual->placement;
    int32_t count = placement->open_count;
    int32_t least = INT32_MAX;
    routes->routed = 0;
    stand_in_lines(routes);
    for (int32_t i = 0; i < count; i++) {
        int32_t item = routes->round[i] = placement->open[i];
        if (placement->placed[item] < least)
            least = placement->placed[item];
    }
    while (count > 0)
        least = go_round(routes, &count, least);
    placement_close(placement);
    return routes->routed;
}
