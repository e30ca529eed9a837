#include "tests/core/loop_simulation.h"

#include <stdlib.h>
#include <string.h>

#include "tests/core/flight.h"
#include "tests/core/population.h"
#include "tests/core/rounds_checker.h"
#include "tests/core/rules_checker.h"
#include "tests/core/scheduler.h"
#include "tests/support/loop_checker.h"

enum {
    SITES = 3,
    FEW_ITEMS = 6,
    MANY_ITEMS = 80, /* whose passes need several transactions: */
    MANY_EVERY = 8,  /* one simulation of so many */
    MOST_FLIGHTS = 8,
    DISTURBANCES = 600,
    MOST_ROUNDS = 300, /* to come to rest */
    KEPT_RECORDS = 5,
};

static const char *const site_names[SITES] = {"one", "two", "three"};

/* One allotd. */
struct site {
    struct scheduler scheduler;
    int64_t lease;            /* of its candidate's key; 0: never announced */
    bool stalled;             /* hears and does nothing */
    bool busy;                /* its allocator waits for the answer to a flight */
    struct state *decided_on; /* what the pass under way began with; a reference */
    int64_t round;            /* of that pass */
    struct rules_pass pass;   /* that one, or the one before */
};

struct simulation {
    struct random random;
    struct model_store *store;
    struct population population;
    struct loop_checker checker;
    struct rules_checker rules;
    bool has_rules; /* in this simulation operators put things off */
    struct site sites[SITES];
    struct flight flights[MOST_FLIGHTS];
    int flight_count;
    int64_t now_ms;
    int64_t calm_revision; /* nothing disturbs what was decided after it */
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

/* --- the processes --- */

/* Makes sure that the candidate's key stands, under a lease of this process's own. */
static void announce(struct simulation *simulation, struct site *site)
{
    struct scheduler *scheduler = &site->scheduler;
    const struct store_kv *key =
        model_table_find(model_store_table(simulation->store), span_of(scheduler->key));
    if (key && key->lease == scheduler->term.lease) {
        scheduler_set_term(scheduler, key->lease, INT64_MAX);
        return;
    }
    if (model_store_has_lease(simulation->store, site->lease))
        (void)model_store_revoke(simulation->store, site->lease);
    site->lease = scheduler_announce(scheduler);
}

/* Its lease is not kept alive: it stands, but nobody can be sure for how long. */
static void neglect(struct simulation *simulation, struct site *site)
{
    struct scheduler *scheduler = &site->scheduler;
    if (scheduler->term.until_ms == INT64_MAX)
        scheduler_set_term(scheduler, scheduler->term.lease,
                           simulation->now_ms + pick(simulation, 200));
}

/* Its allocator no longer waits for any answer. */
static void forget_flights(struct simulation *simulation, int number)
{
    for (int i = 0; i < simulation->flight_count; i++)
        if (simulation->flights[i].author == number)
            simulation->flights[i].awaited = false;
    simulation->sites[number].busy = false;
}

static void start_scheduler(struct simulation *simulation, int number)
{
    struct scheduler *scheduler = &simulation->sites[number].scheduler;
    uint64_t seed = random_next(&simulation->random);
    scheduler_start(scheduler, simulation->store, site_names[number], NULL, seed);
    scheduler_record_rounds(scheduler, KEPT_RECORDS, seed);
}

/* Another process in its place, which knows nothing. */
static void crash(struct simulation *simulation, int number)
{
    struct site *site = &simulation->sites[number];
    forget_flights(simulation, number);
    state_unref(site->decided_on);
    site->decided_on = NULL;
    scheduler_stop(&site->scheduler);
    start_scheduler(simulation, number);
    if (chance(simulation, 50) && model_store_has_lease(simulation->store, site->lease))
        (void)model_store_revoke(simulation->store, site->lease);
}

static void change_process(struct simulation *simulation)
{
    int number = pick(simulation, SITES);
    struct site *site = &simulation->sites[number];
    int what = pick(simulation, 100);
    if (what < 10)
        neglect(simulation, site);
    else if (what < 30)
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

/* --- the operators' rules --- */

static struct allocator_rules current_rules(const struct simulation *simulation)
{
    const struct store_kv *settings =
        model_table_find(model_store_table(simulation->store), SPAN(SCHEDULER_SETTINGS));
    return scheduler_rules(settings ? settings->value : (struct span){NULL, 0});
}

static int pick_limit(struct simulation *simulation, int least)
{
    return chance(simulation, 50) ? -1 : least + pick(simulation, 4);
}

/* With @least 1, such that everything can get on. */
static void change_rules(struct simulation *simulation, int least)
{
    char value[64];
    int pause = least > 0 || chance(simulation, 60) ? 0 : 1 + pick(simulation, 2);
    int size = snprintf(value, sizeof value, "%d %d %d %d %d", pause, pick_limit(simulation, least),
                        pick_limit(simulation, least), pick_limit(simulation, least),
                        pick_limit(simulation, 2 * least));
    model_store_put(simulation->store, SPAN(SCHEDULER_SETTINGS), (struct span){value, (size_t)size},
                    0);
}

static void check_rules(struct simulation *simulation, const struct flight *flight,
                        const struct allocator_rules *rules)
{
    const char *wrong =
        rules_checker_check(&simulation->rules, &simulation->sites[flight->author].pass, rules,
                            flight->decided_on, &flight->txn, simulation->now_ms);
    if (wrong)
        fault(simulation, wrong);
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
    struct allocator_rules rules = current_rules(simulation);
    int error = model_store_txn(simulation->store, &flight->txn, &result);
    if (error == ALLOT_EINVAL || error == ALLOT_ELIMIT)
        fault(simulation, "a transaction that no store would take");
    if (!error) {
        (void)loop_checker_check(&simulation->checker,
                                 simulation->sites[flight->author].scheduler.key,
                                 flight->decided_on);
        count_result(simulation, flight, &result);
        if (result.succeeded)
            check_rules(simulation, flight, &rules);
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
        if (simulation->now_ms >= scheduler->term.until_ms)
            fault(simulation, "decided after its term");
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
        bool lose_answer = chance(simulation, 20);
        if (simulation->flight_count)
            land(simulation, pick(simulation, simulation->flight_count), lose_answer);
    } else if (what < 78) {
        simulation->now_ms += pick(simulation, chance(simulation, 50) ? 500 : 70000);
    } else if (what < 79 && simulation->has_rules) {
        change_rules(simulation, 0);
    } else if (what < 80) {
        change_process(simulation);
    } else if (what < (simulation->population.items == MANY_ITEMS ? 84 : 81)) {
        population_change_much(&simulation->population);
    } else if (what < 86) {
        population_change_item(&simulation->population);
    } else if (what < 90) {
        population_change_member(&simulation->population);
    } else {
        population_change_assignment(&simulation->population);
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
    population_repair(&simulation->population);
    if (simulation->has_rules)
        change_rules(simulation, 1);
    simulation->calm_revision = model_store_revision(simulation->store);
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
        simulation->now_ms += simulation->has_rules ? 61000 : SCHEDULER_LONGEST_RETRY_MS;
        bool idle = run_calmly(simulation);
        bool marked = population_mark_all(&simulation->population);
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
        if (site->scheduler.state->fingerprint != first->fingerprint)
            fault(simulation, "states differ");
    }
    if (leaders != 1)
        fault(simulation, "there isn't one leader");
}

static void check_rounds(struct simulation *simulation)
{
    char text[256] = "";
    if (is_faulty(simulation))
        return;
    simulation->counts->records +=
        rounds_checker_check(simulation->store, simulation->calm_revision, text);
    if (text[0])
        fault(simulation, text);
}

/* --- and with room for everything --- */

/* Every item has exactly the assignments that it is to have. */
static void check_placement(struct simulation *simulation)
{
    if (is_faulty(simulation))
        return;
    const struct state *state = simulation->sites[0].scheduler.state;
    struct solution *solution = NULL;
    if (solver_solve(SOLVER_OPTIMAL, state, NULL, &solution) != 0)
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
    *simulation = (struct simulation){
        .random = {seed}, .store = model_store_create(), .last_author = -1, .counts = counts};
    simulation->population = (struct population){
        .random = &simulation->random, .store = simulation->store, .items = items};
    loop_checker_init(&simulation->checker, simulation->store, SPAN(SCHEDULER_ROOT),
                      scheduler_decoder());
    for (int i = 0; i < SITES; i++) {
        start_scheduler(simulation, i);
        announce(simulation, &simulation->sites[i]);
    }
    simulation->has_rules = chance(simulation, 50);
    population_begin(&simulation->population);
}

static void finish(struct simulation *simulation)
{
    while (simulation->flight_count)
        remove_flight(simulation, 0);
    for (int i = 0; i < SITES; i++) {
        state_unref(simulation->sites[i].decided_on);
        rules_pass_release(&simulation->sites[i].pass);
        scheduler_stop(&simulation->sites[i].scheduler);
    }
    loop_checker_release(&simulation->checker);
    simulation->counts->moves += simulation->has_rules ? simulation->rules.moves : 0;
    rules_checker_release(&simulation->rules);
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
    population_make_room(&simulation->population);
    come_to_rest(simulation);
    check_rest(simulation);
    check_placement(simulation);
    check_rounds(simulation);
    memcpy(ret_fault, simulation->checker.fault, 256);
    bool faulty = is_faulty(simulation);
    if (faulty && trace)
        print_history(simulation, trace);
    finish(simulation);
    free(simulation);
    return faulty ? -1 : 0;
}
