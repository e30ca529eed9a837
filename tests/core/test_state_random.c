/* States of random instances, field by field against what the texts of the keys and values say when
 * taken one by one, in the slowest and plainest way. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/state_observe.h"
#include "tests/support/instance_builder.h"

enum { MOST_MEMBERS = 16, MOST_ITEMS = 64, MOST_ASSIGNMENTS = 512, TEXT_SIZE = 64 };

struct member {
    const struct entry *entry;
    char name[TEXT_SIZE]; /* ZONE#SUFFIX */
    char zone[TEXT_SIZE];
    bool valid, exiting;
    int limit;
    int index; /* among the valid */
};
struct item {
    const struct entry *entry;
    char id[TEXT_SIZE];
    bool valid, all;
    int replication;
    int index;
};
struct assignment {
    const struct entry *entry;
    char item[TEXT_SIZE];
    char member[TEXT_SIZE];
    int slot;
    bool consistent;
};

struct naive {
    struct member members[MOST_MEMBERS];
    struct item items[MOST_ITEMS];
    struct assignment assignments[MOST_ASSIGNMENTS];
    int member_count, item_count, assignment_count; /* invalid ones included */
    int valid_members, valid_items;
};

static void text_of(struct span span, char *text)
{
    cr_assert_lt(span.size, TEXT_SIZE);
    if (span.size)
        memcpy(text, span.data, span.size);
    text[span.size] = '\0';
}

static void read_member(struct naive *naive, const char *name, const char *value)
{
    struct member *member = &naive->members[naive->member_count++];
    snprintf(member->name, TEXT_SIZE, "%s", name);
    cr_assert_eq(sscanf(name, "%63[^#]", member->zone), 1);
    member->valid = sscanf(value, "%d", &member->limit) == 1;
    member->exiting = member->valid && strstr(value, "exiting");
    member->index = member->valid ? naive->valid_members++ : STATE_NONE;
}

static void read_item(struct naive *naive, const char *id, const char *value)
{
    struct item *item = &naive->items[naive->item_count++];
    snprintf(item->id, TEXT_SIZE, "%s", id);
    item->valid = sscanf(value, "%d", &item->replication) == 1;
    item->all = strstr(value, "all");
    item->index = item->valid ? naive->valid_items++ : STATE_NONE;
}

static void read_assignment(struct naive *naive, const char *name, const char *value)
{
    struct assignment *assignment = &naive->assignments[naive->assignment_count++];
    char zone[TEXT_SIZE / 2];
    char suffix[TEXT_SIZE / 2];
    cr_assert_eq(sscanf(name, "%63[^#]#%31[^#]#%31[^#]#%d", assignment->item, zone, suffix,
                        &assignment->slot),
                 4);
    snprintf(assignment->member, TEXT_SIZE, "%s#%.30s", zone, suffix);
    assignment->consistent = strcmp(value, BUILDER_CONSISTENT) == 0;
}

static void read_keyspace(struct naive *naive, const struct keyspace *keyspace)
{
    struct keyspace_cursor cursor = keyspace_seek(keyspace, (struct span){0});
    *naive = (struct naive){0};
    for (const struct entry *entry; (entry = keyspace_next(&cursor));) {
        char key[TEXT_SIZE];
        char value[TEXT_SIZE];
        text_of(entry->key, key);
        text_of(entry->value, value);
        const char *name = strchr(key + strlen(BUILDER_ROOT) + 1, '/') + 1;
        if (strstr(key, "/members/")) {
            naive->members[naive->member_count].entry = entry;
            read_member(naive, name, value);
        } else if (strstr(key, "/items/")) {
            naive->items[naive->item_count].entry = entry;
            read_item(naive, name, value);
        } else {
            naive->assignments[naive->assignment_count].entry = entry;
            read_assignment(naive, name, value);
        }
    }
}

static const struct member *find_member(const struct naive *naive, const char *name)
{
    for (int m = 0; m < naive->member_count; m++)
        if (strcmp(naive->members[m].name, name) == 0)
            return &naive->members[m];
    return NULL;
}

