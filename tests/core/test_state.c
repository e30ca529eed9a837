/* States of instances made by hand: the rules one by one. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "core/state_observe.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/instance_builder.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int32_t member(const struct state *state, const char *zone, const char *suffix)
{
    int32_t index = state_find_member(state, span_of(zone), span_of(suffix));
    cr_assert_neq(index, STATE_NONE);
    return index;
}

Test(state, of_nothing_is_empty)
{
    struct state *state = builder_observe(builder_keyspace(NULL, 0, false));
    cr_assert_eq(state->member_count, 0);
    cr_assert_eq(state->zone_count, 0);
    cr_assert_eq(state->item_count, 0);
    cr_assert_eq(state->assignment_count, 0);
    cr_assert_eq(state->item_slots, 0);
    cr_assert_eq(state->member_slots, 0);
    cr_assert_eq(state_network_hash(state), 0);
    cr_assert_null(state->leader);
    cr_assert_null(state->own);
    cr_assert_eq(state->local_member, STATE_NONE);
    cr_assert_not(state_is_leader(state));
    cr_assert_not(state_should_exit(state));
    cr_assert_eq(state_find_zone(state, SPAN("a")), STATE_NONE);
    cr_assert_eq(state_find_item(state, SPAN("i")), STATE_NONE);
    cr_assert_eq(state_find_member(state, SPAN("a"), SPAN("1")), STATE_NONE);
    state_unref(state);
    state_unref(NULL);
}

/* A zone needs slots, but holds members without any. */
Test(state, knows_the_zones_that_have_slots)
{
    static const struct builder_key KEYS[] = {
        KEY("members/a#1", "0"), KEY("members/b#1", "0"), KEY("members/b#2", "3"),
        KEY("members/b#3", "0"), KEY("members/c#1", "2"),
    };
    struct state *state = BUILDER_STATE(KEYS);
    cr_assert_eq(state->zone_count, 2);
    cr_assert(span_equal(state->zones[0], SPAN("b")));
    cr_assert(span_equal(state->zones[1], SPAN("c")));
    cr_assert_eq(state->zone_member_begin[0], 1);
    cr_assert_eq(state->zone_member_end[0], 4);
    cr_assert_eq(state->zone_member_begin[1], 4);
    cr_assert_eq(state->zone_member_end[1], 5);
    cr_assert_eq(state->member_zone[0], STATE_NONE);
    cr_assert_eq(state->member_zone[1], 0);
    cr_assert_eq(state->zone_slots, 5);
    state_unref(state);
}

/* Only what items exist for counts, gone members or not; zones are known by name. */
Test(state, joins_items_members_and_assignments)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i2", "2"),         KEY("items/i4", "1"),
        KEY("members/a#1", "3"),      KEY("assign/i1#a#1#0", "ok"), /* no such item */
        KEY("assign/i2#a#1#1", "ok"), KEY("assign/i2#a#gone#0", "ok"),
        KEY("assign/i3#a#1#0", "ok"), /* nor this */
        KEY("assign/i4#a#1#0", ""),   KEY("assign/i4#b#1#1", "ok"),
        KEY("assign/i5#a#1#0", "ok"), /* nor this */
    };
    struct state *state = BUILDER_STATE(KEYS);
    const int32_t items[] = {-1, 0, 0, -1, 1, 1, -1};
    const int32_t members[] = {0, 0, -1, 0, 0, -1, 0};
    const int32_t zones[] = {0, 0, 0, 0, 0, -1, 0};
    const bool consistent[] = {false, true, true, false, false, true, false};
    cr_assert_eq(state->assignment_count, COUNT(items));
    cr_assert_arr_eq(state->assignment_item, items, sizeof items);
    cr_assert_arr_eq(state->assignment_member, members, sizeof members);
    cr_assert_arr_eq(state->assignment_zone, zones, sizeof zones);
    cr_assert_arr_eq(state->consistent, consistent, sizeof consistent);
    cr_assert_eq(state->total_count[0], 2);
    cr_assert_eq(state->primary_count[0], 1);
    cr_assert_eq(state_find_assignment(state, 0, SPAN("a"), SPAN("1")), 1);
    cr_assert_eq(state_find_assignment(state, 0, SPAN("a"), SPAN("gone")), 2);
    cr_assert_eq(state_find_assignment(state, 0, SPAN("b"), SPAN("1")), STATE_NONE);
    cr_assert_eq(state_find_assignment(state, 1, SPAN("b"), SPAN("1")), 5);
    static const struct {
        const char *item;
        int32_t begin, end;
    } ranges[] = {{"i1", 0, 1}, {"i2", 1, 3},  {"i5", 6, 7},
                  {"i", 0, 0},  {"i22", 3, 3}, {"j", 7, 7}};
    for (size_t i = 0; i < COUNT(ranges); i++) {
        int32_t begin;
        int32_t end;
        state_find_item_assignments(state, span_of(ranges[i].item), &begin, &end);
        cr_assert_eq(begin, ranges[i].begin, "%s", ranges[i].item);
        cr_assert_eq(end, ranges[i].end, "%s", ranges[i].item);
    }
    state_unref(state);
}

