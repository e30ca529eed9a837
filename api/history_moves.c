#include <stdlib.h>

#include "api/hash.h"
#include "api/history_query.h"
#include "api/list.h"
#include "api/reply.h"
#include "api/resources.h"
#include "api/timestamp.h"

/* GET /v1/history/moves: which items have moved how often in a span of time, the last hour unless
 * another is given.
 *
 * An item has moved when it has got an assignment to a member that held none of it, while it had
 * others. That it had some is only doubted where events of that time tell otherwise: that it was
 * created, or has lost all. Cost: the events of assignments and items in that time. */

enum { MOVES_MAX_ITEMS = 1 << 17, LEAST_CAPACITY = 1024, PAGE_EVENTS = LIST_MAX_LIMIT };

struct mover {
    struct span item; /* in the call's arena; data NULL: unused */
    uint64_t hash;
    bool held_is_known;
    int64_t held; /* assignments before the revision at hand; counted from 0 if that isn't known */
    int64_t moves;
    int64_t last_revision; /* of these */
    int64_t last_ms;
};

/* An assignment that came or went in the revision at hand. */
struct step {
    uint64_t item; /* hashes */
    uint64_t member;
    bool came;
};

struct tally {
    struct api_call *call;
    struct mover *table; /* open addressing */
    size_t capacity;     /* a power of 2 */
    size_t used;
    struct step *steps;
    size_t step_count;
    size_t step_capacity;
    int64_t revision; /* at hand */
    int64_t time_ms;
    bool cut; /* there were more items */
    int error;
};

/* What is asked, in the call's arena. */
struct moves_question {
    struct history_query query;
    bool has_from; /* else it is about the hour before its end */
    int64_t more_than;
    int64_t limit; /* items */
};

/* --- items --- */

static struct mover *find(struct mover *table, size_t capacity, uint64_t hash)
{
    size_t place = (size_t)(hash ^ hash >> 32) & (capacity - 1);
    while (table[place].item.data && table[place].hash != hash)
        place = (place + 1) & (capacity - 1);
    return &table[place];
}

static void grow(struct tally *tally)
{
    size_t capacity = tally->capacity ? 2 * tally->capacity : LEAST_CAPACITY;
    struct mover *table = calloc(capacity, sizeof *table);
    if (!table) {
        tally->error = ALLOT_ENOMEM;
        return;
    }
    for (size_t i = 0; i < tally->capacity; i++) {
        if (tally->table[i].item.data)
            *find(table, capacity, tally->table[i].hash) = tally->table[i];
    }
    free(tally->table);
    tally->table = table;
    tally->capacity = capacity;
}

/* NULL: there are too many, or no memory. */
static struct mover *find_or_add(struct tally *tally, struct span item, uint64_t hash)
{
    if (2 * tally->used >= tally->capacity)
        grow(tally);
    if (tally->error)
        return NULL;
    struct mover *mover = find(tally->table, tally->capacity, hash);
    if (mover->item.data)
        return mover;
    if (tally->used == MOVES_MAX_ITEMS) {
        tally->cut = true;
        return NULL;
    }
    struct span copy = arena_copy(&tally->call->arena, item);
    if (!copy.data) {
        tally->error = ALLOT_ENOMEM;
        return NULL;
    }
    *mover = (struct mover){.item = copy, .hash = hash};
    tally->used++;
    return mover;
}

/* --- revisions --- */

/* The assignment went in the same revision: this is the same one in another slot. */
static bool is_in_other_slot(const struct tally *tally, const struct step *step)
{
    for (size_t i = 0; i < tally->step_count; i++) {
        const struct step *other = &tally->steps[i];
        if (!other->came && other->item == step->item && other->member == step->member)
            return true;
    }
    return false;
}

static void end_revision(struct tally *tally)
{
    for (size_t i = 0; i < tally->step_count; i++) {
        const struct step *step = &tally->steps[i];
        struct mover *mover = find(tally->table, tally->capacity, step->item);
        if (!step->came || (mover->held_is_known && mover->held == 0) ||
            is_in_other_slot(tally, step))
            continue;
        mover->moves++;
        mover->last_revision = tally->revision;
        mover->last_ms = tally->time_ms;
    }
    for (size_t i = 0; i < tally->step_count; i++)
        find(tally->table, tally->capacity, tally->steps[i].item)->held +=
            tally->steps[i].came ? 1 : -1;
    tally->step_count = 0;
}

static void add_step(struct tally *tally, const struct step *step)
{
    if (tally->step_count == tally->step_capacity) {
        size_t capacity = tally->step_capacity ? 2 * tally->step_capacity : 128;
        struct step *steps = realloc(tally->steps, capacity * sizeof *steps);
        if (!steps) {
            tally->error = ALLOT_ENOMEM;
            return;
        }
        tally->steps = steps;
        tally->step_capacity = capacity;
    }
    tally->steps[tally->step_count++] = *step;
}

static bool take_event(void *context, const struct history_event *event)
{
    struct tally *tally = context;
    const struct key_parts *parts = &event->parts;
    uint64_t hash = hash_bytes(HASH_START, parts->item);
    bool created = event->operation == HISTORY_CREATE;
    if (event->position.revision != tally->revision)
        end_revision(tally);
    tally->revision = event->position.revision;
    tally->time_ms = event->time_ms;
    if (parts->kind == KEY_OTHER || event->operation == HISTORY_UPDATE)
        return true;
    struct mover *mover = find_or_add(tally, parts->item, hash);
    if (mover && parts->kind == KEY_ASSIGNMENT && event->reconstructed) {
        mover->held += created ? 1 : -1; /* nobody knows in which steps */
    } else if (mover && parts->kind == KEY_ASSIGNMENT) {
        uint64_t member =
            hash_bytes(hash_bytes(hash_bytes(HASH_START, parts->zone), SPAN("#")), parts->suffix);
        add_step(tally, &(struct step){hash, member, created});
    } else if (mover && created) {
        mover->held_is_known = true;
        mover->held = 0;
    }
    return !tally->error;
}

