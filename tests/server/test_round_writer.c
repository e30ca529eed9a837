#include <criterion/criterion.h>
#include <json-c/json.h>

#include "api/explain_text.h"
#include "api/timestamp.h"
#include "server/clock.h"
#include "server/round_writer.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/instance_builder.h"

static struct round_writer writer;

static void setup(void)
{
    cr_assert_eq(round_writer_init(&writer, "allocator", SPAN("one")), 0);
}

static void teardown(void)
{
    round_writer_release(&writer);
}

TestSuite(round_writer, .init = setup, .fini = teardown);

/* The tree of a value; released by the caller. */
static struct json_object *parse(struct span value)
{
    struct json_tokener *tokener = json_tokener_new();
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    struct json_object *tree = json_tokener_parse_ex(tokener, value.data, (int)value.size);
    cr_assert_not_null(tree, "%.*s", (int)value.size, value.data);
    json_tokener_free(tokener);
    return tree;
}

static struct json_object *field(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    cr_assert(json_object_object_get_ex(object, name, &value), "no field %s", name);
    return value;
}

static const char *text(struct json_object *object, const char *name)
{
    return json_object_get_string(field(object, name));
}

static int64_t number(struct json_object *object, const char *name)
{
    return json_object_get_int64(field(object, name));
}

static int64_t time_of(struct json_object *object, const char *name)
{
    int64_t ms = 0;
    cr_assert_eq(timestamp_parse(span_of(text(object, name)), &ms), 0);
    return ms;
}

Test(round_writer, the_actor_tells_who_and_when)
{
    int64_t before_ms = clock_wall_ms();
    struct span value =
        round_writer_actor(&writer, &(struct round_id){.fence = 17, .round = 3, .decided_on = 41});
    struct json_object *actor = parse(value);
    cr_expect_eq(json_object_object_length(actor), 6);
    cr_expect_str_eq(text(actor, "principal"), "allocator");
    cr_expect_str_eq(text(actor, "instance"), "one");
    cr_expect_eq(number(actor, "fence"), 17);
    cr_expect_eq(number(actor, "round"), 3);
    cr_expect_eq(number(actor, "decided_on"), 41);
    cr_expect_geq(time_of(actor, "time"), before_ms);
    cr_expect_leq(time_of(actor, "time"), clock_wall_ms());
    json_object_put(actor);
}

/* --- records --- */

static const struct builder_key roomy[] = {KEY("items/x", "2"), KEY("items/y", "2"),
                                           KEY("members/a#1", "2"), KEY("members/b#1", "2")};
static const struct builder_key tight[] = {KEY("items/x", "2"), KEY("items/y", "2"),
                                           KEY("members/a#1", "2"), KEY("members/b#1", "1")};

/* One that has solved four keys, and has done nothing yet. */
static struct round make_round(const struct builder_key *keys)
{
    struct state *state = builder_observe(builder_keyspace(keys, 4, false));
    struct solution *solution = NULL;
    cr_assert_eq(solver_solve(SOLVER_OPTIMAL, state, NULL, &solution), 0);
    return (struct round){.id = {17, 3, 41}, .state = state, .solution = solution, .solved = true};
}

static void release_round(const struct round *round)
{
    solution_unref((struct solution *)round->solution);
    state_unref((struct state *)round->state);
}

