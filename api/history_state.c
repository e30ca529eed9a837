#include <inttypes.h>
#include <stdio.h>

#include "api/cluster_json.h"
#include "api/history_query.h"
#include "api/list.h"
#include "api/reply.h"
#include "api/resources.h"
#include "api/timestamp.h"

/* GET /v1/history/state: the whole cluster as it was, in the words of the resources of now. It is
 * written piece by piece, as lists are, from the snapshot that the call then holds. */

/* --- what it consists of --- */

static int32_t count_members(const struct state *state)
{
    return state->member_count;
}

static int32_t count_items(const struct state *state)
{
    return state->item_count;
}

static int32_t count_assignments(const struct state *state)
{
    return state->assignment_count;
}

enum { SECTIONS = 3 };

static const struct section {
    const char *name;
    int32_t (*count)(const struct state *state);
    void (*write)(const struct api_call *call, struct json_writer *writer, int32_t index);
} sections[SECTIONS] = {
    {"members", count_members, members_write_listed},
    {"items", count_items, items_write_listed},
    {"assignments", count_assignments, assignments_write_listed},
};
static const char *const section_kinds[SECTIONS] = {"member", "item", "assignment"};

struct history_walk {
    const struct api_history *history;
    struct history_moment at;
    int64_t min_revision;
    unsigned kinds; /* bits 1 << number of a section */
    int section;    /* SECTIONS: nothing is left */
    int32_t next;   /* number in the section of what is not written yet */
    bool comma;     /* due before that */
};

/* --- pieces --- */

/* Goes on to the first of the sections from @section on that is wanted. */
static void open_section(struct history_walk *walk, struct json_writer *writer, int section)
{
    while (section < SECTIONS && !(walk->kinds >> section & 1))
        section++;
    walk->section = section;
    walk->next = 0;
    if (section == SECTIONS)
        return;
    json_name(writer, sections[section].name);
    json_begin(writer, '[');
}

static bool write_piece(struct api_call *call, struct buffer *out)
{
    struct history_walk *walk = call->walk;
    struct json_writer writer = {.out = out, .comma = walk->comma};
    size_t begin = out->size;
    while (walk->section < SECTIONS && out->size - begin < LIST_PIECE && !out->error) {
        const struct section *section = &sections[walk->section];
        if (walk->next < section->count(call->snapshot->state)) {
            section->write(call, &writer, walk->next++);
        } else {
            json_end(&writer, ']');
            open_section(walk, &writer, walk->section + 1);
        }
    }
    walk->comma = writer.comma;
    if (walk->section < SECTIONS)
        return !out->error;
    json_end(&writer, '}');
    buffer_append(out, SPAN("\n"));
    return false;
}

/* The moment that was found, and the cluster at a glance; then the rest. */
static void write_first(struct api_call *call)
{
    struct history_walk *walk = call->walk;
    struct buffer *body = &call->reply.body;
    char time[TIMESTAMP_SIZE];
    reply_start(call, 200);
    call->reply.content_type = "application/json";
    reply_header_integer(call, "Allot-Revision", walk->at.revision);
    struct json_writer writer = json_writer_of(body);
    json_begin(&writer, '{');
    json_integer_field(&writer, "revision", walk->at.revision);
    json_name(&writer, "time");
    timestamp_format(walk->at.time_ms, time);
    if (walk->at.time_ms > 0)
        json_string(&writer, span_of(time));
    else
        json_null(&writer);
    json_name(&writer, "cluster");
    json_begin(&writer, '{');
    cluster_write_glance(&writer, call->snapshot,
                         cluster_find_invalid(call->snapshot->state->keyspace).count);
    json_end(&writer, '}');
    open_section(walk, &writer, 0);
    walk->comma = writer.comma;
    bool more = write_piece(call, body);
    if (body->error)
        (void)problem_of_error(call, body->error, "to write the reply");
    else if (more)
        call->reply.more = write_piece;
}

/* --- moments that there is no state of --- */

