#include "tests/support/exact_levels.h"

#include <stdlib.h>

#include "tests/support/array.h"

enum { MOST_MEMBERS = 6, MOST_LOADS = 3000 };

/* The best that the items so far can come to with just these loads of the members; all loads are
 * numbered, those of member m in steps of step[m]. */
struct outcome {
    bool possible;
    int64_t zone_excess;
    int64_t kept;
};

struct trial {
    const struct state *state;
    int32_t members[MOST_MEMBERS]; /* those of limit > 0 */
    int32_t step[MOST_MEMBERS];
    int32_t member_count;
    int32_t load_count;
    struct outcome *outcomes;
    struct outcome *next;
};

static bool trial_init(struct trial *trial, const struct state *state)
{
    *trial = (struct trial){.state = state, .load_count = 1};
    for (int32_t m = 0; m < state->member_count; m++) {
        if (state->effective_limit[m] == 0)
            continue;
        if (trial->member_count == MOST_MEMBERS ||
            state->effective_limit[m] >= MOST_LOADS / trial->load_count)
            return false;
        trial->members[trial->member_count] = m;
        trial->step[trial->member_count++] = trial->load_count;
        trial->load_count *= state->effective_limit[m] + 1;
    }
    return true;
}

static int32_t load_of(const struct trial *trial, int32_t loads, int32_t i)
{
    return loads / trial->step[i] % (trial->state->effective_limit[trial->members[i]] + 1);
}

/* What item @item adds on the members of the set @members, each a bit. */
static struct outcome item_outcome(const struct trial *trial, int32_t item, int32_t members)
{
    const struct state *state = trial->state;
    struct outcome outcome = {.possible = true};
    int32_t wanted = state->replication[item];
    int32_t most_in_zone = wanted > 2 ? wanted - 1 : 1;
    int32_t replicas = 0;
    for (int32_t i = 0; i < trial->member_count; i++) {
        int32_t member = trial->members[i];
        bool current = false;
        if (!(members >> i & 1))
            continue;
        replicas++;
        for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++)
            current = current || state->assignment_member[a] == member;
        outcome.kept += current;
        int32_t before = 0; /* in its zone, this one included */
        for (int32_t other = 0; other <= i; other++)
            before += (members >> other & 1) &&
                      state->member_zone[trial->members[other]] == state->member_zone[member];
        outcome.zone_excess += state->zone_count >= 2 && before > most_in_zone;
    }
    outcome.possible = replicas <= wanted;
    return outcome;
}

static bool is_better(const struct outcome *a, const struct outcome *b)
{
    if (!b->possible)
        return true;
    if (a->zone_excess != b->zone_excess)
        return a->zone_excess < b->zone_excess;
    return a->kept > b->kept;
}

/* All outcomes with @item on the members of the set. */
static void try_members(struct trial *trial, int32_t item, int32_t members)
{
    struct outcome added = item_outcome(trial, item, members);
    for (int32_t loads = 0; added.possible && loads < trial->load_count; loads++) {
        struct outcome outcome = trial->outcomes[loads];
        int32_t next = loads;
        for (int32_t i = 0; outcome.possible && i < trial->member_count; i++) {
            if (!(members >> i & 1))
                continue;
            outcome.possible =
                load_of(trial, loads, i) < trial->state->effective_limit[trial->members[i]];
            next += trial->step[i];
        }
        if (!outcome.possible)
            continue;
        outcome.zone_excess += added.zone_excess;
        outcome.kept += added.kept;
        if (is_better(&outcome, &trial->next[next]))
            trial->next[next] = outcome;
    }
}

/* The least b with b / limit >= item slots / member slots, and the tolerance beyond. */
static int64_t load_bound(const struct state *state, int32_t member)
{
    int64_t limit = state->effective_limit[member];
    int64_t tolerated = limit * state->item_slots * (100 + state->balance_tolerance);
    int64_t bound = 0;
    while (bound < limit && bound * state->member_slots * 100 < tolerated)
        bound++;
    return bound;
}

static struct levels levels_of(const struct trial *trial, int32_t loads)
{
    struct levels levels = {.zone_excess = trial->outcomes[loads].zone_excess,
                            .kept = trial->outcomes[loads].kept};
    for (int32_t i = 0; i < trial->member_count; i++) {
        int64_t load = load_of(trial, loads, i);
        int64_t bound = load_bound(trial->state, trial->members[i]);
        levels.assigned += load;
        levels.overflow += load > bound ? load - bound : 0;
    }
    return levels;
}

bool exact_levels(const struct state *state, struct levels *ret)
{
    struct trial trial;
    if (!trial_init(&trial, state))
        return false;
    trial.outcomes = array_create((size_t)trial.load_count, sizeof *trial.outcomes);
    trial.outcomes[0].possible = true;
    for (int32_t item = 0; item < state->item_count; item++) {
        trial.next = array_create((size_t)trial.load_count, sizeof *trial.next);
        for (int32_t members = 0; members < 1 << trial.member_count; members++)
            try_members(&trial, item, members);
        free(trial.outcomes);
        trial.outcomes = trial.next;
    }
    *ret = levels_of(&trial, 0); /* nothing at all is always possible */
    for (int32_t loads = 1; loads < trial.load_count; loads++) {
        if (!trial.outcomes[loads].possible)
            continue;
        struct levels levels = levels_of(&trial, loads);
        if (levels_compare(&levels, ret) > 0)
            *ret = levels;
    }
    free(trial.outcomes);
    return true;
}
