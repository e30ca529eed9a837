#include "tests/core/population.h"

#include <stdarg.h>
#include <stdio.h>

#include "tests/core/scheduler.h"

enum {
    MEMBERS = 5,
    MOST_REPLICATION = 4,
};

static const char *const member_names[MEMBERS] = {"a#1", "a#2", "b#1", "b#2", "c#1"};

static bool chance(struct population *population, uint64_t percent)
{
    return random_below(population->random, 100) < percent;
}

static int pick(struct population *population, int limit)
{
    return (int)random_below(population->random, (uint64_t)limit);
}

/* Of a member: such that there is now too little room, now enough. */
static int most_limit(const struct population *population)
{
    return population->items * 2 / 3;
}

static struct span text_of(char buffer[64], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static struct span text_of(char buffer[64], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(buffer, 64, format, arguments);
    va_end(arguments);
    return (struct span){buffer, (size_t)size};
}

static struct span item_key(char buffer[64], int item)
{
    return text_of(buffer, "%s%sx%02d", SCHEDULER_ROOT, KEYS_ITEMS, item);
}

static struct span member_key(char buffer[64], int member)
{
    return text_of(buffer, "%s%s%s", SCHEDULER_ROOT, KEYS_MEMBERS, member_names[member]);
}

static const struct store_kv *find(const struct population *population, struct span key)
{
    return model_table_find(model_store_table(population->store), key);
}

/* Puts a value under the lease that the key has, or under none. */
static void put_again(struct population *population, struct span key, struct span value)
{
    const struct store_kv *kv = find(population, key);
    model_store_put(population->store, key, value, kv ? kv->lease : 0);
}

static void put_item(struct population *population, int item, int replication)
{
    char key[64];
    char value[64];
    put_again(population, item_key(key, item), text_of(value, "%d", replication));
}

void population_change_item(struct population *population)
{
    char key[64];
    int item = pick(population, population->items);
    if (chance(population, 15))
        model_store_delete(population->store, item_key(key, item));
    else if (chance(population, 10))
        put_again(population, item_key(key, item), SPAN("bad"));
    else
        put_item(population, item, pick(population, MOST_REPLICATION + 1));
}

void population_change_member(struct population *population)
{
    char buffer[64];
    char value[64];
    int member = pick(population, MEMBERS);
    struct span key = member_key(buffer, member);
    const struct store_kv *kv = find(population, key);
    bool exiting = chance(population, 15);
    struct span limit = text_of(value, "%d%s", pick(population, most_limit(population) + 1),
                                exiting ? " exiting" : "");
    if (!kv)
        model_store_put(population->store, key, limit,
                        chance(population, 70) ? model_store_grant(population->store) : 0);
    else if (chance(population, 10))
        put_again(population, key, SPAN("bad"));
    else if (chance(population, 60))
        put_again(population, key, limit);
    else if (kv->lease && chance(population, 80))
        (void)model_store_revoke(population->store, kv->lease);
    else
        model_store_delete(population->store, key);
}

/* Some assignment's place in the store's table, or -1 if there is none. */
static int pick_assignment(struct population *population)
{
    const struct model_table *table = model_store_table(population->store);
    int places[256];
    int count = 0;
    for (size_t i = 0; i < table->count && count < 256; i++)
        if (span_has_prefix(table->kvs[i].key, SPAN(SCHEDULER_ROOT KEYS_ASSIGNMENTS)))
            places[count++] = (int)i;
    return count ? places[pick(population, count)] : -1;
}

void population_change_assignment(struct population *population)
{
    int place = pick_assignment(population);
    if (place < 0)
        return;
    struct span key = model_store_table(population->store)->kvs[place].key;
    int what = pick(population, 100);
    if (what < 85)
        put_again(population, key, SPAN(SCHEDULER_CONSISTENT));
    else if (what < 93)
        put_again(population, key, SPAN(""));
    else if (what < 96)
        put_again(population, key, SPAN("bad"));
    else
        model_store_delete(population->store, key);
}

/* Whether the assignment's member has said so, and not another that had its name before. */
static bool is_marked(const struct population *population, const struct store_kv *assignment)
{
    char key[64];
    struct key_parts parts;
    if (!scheduler_is_consistent(assignment->value) ||
        keys_parse(SPAN(SCHEDULER_ROOT), assignment->key, &parts) != 0)
        return false;
    const struct store_kv *member = find(
        population, keys_member(SPAN(SCHEDULER_ROOT), parts.zone, parts.suffix, key, sizeof key));
    return !member || member->create_revision <= assignment->mod_revision;
}

bool population_mark_all(struct population *population)
{
    const struct model_table *table = model_store_table(population->store);
    bool marked = false;
    for (size_t i = 0; i < table->count; i++)
        if (span_has_prefix(table->kvs[i].key, SPAN(SCHEDULER_ROOT KEYS_ASSIGNMENTS)) &&
            !is_marked(population, &table->kvs[i])) {
            put_again(population, table->kvs[i].key, SPAN(SCHEDULER_CONSISTENT));
            marked = true;
        }
    return marked;
}

void population_change_much(struct population *population)
{
    if (chance(population, 50))
        (void)population_mark_all(population);
    else
        for (int i = 0; i < population->items; i++)
            put_item(population, i, pick(population, MOST_REPLICATION + 1));
}

void population_begin(struct population *population)
{
    for (int i = 0; i < population->items; i++)
        if (chance(population, 75))
            put_item(population, i, pick(population, MOST_REPLICATION + 1));
    for (int i = 0; i < MEMBERS; i++)
        population_change_member(population);
}

void population_repair(struct population *population)
{
    char key[64];
    for (int i = 0; i < population->items; i++) {
        const struct store_kv *kv = find(population, item_key(key, i));
        if (kv && span_equal(kv->value, SPAN("bad")))
            put_item(population, i, pick(population, MOST_REPLICATION + 1));
    }
    for (int i = 0; i < MEMBERS; i++) {
        const struct store_kv *kv = find(population, member_key(key, i));
        if (kv && span_equal(kv->value, SPAN("bad")))
            put_again(population, member_key(key, i), SPAN("2"));
    }
}

void population_make_room(struct population *population)
{
    char key[64];
    char value[64];
    for (int i = 0; i < MEMBERS; i++)
        put_again(population, member_key(key, i), text_of(value, "%d", population->items));
}
