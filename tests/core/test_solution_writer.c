/* Solutions that share what is the same: that they say what was written, and share it. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "core/solution_block.h"
#include "core/solution_writer.h"
#include "tests/support/array.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/random.h"

/* Item @i of a plan has members seed[i] … seed[i] + seed[i] % 4 - 1. */
struct plan {
    int32_t *seeds;
    int32_t count;
};

static int write_item(struct solution_writer *writer, int32_t seed)
{
    int32_t *members = NULL;
    int error = solution_writer_add(writer, seed % 4, &members);
    for (int32_t d = 0; !error && d < seed % 4; d++)
        members[d] = seed + d;
    return error;
}

static void expect_plan(const struct solution *solution, const struct plan *plan)
{
    int64_t assigned = 0;
    for (int32_t item = 0; item < plan->count; item++) {
        struct desired desired = solution_desired(solution, item);
        int32_t seed = plan->seeds[item];
        cr_assert_eq(desired.count, seed % 4, "item %d", (int)item);
        for (int32_t d = 0; d < desired.count; d++)
            cr_assert_eq(desired.members[d], seed + d, "item %d", (int)item);
        assigned += desired.count;
    }
    cr_assert_eq(solution->assigned, assigned);
    cr_assert_eq(solution->unattainable, -assigned); /* the state wants nothing */
}

static void expect_blocks(const struct solution *solution)
{
    int32_t begin = 0;
    for (int32_t i = 0; i < solution->block_count; i++) {
        int32_t count = solution->blocks[i]->item_count;
        cr_assert_eq(solution->block_begin[i], begin);
        cr_assert_leq(count, SOLUTION_BLOCK_MAX_ITEMS);
        if (i + 1 < solution->block_count)
            cr_assert_geq(count, SOLUTION_BLOCK_MIN_ITEMS);
        begin += count;
    }
    cr_assert_eq(begin, solution->item_count);
}

static struct solution *write(const struct plan *plan)
{
    struct state state = {.item_count = plan->count};
    struct solution_writer writer;
    struct solution *solution = NULL;
    cr_assert_eq(solution_writer_init(&writer, &state), 0);
    for (int32_t item = 0; item < plan->count; item++)
        cr_assert_eq(write_item(&writer, plan->seeds[item]), 0);
    cr_assert_eq(solution_writer_finish(&writer, &solution), 0);
    solution_writer_release(&writer);
    return solution;
}

static struct plan make_plan(struct random *random, int32_t count)
{
    struct plan plan = {array_create((size_t)count, sizeof(int32_t)), count};
    for (int32_t item = 0; item < count; item++)
        plan.seeds[item] = (int32_t)random_below(random, 1000);
    return plan;
}

/* Takes out @gone items from @at on, and puts @come others in; all else is shared. */
static struct solution *replace(struct solution *former, struct plan *plan, int32_t at,
                                int32_t gone, int32_t come)
{
    int32_t count = plan->count - gone + come;
    struct state state = {.item_count = count};
    struct solution_writer writer;
    struct solution *solution = NULL;
    int32_t *seeds = array_create((size_t)count, sizeof *seeds);
    cr_assert_eq(solution_writer_init(&writer, &state), 0);
    cr_assert_eq(solution_writer_share(&writer, former, 0, at), 0);
    for (int32_t i = 0; i < come; i++) {
        seeds[at + i] = (i * 37 + count) % 1000;
        cr_assert_eq(write_item(&writer, seeds[at + i]), 0);
    }
    int32_t left = plan->count - at - gone;
    cr_assert_eq(solution_writer_share(&writer, former, at + gone, left), 0);
    cr_assert_eq(solution_writer_finish(&writer, &solution), 0);
    solution_writer_release(&writer);
    for (int32_t i = 0; i < at; i++)
        seeds[i] = plan->seeds[i];
    for (int32_t i = 0; i < left; i++)
        seeds[at + come + i] = plan->seeds[at + gone + i];
    free(plan->seeds);
    *plan = (struct plan){seeds, count};
    solution_unref(former);
    return solution;
}

