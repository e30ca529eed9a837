#include "tests/support/instance_builder.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/solution_writer.h"
#include "tests/support/array.h"

enum { TEXT_SIZE = 64 };

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "instance_builder: %s\n", what);
    abort();
}

/* --- the decoder --- */

/* The number that @value begins with; what follows it, a blank in between, goes to @ret_rest. */
static int parse(struct span value, int32_t *ret_number, struct span *ret_rest)
{
    size_t at = 0;
    int32_t number = 0;
    while (at < value.size && at < 9 && value.data[at] >= '0' && value.data[at] <= '9')
        number = number * 10 + (value.data[at++] - '0');
    bool blank = at < value.size && value.data[at] == ' ';
    if (at == 0 || (at < value.size && !blank))
        return ALLOT_EVALUE;
    *ret_number = number;
    *ret_rest = (struct span){value.data + at + blank, value.size - at - blank};
    return 0;
}

static int decode_item(void *context, const struct key_parts *key, struct span value,
                       struct item_value *ret, struct error_message *why)
{
    (void)context, (void)key, (void)why;
    int32_t replication;
    struct span rest;
    int error = parse(value, &replication, &rest);
    if (error)
        return error;
    bool all = span_equal(rest, SPAN("all"));
    bool once = span_equal(rest, SPAN("once"));
    if (rest.size != 0 && !all && !once)
        return ALLOT_EVALUE;
    *ret = (struct item_value){.replication = replication, .user = once ? 2 : all};
    return 0;
}

static int decode_member(void *context, const struct key_parts *key, struct span value,
                         struct member_value *ret, struct error_message *why)
{
    (void)context, (void)key, (void)why;
    int32_t limit;
    struct span rest;
    int error = parse(value, &limit, &rest);
    if (error)
        return error;
    bool both = span_equal(rest, SPAN("decides exiting"));
    bool exiting = both || span_equal(rest, SPAN("exiting"));
    bool decides = both || span_equal(rest, SPAN("decides"));
    if (rest.size != 0 && !exiting && !decides)
        return ALLOT_EVALUE;
    *ret = (struct member_value){
        .item_limit = limit, .exiting = exiting, .user = decides ? BUILDER_DECIDES : 0};
    return 0;
}

static int decode_assignment(void *context, const struct key_parts *key, struct span value,
                             struct assignment_value *ret, struct error_message *why)
{
    (void)context, (void)key, (void)why;
    bool consistent = span_equal(value, SPAN(BUILDER_CONSISTENT));
    if (!consistent && value.size != 0)
        return ALLOT_EVALUE;
    ret->user = consistent;
    return 0;
}

static bool is_consistent(void *context, const struct item_value *item,
                          const struct assignment_value *assignments, size_t count, size_t index)
{
    (void)context;
    bool all = true;
    for (size_t i = 0; i < count; i++)
        all = all && assignments[i].user;
    return item->user == 2 || (assignments[index].user && (all || !item->user));
}

struct decoder builder_decoder(void)
{
    return (struct decoder){.item = decode_item,
                            .member = decode_member,
                            .assignment = decode_assignment,
                            .is_consistent = is_consistent};
}

/* --- from keys --- */

static struct store_kv make_kv(const struct builder_key *from, int64_t place, char *buffer,
                               size_t size)
{
    int length = snprintf(buffer, size, "%s/%s", BUILDER_ROOT, from->key);
    check(length > 0 && (size_t)length < size, "key too long");
    int64_t created = from->create_revision ? from->create_revision : place;
    return (struct store_kv){.key = {buffer, (size_t)length},
                             .value = span_of(from->value),
                             .create_revision = created,
                             .mod_revision = from->mod_revision ? from->mod_revision : created,
                             .version = 1,
                             .lease = from->lease};
}