static const struct item *find_item(const struct naive *naive, const char *id)
{
    for (int i = 0; i < naive->item_count; i++)
        if (strcmp(naive->items[i].id, id) == 0)
            return &naive->items[i];
    return NULL;
}

/* --- what is expected of each field --- */

static void expect_members(const struct naive *naive, const struct state *state)
{
    cr_assert_eq(state->member_count, naive->valid_members);
    int64_t slots = 0;
    for (int m = 0; m < naive->member_count; m++) {
        const struct member *member = &naive->members[m];
        if (!member->valid)
            continue;
        cr_assert_eq(state->members[member->index], member->entry);
        cr_assert_eq(state->item_limit[member->index], member->limit);
        slots += member->limit;
        int total = 0;
        int primary = 0;
        for (int a = 0; a < naive->assignment_count; a++) {
            const struct assignment *assignment = &naive->assignments[a];
            const struct item *item = find_item(naive, assignment->item);
            if (!item || !item->valid || strcmp(assignment->member, member->name) != 0)
                continue;
            total++;
            primary += assignment->slot == 0;
        }
        cr_assert_eq(state->total_count[member->index], total);
        cr_assert_eq(state->primary_count[member->index], primary);
    }
    cr_assert_eq(state->zone_slots, slots);
}

static void expect_zones(const struct naive *naive, const struct state *state)
{
    int zones = 0;
    for (int m = 0; m < naive->member_count; m++) {
        const struct member *member = &naive->members[m];
        int slots = 0;
        bool first = true;
        for (int other = 0; other < naive->member_count; other++) {
            if (!naive->members[other].valid ||
                strcmp(naive->members[other].zone, member->zone) != 0)
                continue;
            slots += naive->members[other].limit;
            first = first && other >= m;
        }
        if (!member->valid)
            continue;
        zones += first && slots > 0;
        int zone = slots > 0 ? zones - 1 : STATE_NONE;
        cr_assert_eq(state->member_zone[member->index], zone);
        cr_assert_eq(state_find_zone(state, span_of(member->zone)), zone);
        if (zone == STATE_NONE)
            continue;
        cr_assert(span_equal(state->zones[zone], span_of(member->zone)));
        cr_assert_geq(member->index, state->zone_member_begin[zone]);
        cr_assert_lt(member->index, state->zone_member_end[zone]);
        cr_assert(!first || member->index == state->zone_member_begin[zone]);
    }
    cr_assert_eq(state->zone_count, zones);
}

static void expect_items(const struct naive *naive, const struct state *state)
{
    int64_t slots = 0;
    cr_assert_eq(state->item_count, naive->valid_items);
    for (int i = 0; i < naive->item_count; i++) {
        const struct item *item = &naive->items[i];
        cr_assert_eq(state_find_item(state, span_of(item->id)), item->index);
        if (!item->valid)
            continue;
        slots += item->replication;
        cr_assert_eq(state->items[item->index], item->entry);
        cr_assert_eq(state->replication[item->index], item->replication);
        for (int a = 0; a < naive->assignment_count; a++) {
            bool within =
                a >= state->assignment_begin[item->index] && a < state->assignment_end[item->index];
            cr_assert_eq(within, strcmp(naive->assignments[a].item, item->id) == 0);
        }
    }
    cr_assert_eq(state->item_slots, slots);
}

static bool consistent(const struct naive *naive, const struct assignment *assignment)
{
    const struct item *item = find_item(naive, assignment->item);
    bool result = item && item->valid && assignment->consistent;
    for (int a = 0; result && item->all && a < naive->assignment_count; a++)
        if (strcmp(naive->assignments[a].item, item->id) == 0)
            result = naive->assignments[a].consistent;
    return result;
}

static void expect_packed(const struct state *state)
{
    for (int32_t item = 0; item < state->item_count; item++) {
        int32_t count = state->assignment_end[item] - state->assignment_begin[item];
        bool packed = true;
        for (int32_t slot = 0; slot < count; slot++) {
            bool found = false;
            for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++)
                found = found || state->assignments[a]->parts.slot == slot;
            packed = packed && found;
        }
        cr_assert_eq(state->packed[item], packed);
    }
}

