#include "tests/core/scheduler.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "scheduler: %s\n", what);
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
    bool blank = at > 0 && at < value.size && value.data[at] == ' ';
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
    struct item_value item = {0};
    struct span rest;
    if (parse(value, &item.replication, &rest) != 0 || rest.size != 0)
        return ALLOT_EVALUE;
    *ret = item;
    return 0;
}

static int decode_member(void *context, const struct key_parts *key, struct span value,
                         struct member_value *ret, struct error_message *why)
{
    (void)context, (void)key, (void)why;
    struct member_value member = {0};
    struct span rest;
    if (parse(value, &member.item_limit, &rest) != 0)
        return ALLOT_EVALUE;
    member.exiting = span_equal(rest, SPAN("exiting"));
    if (rest.size != 0 && !member.exiting)
        return ALLOT_EVALUE;
    *ret = member;
    return 0;
}

bool scheduler_is_consistent(struct span value)
{
    return span_equal(value, SPAN(SCHEDULER_CONSISTENT));
}

static int decode_assignment(void *context, const struct key_parts *key, struct span value,
                             struct assignment_value *ret, struct error_message *why)
{
    (void)context, (void)key, (void)why;
    if (value.size != 0 && !scheduler_is_consistent(value))
        return ALLOT_EVALUE;
    ret->user = scheduler_is_consistent(value);
    return 0;
}

static bool is_consistent(void *context, const struct item_value *item,
                          const struct assignment_value *assignments, size_t count, size_t index)
{
    (void)context, (void)item, (void)count;
    return assignments[index].user != 0;
}

struct allocator_rules scheduler_rules(struct span value)
{
    struct allocator_rules rules = ALLOCATOR_RULES_NONE;
    long long number[5];
    char text[128];
    if (value.size == 0)
        return rules;
    check(value.size < sizeof text, "settings too long");
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    check(sscanf(text, "%lld %lld %lld %lld %lld", &number[0], &number[1], &number[2], &number[3],
                 &number[4]) == 5,
          "settings");
    rules.pause = (enum allocator_pause)number[0];
    rules.limits = (struct move_limits){number[1], number[2], number[3], number[4]};
    return rules;
}

struct decoder scheduler_decoder(void)
{
    return (struct decoder){.item = decode_item,
                            .member = decode_member,
                            .assignment = decode_assignment,
                            .is_consistent = is_consistent};
}

/* --- lifecycle --- */

static int print_actor(const struct scheduler *scheduler, const struct round_id *id, char *text,
                       size_t size)
{
    int written = snprintf(text, size, "%s round %" PRId64 " fence %" PRId64, scheduler->key,
                           id->round, id->fence);
    check(written > 0 && (size_t)written < size, "actor too long");
    return written;
}

static struct span actor_value(void *context, const struct round_id *id)
{
    struct scheduler *scheduler = context;
    int size = print_actor(scheduler, id, scheduler->actor_value, sizeof scheduler->actor_value);
    return (struct span){scheduler->actor_value, (size_t)size};
}

static struct span round_value(void *context, const struct round *round)
{
    struct scheduler *scheduler = context;
    char *text = scheduler->round_value;
    size_t size = sizeof scheduler->round_value;
    scheduler->round = *round;
    if (scheduler->forgets_rounds)
        return (struct span){0};
    int at = print_actor(scheduler, &round->id, text, size);
    at += snprintf(text + at, size - (size_t)at, " applied %" PRId64 "%s:", round->applied,
                   round->unknown_outcome ? " or more" : "");
    for (int64_t i = 0; i < round->applied && i < ROUND_MAX_REVISIONS; i++)
        at += snprintf(text + at, size - (size_t)at, " %" PRId64, round->revisions[i]);
    check((size_t)at < size, "record too long");
    return (struct span){text, (size_t)at};
}

static void create_allocator(struct scheduler *scheduler, uint64_t seed)
{
    struct allocator_config config = {
        .own_key = span_of(scheduler->key),
        .settings_key = SPAN(SCHEDULER_SETTINGS),
        .actor_key = SPAN(SCHEDULER_ACTOR),
        .actor_value = actor_value,
        .rounds_kept = scheduler->rounds_kept,
        .round_value = round_value,
        .context = scheduler,
        .first_retry_ms = SCHEDULER_FIRST_RETRY_MS,
        .longest_retry_ms = SCHEDULER_LONGEST_RETRY_MS,
        .seed = seed,
    };
    if (scheduler->rounds_kept)
        config.rounds_prefix = SPAN(SCHEDULER_ROUNDS);
    check(allocator_create(&config, &scheduler->allocator) == 0, "allocator_create");
    allocator_set_term(scheduler->allocator, scheduler->term);
}

static void create_mirror(struct scheduler *scheduler)
{
    struct keyspace_config config = {
        .root = SPAN(SCHEDULER_ROOT), .decoder = scheduler_decoder(), .keep_invalid = true};
    check(keyspace_create(&config, &scheduler->mirror) == 0, "keyspace_create");
}

