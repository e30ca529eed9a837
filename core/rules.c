#include "core/rules.h"

#include <stdlib.h>
#include <string.h>

bool move_limits_any(const struct move_limits *limits)
{
    return limits->in_flight >= 0 || limits->per_member >= 0 || limits->per_zone >= 0 ||
           limits->per_minute >= 0;
}

bool allocator_rules_equal(const struct allocator_rules *a, const struct allocator_rules *b)
{
    return a->pause == b->pause && a->limits.in_flight == b->limits.in_flight &&
           a->limits.per_member == b->limits.per_member &&
           a->limits.per_zone == b->limits.per_zone && a->limits.per_minute == b->limits.per_minute;
}

/* --- moves under way --- */

/* Replicas of the item beyond those that it wants; below 0: it lacks some. */
static int32_t surplus(const struct state *state, int32_t item)
{
    int32_t above = -state->replication[item];
    for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++)
        above += state_is_held(state, a);
    return above;
}

int32_t moves_missing(const struct state *state, int32_t item)
{
    int32_t above = surplus(state, item);
    return above < 0 ? -above : 0;
}

int32_t moves_of_item(const struct state *state, int32_t item)
{
    int32_t above = surplus(state, item);
    int32_t inconsistent = 0;
    for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++)
        inconsistent += state_is_held(state, a) && !state->consistent[a];
    if (above < 0)
        above = 0;
    return inconsistent < above ? inconsistent : above;
}

int64_t moves_in_flight(const struct state *state)
{
    int64_t moves = 0;
    for (int32_t item = 0; item < state->item_count; item++)
        moves += moves_of_item(state, item);
    return moves;
}

bool moves_at_once(const struct state *state, int32_t item)
{
    const struct decoder *decoder = keyspace_decoder(state->keyspace);
    const struct assignment_value fresh = {0};
    return decoder->is_consistent(decoder->context, &state->items[item]->item, &fresh, 1, 0);
}

void move_counts_add(struct move_counts *counts, const struct state *state, int32_t member,
                     int32_t count)
{
    counts->total += count;
    if (member == STATE_NONE)
        return;
    counts->member[member] += count;
    if (state->member_zone[member] != STATE_NONE)
        counts->zone[state->member_zone[member]] += count;
}

/* The inconsistent replica with the highest slot below @below, or STATE_NONE. */
static int32_t last_inconsistent(const struct state *state, int32_t item, int64_t below)
{
    int32_t last = STATE_NONE;
    for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++) {
        int32_t slot = state->assignments[a]->parts.slot;
        if (state_is_held(state, a) && !state->consistent[a] && slot < below &&
            (last == STATE_NONE || slot > state->assignments[last]->parts.slot))
            last = a;
    }
    return last;
}

static void count_item(struct move_counts *counts, const struct state *state, int32_t item)
{
    int64_t below = INT64_MAX;
    for (int32_t moves = moves_of_item(state, item); moves > 0; moves--) {
        int32_t assignment = last_inconsistent(state, item, below);
        bool found = assignment != STATE_NONE; /* not if several have the same slot */
        move_counts_add(counts, state, found ? state->assignment_member[assignment] : STATE_NONE,
                        1);
        below = found ? state->assignments[assignment]->parts.slot : below;
    }
}

int move_counts_make(const struct state *state, struct move_counts *ret)
{
    *ret = (struct move_counts){0};
    ret->member = calloc((size_t)state->member_count + 1, sizeof *ret->member);
    ret->zone = calloc((size_t)state->zone_count + 1, sizeof *ret->zone);
    if (!ret->member || !ret->zone)
        return ALLOT_ENOMEM;
    for (int32_t item = 0; item < state->item_count; item++)
        count_item(ret, state, item);
    return 0;
}

void move_counts_release(struct move_counts *counts)
{
    free(counts->member);
    free(counts->zone);
    *counts = (struct move_counts){0};
}

static bool is_reached(int64_t limit, int64_t count)
{
    return limit >= 0 && count >= limit;
}

enum move_limit move_limits_reached(const struct move_limits *limits,
                                    const struct move_counts *counts, const struct state *state,
                                    int32_t member)
{
    int32_t zone = state->member_zone[member];
    if (is_reached(limits->in_flight, counts->total))
        return MOVE_LIMIT_IN_FLIGHT;
    if (is_reached(limits->per_member, counts->member[member]))
        return MOVE_LIMIT_MEMBER;
    if (zone != STATE_NONE && is_reached(limits->per_zone, counts->zone[zone]))
        return MOVE_LIMIT_ZONE;
    return MOVE_LIMIT_NONE;
}

/* --- moves a minute --- */

enum { BUCKETS = MOVE_WINDOW_SECONDS + 1, WINDOW_MS = MOVE_WINDOW_SECONDS * 1000 };

/* What was begun in a second counts until 60 whole seconds after it have passed. */
static void advance(struct move_window *window, int64_t now_ms)
{
    int64_t second = now_ms / 1000;
    if (second - window->second >= BUCKETS)
        memset(window->begun, 0, sizeof window->begun);
    else
        for (int64_t s = window->second + 1; s <= second; s++)
            window->begun[s % BUCKETS] = 0;
    if (second > window->second)
        window->second = second;
}

void move_window_begin(struct move_window *window, int64_t now_ms)
{
    *window = (struct move_window){.second = now_ms / 1000, .unknown_until_ms = now_ms + WINDOW_MS};
}

void move_window_note(struct move_window *window, int64_t now_ms, int64_t moves)
{
    advance(window, now_ms);
    window->begun[window->second % BUCKETS] += moves;
}

int64_t move_window_room(struct move_window *window, int64_t limit, int64_t now_ms)
{
    int64_t room = limit;
    if (limit < 0)
        return INT64_MAX;
    if (now_ms < window->unknown_until_ms)
        return 0;
    advance(window, now_ms);
    for (int i = 0; i < BUCKETS; i++)
        room -= window->begun[i];
    return room > 0 ? room : 0;
}

int64_t move_window_next_room_ms(struct move_window *window, int64_t limit, int64_t now_ms)
{
    if (limit == 0 || move_window_room(window, limit, now_ms) > 0)
        return INT64_MAX;
    int64_t begun = 0;
    for (int64_t s = window->second; s >= 0 && s > window->second - BUCKETS; s--) {
        begun += window->begun[s % BUCKETS];
        if (begun >= limit) { /* once this second is out of it */
            int64_t free_ms = (s + BUCKETS) * 1000;
            return free_ms > window->unknown_until_ms ? free_ms : window->unknown_until_ms;
        }
    }
    return window->unknown_until_ms;
}
