#include "tests/core/loop_simulation.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tests/core/flight.h"
#include "tests/core/loop_checker.h"
#include "tests/core/scheduler.h"
#include "tests/support/random.h"

enum {
    SITES = 3,
    MEMBERS = 5,
    FEW_ITEMS = 6,
    MANY_ITEMS = 80, /* whose passes need several transactions: */
    MANY_EVERY = 8,  /* one simulation of so many */
    MOST_REPLICATION = 4,
    MOST_FLIGHTS = 8,
    DISTURBANCES = 600,
    MOST_ROUNDS = 300, /* to come to rest */
};

static const char *const site_names[SITES] = {"one", "two", "three"};
static const char *const member_names[MEMBERS] = {"a#1", "a#2", "b#1", "b#2", "c#1"};

/* One allotd. */
struct site {
    struct scheduler scheduler;
    int64_t lease;            /* of its candidate's key; 0: never announced */
    bool stalled;             /* hears and does nothing */
    bool busy;                /* its allocator waits for the answer to a flight */
    struct state *decided_on; /* what the pass under way began with; a reference */
    int64_t round;            /* of that pass */
};

struct simulation {
    struct random random;
    struct model_store *store;
    struct loop_checker checker;
    struct site sites[SITES];
    struct flight flights[MOST_FLIGHTS];
    int flight_count;
    int items;
    int most_limit; /* of a member: such that there is now too little room, now enough */
    int64_t now_ms;
    int last_author;
    struct simulation_counts *counts;
};

static bool chance(struct simulation *simulation, uint64_t percent)
{
    return random_below(&simulation->random, 100) < percent;
}

static int pick(struct simulation *simulation, int limit)
{
    return (int)random_below(&simulation->random, (uint64_t)limit);
}

static void fault(struct simulation *simulation, const char *text)
{
    char *fault = simulation->checker.fault;
    if (!fault[0])
        (void)snprintf(fault, sizeof simulation->checker.fault, "%s", text);
}

static bool is_faulty(const struct simulation *simulation)
{
    return simulation->checker.fault[0] != '\0';
}

/* --- what people, members and time do to the store --- */