/* What was said before the member was registered, another of its name has said. */
static void forget_former_members(struct naive *naive)
{
    for (int a = 0; a < naive->assignment_count; a++) {
        struct assignment *assignment = &naive->assignments[a];
        const struct member *member = find_member(naive, assignment->member);
        if (member && member->valid &&
            assignment->entry->mod_revision < member->entry->create_revision)
            assignment->consistent = false;
    }
}

static void expect_assignments(const struct naive *naive, const struct state *state, bool gone)
{
    expect_packed(state);
    cr_assert_eq(state->assignment_count, naive->assignment_count);
    for (int a = 0; a < naive->assignment_count; a++) {
        const struct assignment *assignment = &naive->assignments[a];
        const struct member *member = find_member(naive, assignment->member);
        const struct item *item = find_item(naive, assignment->item);
        char zone[TEXT_SIZE];
        cr_assert_eq(sscanf(assignment->member, "%63[^#]", zone), 1);
        cr_assert_eq(state->assignments[a], assignment->entry);
        cr_assert_eq(state->assignment_item[a], item ? item->index : STATE_NONE);
        cr_assert_eq(state->assignment_member[a], member ? member->index : STATE_NONE);
        cr_assert_eq(state->assignment_zone[a], state_find_zone(state, span_of(zone)));
        cr_assert_eq(state->frozen[a], (member && !member->valid) || (item && !item->valid));
        cr_assert_eq(state->consistent[a],
                     consistent(naive, assignment) && !(gone && state->assignment_member[a] < 0));
        cr_assert(assignment->consistent == (state_report(state, a).size != 0));
    }
}

/* The bytes that the hash is of. */
struct hashed {
    char bytes[16 * 1024];
    size_t size;
};

static void hash_entry(struct hashed *hashed, const struct entry *entry, int64_t number)
{
    int length = snprintf(hashed->bytes + hashed->size, sizeof hashed->bytes - hashed->size,
                          "%.*s%" PRId64, (int)entry->key.size, entry->key.data, number);
    cr_assert_gt(length, 0);
    hashed->size += (size_t)length;
    cr_assert_lt(hashed->size, sizeof hashed->bytes);
}

static uint64_t crc64_by_bits(const struct hashed *hashed)
{
    uint64_t crc = UINT64_MAX;
    for (size_t i = 0; i < hashed->size; i++) {
        crc ^= (unsigned char)hashed->bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ UINT64_C(0xC96C5795D7870F42) : crc >> 1;
    }
    return ~crc;
}

static const struct member *next_to_leave(const struct naive *naive, const bool *visited)
{
    const struct member *oldest = NULL;
    for (int m = 0; m < naive->member_count; m++) {
        const struct member *member = &naive->members[m];
        if (!member->exiting || visited[m])
            continue;
        if (!oldest || member->entry->create_revision < oldest->entry->create_revision)
            oldest = member; /* equal ones: the first key stays */
    }
    return oldest;
}

static void expect_shedding(const struct naive *naive, const struct state *state)
{
    struct hashed hashed = {.size = 0};
    int64_t shed[MOST_MEMBERS] = {0};
    bool visited[MOST_MEMBERS] = {false};
    int most_replication = 0;
    for (int m = 0; m < naive->member_count; m++)
        if (naive->members[m].valid)
            hash_entry(&hashed, naive->members[m].entry, naive->members[m].limit);
    for (int i = 0; i < naive->item_count; i++) {
        if (!naive->items[i].valid)
            continue;
        hash_entry(&hashed, naive->items[i].entry, naive->items[i].replication);
        if (naive->items[i].replication > most_replication)
            most_replication = naive->items[i].replication;
    }
    int64_t member_slots = state->zone_slots;
    int64_t excess = state->zone_slots - state->item_slots;
    for (int left = naive->valid_members - most_replication; left > 0 && excess > 0; left--) {
        const struct member *member = next_to_leave(naive, visited);
        if (!member)
            break;
        int64_t amount = member->limit < excess ? member->limit : excess;
        visited[member - naive->members] = true;
        shed[member->index] = amount;
        excess -= amount;
        member_slots -= amount;
        hash_entry(&hashed, member->entry, amount);
    }
    for (int m = 0; m < naive->valid_members; m++) {
        cr_assert_eq(state->shed_capacity[m], shed[m]);
        cr_assert_eq(state->effective_limit[m], state->item_limit[m] - shed[m]);
    }
    cr_assert_eq(state->member_slots, member_slots);
    cr_assert_eq(state_network_hash(state), crc64_by_bits(&hashed));
}