void scheduler_start(struct scheduler *scheduler, struct model_store *store, const char *name,
                     const char *local_member, uint64_t seed)
{
    *scheduler = (struct scheduler){.store = store, .term = {.until_ms = INT64_MIN}};
    int size = snprintf(scheduler->key, sizeof scheduler->key, "%s%s", SCHEDULER_CANDIDATES, name);
    check(size > 0 && (size_t)size < sizeof scheduler->key, "name too long");
    if (local_member)
        scheduler->local_member = span_of(local_member);
    create_mirror(scheduler);
    create_allocator(scheduler, seed);
}

void scheduler_stop(struct scheduler *scheduler)
{
    allocator_destroy(scheduler->allocator);
    state_unref(scheduler->state);
    keyspace_unref(scheduler->mirror);
    *scheduler = (struct scheduler){0};
}

void scheduler_record_rounds(struct scheduler *scheduler, int64_t kept, uint64_t seed)
{
    scheduler->rounds_kept = kept;
    scheduler_restart(scheduler, seed);
}

void scheduler_move(struct scheduler *scheduler, struct model_store *store)
{
    keyspace_unref(scheduler->mirror);
    scheduler->store = store;
    create_mirror(scheduler);
}

int64_t scheduler_announce(struct scheduler *scheduler)
{
    int64_t lease = model_store_grant(scheduler->store);
    model_store_put(scheduler->store, span_of(scheduler->key), SPAN("{}"), lease);
    scheduler_set_term(scheduler, lease, INT64_MAX);
    return lease;
}

void scheduler_set_term(struct scheduler *scheduler, int64_t lease, int64_t until_ms)
{
    scheduler->term = (struct allocator_term){.lease = lease, .until_ms = until_ms};
    allocator_set_term(scheduler->allocator, scheduler->term);
}

void scheduler_restart(struct scheduler *scheduler, uint64_t seed)
{
    allocator_destroy(scheduler->allocator);
    create_allocator(scheduler, seed);
}

/* --- the mirror --- */

static void make_state(struct scheduler *scheduler)
{
    struct state_config config = {
        .candidates = SPAN(SCHEDULER_CANDIDATES),
        .own_key = span_of(scheduler->key),
        .local_member = scheduler->local_member,
        .gone_members_are_inconsistent = true,
    };
    struct state *state = NULL;
    check(state_observe(&config, scheduler->mirror, &state) == 0, "state_observe");
    state_unref(scheduler->state);
    scheduler->state = state;
}

/* How many of the events are one message: those of a revision, or @together all. */
static size_t message_size(const struct store_event *events, size_t count, bool together)
{
    size_t size = 1;
    while (size < count && (together || events[size].kv.mod_revision == events[0].kv.mod_revision))
        size++;
    return size;
}

void scheduler_deliver(struct scheduler *scheduler, int64_t revision, bool together)
{
    size_t count;
    const struct store_event *events = model_store_events_since(
        scheduler->store, keyspace_revision(scheduler->mirror) + 1, &count);
    while (count > 0 && events[count - 1].kv.mod_revision > revision)
        count--;
    if (count == 0)
        return;
    struct store_watch_response *responses = calloc(count, sizeof *responses);
    check(responses, "out of memory");
    size_t response_count = 0;
    for (size_t i = 0; i < count; response_count++) {
        size_t size = message_size(events + i, count - i, together);
        responses[response_count] = (struct store_watch_response){
            .cluster_id = MODEL_STORE_CLUSTER_ID,
            .revision = events[i + size - 1].kv.mod_revision,
            .events = events + i,
            .event_count = size,
        };
        i += size;
    }
    struct keyspace *mirror = NULL;
    check(keyspace_apply(scheduler->mirror, responses, response_count, &mirror) == 0,
          "keyspace_apply");
    free(responses);
    keyspace_unref(scheduler->mirror);
    scheduler->mirror = mirror;
    make_state(scheduler);
    scheduler_observe(scheduler);
}

void scheduler_catch_up(struct scheduler *scheduler)
{
    scheduler_deliver(scheduler, model_store_revision(scheduler->store), false);
}

void scheduler_observe(struct scheduler *scheduler)
{
    const struct entry *settings = keyspace_find(scheduler->mirror, SPAN(SCHEDULER_SETTINGS));
    struct allocator_rules rules =
        scheduler_rules(settings ? settings->value : (struct span){NULL, 0});
    allocator_set_rules(scheduler->allocator, &rules);
    allocator_observe(scheduler->allocator, scheduler->state);
}

void scheduler_solve(struct scheduler *scheduler, struct state *state, int64_t now_ms)
{
    struct solution *solution = NULL;
    check(solver_solve(SOLVER_OPTIMAL, state, NULL, &solution) == 0, "solver_solve");
    allocator_solved(scheduler->allocator, now_ms, solution, 0);
    solution_unref(solution);
}
