#include <criterion/criterion.h>
#include <stdlib.h>

#include "server/history_postings.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/random.h"

/* Postings, against a look at all events. */

enum { ROWS = 3000, ALL = (1 << HISTORY_KIND_COUNT) - 1 };

/* A name, or none; few of them often, many seldom. */
static int64_t random_name(struct random *random, int64_t first)
{
    switch (random_below(random, 3)) {
    case 0:
        return 0;
    case 1:
        return first + (int64_t)random_below(random, 3);
    default:
        return first + (int64_t)random_below(random, 2000);
    }
}

static void make_rows(struct random *random, struct history_row *rows)
{
    int64_t revision = 1 + (int64_t)random_below(random, 5000000), order = 0;
    for (int i = 0; i < ROWS; i++) {
        bool goes_on = random_below(random, 2);
        order = goes_on ? order + 1 : 0;
        revision += goes_on ? 0 : 1 + (int64_t)random_below(random, 300);
        rows[i] = (struct history_row){
            .position = history_position_of(revision, order),
            .kind = (int64_t)random_below(random, HISTORY_KIND_COUNT),
            .item = random_name(random, 1),
            .zone = random_name(random, 3000),
            .member = random_name(random, 6000),
            .principal = random_name(random, INT64_C(1) << 33),
        };
    }
}

static void add_rows(struct history_postings *postings, const struct history_row *rows)
{
    for (int i = 0; i < ROWS; i++)
        cr_assert_eq(history_postings_add(postings, &rows[i]), 0);
}

static bool fits(const struct history_row *row, const struct history_row *wanted, unsigned kinds)
{
    return (kinds >> row->kind & 1) && (!wanted->item || wanted->item == row->item) &&
           (!wanted->zone || wanted->zone == row->zone) &&
           (!wanted->member || wanted->member == row->member) &&
           (!wanted->principal || wanted->principal == row->principal);
}

/* Wants some of what a random row has, so that it is found. */
static struct history_row random_wish(struct random *random, const struct history_row *rows)
{
    const struct history_row *row = &rows[random_below(random, ROWS)];
    struct history_row wanted = {0};
    if (random_below(random, 2))
        wanted.item = row->item;
    if (random_below(random, 3) == 0)
        wanted.zone = row->zone;
    if (random_below(random, 3) == 0)
        wanted.member = row->member;
    if (random_below(random, 3) == 0)
        wanted.principal = row->principal;
    if (random_below(random, 20) == 0)
        wanted.item = 77777; /* that none has */
    return wanted;
}

Test(history_postings, find_what_a_look_at_all_finds)
{
    static struct history_row rows[ROWS];
    static struct history_positions found;
    struct history_postings postings = {0};
    struct buffer stored;
    struct random random = {5};
    size_t total = 0;
    buffer_init(&stored, HISTORY_MAX_POSTINGS);
    make_rows(&random, rows);
    add_rows(&postings, rows);
    cr_assert_eq(history_postings_store(&postings, &stored), 0);
    for (int i = 0; i < 500; i++) {
        struct history_row wanted = random_wish(&random, rows);
        unsigned kinds = random_below(&random, 3) ? ~0u : (unsigned)random_below(&random, ALL + 1);
        cr_assert_eq(history_postings_find(buffer_span(&stored), &wanted, kinds, &found), 0);
        size_t next = 0;
        for (int row = 0; row < ROWS; row++) {
            if (!fits(&rows[row], &wanted, kinds))
                continue;
            cr_assert_lt(next, found.count);
            cr_assert_eq(found.positions[next++], rows[row].position);
        }
        cr_assert_eq(next, found.count);
        total += next;
    }
    cr_expect_gt(total, 10000);
    buffer_release(&stored);
    history_postings_release(&postings);
}

Test(history_postings, are_the_same_for_the_same_events)
{
    static struct history_row rows[ROWS];
    struct history_postings postings = {0};
    struct buffer first, second;
    struct random random = {6};
    buffer_init(&first, HISTORY_MAX_POSTINGS);
    buffer_init(&second, HISTORY_MAX_POSTINGS);
    make_rows(&random, rows);
    add_rows(&postings, rows);
    cr_assert_eq(history_postings_store(&postings, &first), 0);
    history_postings_clear(&postings);
    cr_assert_eq(history_postings_store(&postings, &second), 0);
    cr_expect_not(span_equal(buffer_span(&first), buffer_span(&second)));
    add_rows(&postings, rows);
    cr_assert_eq(history_postings_store(&postings, &second), 0);
    cr_expect(span_equal(buffer_span(&first), buffer_span(&second)));
    buffer_release(&first);
    buffer_release(&second);
    history_postings_release(&postings);
}

Test(history_postings, are_of_so_many_events_at_most)
{
    struct history_postings postings = {0};
    struct history_row row = {.item = 1};
    for (int i = 0; i < HISTORY_MAX_BLOCK_EVENTS; i++, row.position++)
        cr_assert_eq(history_postings_add(&postings, &row), 0);
    cr_expect_eq(history_postings_add(&postings, &row), ALLOT_ELIMIT);
    history_postings_clear(&postings);
    row.item = INT64_MAX;
    cr_expect_eq(history_postings_add(&postings, &row), ALLOT_ELIMIT, "it doesn't fit");
    history_postings_release(&postings);
}

Test(history_postings, are_refused_if_a_bit_is_wrong)
{
    static struct history_row rows[ROWS];
    static struct history_positions found;
    struct history_postings postings = {0};
    struct history_row wanted = {0};
    struct buffer stored;
    struct random random = {7};
    buffer_init(&stored, HISTORY_MAX_POSTINGS);
    make_rows(&random, rows);
    add_rows(&postings, rows);
    cr_assert_eq(history_postings_store(&postings, &stored), 0);
    wanted.item = rows[0].item;
    for (int i = 0; i < 1000; i++) {
        size_t place = random_below(&random, stored.size);
        char good = stored.data[place];
        stored.data[place] = (char)(good ^ 1 << random_below(&random, 8));
        cr_expect_eq(history_postings_find(buffer_span(&stored), &wanted, ~0u, &found),
                     ALLOT_EVALUE);
        stored.data[place] = good;
        struct span cut = {stored.data, place};
        cr_expect_eq(history_postings_find(cut, &wanted, ~0u, &found), ALLOT_EVALUE);
    }
    cr_expect_eq(history_postings_find(buffer_span(&stored), &wanted, ~0u, &found), 0);
    buffer_release(&stored);
    history_postings_release(&postings);
}

Test(history_postings, running_out_of_memory_is_told)
{
    struct history_row row = {.item = 1, .position = 1};
    int error = ALLOT_ENOMEM;
    for (long nth = 1; error; nth++) {
        struct history_postings postings = {0};
        struct buffer stored;
        buffer_init(&stored, HISTORY_MAX_POSTINGS);
        fail_alloc_set(nth);
        error = history_postings_add(&postings, &row);
        if (!error)
            error = history_postings_store(&postings, &stored);
        fail_alloc_set(0);
        cr_expect(error == 0 || error == ALLOT_ENOMEM);
        cr_assert_lt(nth, 50);
        buffer_release(&stored);
        history_postings_release(&postings);
    }
}
