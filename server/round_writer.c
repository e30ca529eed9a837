#include "server/round_writer.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/explain_text.h"
#include "api/json_writer.h"
#include "api/timestamp.h"
#include "core/levels.h"
#include "server/clock.h"

enum { MAX_ACTOR = 2048 }; /* the instance is longest: escaped, six times as long */

int round_writer_init(struct round_writer *writer, const char *principal, struct span instance)
{
    *writer = (struct round_writer){.principal = principal, .instance = instance};
    buffer_init(&writer->actor, MAX_ACTOR);
    buffer_init(&writer->record, ROUND_WRITER_MAX_RECORD);
    buffer_reserve(&writer->actor, MAX_ACTOR);
    buffer_reserve(&writer->record, ROUND_WRITER_MAX_RECORD);
    int error = writer->actor.error ? writer->actor.error : writer->record.error;
    if (error)
        round_writer_release(writer);
    return error;
}

void round_writer_release(struct round_writer *writer)
{
    buffer_release(&writer->actor);
    buffer_release(&writer->record);
}

/* --- what took how long --- */

void round_writer_note_state(struct round_writer *writer, int64_t us)
{
    writer->newest_us = us;
}

void round_writer_note_solution(struct round_writer *writer, int64_t us)
{
    writer->solve_us = us;
}

void round_writer_begin_step(struct round_writer *writer)
{
    writer->step_begin_us = clock_monotonic_us();
}

void round_writer_end_step(struct round_writer *writer)
{
    writer->converge_us += clock_monotonic_us() - writer->step_begin_us;
    writer->step_begin_us = 0;
}

void round_writer_note_wait(struct round_writer *writer, int64_t us)
{
    writer->wait_us += us;
}

static void begin_pass(struct round_writer *writer, const struct round_id *id)
{
    writer->id = *id;
    writer->began_ms = clock_wall_ms();
    writer->observe_us = writer->newest_us;
    writer->converge_us = 0;
    writer->wait_us = 0;
}

/* --- the actor --- */

static void write_time(struct json_writer *json, const char *name, int64_t ms)
{
    char text[TIMESTAMP_SIZE];
    timestamp_format(ms, text);
    json_text_field(json, name, text);
}

struct span round_writer_actor(void *context, const struct round_id *id)
{
    struct round_writer *writer = context;
    struct json_writer json = json_writer_of(&writer->actor);
    if (id->fence != writer->id.fence || id->round != writer->id.round)
        begin_pass(writer, id);
    buffer_clear(&writer->actor);
    json_begin(&json, '{');
    json_text_field(&json, "principal", writer->principal);
    json_string_field(&json, "instance", writer->instance);
    json_integer_field(&json, "fence", id->fence);
    json_integer_field(&json, "round", id->round);
    json_integer_field(&json, "decided_on", id->decided_on);
    write_time(&json, "time", clock_wall_ms());
    json_end(&json, '}');
    return buffer_span(&writer->actor);
}

/* --- the record --- */

static void write_counts(struct json_writer *json, const struct pass_summary *pass)
{
    json_integer_field(json, "additions", pass->additions);
    json_integer_field(json, "removals", pass->removals + pass->dead_removals);
    json_integer_field(json, "promotions", pass->promotions);
    json_integer_field(json, "packings", pass->packings);
    json_integer_field(json, "moves", pass->moves);
    json_integer_field(json, "throttled", pass->throttled);
    json_integer_field(json, "skipped", pass->skipped);
    json_integer_field(json, "transactions", pass->transactions);
    json_integer_field(json, "failed_transactions", pass->failed_transactions);
}

static void write_revisions(struct json_writer *json, const struct round *round)
{
    if (round->applied > 0) {
        json_integer_field(json, "first_revision", round->revisions[0]);
        json_integer_field(json, "last_revision", round->last_revision);
    }
    json_name(json, "revisions");
    json_begin(json, '[');
    for (int64_t i = 0; i < round->applied && i < ROUND_MAX_REVISIONS; i++)
        json_integer(json, round->revisions[i]);
    json_end(json, ']');
    json_boolean_field(json, "revisions_cut", round->applied > ROUND_MAX_REVISIONS);
    json_boolean_field(json, "unknown_outcome", round->unknown_outcome);
}

/* The first item that lacks replicas; there is one. */
static int32_t first_lacking(const struct round *round)
{
    int32_t item = 0;
    while (solution_desired(round->solution, item).count >= round->state->replication[item])
        item++;
    return item;
}

static void write_cut(struct json_writer *json, const struct round *round)
{
    struct explanation explanation = {0};
    const struct explain_cut *cut = &explanation.cut;
    char text[EXPLAIN_TEXT_SIZE];
    if (explanation_make(round->state, round->solution, &ALLOCATOR_RULES_NONE, first_lacking(round),
                         &explanation) == 0) {
        explain_text_of_cut(cut, text);
        json_name(json, "cut");
        json_begin(json, '{');
        json_integer_field(json, "items", cut->item_count);
        json_integer_field(json, "wanted", cut->wanted);
        json_integer_field(json, "slots", cut->slots);
        json_integer_field(json, "full_members", cut->full_count);
        json_integer_field(json, "sharing", cut->sharing);
        json_text_field(json, "text", text);
        json_end(json, '}');
    }
    explanation_release(&explanation);
}

/* What the solution is worth. For want of memory it isn't told. */
static void write_levels(struct json_writer *json, const struct round *round)
{
    struct levels levels;
    if (levels_measure(round->state, round->solution, &levels) != 0)
        return;
    json_integer_field(json, "zone_excess", levels.zone_excess);
    json_integer_field(json, "overflow", levels.overflow);
    json_integer_field(json, "kept", levels.kept);
}

static void write_solution(struct json_writer *json, const struct round *round)
{
    json_integer_field(json, "assigned", round->solution->assigned);
    json_integer_field(json, "unattainable", round->solution->unattainable);
    if (round->solved)
        write_levels(json, round);
    if (round->solved && round->solution->unattainable > 0)
        write_cut(json, round);
}

static void write_ms(struct json_writer *json, const char *name, int64_t us)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%" PRId64 ".%03d", us / 1000, (int)(us % 1000));
    json_raw_field(json, name, (struct span){text, (size_t)size});
}

struct span round_writer_record(void *context, const struct round *round)
{
    struct round_writer *writer = context;
    struct json_writer json = json_writer_of(&writer->record);
    int64_t step_us = writer->step_begin_us ? clock_monotonic_us() - writer->step_begin_us : 0;
    buffer_clear(&writer->record);
    json_begin(&json, '{');
    json_integer_field(&json, "fence", round->id.fence);
    json_integer_field(&json, "round", round->id.round);
    json_string_field(&json, "instance", writer->instance);
    write_time(&json, "began", writer->began_ms);
    write_time(&json, "time", clock_wall_ms());
    json_text_field(&json, "why", round_why_names[round->why]);
    json_integer_field(&json, "after_revision", round->after_revision);
    json_integer_field(&json, "decided_on", round->id.decided_on);
    json_boolean_field(&json, "solved", round->solved);
    write_counts(&json, &round->pass);
    write_revisions(&json, round);
    write_solution(&json, round);
    write_ms(&json, "observe_ms", writer->observe_us);
    write_ms(&json, "solve_ms", round->solved ? writer->solve_us : 0);
    write_ms(&json, "converge_ms", writer->converge_us + step_us);
    write_ms(&json, "wait_ms", writer->wait_us);
    json_end(&json, '}');
    if (writer->record.error)
        return (struct span){0};
    return buffer_span(&writer->record);
}