static void expect_local(const struct naive *naive, const struct state *state,
                         const struct member *local)
{
    cr_assert_eq(state->local_member, local ? local->index : STATE_NONE);
    int count = 0;
    for (int a = 0; local && local->valid && a < naive->assignment_count; a++) {
        if (strcmp(naive->assignments[a].member, local->name) != 0 || state->assignment_item[a] < 0)
            continue;
        cr_assert_lt(count, state->local_item_count);
        const struct local_item *item = &state->local_items[count++];
        cr_assert_eq(item->assignment, a);
        cr_assert_eq(item->item, state->assignment_item[a]);
        cr_assert_eq(item->assignment_begin, state->assignment_begin[item->item]);
        cr_assert_eq(item->assignment_end, state->assignment_end[item->item]);
    }
    cr_assert_eq(state->local_item_count, count);
    cr_assert_eq(state_should_exit(state), local && local->exiting && count == 0);
}

static void expect_leader(const struct naive *naive, const struct state *state,
                          const struct member *own)
{
    const struct entry *leader = NULL;
    for (int m = 0; m < naive->member_count; m++) {
        const struct entry *entry = naive->members[m].entry;
        if (!leader || entry->create_revision < leader->create_revision)
            leader = entry;
    }
    cr_assert_eq(state->leader, leader);
    cr_assert_eq(state->own, own ? own->entry : NULL);
    cr_assert_eq(state_is_leader(state), own && own->entry == leader);
}

static void expect_state(const struct state *state, const struct state_config *config)
{
    struct naive naive;
    const struct member *local = NULL;
    read_keyspace(&naive, state->keyspace);
    for (int m = 0; m < naive.member_count; m++)
        if (span_equal(naive.members[m].entry->key, config->local_member))
            local = &naive.members[m];
    cr_assert_eq(state->revision, keyspace_revision(state->keyspace));
    expect_members(&naive, state);
    expect_zones(&naive, state);
    expect_items(&naive, state);
    if (config->gone_members_are_inconsistent)
        forget_former_members(&naive);
    expect_assignments(&naive, state, config->gone_members_are_inconsistent);
    expect_shedding(&naive, state);
    expect_local(&naive, state, local);
    expect_leader(&naive, state, local);
}

/* The key of any member of @keyspace, or nothing. */
static struct span any_member(struct random *random, const struct keyspace *keyspace)
{
    struct naive naive;
    read_keyspace(&naive, keyspace);
    if (naive.member_count == 0)
        return (struct span){0};
    return naive.members[random_below(random, (uint64_t)naive.member_count)].entry->key;
}

static struct state_config random_config(struct random *random, const struct keyspace *keyspace)
{
    struct span local = any_member(random, keyspace);
    return (struct state_config){.candidates = SPAN(BUILDER_ROOT KEYS_MEMBERS),
                                 .own_key = local,
                                 .local_member = local,
                                 .gone_members_are_inconsistent = random_below(random, 2)};
}

Test(state, is_what_the_keys_say)
{
    struct random random = {.state = 3};
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct builder_knobs knobs = builder_random_knobs(&random);
        struct keyspace *keyspace = builder_random(&knobs, seed, random_below(&random, 2));
        struct state_config config = random_config(&random, keyspace);
        struct state *state = NULL;
        cr_assert_eq(state_observe(&config, keyspace, &state), 0);
        cr_assert_eq(state->keyspace, keyspace);
        keyspace_unref(keyspace); /* the state holds on to it */
        expect_state(state, &config);
        state_unref(state);
    }
}

