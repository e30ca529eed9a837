#include "core/explain_cut.h"

#include <stdlib.h>

#include "core/flow_network.h"
#include "core/reference_solver.h"

/* A search through what is left in the solved network: from the items that lack replicas over the
 * members that could have them, and on over the items that these have. */
struct search {
    const struct state *state;
    const struct solution *solution;
    int32_t item_begin; /* those that were solved at once, the chunk */
    int32_t item_end;
    int64_t item_slots;
    struct explain_cut *cut;
    int32_t *load;      /* by member: replicas of the chunk's items */
    int32_t *holder;    /* by member: the item of the chunk that was last found there */
    int32_t *unreached; /* members, of which ... */
    int32_t unreached_count;
    bool *reached; /* by item of the chunk */
    /* By member, where the items that it has begin in ... */
    int32_t *member_begin;
    int32_t *member_item;
};

static void *array(size_t count, size_t size, int *error)
{
    void *memory = calloc(count + 1, size);
    if (!memory)
        *error = ALLOT_ENOMEM;
    return memory;
}

/* The reference's solver solves items in chunks, the optimal one all at once. */
static void find_chunk(struct search *search, int32_t item)
{
    const struct state *state = search->state;
    bool all = search->solution->solver == SOLVER_OPTIMAL;
    int32_t size = all ? state->item_count : SOLVER_CHUNK_ITEMS;
    search->item_begin = item - item % size;
    search->item_end = state->item_count - search->item_begin < size ? state->item_count
                                                                     : search->item_begin + size;
    for (int32_t i = search->item_begin; i < search->item_end; i++)
        search->item_slots += state->replication[i];
}

/* Turns the items' members into the members' items. Members without a slot take no part.
 * ALLOT_ENOMEM. */
static int index_members(struct search *search)
{
    int32_t members = search->state->member_count;
    int error = 0;
    solution_add_load(search->solution, search->item_begin, search->item_end, search->load);
    for (int32_t m = 0; m < members; m++)
        search->member_begin[m + 1] = search->member_begin[m] + search->load[m];
    search->member_item =
        array((size_t)search->member_begin[members], sizeof *search->member_item, &error);
    if (error)
        return error;
    int32_t *next = search->holder; /* for now: where the member's next item goes */
    for (int32_t m = 0; m < members; m++)
        next[m] = search->member_begin[m];
    for (int32_t item = search->item_begin; item < search->item_end; item++) {
        struct desired desired = solution_desired(search->solution, item);
        for (int32_t d = 0; d < desired.count; d++)
            search->member_item[next[desired.members[d]]++] = item;
    }
    for (int32_t m = 0; m < members; m++) {
        search->holder[m] = STATE_NONE;
        if (flow_network_limit(search->state, m, search->item_slots) > 0)
            search->unreached[search->unreached_count++] = m;
    }
    return 0;
}

static int search_init(struct search *search, const struct state *state,
                       const struct solution *solution, int32_t item, struct explain_cut *cut)
{
    size_t members = (size_t)state->member_count;
    int error = 0;
    *search = (struct search){.state = state, .solution = solution, .cut = cut};
    find_chunk(search, item);
    size_t count = (size_t)(search->item_end - search->item_begin);
    search->load = array(members, sizeof *search->load, &error);
    search->holder = array(members, sizeof *search->holder, &error);
    search->unreached = array(members, sizeof *search->unreached, &error);
    search->reached = array(count, sizeof *search->reached, &error);
    search->member_begin = array(members + 1, sizeof *search->member_begin, &error);
    cut->items = array(count, sizeof *cut->items, &error);
    cut->full = array(members, sizeof *cut->full, &error);
    if (!error)
        error = index_members(search);
    return error;
}

static void search_release(struct search *search)
{
    free(search->load);
    free(search->holder);
    free(search->unreached);
    free(search->reached);
    free(search->member_begin);
    free(search->member_item);
}

static void reach_item(struct search *search, int32_t item)
{
    bool *reached = &search->reached[item - search->item_begin];
    if (*reached)
        return;
    *reached = true;
    search->cut->items[search->cut->item_count++] = item;
    search->cut->wanted += search->state->replication[item];
}

static void reach_member(struct search *search, int32_t member)
{
    struct explain_cut *cut = search->cut;
    int32_t limit = flow_network_limit(search->state, member, search->item_slots);
    cut->full[member] = true;
    cut->full_count++;
    cut->slots += limit;
    if (search->load[member] < limit) {
        cut->is_tight = false;
        cut->with_room = member;
    }
    for (int32_t i = search->member_begin[member]; i < search->member_begin[member + 1]; i++)
        reach_item(search, search->member_item[i]);
}

/* The item could be on every member that doesn't have it. */
static void go_on_from(struct search *search, int32_t item)
{
    struct desired desired = solution_desired(search->solution, item);
    int32_t left = 0;
    for (int32_t d = 0; d < desired.count; d++)
        search->holder[desired.members[d]] = item;
    for (int32_t i = 0; i < search->unreached_count; i++) {
        int32_t member = search->unreached[i];
        if (search->holder[member] == item)
            search->unreached[left++] = member;
        else
            reach_member(search, member);
    }
    search->unreached_count = left;
}

/* Members that are left have a replica of each item that was reached. */
int explain_cut_find(const struct state *state, const struct solution *solution, int32_t item,
                     struct explain_cut *ret)
{
    struct search search;
    *ret = (struct explain_cut){.is_tight = true, .with_room = STATE_NONE};
    int error = search_init(&search, state, solution, item, ret);
    if (!error) {
        reach_item(&search, item);
        for (int32_t i = 0; i < ret->item_count; i++)
            go_on_from(&search, ret->items[i]);
        ret->sharing = search.unreached_count;
        ret->unattainable = ret->wanted - ret->slots - (int64_t)ret->sharing * ret->item_count;
    }
    search_release(&search);
    return error;
}

void explain_cut_release(struct explain_cut *cut)
{
    free(cut->items);
    free(cut->full);
    *cut = (struct explain_cut){0};
}