/* Whether an item's assignments are consistent may depend on all of them. */
Test(state, asks_the_decoder_what_is_consistent)
{
    enum { REPLICAS = 100 };
    struct builder_key keys[REPLICAS + 1] = {KEY("items/i", "100 all")};
    char names[REPLICAS][48];
    for (int i = 0; i < REPLICAS; i++) {
        snprintf(names[i], sizeof names[i], "assign/i#a#%03d#%d", i, i);
        keys[i + 1] = (struct builder_key)KEY(names[i], "ok");
    }
    for (int all = 0; all < 2; all++) {
        keys[REPLICAS].value = all ? "ok" : "";
        struct state *state = BUILDER_STATE(keys);
        for (int a = 0; a < REPLICAS; a++)
            cr_assert_eq(state->consistent[a], all);
        state_unref(state);
    }
}

Test(state, may_hold_gone_members_inconsistent)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i", "2"),
        KEY("members/a#1", "3"),
        KEY("assign/i#a#1#0", "ok"),
        KEY("assign/i#a#2#1", "ok"),
    };
    struct keyspace *keyspace = builder_keyspace(KEYS, COUNT(KEYS), false);
    struct state_config config = {.gone_members_are_inconsistent = true};
    struct state *state = NULL;
    cr_assert_eq(state_observe(&config, keyspace, &state), 0);
    cr_assert(state->consistent[0]);
    cr_assert_not(state->consistent[1]);
    cr_assert_null(state->leader); /* without a prefix there are no candidates */
    state_unref(state);
    keyspace_unref(keyspace);
}

/* Its member is another of the same name than the one that said so. */
Test(state, may_forget_what_former_members_have_said)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i", "3"),
        KEY("items/j", "2 once"),
        {.key = "members/a#1", .value = "3", .create_revision = 20, .mod_revision = 30},
        {.key = "assign/i#a#1#0", .value = "ok", .create_revision = 5, .mod_revision = 19},
        {.key = "assign/i#a#1#1", .value = "ok", .create_revision = 5, .mod_revision = 20},
        {.key = "assign/i#a#gone#2", .value = "ok", .create_revision = 5, .mod_revision = 19},
        {.key = "assign/j#a#1#0", .value = "ok", .create_revision = 5, .mod_revision = 19},
    };
    struct keyspace *keyspace = builder_keyspace(KEYS, COUNT(KEYS), false);
    for (int forget = 0; forget < 2; forget++) {
        struct state_config config = {.gone_members_are_inconsistent = forget};
        struct state *state = NULL;
        cr_assert_eq(state_observe(&config, keyspace, &state), 0);
        cr_expect_eq(state->consistent[0], !forget);
        cr_expect(state->consistent[1]); /* a snapshot's, restored with its member */
        cr_expect_eq(state->consistent[2], !forget);
        cr_expect(state->consistent[3]); /* nobody has to say so */
        const size_t said[] = {forget ? 0 : 2, 2, 2, forget ? 0 : 2};
        for (int32_t a = 0; a < 4; a++)
            cr_expect_eq(state_report(state, a).size, said[a], "%d", (int)a);
        state_unref(state);
    }
    keyspace_unref(keyspace);
}