Test(round_writer, a_record_tells_everything)
{
    struct round round = make_round(roomy);
    round.why = ROUND_SETTINGS;
    round.after_revision = 30;
    round.pass = (struct pass_summary){.additions = 1,
                                       .removals = 2,
                                       .dead_removals = 3,
                                       .promotions = 4,
                                       .packings = 5,
                                       .transactions = 6,
                                       .failed_transactions = 7,
                                       .moves = 8,
                                       .throttled = 9,
                                       .skipped = 10};
    round_note_applied(&round, 42);
    round_note_applied(&round, 44);
    int64_t before_ms = clock_wall_ms();
    round_writer_note_solution(&writer, 1234567);
    round_writer_note_state(&writer, 5);
    (void)round_writer_actor(&writer, &round.id);
    round_writer_note_state(&writer, 77); /* a newer one, of which the pass knows nothing */
    round_writer_note_wait(&writer, 1000);
    round_writer_note_wait(&writer, 2050);
    struct json_object *record = parse(round_writer_record(&writer, &round));
    static const struct {
        const char *name;
        int64_t value;
    } numbers[] = {
        {"fence", 17},          {"round", 3},
        {"after_revision", 30}, {"decided_on", 41},
        {"additions", 1},       {"removals", 5},
        {"promotions", 4},      {"packings", 5},
        {"transactions", 6},    {"moves", 8},
        {"throttled", 9},       {"skipped", 10},
        {"assigned", 4},        {"zone_excess", 0},
        {"overflow", 0},        {"kept", 0},
        {"first_revision", 42}, {"last_revision", 44},
        {"unattainable", 0},    {"failed_transactions", 7},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        cr_expect_eq(number(record, numbers[i].name), numbers[i].value, "%s", numbers[i].name);
    cr_expect_str_eq(text(record, "instance"), "one");
    cr_expect_str_eq(text(record, "why"), "settings");
    cr_expect(json_object_get_boolean(field(record, "solved")));
    cr_expect_not(json_object_get_boolean(field(record, "revisions_cut")));
    cr_expect_not(json_object_get_boolean(field(record, "unknown_outcome")));
    cr_expect_str_eq(text(record, "revisions"), "[ 42, 44 ]");
    cr_expect_geq(time_of(record, "began"), before_ms);
    cr_expect_leq(time_of(record, "began"), time_of(record, "time"));
    cr_expect_leq(time_of(record, "time"), clock_wall_ms());
    cr_expect_str_eq(text(record, "observe_ms"), "0.005");
    cr_expect_str_eq(text(record, "solve_ms"), "1234.567");
    cr_expect_str_eq(text(record, "wait_ms"), "3.050");
    cr_expect_eq(json_object_get_type(field(record, "converge_ms")), json_type_double);
    cr_expect_not(json_object_object_get_ex(record, "cut", NULL));
    json_object_put(record);
    release_round(&round);
}

Test(round_writer, a_record_of_nothing_done_has_no_revisions)
{
    struct round round = make_round(roomy);
    struct json_object *record = parse(round_writer_record(&writer, &round));
    cr_expect_not(json_object_object_get_ex(record, "first_revision", NULL));
    cr_expect_not(json_object_object_get_ex(record, "last_revision", NULL));
    cr_expect_eq(json_object_array_length(field(record, "revisions")), 0);
    json_object_put(record);
    release_round(&round);
}

Test(round_writer, a_record_tells_the_cut_when_it_has_solved)
{
    struct round round = make_round(tight);
    struct json_object *record = parse(round_writer_record(&writer, &round));
    cr_expect_eq(number(record, "assigned"), 3);
    cr_expect_eq(number(record, "unattainable"), 1);
    struct json_object *cut = field(record, "cut");
    cr_expect_eq(number(cut, "items"), 2);
    cr_expect_eq(number(cut, "wanted"), 4);
    cr_expect_eq(number(cut, "slots"), 1);
    cr_expect_eq(number(cut, "full_members"), 1);
    cr_expect_eq(number(cut, "sharing"), 1);
    cr_expect_str_eq(text(cut, "text"),
                     "2 items want 4 replicas; the 1 member that could take more of them has 1 "
                     "slots in all, and none is free, and 1 member has a replica of each of them "
                     "already: so 1 can't be assigned, whatever the allocator does");
    json_object_put(record);

    round.solved = false;
    round_writer_note_solution(&writer, 1000);
    record = parse(round_writer_record(&writer, &round));
    cr_expect_eq(number(record, "unattainable"), 1);
    cr_expect_not(json_object_object_get_ex(record, "cut", NULL));
    cr_expect_str_eq(text(record, "solve_ms"), "0.000");
    json_object_put(record);
    release_round(&round);
}

Test(round_writer, the_pass_under_way_is_what_is_measured)
{
    struct round round = make_round(roomy);
    (void)round_writer_actor(&writer, &round.id);
    round_writer_note_wait(&writer, 1000);
    (void)round_writer_actor(&writer, &round.id); /* of its record, say */
    struct json_object *record = parse(round_writer_record(&writer, &round));
    cr_expect_str_eq(text(record, "wait_ms"), "1.000");
    json_object_put(record);
    round.id.round++;
    (void)round_writer_actor(&writer, &round.id);
    record = parse(round_writer_record(&writer, &round));
    cr_expect_str_eq(text(record, "wait_ms"), "0.000");
    json_object_put(record);
    release_round(&round);
}

Test(round_writer, knows_the_step_under_way)
{
    struct round round = make_round(roomy);
    round_writer_begin_step(&writer);
    (void)round_writer_actor(&writer, &round.id);
    int64_t until_us = clock_monotonic_us() + 2000;
    while (clock_monotonic_us() < until_us)
        ;
    struct json_object *record = parse(round_writer_record(&writer, &round));
    cr_expect_geq(json_object_get_double(field(record, "converge_ms")), 2.0);
    json_object_put(record);
    round_writer_end_step(&writer);
    record = parse(round_writer_record(&writer, &round)); /* as after a transaction that failed */
    cr_expect_geq(json_object_get_double(field(record, "converge_ms")), 2.0);
    json_object_put(record);
    release_round(&round);
}

/* --- limits --- */

Test(round_writer, the_longest_record_is_under_4_KiB)
{
    char name[257];
    memset(name, 0x7F, sizeof name); /* escaped, six times as long */
    struct solution solution = {.assigned = INT64_MAX, .unattainable = INT64_MAX};
    struct round round = {.id = {INT64_MAX, INT64_MAX, INT64_MAX},
                          .why = ROUND_ASSIGNMENTS,
                          .after_revision = INT64_MAX,
                          .solution = &solution};
    int64_t *numbers = (int64_t *)&round.pass;
    for (size_t i = 0; i < sizeof round.pass / sizeof *numbers; i++)
        numbers[i] = INT64_MAX;
    round.pass.dead_removals = 0;
    for (int i = 0; i < ROUND_MAX_REVISIONS + 1; i++)
        round_note_applied(&round, INT64_MAX);
    teardown();
    cr_assert_eq(round_writer_init(&writer, "member", (struct span){name, sizeof name}), 0);
    round_writer_note_state(&writer, INT64_MAX);
    struct json_object *actor = parse(round_writer_actor(&writer, &round.id));
    round_writer_note_wait(&writer, INT64_MAX);
    struct span value = round_writer_record(&writer, &round);
    struct json_object *record = parse(value);
    cr_expect(json_object_get_boolean(field(record, "revisions_cut")));
    cr_expect_eq(json_object_array_length(field(record, "revisions")), ROUND_MAX_REVISIONS);
    /* And the levels and the cut: their names, and the longest numbers and words. */
    struct explain_cut most = {.item_count = INT32_MAX,
                               .wanted = INT64_MAX,
                               .full_count = INT32_MAX,
                               .slots = INT64_MAX,
                               .sharing = INT32_MAX,
                               .unattainable = INT64_MAX,
                               .is_tight = true};
    char words[EXPLAIN_TEXT_SIZE];
    explain_text_of_cut(&most, words);
    cr_expect_lt(strlen(words), sizeof words - 1);
    size_t cut = strlen("\"cut\":{\"items\":,\"wanted\":,\"slots\":,\"full_members\":,"
                        "\"sharing\":,\"text\":\"\"},") +
                 10 + 10 + 10 + 19 + 19 + strlen(words);
    cut += strlen("\"zone_excess\":,\"overflow\":,\"kept\":,") + (size_t)3 * 19;
    cr_expect_leq(value.size + cut, ROUND_WRITER_MAX_RECORD, "%zu and %zu", value.size, cut);
    json_object_put(record);
    json_object_put(actor);
}

Test(round_writer, without_memory_only_levels_or_cut_are_left_out)
{
    struct round round = make_round(tight);
    bool left_out = false;
    bool failed = true;
    for (long nth = 1; failed; nth++) {
        fail_alloc_set(nth);
        struct span value = round_writer_record(&writer, &round);
        failed = fail_alloc_count() >= nth;
        fail_alloc_set(0);
        struct json_object *record = parse(value);
        bool whole = json_object_object_get_ex(record, "cut", NULL) &&
                     json_object_object_get_ex(record, "kept", NULL);
        cr_assert_eq(whole, !failed);
        left_out = left_out || failed;
        json_object_put(record);
    }
    cr_assert(left_out);
    release_round(&round);
}

Test(round_writer, is_not_made_without_memory)
{
    for (long nth = 1; nth <= 2; nth++) {
        struct round_writer other;
        fail_alloc_set(nth);
        int error = round_writer_init(&other, "allocator", SPAN("one"));
        fail_alloc_set(0);
        cr_assert_eq(error, ALLOT_ENOMEM);
    }
}