struct keyspace *builder_keyspace(const struct builder_key *keys, size_t count, bool keep_invalid)
{
    struct keyspace_config config = {
        .root = SPAN(BUILDER_ROOT), .decoder = builder_decoder(), .keep_invalid = keep_invalid};
    struct keyspace *empty = NULL;
    struct keyspace *keyspace = NULL;
    struct keyspace_loader *loader = NULL;
    int64_t revision = 1;
    check(keyspace_create(&config, &empty) == 0, "keyspace_create");
    check(keyspace_loader_create(empty, &loader) == 0, "keyspace_loader_create");
    for (size_t i = 0; i < count; i++) {
        char buffer[TEXT_SIZE * 8];
        struct store_kv kv = make_kv(&keys[i], (int64_t)i + 1, buffer, sizeof buffer);
        check(keyspace_loader_add(loader, &kv, 1) == 0, "keyspace_loader_add");
        revision = kv.mod_revision > revision ? kv.mod_revision : revision;
    }
    check(keyspace_loader_finish(loader, BUILDER_CLUSTER_ID, revision, &keyspace) == 0,
          "keyspace_loader_finish");
    keyspace_loader_destroy(loader);
    keyspace_unref(empty);
    return keyspace;
}

struct state *builder_observe(struct keyspace *keyspace)
{
    struct state_config config = {.candidates = SPAN(BUILDER_ROOT KEYS_MEMBERS)};
    struct state *state = NULL;
    check(state_observe(&config, keyspace, &state) == 0, "state_observe");
    keyspace_unref(keyspace);
    return state;
}

/* --- desired by hand --- */

/* The next word of @text, split at the separator; false at the end. */
static bool next_member(const char **text, struct span *ret_zone, struct span *ret_suffix)
{
    *text += strspn(*text, " ");
    size_t size = strcspn(*text, " ");
    size_t zone = strcspn(*text, "#");
    *ret_zone = (struct span){*text, zone};
    *ret_suffix = (struct span){*text + zone + 1, size - zone - 1};
    *text += size;
    return size > 0;
}

static int32_t count_members(const char *text)
{
    struct span zone;
    struct span suffix;
    int32_t count = 0;
    while (next_member(&text, &zone, &suffix))
        count++;
    return count;
}

struct solution *builder_solution(const struct state *state, const char *const *desired)
{
    struct solution_writer writer;
    struct solution *solution = NULL;
    check(solution_writer_init(&writer, state) == 0, "solution_writer_init");
    for (int32_t item = 0; item < state->item_count; item++) {
        const char *text = desired[item];
        struct span zone;
        struct span suffix;
        int32_t *members = NULL;
        check(solution_writer_add(&writer, count_members(text), &members) == 0,
              "solution_writer_add");
        while (next_member(&text, &zone, &suffix)) {
            int32_t member = state_find_member(state, zone, suffix);
            check(member != STATE_NONE, "no such member is desired");
            *members++ = member;
        }
    }
    check(solution_writer_finish(&writer, &solution) == 0, "solution_writer_finish");
    solution_writer_release(&writer);
    return solution;
}

/* --- at random --- */

struct text {
    char key[TEXT_SIZE];
    char value[TEXT_SIZE];
};

struct generator {
    struct random random;
    const struct builder_knobs *knobs;
    int32_t *zone_of; /* by member */
    int32_t *shuffled;
    struct builder_key *keys;
    struct text *texts;
    size_t count, capacity;
};

static int32_t below(struct generator *generator, int32_t limit)
{
    return limit > 0 ? (int32_t)random_below(&generator->random, (uint64_t)limit) : 0;
}

static bool chance(struct generator *generator, int32_t percent)
{
    return below(generator, 100) < percent;
}

/* The next key's text, to be filled in. */
static struct text *add(struct generator *generator)
{
    check(generator->count < generator->capacity, "too many keys");
    struct text *text = &generator->texts[generator->count];
    generator->keys[generator->count++] = (struct builder_key){
        .key = text->key,
        .value = text->value,
        .create_revision = 1 + below(generator, 1000), /* some are equal */
        .mod_revision = 1001 + below(generator, 1000),
        .lease = below(generator, 3),
    };
    return text;
}

static void add_members(struct generator *generator)
{
    const struct builder_knobs *knobs = generator->knobs;
    int64_t wanted = (int64_t)knobs->items * knobs->most_replication / 2;
    int32_t usual =
        (int32_t)(wanted * knobs->capacity_percent / 100 / (knobs->members ? knobs->members : 1));
    for (int32_t m = 0; m < knobs->members; m++) {
        struct text *text = add(generator);
        int32_t limit = usual / 2 + below(generator, usual + 2);
        if (chance(generator, knobs->idle_percent))
            limit = 0;
        generator->zone_of[m] = below(generator, knobs->zones);
        snprintf(text->key, TEXT_SIZE, "members/z%d#m%03d", generator->zone_of[m], m);
        snprintf(text->value, TEXT_SIZE, "%d%s", limit,
                 chance(generator, knobs->exiting_percent) ? " exiting" : "");
        if (chance(generator, knobs->invalid_percent))
            snprintf(text->value, TEXT_SIZE, "much");
    }
}