/* --- members that leave --- */

/* Oldest first, equally old ones by key, also without a limit; what is left over goes to the next.
 */
Test(state, sheds_what_the_cluster_can_spare)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i", "2"),
        {.key = "members/a#1", .value = "4", .create_revision = 1},
        {.key = "members/a#2", .value = "3 exiting", .create_revision = 9},
        {.key = "members/a#3", .value = "0 exiting", .create_revision = 2},
        {.key = "members/b#1", .value = "5 exiting", .create_revision = 9},
        {.key = "members/b#2", .value = "2 exiting", .create_revision = 3},
    };
    struct state *state = BUILDER_STATE(KEYS);
    const int32_t shed[] = {0, 3, 0, 0, 2}; /* three members may: #3, b#2, a#2; one is too many */
    const int32_t effective[] = {4, 0, 0, 5, 0};
    cr_assert_arr_eq(state->shed_capacity, shed, sizeof shed);
    cr_assert_arr_eq(state->effective_limit, effective, sizeof effective);
    cr_assert_eq(state->zone_slots, 14);
    cr_assert_eq(state->member_slots, 9);
    state_unref(state);
}

Test(state, sheds_no_more_than_the_items_leave)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i1", "2"),
        KEY("items/i2", "2"),
        KEY("members/a#1", "3 exiting"),
        KEY("members/a#2", "3"),
        KEY("members/a#3", "0 exiting"),
    };
    struct state *state = BUILDER_STATE(KEYS);
    cr_assert_eq(state->shed_capacity[0], 2); /* 6 slots, 4 wanted */
    cr_assert_eq(state->effective_limit[0], 1);
    cr_assert_eq(state->member_slots, 4);
    state_unref(state);
}

Test(state, sheds_nothing_that_is_wanted)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i1", "9"),
        KEY("members/a#1", "3 exiting"),
        KEY("members/a#2", "3"),
    };
    struct state *state = BUILDER_STATE(KEYS);
    cr_assert_eq(state->shed_capacity[0], 0);
    cr_assert_eq(state->member_slots, 6);
    state_unref(state);
}

Test(state, counts_slots_beyond_32_bits)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i1", "900000000"),    KEY("items/i2", "900000000"),
        KEY("items/i3", "900000000"),    KEY("members/a#1", "999999999"),
        KEY("members/a#2", "999999999"), KEY("members/a#3", "999999999"),
    };
    struct state *state = BUILDER_STATE(KEYS);
    cr_assert_eq(state->item_slots, INT64_C(2700000000));
    cr_assert_eq(state->member_slots, INT64_C(2999999997));
    state_unref(state);
}

/* --- load --- */

Test(state, divides_counts_by_effective_limits)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i", "1"), KEY("members/a#1", "3"), KEY("members/a#2", "0"),
        KEY("members/a#3", "2 exiting"), /* sheds both */
    };
    struct state *state = BUILDER_STATE(KEYS);
    const int32_t counts[] = {1, 0, 5};
    const int32_t others[] = {16777217, 2, 0};
    cr_assert_eq(state_load_ratio(state, member(state, "a", "1"), counts), 1.0F / 3.0F);
    cr_assert(isnan(state_load_ratio(state, member(state, "a", "2"), counts)));
    cr_assert_eq(state_load_ratio(state, member(state, "a", "3"), counts), INFINITY);
    cr_assert_eq(state_load_ratio(state, STATE_NONE, counts), FLT_MAX);
    /* In 32 bits, even the count. */
    cr_assert_eq(state_load_ratio(state, member(state, "a", "1"), others), 16777216.0F / 3.0F);
    cr_assert_eq(state_load_ratio(state, member(state, "a", "2"), others), INFINITY);
    cr_assert(isnan(state_load_ratio(state, member(state, "a", "3"), others)));
    state_unref(state);
}