/* --- from a former state --- */

/* A key to be put or, without a value, deleted. */
struct change {
    char key[2 * TEXT_SIZE];
    const char *value;
};

static struct change random_assignment(struct random *random, const struct naive *naive)
{
    struct change change = {.value = random_below(random, 2) ? BUILDER_CONSISTENT : ""};
    if (naive->assignment_count && random_below(random, 3) > 0) { /* one that is there */
        uint64_t a = random_below(random, (uint64_t)naive->assignment_count);
        text_of(naive->assignments[a].entry->key, change.key);
        if (random_below(random, 2))
            change.value = NULL;
        return change;
    }
    snprintf(change.key, sizeof change.key, BUILDER_ROOT "/assign/i%05d#z%d#m%03d#%d",
             (int)random_below(random, 8), (int)random_below(random, 3),
             (int)random_below(random, 8), (int)random_below(random, 3));
    return change;
}

static struct change random_entity(struct random *random)
{
    static const char *const items[] = {NULL, "0", "1", "2", "12", "2 all"};
    static const char *const members[] = {NULL, "0", "1", "3 exiting"};
    bool item = random_below(random, 2);
    struct change change = {.value = item ? items[random_below(random, 6)]
                                          : members[random_below(random, 4)]};
    if (random_below(random, 60) == 0)
        change.value = "?";
    if (item)
        snprintf(change.key, sizeof change.key, BUILDER_ROOT "/items/i%05d",
                 (int)random_below(random, 8));
    else
        snprintf(change.key, sizeof change.key, BUILDER_ROOT "/members/z%d#m%03d",
                 (int)random_below(random, 3), (int)random_below(random, 8));
    return change;
}

/* The keyspace after @change, at the next revision; takes over the reference on @former. */
static struct keyspace *after(struct keyspace *former, const struct change *change)
{
    const struct entry *entry = keyspace_find(former, span_of(change->key));
    int64_t revision = keyspace_revision(former) + 1;
    struct store_event event = {
        .kind = change->value ? STORE_EVENT_PUT : STORE_EVENT_DELETE,
        .kv = {.key = span_of(change->key),
               .value = change->value ? span_of(change->value) : (struct span){0},
               .create_revision = entry ? entry->create_revision : revision,
               .mod_revision = revision,
               .version = entry ? entry->version + 1 : 1}};
    struct store_watch_response response = {.cluster_id = keyspace_cluster_id(former),
                                            .revision = revision,
                                            .events = &event,
                                            .event_count = 1};
    struct keyspace *keyspace = NULL;
    cr_assert_eq(keyspace_apply(former, &response, 1, &keyspace), 0);
    keyspace_unref(former);
    return keyspace;
}

/* A member goes, and another of its name comes. */
static struct keyspace *replace_member(struct random *random, struct keyspace *keyspace)
{
    struct change change = {.value = NULL};
    text_of(any_member(random, keyspace), change.key);
    if (!change.key[0])
        return keyspace;
    keyspace = after(keyspace, &change);
    change.value = "2";
    return after(keyspace, &change);
}

/* A few changes: of assignments, and fewer of items and members. */
static struct keyspace *change_some(struct random *random, const struct keyspace *keyspace)
{
    struct keyspace *changed = keyspace_ref((struct keyspace *)keyspace);
    for (uint64_t left = random_below(random, 8); left > 0; left--) {
        struct naive naive;
        read_keyspace(&naive, changed);
        struct change change = random_below(random, 4) == 0 ? random_entity(random)
                                                            : random_assignment(random, &naive);
        changed = after(changed, &change);
    }
    return random_below(random, 4) == 0 ? replace_member(random, changed) : changed;
}

/* Whether the assignments that name @member are those that they were. */
static bool has_changed(const struct state *former, const struct state *state,
                        const struct entry *member)
{
    struct naive before;
    struct naive after;
    char name[TEXT_SIZE];
    const char *end = BUILDER_ROOT "/members/";
    text_of(member->key, name);
    read_keyspace(&before, former->keyspace);
    read_keyspace(&after, state->keyspace);
    const struct naive *both[] = {&before, &after};
    for (int i = 0; i < 2; i++) {
        for (int a = 0; a < both[i]->assignment_count; a++) {
            const struct entry *entry = both[i]->assignments[a].entry;
            if (strcmp(both[i]->assignments[a].member, name + strlen(end)) == 0 &&
                keyspace_find(i ? former->keyspace : state->keyspace, entry->key) != entry)
                return true;
        }
    }
    return false;
}