static struct span key_of(char buffer[64], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static struct span key_of(char buffer[64], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(buffer, 64, format, arguments);
    va_end(arguments);
    return (struct span){buffer, (size_t)size};
}

static struct span item_key(char buffer[64], int item)
{
    return key_of(buffer, "%s%sx%02d", SCHEDULER_ROOT, KEYS_ITEMS, item);
}

static struct span member_key(char buffer[64], int member)
{
    return key_of(buffer, "%s%s%s", SCHEDULER_ROOT, KEYS_MEMBERS, member_names[member]);
}

static const struct store_kv *find(const struct simulation *simulation, struct span key)
{
    return model_table_find(model_store_table(simulation->store), key);
}

/* Puts a value under the lease that the key has, or under none. */
static void put_again(struct simulation *simulation, struct span key, struct span value)
{
    const struct store_kv *kv = find(simulation, key);
    model_store_put(simulation->store, key, value, kv ? kv->lease : 0);
}

static void put_item(struct simulation *simulation, int item, int replication)
{
    char key[64];
    char value[64];
    put_again(simulation, item_key(key, item), key_of(value, "%d", replication));
}

static void change_item(struct simulation *simulation)
{
    char key[64];
    int item = pick(simulation, simulation->items);
    if (chance(simulation, 15))
        model_store_delete(simulation->store, item_key(key, item));
    else if (chance(simulation, 10))
        put_again(simulation, item_key(key, item), SPAN("bad"));
    else
        put_item(simulation, item, pick(simulation, MOST_REPLICATION + 1));
}

/* A member that isn't there comes, with a lease of its own or without; one that is goes, or
 * changes. */
static void change_member(struct simulation *simulation)
{
    char buffer[64];
    char value[64];
    int member = pick(simulation, MEMBERS);
    struct span key = member_key(buffer, member);
    const struct store_kv *kv = find(simulation, key);
    struct span limit = key_of(value, "%d%s", pick(simulation, simulation->most_limit + 1),
                               chance(simulation, 15) ? " exiting" : "");
    if (!kv)
        model_store_put(simulation->store, key, limit,
                        chance(simulation, 70) ? model_store_grant(simulation->store) : 0);
    else if (chance(simulation, 10))
        put_again(simulation, key, SPAN("bad"));
    else if (chance(simulation, 60))
        put_again(simulation, key, limit);
    else if (kv->lease && chance(simulation, 80))
        (void)model_store_revoke(simulation->store, kv->lease);
    else
        model_store_delete(simulation->store, key);
}

/* Some assignment's place in the store's table, or -1 if there is none. */
static int pick_assignment(struct simulation *simulation)
{
    const struct model_table *table = model_store_table(simulation->store);
    int places[256];
    int count = 0;
    for (size_t i = 0; i < table->count && count < 256; i++)
        if (span_has_prefix(table->kvs[i].key, SPAN(SCHEDULER_ROOT KEYS_ASSIGNMENTS)))
            places[count++] = (int)i;
    return count ? places[pick(simulation, count)] : -1;
}

static void change_assignment(struct simulation *simulation)
{
    int place = pick_assignment(simulation);
    if (place < 0)
        return;
    struct span key = model_store_table(simulation->store)->kvs[place].key;
    int what = pick(simulation, 100);
    if (what < 85)
        put_again(simulation, key, SPAN(SCHEDULER_CONSISTENT));
    else if (what < 93)
        put_again(simulation, key, SPAN(""));
    else if (what < 96)
        put_again(simulation, key, SPAN("bad"));
    else
        model_store_delete(simulation->store, key);
}

/* Marks every assignment consistent; whether there was one that wasn't. */
static bool mark_all(struct simulation *simulation)
{
    const struct model_table *table = model_store_table(simulation->store);
    bool marked = false;
    for (size_t i = 0; i < table->count; i++)
        if (span_has_prefix(table->kvs[i].key, SPAN(SCHEDULER_ROOT KEYS_ASSIGNMENTS)) &&
            !scheduler_is_consistent(table->kvs[i].value)) {
            put_again(simulation, table->kvs[i].key, SPAN(SCHEDULER_CONSISTENT));
            marked = true;
        }
    return marked;
}

/* Much at once, for a pass of several transactions: all items want something else, or all members
 * have done what was to be done. */
static void change_much(struct simulation *simulation)
{
    if (chance(simulation, 50))
        (void)mark_all(simulation);
    else
        for (int i = 0; i < simulation->items; i++)
            put_item(simulation, i, pick(simulation, MOST_REPLICATION + 1));
}

/* --- the processes --- */

static void announce(struct simulation *simulation, struct site *site)
{
    if (find(simulation, span_of(site->scheduler.key)))
        return;
    if (model_store_has_lease(simulation->store, site->lease))
        (void)model_store_revoke(simulation->store, site->lease);
    site->lease = scheduler_announce(&site->scheduler);
}

/* Its allocator no longer waits for any answer. */
static void forget_flights(struct simulation *simulation, int number)
{
    for (int i = 0; i < simulation->flight_count; i++)
        if (simulation->flights[i].author == number)
            simulation->flights[i].awaited = false;
    simulation->sites[number].busy = false;
}

/* Another process in its place, which knows nothing. */
static void crash(struct simulation *simulation, int number)
{
    struct site *site = &simulation->sites[number];
    forget_flights(simulation, number);
    state_unref(site->decided_on);
    site->decided_on = NULL;
    scheduler_stop(&site->scheduler);
    scheduler_start(&site->scheduler, simulation->store, site_names[number], NULL,
                    random_next(&simulation->random));
    if (chance(simulation, 50) && model_store_has_lease(simulation->store, site->lease))
        (void)model_store_revoke(simulation->store, site->lease);
}

static void change_process(struct simulation *simulation)
{
    int number = pick(simulation, SITES);
    struct site *site = &simulation->sites[number];
    int what = pick(simulation, 100);
    if (what < 30)
        site->stalled = true;
    else if (what < 70)
        announce(simulation, site);
    else if (what < 85)
        (void)model_store_revoke(simulation->store, site->lease);
    else
        crash(simulation, number);
}

/* Lets the mirror see more, often only a little. */
static void deliver(struct simulation *simulation, struct site *site)
{
    int64_t behind =
        model_store_revision(simulation->store) - keyspace_revision(site->scheduler.mirror);
    if (behind <= 0)
        return;
    int64_t most = chance(simulation, 30) || behind < 4 ? behind : 4;
    int64_t more = 1 + (int64_t)random_below(&simulation->random, (uint64_t)most);
    scheduler_deliver(&site->scheduler, keyspace_revision(site->scheduler.mirror) + more,
                      chance(simulation, 50));
}

/* --- transactions --- */

static void remove_flight(struct simulation *simulation, int place)
{
    flight_release(&simulation->flights[place]);
    simulation->flight_count--;
    memmove(&simulation->flights[place], &simulation->flights[place + 1],
            (size_t)(simulation->flight_count - place) * sizeof simulation->flights[0]);
}

static void answer(struct simulation *simulation, struct flight *flight, int error,
                   const struct store_txn_result *result)
{
    if (!flight->awaited)
        return;
    flight->awaited = false;
    struct site *site = &simulation->sites[flight->author];
    site->busy = false;
    allocator_done(site->scheduler.allocator, simulation->now_ms, error, result);
    simulation->counts->lost += error == ALLOT_EUNKNOWN;
}

static void count_result(struct simulation *simulation, const struct flight *flight,
                         const struct store_txn_result *result)
{
    struct simulation_counts *counts = simulation->counts;
    if (!result->succeeded) {
        counts->failed++;
        return;
    }
    counts->transactions++;
    counts->late += !flight->awaited;
    counts->leaders += simulation->last_author != flight->author;
    simulation->last_author = flight->author;
    for (size_t i = 0; i < flight->txn.success_count; i++) {
        if (!span_has_prefix(flight->txn.success[i].keys.key,
                             SPAN(SCHEDULER_ROOT KEYS_ASSIGNMENTS)))
            continue;
        counts->additions += flight->txn.success[i].kind == STORE_OP_PUT;
        counts->removals += flight->txn.success[i].kind == STORE_OP_DELETE;
    }
}

/* Applies a flight, and gives the answer to who still waits for it, unless it is to be lost. */
static void land(struct simulation *simulation, int place, bool lose_answer)
{
    struct flight *flight = &simulation->flights[place];
    struct store_txn_result result;
    loop_checker_observe(&simulation->checker);
    int error = model_store_txn(simulation->store, &flight->txn, &result);
    if (error == ALLOT_EINVAL || error == ALLOT_ELIMIT)
        fault(simulation, "a transaction that no store would take");
    if (!error) {
        (void)loop_checker_check(&simulation->checker,
                                 simulation->sites[flight->author].scheduler.key,
                                 flight->decided_on);
        count_result(simulation, flight, &result);
    }
    if (lose_answer)
        answer(simulation, flight, ALLOT_EUNKNOWN, NULL);
    else
        answer(simulation, flight, error, error ? NULL : &result);
    remove_flight(simulation, place);
}

/* What becomes of a transaction: mostly it is executed at once. */
static void send(struct simulation *simulation, int number, const struct store_txn *txn, bool calm)
{
    struct site *site = &simulation->sites[number];
    struct flight *flight = &simulation->flights[simulation->flight_count];
    flight_init(flight, txn, site->decided_on, number);
    flight->awaited = true;
    site->busy = true;
    int place = simulation->flight_count++;
    int what = calm ? 0 : pick(simulation, 100);
    if (simulation->flight_count == MOST_FLIGHTS)
        what = 0;
    if (what < 60) {
        land(simulation, place, false);
    } else if (what < 70) {
        land(simulation, place, true);
    } else if (what < 75) { /* never sent */
        answer(simulation, flight, ALLOT_EUNAVAILABLE, NULL);
        remove_flight(simulation, place);
    } else if (what < 79) { /* never comes */
        answer(simulation, flight, ALLOT_EUNKNOWN, NULL);
        remove_flight(simulation, place);
    } else if (what < 88) { /* comes late */
        answer(simulation, flight, ALLOT_EUNKNOWN, NULL);
    } /* else it is held up, and so is its allocator */
}

/* One step of an allocator. */
static void step(struct simulation *simulation, int number, bool calm)
{
    struct site *site = &simulation->sites[number];
    struct scheduler *scheduler = &site->scheduler;
    if (site->busy)
        return;
    struct allocator_step step = allocator_step(scheduler->allocator, simulation->now_ms);
    switch (step.action) {
    case ALLOCATOR_WAIT:
        break;
    case ALLOCATOR_SOLVE:
        scheduler_solve(scheduler, step.state, simulation->now_ms);
        break;
    case ALLOCATOR_TXN:
        if (site->round != allocator_status(scheduler->allocator).round || !site->decided_on) {
            site->round = allocator_status(scheduler->allocator).round;
            state_unref(site->decided_on);
            site->decided_on = state_ref(scheduler->state);
        } else if (step.txn->compare_count > 1) { /* what renews the fence checks nothing else */
            simulation->counts->further++;
        }
        send(simulation, number, step.txn, calm);
        break;
    case ALLOCATOR_STOP:
        simulation->counts->stops++;
        if (step.error != ALLOT_EFENCE)
            fault(simulation, "stopped without a reason");
        if (chance(simulation, 50))
            announce(simulation, site);
        scheduler_restart(scheduler, random_next(&simulation->random));
        site->round = 0;
        if (scheduler->state->own)
            scheduler_observe(scheduler);
        break;
    }
}

static void disturb(struct simulation *simulation)
{
    int number = pick(simulation, SITES);
    struct site *site = &simulation->sites[number];
    int what = pick(simulation, 100);
    if (site->stalled)
        site->stalled = !chance(simulation, 10);
    if (what < 70 && site->stalled)
        return;
    if (what < 30) {
        deliver(simulation, site);
    } else if (what < 70) {
        for (int steps = 1 + pick(simulation, 6); steps > 0; steps--)
            step(simulation, number, false);
    } else if (what < 74) {
        if (simulation->flight_count)
            land(simulation, pick(simulation, simulation->flight_count), chance(simulation, 20));
    } else if (what < 78) {
        simulation->now_ms += pick(simulation, 500);
    } else if (what < 80) {
        change_process(simulation);
    } else if (what < (simulation->items == MANY_ITEMS ? 84 : 81)) {
        change_much(simulation);
    } else if (what < 86) {
        change_item(simulation);
    } else if (what < 90) {
        change_member(simulation);
    } else {
        change_assignment(simulation);
    }
}

/* --- coming to rest --- */

static void end_disturbances(struct simulation *simulation)
{
    while (simulation->flight_count)
        land(simulation, 0, false);
    for (int i = 0; i < SITES; i++) {
        simulation->sites[i].stalled = false;
        announce(simulation, &simulation->sites[i]);
    }
    char key[64];
    for (int i = 0; i < simulation->items; i++) {
        const struct store_kv *kv = find(simulation, item_key(key, i));
        if (kv && span_equal(kv->value, SPAN("bad")))
            put_item(simulation, i, pick(simulation, MOST_REPLICATION + 1));
    }
    for (int i = 0; i < MEMBERS; i++) {
        const struct store_kv *kv = find(simulation, member_key(key, i));
        if (kv && span_equal(kv->value, SPAN("bad")))
            put_again(simulation, member_key(key, i), SPAN("2"));
    }
}

/* Lets every allotd hear everything, and do what it will until it waits. Whether all wait for
 * nothing but a change. */
static bool run_calmly(struct simulation *simulation)
{
    bool idle = true;
    for (int i = 0; i < SITES && !is_faulty(simulation); i++) {
        struct site *site = &simulation->sites[i];
        announce(simulation, site);
        scheduler_catch_up(&site->scheduler);
        for (int steps = 0; steps < 20; steps++)
            step(simulation, i, true);
        struct allocator_step last = allocator_step(site->scheduler.allocator, simulation->now_ms);
        idle = idle && last.action == ALLOCATOR_WAIT && last.wake_at_ms == INT64_MAX;
    }
    return idle;
}

/* Until nothing happens any more. */
static void come_to_rest(struct simulation *simulation)
{
    for (int round = 0; round < MOST_ROUNDS && !is_faulty(simulation); round++) {
        int64_t revision = model_store_revision(simulation->store);
        simulation->now_ms += SCHEDULER_LONGEST_RETRY_MS;
        bool idle = run_calmly(simulation);
        bool marked = mark_all(simulation);
        if (idle && !marked && model_store_revision(simulation->store) == revision)
            return;
    }
    fault(simulation, "does not come to rest");
}

/* Whether the mirror holds exactly what the store does. */
static bool is_current(const struct simulation *simulation, const struct site *site)
{
    const struct model_table *table = model_store_table(simulation->store);
    if (keyspace_count(site->scheduler.mirror) != table->count)
        return false;
    for (size_t i = 0; i < table->count; i++) {
        const struct entry *entry = keyspace_find(site->scheduler.mirror, table->kvs[i].key);
        if (!entry || entry->mod_revision != table->kvs[i].mod_revision ||
            !span_equal(entry->value, table->kvs[i].value))
            return false;
    }
    return true;
}

static void check_rest(struct simulation *simulation)
{
    if (is_faulty(simulation))
        return; /* and so perhaps not at rest */
    (void)loop_checker_check_idle(&simulation->checker);
    const struct state *first = simulation->sites[0].scheduler.state;
    int leaders = 0;
    for (int i = 0; i < SITES; i++) {
        const struct site *site = &simulation->sites[i];
        leaders += state_is_leader(site->scheduler.state);
        if (!is_current(simulation, site))
            fault(simulation, "a mirror differs from the store");
        if (site->scheduler.state->network_hash != first->network_hash)
            fault(simulation, "states differ");
    }
    if (leaders != 1)
        fault(simulation, "there isn't one leader");
}

/* --- and with room for everything --- */

static void make_room(struct simulation *simulation)
{
    char key[64];
    char value[64];
    for (int i = 0; i < MEMBERS; i++)
        put_again(simulation, member_key(key, i), key_of(value, "%d", simulation->items));
}

/* Every item has exactly the assignments that it is to have. */
static void check_placement(struct simulation *simulation)
{
    if (is_faulty(simulation))
        return;
    const struct state *state = simulation->sites[0].scheduler.state;
    struct solution *solution = NULL;
    if (solver_solve(state, NULL, &solution) != 0)
        abort();
    struct change_summary changes = solution_changes(solution, state);
    if (solution->unattainable)
        fault(simulation, "there is room, but not for all");
    if (changes.added || changes.removed || changes.unchanged != state->item_slots)
        fault(simulation, "not everything is in its place");
    solution_unref(solution);
}

/* --- the whole --- */

static void start(struct simulation *simulation, uint64_t seed, struct simulation_counts *counts)
{
    int items = seed % MANY_EVERY == 0 ? MANY_ITEMS : FEW_ITEMS;
    *simulation = (struct simulation){.random = {seed},
                                      .store = model_store_create(),
                                      .items = items,
                                      .most_limit = items * 2 / 3,
                                      .last_author = -1,
                                      .counts = counts};
    loop_checker_init(&simulation->checker, simulation->store);
    for (int i = 0; i < SITES; i++) {
        scheduler_start(&simulation->sites[i].scheduler, simulation->store, site_names[i], NULL,
                        random_next(&simulation->random));
        announce(simulation, &simulation->sites[i]);
    }
    for (int i = 0; i < simulation->items; i++)
        if (chance(simulation, 75))
            put_item(simulation, i, pick(simulation, MOST_REPLICATION + 1));
    for (int i = 0; i < MEMBERS; i++)
        change_member(simulation);
}

static void finish(struct simulation *simulation)
{
    while (simulation->flight_count)
        remove_flight(simulation, 0);
    for (int i = 0; i < SITES; i++) {
        state_unref(simulation->sites[i].decided_on);
        scheduler_stop(&simulation->sites[i].scheduler);
    }
    loop_checker_release(&simulation->checker);
    model_store_destroy(simulation->store);
}

static void print_history(const struct simulation *simulation, FILE *trace)
{
    size_t count;
    int64_t revision = model_store_revision(simulation->store) - 40;
    const struct store_event *events =
        model_store_events_since(simulation->store, revision, &count);
    for (size_t i = 0; i < count; i++)
        (void)fprintf(trace, "%lld %s %s %s lease %lld\n", (long long)events[i].kv.mod_revision,
                      events[i].kind == STORE_EVENT_PUT ? "put" : "delete", events[i].kv.key.data,
                      events[i].kv.value.size ? events[i].kv.value.data : "",
                      (long long)events[i].kv.lease);
}

int loop_simulation_run(uint64_t seed, struct simulation_counts *counts, char ret_fault[256],
                        FILE *trace)
{
    struct simulation *simulation = calloc(1, sizeof *simulation);
    if (!simulation)
        abort();
    start(simulation, seed, counts);
    for (int i = 0; i < DISTURBANCES && !is_faulty(simulation); i++)
        disturb(simulation);
    end_disturbances(simulation);
    come_to_rest(simulation);
    check_rest(simulation);
    make_room(simulation);
    come_to_rest(simulation);
    check_rest(simulation);
    check_placement(simulation);
    memcpy(ret_fault, simulation->checker.fault, 256);
    bool faulty = is_faulty(simulation);
    if (faulty && trace)
        print_history(simulation, trace);
    finish(simulation);
    free(simulation);
    return faulty ? -1 : 0;
}