Test(solution_writer, writes_what_is_told)
{
    static const int32_t COUNTS[] = {0,
                                     1,
                                     SOLUTION_BLOCK_ITEMS,
                                     SOLUTION_BLOCK_MAX_ITEMS,
                                     SOLUTION_BLOCK_MAX_ITEMS + 1,
                                     5 * SOLUTION_BLOCK_ITEMS + 7};
    struct random random = {.state = 1};
    for (size_t i = 0; i < sizeof COUNTS / sizeof COUNTS[0]; i++) {
        struct plan plan = make_plan(&random, COUNTS[i]);
        struct solution *solution = write(&plan);
        expect_blocks(solution);
        expect_plan(solution, &plan);
        solution_unref(solution);
        free(plan.seeds);
    }
}

Test(solution_writer, follows_any_changes)
{
    struct random random = {.state = 2};
    struct plan plan = make_plan(&random, 6000);
    struct solution *solution = write(&plan);
    for (int step = 0; step < 400; step++) {
        int32_t most = random_below(&random, 10) ? 3 : 3000;
        int32_t at = (int32_t)random_below(&random, (uint64_t)plan.count + 1);
        int32_t gone = (int32_t)random_below(&random, (uint64_t)most);
        int32_t come = (int32_t)random_below(&random, (uint64_t)most);
        if (step % 3 == 0)
            at = plan.count; /* the end is where small blocks could pile up */
        gone = gone < plan.count - at ? gone : plan.count - at;
        solution = replace(solution, &plan, at, gone, come);
        expect_blocks(solution);
        expect_plan(solution, &plan);
    }
    solution_unref(solution);
    free(plan.seeds);
}

/* All blocks but the one that an item has come to, or gone from. */
static void expect_shared(int32_t gone, int32_t come)
{
    struct random random = {.state = 3};
    struct plan plan = make_plan(&random, 100 * SOLUTION_BLOCK_ITEMS);
    struct solution *former = solution_ref(write(&plan));
    struct solution *solution = replace(former, &plan, plan.count / 2, gone, come);
    int32_t shared = 0;
    for (int32_t i = 0; i < solution->block_count; i++)
        for (int32_t j = 0; j < former->block_count; j++)
            shared += solution->blocks[i] == former->blocks[j];
    cr_assert_eq(shared, former->block_count - 1);
    solution_unref(former);
    expect_plan(solution, &plan); /* which holds what it shares */
    solution_unref(solution);
    free(plan.seeds);
}

Test(solution_writer, shares_what_is_the_same)
{
    expect_shared(1, 1);
    expect_shared(0, 1);
    expect_shared(1, 0);
}

static int share_and_add(const struct solution *former, struct solution **ret)
{
    struct state state = {.item_count = former->item_count + 1};
    struct solution_writer writer;
    int error = solution_writer_init(&writer, &state);
    if (!error)
        error = solution_writer_share(&writer, former, 0, former->item_count);
    if (!error)
        error = write_item(&writer, 3);
    if (!error)
        error = solution_writer_finish(&writer, ret);
    solution_writer_release(&writer);
    return error;
}

Test(solution_writer, survives_every_allocation_failure)
{
    struct random random = {.state = 4};
    struct plan plan = make_plan(&random, 20 * SOLUTION_BLOCK_ITEMS);
    struct solution *former = write(&plan);
    int error = ALLOT_ENOMEM;
    for (long nth = 1; error; nth++) {
        struct solution *solution = NULL;
        fail_alloc_set(nth);
        error = share_and_add(former, &solution);
        cr_assert_eq(error == 0, fail_alloc_count() < nth);
        fail_alloc_set(0);
        cr_assert_eq(error, solution ? 0 : ALLOT_ENOMEM);
        solution_unref(solution);
        cr_assert_lt(nth, 50);
    }
    expect_plan(former, &plan);
    solution_unref(former);
    free(plan.seeds);
}

Test(solution_writer, numbers_no_more_than_it_can)
{
    struct state state = {.item_count = 2};
    struct solution_writer writer;
    int32_t *members = NULL;
    cr_assert_eq(solution_writer_init(&writer, &state), 0);
    cr_assert_eq(solution_writer_add(&writer, INT32_MAX, &members), ALLOT_ELIMIT);
    solution_writer_release(&writer);
}