static void expect_changed_revisions(const struct state *former, const struct state *state)
{
    for (int m = 0; m < state->member_count; m++) {
        const struct key_parts *parts = &state->members[m]->parts;
        int was = former ? state_find_member(former, parts->zone, parts->suffix) : STATE_NONE;
        bool remains =
            former && was != STATE_NONE &&
            state->members[m]->create_revision == former->members[was]->create_revision &&
            !has_changed(former, state, state->members[m]);
        int64_t expected = remains ? former->changed_revision[was] : state->revision;
        cr_assert_eq(state->changed_revision[m], expected);
    }
}

/* The state of @keyspace after @former, which may be NULL. Counts those that aren't made anew. */
static struct state *follow(const struct state_config *config, const struct state *former,
                            struct keyspace *keyspace, int *followed)
{
    struct state *state = state_create(config, keyspace);
    bool follows = false;
    cr_assert_not_null(state);
    if (former)
        cr_assert_eq(state_follow_former(state, config, former, &follows), 0);
    if (follows)
        expect_state(state, config);
    state_unref(state);
    *followed += follows;
    cr_assert_eq(state_follow(config, former, keyspace, &state), 0);
    return state;
}

static void expect_same_hash(const struct state_config *config, const struct state *state)
{
    struct state *anew = NULL;
    cr_assert_eq(state_observe(config, state->keyspace, &anew), 0);
    cr_assert_eq(state->fingerprint, anew->fingerprint);
    state_unref(anew);
}

Test(state, that_follows_a_former_one_is_the_same)
{
    struct random random = {.state = 4};
    int followed = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct builder_knobs knobs = builder_random_knobs(&random);
        if (random_below(&random, 2))
            knobs.invalid_percent = 0;
        struct keyspace *keyspace = builder_random(&knobs, seed, true);
        struct state_config config = random_config(&random, keyspace);
        char own[TEXT_SIZE]; /* the entry may go */
        text_of(config.own_key, own);
        config.own_key = config.local_member = span_of(own);
        struct state *state = NULL;
        for (int step = 0; step < 8; step++) {
            struct state *next = follow(&config, state, keyspace, &followed);
            expect_changed_revisions(state, next);
            state_unref(state);
            state = next;
            expect_state(state, &config);
            expect_same_hash(&config, state);
            keyspace_unref(keyspace);
            keyspace = change_some(&random, state->keyspace);
        }
        keyspace_unref(keyspace);
        state_unref(state);
    }
    cr_assert_gt(followed, 500); /* not all of them were observed anew */
}

/* However long it has followed: the fingerprint is brought up to date by differences alone. */
Test(state, that_follows_hashes_what_there_is)
{
    static const char *const values[] = {NULL, NULL, "0", "1", "9", "10"};
    enum { MOST = 2000 };
    struct random random = {.state = 5};
    const struct state_config config = {.own_key = {0}};
    struct builder_knobs knobs = {
        .items = MOST * 3 / 4, .members = 3, .zones = 1, .most_replication = 2};
    struct keyspace *keyspace = builder_random(&knobs, 1, true);
    struct state *state = NULL;
    for (int step = 0; step < 1000; step++) {
        struct state *next = NULL;
        cr_assert_eq(state_follow(&config, state, keyspace, &next), 0);
        state_unref(state);
        state = next;
        expect_same_hash(&config, state);
        struct change change = {.value = values[random_below(&random, 6)]};
        snprintf(change.key, sizeof change.key, BUILDER_ROOT "/items/i%05d",
                 (int)random_below(&random, MOST));
        keyspace = after(keyspace, &change);
    }
    keyspace_unref(keyspace);
    state_unref(state);
}
