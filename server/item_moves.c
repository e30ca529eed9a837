#include "server/item_moves.h"

#include <pthread.h>
#include <stdlib.h>

#include "api/hash.h"
#include "core/keyspace_difference.h"
#include "server/clock.h"

enum { PERIODS = 12, PERIOD_MS = 5 * 60 * 1000, LEAST_CAPACITY = 256 };

/* Moves of one item, by period, modulo. */
struct counts {
    uint64_t hash;   /* of its name; 0: unused */
    uint32_t period; /* the newest that is in there */
    uint8_t moves[PERIODS];
};

_Static_assert(ITEM_MOVES_MAX_LIMIT < UINT8_MAX, "enough is counted in one period");

struct item_moves {
    int limit;
    uint64_t seed;         /* of hashes: so that names can't be chosen to hash alike */
    pthread_mutex_t mutex; /* protects what follows */
    int64_t total;
    struct counts *table; /* open addressing; NULL: none so far */
    size_t capacity;      /* a power of 2 */
    size_t used;          /* items that have not moved of late included */
};

int item_moves_create(int limit, struct item_moves **ret)
{
    struct item_moves *moves = calloc(1, sizeof *moves);
    if (!moves || pthread_mutex_init(&moves->mutex, NULL) != 0) {
        free(moves);
        return ALLOT_ENOMEM;
    }
    moves->limit = limit;
    moves->seed = HASH_START ^ (uint64_t)clock_monotonic_us();
    *ret = moves;
    return 0;
}

void item_moves_destroy(struct item_moves *moves)
{
    if (!moves)
        return;
    (void)pthread_mutex_destroy(&moves->mutex);
    free(moves->table);
    free(moves);
}

/* --- one item --- */

static uint32_t period_of(int64_t now_ms)
{
    return (uint32_t)(now_ms / PERIOD_MS);
}

/* Forgets what is older than an hour. */
static void advance(struct counts *counts, uint32_t period)
{
    for (int i = 0; i < PERIODS && counts->period < period; i++)
        counts->moves[++counts->period % PERIODS] = 0;
    if (counts->period < period)
        counts->period = period;
}

static int moves_within_hour(struct counts *counts, uint32_t period)
{
    int sum = 0;
    advance(counts, period);
    for (int i = 0; i < PERIODS; i++)
        sum += counts->moves[i];
    return sum;
}

/* --- the table --- */

/* Where the item is, or would be. There is room. */
static struct counts *find(struct counts *table, size_t capacity, uint64_t hash)
{
    size_t place = (size_t)(hash ^ hash >> 32) & (capacity - 1);
    while (table[place].hash != 0 && table[place].hash != hash)
        place = (place + 1) & (capacity - 1);
    return &table[place];
}

static size_t count_live(const struct item_moves *moves, uint32_t period)
{
    size_t live = 0;
    for (size_t i = 0; i < moves->capacity; i++)
        live += moves->table[i].hash != 0 && moves_within_hour(&moves->table[i], period) > 0;
    return live;
}

/* Makes a table anew, of those that have moved of late, with room for as many again. Without memory
 * it stays as it is. */
static void rebuild(struct item_moves *moves, size_t live, uint32_t period)
{
    size_t capacity = LEAST_CAPACITY;
    while (capacity < 4 * live)
        capacity *= 2;
    struct counts *table = calloc(capacity, sizeof *table);
    if (!table)
        return;
    for (size_t i = 0; i < moves->capacity; i++) {
        struct counts *counts = &moves->table[i];
        if (counts->hash != 0 && moves_within_hour(counts, period) > 0)
            *find(table, capacity, counts->hash) = *counts;
    }
    free(moves->table);
    moves->table = table;
    moves->capacity = capacity;
    moves->used = live;
}

/* The item's; NULL: it can't be remembered. */
static struct counts *find_or_add(struct item_moves *moves, uint64_t hash, uint32_t period)
{
    if (2 * moves->used >= moves->capacity)
        rebuild(moves, count_live(moves, period), period);
    if (moves->capacity == 0)
        return NULL;
    struct counts *counts = find(moves->table, moves->capacity, hash);
    if (counts->hash == hash)
        return counts;
    if (moves->used == ITEM_MOVES_MAX || 2 * moves->used >= moves->capacity)
        return NULL;
    moves->used++;
    *counts = (struct counts){.hash = hash, .period = period};
    return counts;
}

/* --- following --- */

static void note(struct item_moves *moves, struct span item, int64_t now_ms)
{
    uint64_t hash = hash_bytes(moves->seed, item);
    (void)pthread_mutex_lock(&moves->mutex);
    struct counts *counts = find_or_add(moves, hash ? hash : 1, period_of(now_ms));
    moves->total++;
    if (counts) {
        advance(counts, period_of(now_ms));
        uint8_t *newest = &counts->moves[counts->period % PERIODS];
        *newest = (uint8_t)(*newest + (*newest < UINT8_MAX));
    }
    (void)pthread_mutex_unlock(&moves->mutex);
}

/* Whether @assignment, which is new, is a move from what there was in @former. */
static bool is_move(const struct state *former, const struct key_parts *assignment)
{
    int32_t begin;
    int32_t end;
    bool held = false;
    state_find_item_assignments(former, assignment->item, &begin, &end);
    for (int32_t i = begin; i < end && !held; i++) {
        const struct key_parts *other = &former->assignments[i]->parts;
        held = span_equal(other->zone, assignment->zone) &&
               span_equal(other->suffix, assignment->suffix);
    }
    return begin < end && !held;
}

void item_moves_follow(struct item_moves *moves, const struct state *former,
                       const struct state *state, int64_t now_ms)
{
    struct keyspace_difference difference = keyspace_compare(former->keyspace, state->keyspace);
    while (keyspace_next_difference(&difference)) {
        const struct entry *after = difference.after;
        if (after && !difference.before && after->parts.kind == KEY_ASSIGNMENT &&
            is_move(former, &after->parts))
            note(moves, after->parts.item, now_ms);
    }
}

/* --- telling --- */

int64_t item_moves_total(struct item_moves *moves)
{
    (void)pthread_mutex_lock(&moves->mutex);
    int64_t total = moves->total;
    (void)pthread_mutex_unlock(&moves->mutex);
    return total;
}

int64_t item_moves_thrashing(struct item_moves *moves, int64_t now_ms)
{
    int64_t thrashing = 0;
    size_t live = 0;
    uint32_t period = period_of(now_ms);
    (void)pthread_mutex_lock(&moves->mutex);
    for (size_t i = 0; i < moves->capacity; i++) {
        struct counts *counts = &moves->table[i];
        int count = counts->hash != 0 ? moves_within_hour(counts, period) : 0;
        thrashing += count > moves->limit;
        live += count > 0;
    }
    if (moves->capacity > LEAST_CAPACITY && live < moves->capacity / 16)
        rebuild(moves, live, period);
    (void)pthread_mutex_unlock(&moves->mutex);
    return thrashing;
}