/* Page by page, oldest first. */
static int count(struct tally *tally, const struct api_history *history,
                 struct history_query *query, const atomic_bool *cancelled,
                 struct history_page *ret_page)
{
    int error = 0;
    do {
        error = history->events(history->context, query, cancelled, take_event, tally, ret_page);
        query->continues = true;
        query->position = ret_page->last;
    } while (!error && !tally->error && ret_page->more && !atomic_load(cancelled));
    if (!error && atomic_load(cancelled))
        error = ALLOT_ECANCELED;
    if (!error && !tally->error)
        end_revision(tally);
    return error ? error : tally->error;
}

/* --- the reply --- */

static int compare_movers(const void *a, const void *b)
{
    const struct mover *first = a;
    const struct mover *second = b;
    if (first->moves != second->moves)
        return first->moves < second->moves ? 1 : -1;
    return span_compare(first->item, second->item);
}

/* Those that are wanted to the front, in order. Returns how many. */
static size_t choose(struct tally *tally, int64_t more_than)
{
    size_t chosen = 0;
    for (size_t i = 0; i < tally->capacity; i++) {
        if (tally->table[i].item.data && tally->table[i].moves > more_than)
            tally->table[chosen++] = tally->table[i];
    }
    if (chosen > 0)
        qsort(tally->table, chosen, sizeof *tally->table, compare_movers);
    return chosen;
}

static void write_mover(struct json_writer *writer, const struct mover *mover)
{
    char time[TIMESTAMP_SIZE];
    timestamp_format(mover->last_ms, time);
    json_begin(writer, '{');
    json_string_field(writer, "item", mover->item);
    json_integer_field(writer, "moves", mover->moves);
    json_integer_field(writer, "last_revision", mover->last_revision);
    json_text_field(writer, "last_time", time);
    json_end(writer, '}');
}

static void write_reply(struct tally *tally, const struct moves_question *question, int64_t reached)
{
    struct json_writer writer = json_writer_of(&tally->call->reply.body);
    size_t chosen = choose(tally, question->more_than);
    bool is_cut = tally->cut || (int64_t)chosen > question->limit;
    reply_start(tally->call, 200);
    tally->call->reply.content_type = "application/json";
    reply_header_integer(tally->call, "Allot-Revision", reached);
    json_begin(&writer, '{');
    json_name(&writer, "moves");
    json_begin(&writer, '[');
    for (size_t i = 0; i < chosen && (int64_t)i < question->limit; i++)
        write_mover(&writer, &tally->table[i]);
    json_end(&writer, ']');
    json_integer_field(&writer, "revision", reached);
    json_boolean_field(&writer, "complete", !is_cut);
    json_end(&writer, '}');
    (void)reply_finish(tally->call);
}

/* --- the request --- */

static bool take_time(void *context, const struct history_event *event)
{
    int64_t *time_ms = context;
    *time_ms = event->time_ms;
    return true;
}

/* The time of `to`, or now. A revision's is that of the last change up to it. */
static int find_end(const struct api_call *call, const struct history_query *query,
                    const atomic_bool *cancelled, int64_t *ret_ms)
{
    const struct api_history *history = call->runtime->history;
    struct history_query last = *query;
    struct history_page page;
    *ret_ms = query->filter.to_ms;
    if (*ret_ms != INT64_MAX)
        return 0;
    *ret_ms = call->runtime->wall_clock_ms(call->runtime->context);
    if (query->filter.to_revision == INT64_MAX)
        return 0;
    last.filter.kinds = ~0U;
    last.newest_first = true;
    last.limit = 1;
    return history->events(history->context, &last, cancelled, take_time, ret_ms, &page);
}

static void compute(void *context, const atomic_bool *cancelled)
{
    static const int64_t HOUR_MS = INT64_C(3600) * 1000;
    struct api_call *call = context;
    struct moves_question *question = call->moves;
    struct tally tally = {.call = call};
    struct history_page page = {0};
    int64_t end_ms = 0;
    int error = question->has_from ? 0 : find_end(call, &question->query, cancelled, &end_ms);
    if (!question->has_from)
        question->query.filter.from_ms = end_ms - HOUR_MS;
    if (!error)
        error = count(&tally, call->runtime->history, &question->query, cancelled, &page);
    if (error)
        (void)history_query_problem(call, error);
    else
        write_reply(&tally, question, page.reached);
    free(tally.table);
    free(tally.steps);
}

enum api_step history_moves(struct api_call *call)
{
    if (!history_query_port(call))
        return API_REPLY;
    struct moves_question *question = arena_allocate(&call->arena, sizeof *question);
    if (!question)
        return problem_of_error(call, ALLOT_ENOMEM, "to read the history");
    struct history_query *query = &question->query;
    question->more_than = 0;
    if (!history_query_page(call, query) ||
        !call_query_integer(call, "more_than", 0, INT64_MAX, &question->more_than))
        return API_REPLY;
    question->limit = query->limit;
    query->limit = PAGE_EVENTS;
    query->newest_first = false;
    query->filter.kinds = 1U << HISTORY_ITEM | 1U << HISTORY_ASSIGNMENT;
    question->has_from = query_value(&call->query, "from").data != NULL;
    call->moves = question;
    return call_compute(call, compute, "to read the history");
}