static void add_assignment(struct generator *generator, int32_t item, int32_t member, int32_t slot)
{
    const struct builder_knobs *knobs = generator->knobs;
    struct text *text = add(generator);
    char name[TEXT_SIZE / 2];
    if (chance(generator, knobs->stray_percent))
        snprintf(name, sizeof name, "z%d#gone%d", below(generator, knobs->zones + 1), member);
    else
        snprintf(name, sizeof name, "z%d#m%03d", generator->zone_of[member], member);
    snprintf(text->key, TEXT_SIZE, "assign/i%05d#%s#%d", item, name, slot);
    if (chance(generator, knobs->consistent_percent))
        snprintf(text->value, TEXT_SIZE, BUILDER_CONSISTENT);
}

/* Distinct members, and slots from 0 on or, sometimes, with a hole before or in between. */
static void add_assignments(struct generator *generator, int32_t item, int32_t replication)
{
    const struct builder_knobs *knobs = generator->knobs;
    int32_t slot = chance(generator, 20);
    int32_t most = replication + chance(generator, 10);
    for (int32_t i = 0; i < most && i < knobs->members; i++) {
        int32_t other = i + below(generator, knobs->members - i);
        int32_t member = generator->shuffled[other];
        generator->shuffled[other] = generator->shuffled[i];
        generator->shuffled[i] = member;
        if (!chance(generator, knobs->assigned_percent))
            continue;
        add_assignment(generator, item, member, slot);
        slot += 1 + chance(generator, 10);
    }
}

static void add_items(struct generator *generator)
{
    const struct builder_knobs *knobs = generator->knobs;
    for (int32_t i = 0; i < knobs->items; i++) {
        int32_t replication = below(generator, knobs->most_replication + 1);
        if (!chance(generator, knobs->stray_percent)) {
            struct text *text = add(generator);
            snprintf(text->key, TEXT_SIZE, "items/i%05d", i);
            snprintf(text->value, TEXT_SIZE, "%d%s", replication,
                     chance(generator, 10) ? " all" : "");
            if (chance(generator, knobs->invalid_percent))
                snprintf(text->value, TEXT_SIZE, "many");
        }
        add_assignments(generator, i, replication);
    }
}

struct keyspace *builder_random(const struct builder_knobs *knobs, uint64_t seed, bool keep_invalid)
{
    struct generator generator = {.random = {.state = seed}, .knobs = knobs};
    size_t members = (size_t)knobs->members;
    generator.capacity = members + (size_t)knobs->items * (size_t)(2 + knobs->most_replication) + 1;
    generator.zone_of = array_create(members, sizeof *generator.zone_of);
    generator.shuffled = array_create(members, sizeof *generator.shuffled);
    generator.keys = array_create(generator.capacity, sizeof *generator.keys);
    generator.texts = array_create(generator.capacity, sizeof *generator.texts);
    for (int32_t m = 0; m < knobs->members; m++)
        generator.shuffled[m] = m;
    add_members(&generator);
    add_items(&generator);
    struct keyspace *keyspace = builder_keyspace(generator.keys, generator.count, keep_invalid);
    free(generator.zone_of);
    free(generator.shuffled);
    free(generator.keys);
    free(generator.texts);
    return keyspace;
}

static int32_t pick(struct random *random, int32_t least, int32_t most)
{
    return least + (int32_t)random_below(random, (uint64_t)((int64_t)most - least + 1));
}

struct builder_knobs builder_random_knobs(struct random *random)
{
    return (struct builder_knobs){
        .items = pick(random, 0, 40),
        .members = pick(random, 0, 12),
        .zones = pick(random, 1, 4),
        .most_replication = pick(random, 0, 5),
        .capacity_percent = pick(random, 50, 200),
        .idle_percent = pick(random, 0, 1) * 20,
        .exiting_percent = pick(random, 0, 1) * 30,
        .assigned_percent = pick(random, 0, 10) * 10,
        .consistent_percent = pick(random, 0, 10) * 10,
        .stray_percent = pick(random, 0, 1) * 10,
        .invalid_percent = pick(random, 0, 1) * 10,
    };
}