/* "revision 17 of 2026-01-31T12:00:00.000Z" */
enum { MOMENT_SIZE = 80 };
static void tell_moment(const struct history_moment *moment, char text[MOMENT_SIZE])
{
    char time[TIMESTAMP_SIZE];
    timestamp_format(moment->time_ms, time);
    (void)snprintf(text, MOMENT_SIZE, "revision %" PRId64 "%s%s", moment->revision,
                   moment->time_ms > 0 ? " of " : "", moment->time_ms > 0 ? time : "");
}

static void refuse_future(struct api_call *call, const char *detail)
{
    struct problem_faults faults;
    problem_faults_init(&faults);
    problem_add_parameter_fault(&faults, SPAN("at"), detail);
    (void)problem_invalid(call, &faults);
    problem_faults_release(&faults);
}

/* That this server has seen; 0: none. */
static int64_t newest_revision(const struct api_call *call)
{
    struct snapshot *newest = call->runtime->snapshot(call->runtime->context);
    int64_t revision = newest ? newest->state->revision : 0;
    snapshot_unref(newest);
    return revision;
}

/* Whether this server has seen the moment: then the history will come to it. By time it is not
 * later than now: see read_at. */
static bool has_been(const struct api_call *call, const struct history_moment *moment)
{
    return moment->revision <= newest_revision(call);
}

static void refuse(struct api_call *call, int error, const struct history_moment *asked)
{
    char limit[MOMENT_SIZE];
    char detail[MOMENT_SIZE + 40];
    tell_moment(&call->walk->at, limit);
    (void)snprintf(detail, sizeof detail, "is in the future: the newest is %s", limit);
    if (error == ALLOT_ECOMPACTED)
        (void)problem(
            call, PROBLEM_GONE,
            "what was then is not known; the history knows what was at %s, and after that", limit);
    else if (error == ALLOT_EFUTURE && has_been(call, asked))
        (void)problem(call, PROBLEM_NOT_READY, "the history has only come to %s so far", limit);
    else if (error == ALLOT_EFUTURE)
        refuse_future(call, detail);
    else
        (void)history_query_problem(call, error);
}

/* --- the request --- */

static void read_state(void *context, const atomic_bool *cancelled)
{
    struct api_call *call = context;
    struct history_walk *walk = call->walk;
    const struct history_moment asked = walk->at;
    struct snapshot *snapshot = NULL;
    int64_t least = walk->min_revision;
    if (asked.revision > least && has_been(call, &asked))
        least = asked.revision;
    int error =
        walk->history->state(walk->history->context, &walk->at, least, cancelled, &snapshot);
    if (!error && walk->at.is_newest && newest_revision(call) > walk->at.revision) {
        /* what has happened since may have been before that time */
        snapshot_unref(snapshot);
        walk->at = asked;
        error = walk->history->state(walk->history->context, &walk->at, newest_revision(call),
                                     cancelled, &snapshot);
    }
    if (error) {
        refuse(call, error, &asked);
        return;
    }
    snapshot_unref(call->snapshot);
    call->snapshot = snapshot;
    write_first(call);
}

/* A time that is still to come has no state, although nothing may happen until then. */
static bool read_at(struct api_call *call, struct history_moment *ret)
{
    const struct api_runtime *runtime = call->runtime;
    if (!history_query_moment(call, "at", ret))
        return false;
    if (ret->revision == 0 && ret->time_ms < 0)
        (void)problem(call, PROBLEM_MALFORMED,
                      "the query parameter 'at' is required: a revision, or a time");
    else if (ret->revision == 0 && ret->time_ms > runtime->wall_clock_ms(runtime->context))
        refuse_future(call, "is in the future, by the clock of this server");
    else
        return true;
    return false;
}

enum api_step history_state(struct api_call *call)
{
    const struct api_history *history = history_query_port(call);
    if (!history)
        return API_REPLY;
    struct history_walk *walk = arena_allocate(&call->arena, sizeof *walk);
    if (!walk)
        return problem_of_error(call, ALLOT_ENOMEM, "to read the history");
    *walk = (struct history_walk){.history = history, .kinds = ~0U};
    call->walk = walk;
    if (!read_at(call, &walk->at) ||
        !call_query_integer(call, "min_revision", 0, INT64_MAX, &walk->min_revision) ||
        !call_query_choices(call, "kind", section_kinds, SECTIONS, &walk->kinds))
        return API_REPLY;
    return call_compute(call, read_state, "to read the history");
}