/* --- what does not decode --- */

static const struct builder_key INVALID[] = {
    KEY("items/bad", "many"),
    KEY("items/good", "2"),
    KEY("items/no#id", "2"),
    KEY("members/a#bad", "much"),
    KEY("members/a#good", "3"),
    KEY("members/nozone", "3"),
    KEY("members/a#b#c", "3"),
    KEY("assign/bad#a#good#0", "ok"),
    KEY("assign/good#a#bad#0", "ok"),
    KEY("assign/good#a#gone#2", "ok"),
    KEY("assign/good#a#good#01", "ok"), /* no slot */
    KEY("assign/good#a#good#1", "maybe"),
    KEY("assign/good#a", "ok"),
    KEY("assign/none#a#bad#0", "ok"),
    KEY("assign/none#a#good#1", "ok"),
};

/* FNV-1a, by which members are looked up. */
static uint64_t hash_of(const char *name)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001B3);
    return hash;
}

/* Two names with the same hash of 64 bits: found by name all the same, and a third one is nobody.
 */
Test(state, tells_members_apart_whose_names_hash_alike)
{
    static const struct builder_key KEYS[] = {
        KEY("assign/i#z#-7nzcuz3xbC#0", "ok"),
        KEY("assign/i#z#3M9lfkkVhC0#1", "ok"),
        KEY("assign/i#z#other#2", "ok"),
        KEY("items/i", "2"),
        KEY("members/z#-7nzcuz3xbC", "1"),
        KEY("members/z#3M9lfkkVhC0", "1"),
        KEY("members/z#m", "1"),
    };
    struct state *state = BUILDER_STATE(KEYS);
    const int32_t members[] = {0, 1, STATE_NONE};
    cr_assert_eq(hash_of("z#-7nzcuz3xbC"), hash_of("z#3M9lfkkVhC0"));
    cr_assert_eq(state->assignment_count, COUNT(members));
    cr_assert_arr_eq(state->assignment_member, members, sizeof members);
    state_unref(state);
}

/* What is kept is left alone: its assignments are frozen. */
Test(state, freezes_what_belongs_to_invalid_entities)
{
    struct state *state = builder_observe(builder_keyspace(INVALID, COUNT(INVALID), true));
    const int32_t items[] = {-1, 0, 0, 0, -1, -1};
    const int32_t members[] = {0, -1, -1, 0, -1, 0};
    const bool consistent[] = {false, true, true, false, false, false};
    const bool frozen[] = {true, true, false, false, true, false};
    cr_assert_eq(state->item_count, 1);
    cr_assert_eq(state->member_count, 1);
    cr_assert_eq(state->assignment_count, COUNT(items));
    cr_assert_arr_eq(state->assignment_item, items, sizeof items);
    cr_assert_arr_eq(state->assignment_member, members, sizeof members);
    cr_assert_arr_eq(state->frozen, frozen, sizeof frozen);
    for (size_t a = 0; a < COUNT(consistent); a++)
        if (!frozen[a])
            cr_assert_eq(state->consistent[a], consistent[a]);
    cr_assert_eq(state->item_slots, 2);
    cr_assert_eq(state->total_count[0], 1);
    state_unref(state);
}

Test(state, knows_nothing_of_what_is_not_kept)
{
    struct state *state = builder_observe(builder_keyspace(INVALID, COUNT(INVALID), false));
    const int32_t items[] = {-1, 0, 0, -1, -1};
    const int32_t members[] = {0, -1, -1, -1, 0};
    cr_assert_eq(state->item_count, 1);
    cr_assert_eq(state->member_count, 1);
    cr_assert_eq(state->assignment_count, COUNT(items));
    cr_assert_arr_eq(state->assignment_item, items, sizeof items);
    cr_assert_arr_eq(state->assignment_member, members, sizeof members);
    for (size_t a = 0; a < COUNT(items); a++)
        cr_assert_not(state->frozen[a]);
    state_unref(state);
}

/* --- who leads, who leaves --- */

Test(state, is_led_by_the_oldest_candidate)
{
    static const struct builder_key KEYS[] = {
        {.key = "schedulers/x", .value = "", .create_revision = 5},
        {.key = "schedulers/y", .value = "", .create_revision = 4},
        {.key = "schedulers/z", .value = "", .create_revision = 4},
        {.key = "members/a#1", .value = "1 exiting", .create_revision = 1},
    };
    struct keyspace *keyspace = builder_keyspace(KEYS, COUNT(KEYS), false);
    struct state_config config = {.candidates = SPAN(BUILDER_ROOT "/schedulers/")};
    static const char *const OWN[] = {BUILDER_ROOT "/schedulers/y", BUILDER_ROOT "/schedulers/z",
                                      BUILDER_ROOT "/schedulers/none"};
    for (size_t i = 0; i < COUNT(OWN); i++) {
        struct state *state = NULL;
        config.own_key = span_of(OWN[i]);
        cr_assert_eq(state_observe(&config, keyspace, &state), 0);
        cr_assert(span_equal(state->leader->key, SPAN(BUILDER_ROOT "/schedulers/y")));
        cr_assert_eq(state_is_leader(state), i == 0);
        cr_assert_eq(state->own != NULL, i < 2);
        cr_assert_not(state_should_exit(state));
        state_unref(state);
    }
    keyspace_unref(keyspace);
}

/* Members that don't decide, or can't be read, don't keep those that do from it, and all agree on
 * that, whoever they are. */
Test(state, only_members_that_decide_lead)
{
    static const struct builder_key KEYS[] = {
        {.key = "members/a#0", .value = "nonsense", .create_revision = 1},
        {.key = "members/a#1", .value = "1", .create_revision = 2},
        {.key = "members/a#2", .value = "1 decides", .create_revision = 4},
        {.key = "members/a#3", .value = "1 decides", .create_revision = 3},
    };
    struct keyspace *keyspace = builder_keyspace(KEYS, COUNT(KEYS), true);
    for (size_t i = 0; i < COUNT(KEYS); i++) {
        char own[64];
        struct state *state = NULL;
        (void)snprintf(own, sizeof own, BUILDER_ROOT "/%s", KEYS[i].key);
        struct state_config config = {.candidates = SPAN(BUILDER_ROOT KEYS_MEMBERS),
                                      .candidate_user = BUILDER_DECIDES,
                                      .own_key = span_of(own)};
        cr_assert_eq(state_observe(&config, keyspace, &state), 0);
        cr_assert(span_equal(state->leader->key, SPAN(BUILDER_ROOT "/members/a#3")));
        cr_assert_eq(state_is_leader(state), i == 3);
        state_unref(state);
    }
    keyspace_unref(keyspace);
}

/* An exiting member stays for as long as it holds something, an assignment without an item not
 * included. */
Test(state, lets_the_local_member_exit_once_it_is_empty)
{
    struct builder_key keys[] = {
        KEY("items/i", "1"),
        KEY("members/a#1", "1 exiting"),
        KEY("assign/none#a#1#0", "ok"),
        KEY("assign/i#a#1#0", "ok"),
    };
    struct state_config config = {.local_member = SPAN(BUILDER_ROOT "/members/a#1")};
    for (size_t count = 3; count <= 4; count++) {
        struct keyspace *keyspace = builder_keyspace(keys, count, false);
        struct state *state = NULL;
        cr_assert_eq(state_observe(&config, keyspace, &state), 0);
        cr_assert_eq(state->local_item_count, count == 4);
        cr_assert_eq(state_should_exit(state), count == 3);
        state_unref(state);
        keyspace_unref(keyspace);
    }
    keys[1].value = "1";
    struct keyspace *keyspace = builder_keyspace(keys, 3, false);
    struct state *state = NULL;
    cr_assert_eq(state_observe(&config, keyspace, &state), 0);
    cr_assert_not(state_should_exit(state)); /* empty, but nobody asked it to */
    state_unref(state);
    keyspace_unref(keyspace);
}

/* --- memory --- */

Test(state, is_counted)
{
    struct state *state = builder_observe(builder_keyspace(INVALID, COUNT(INVALID), true));
    cr_assert_eq(state_ref(state), state);
    state_unref(state);
    cr_assert_eq(state->item_count, 1);
    state_unref(state);
}

static const struct builder_knobs EVERYTHING = {.items = 10,
                                                .members =
                                                    80, /* more replicas than a small array holds */
                                                .zones = 3,
                                                .most_replication = 79,
                                                .capacity_percent = 150,
                                                .exiting_percent = 30,
                                                .assigned_percent = 100,
                                                .stray_percent = 10,
                                                .invalid_percent = 10};

/* The state of @keyspace after @former, once with each of its allocations failing. */
static struct state *fail_each_allocation(const struct state *former, struct keyspace *keyspace)
{
    struct state_config config = {.candidates = SPAN(BUILDER_ROOT KEYS_MEMBERS),
                                  .own_key = SPAN(BUILDER_ROOT "/members/z0#m001"),
                                  .local_member = SPAN(BUILDER_ROOT "/members/z0#m001")};
    struct state *state = NULL;
    int error = ALLOT_ENOMEM;
    for (long nth = 1; error; nth++) {
        fail_alloc_set(nth);
        error = state_follow(&config, former, keyspace, &state);
        cr_assert_eq(error == 0, fail_alloc_count() < nth);
        fail_alloc_set(0);
        cr_assert(error == 0 || error == ALLOT_ENOMEM);
        cr_assert_eq(state == NULL, error != 0);
        cr_assert_lt(nth, 200);
    }
    return state;
}

Test(state, survives_every_allocation_failure)
{
    struct keyspace *keyspace = builder_random(&EVERYTHING, 4, true);
    state_unref(fail_each_allocation(NULL, keyspace));
    keyspace_unref(keyspace);
}

Test(state, that_follows_survives_every_allocation_failure)
{
    struct builder_knobs valid = EVERYTHING;
    valid.invalid_percent = 0;
    valid.items = 40;
    struct keyspace *keyspace = builder_random(&valid, 4, true);
    struct state *former = fail_each_allocation(NULL, keyspace);
    int32_t item = 0; /* of many replicas, one of which it loses */
    while (former->assignment_end[item] - former->assignment_begin[item] <= 64) {
        cr_assert_lt(++item, former->item_count);
    }
    struct store_event event = {
        .kind = STORE_EVENT_DELETE,
        .kv = {.key = former->assignments[former->assignment_begin[item]]->key,
               .mod_revision = keyspace_revision(keyspace) + 1}};
    struct store_watch_response response = {.cluster_id = keyspace_cluster_id(keyspace),
                                            .revision = event.kv.mod_revision,
                                            .events = &event,
                                            .event_count = 1};
    struct keyspace *next = NULL;
    cr_assert_eq(keyspace_apply(keyspace, &response, 1, &next), 0);
    struct state *state = fail_each_allocation(former, next);
    cr_assert_eq(state->assignment_count, former->assignment_count - 1);
    state_unref(state);
    state_unref(former);
    keyspace_unref(next);
    keyspace_unref(keyspace);
}
