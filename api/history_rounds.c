#include "api/history_json.h"
#include "api/history_reading.h"
#include "api/json_reader.h"
#include "api/resources.h"
#include "api/timestamp.h"

/* GET /v1/history/rounds: what the allocator decided, when and why. */

/* --- representation --- */

static void write_cause(struct json_writer *writer, const struct history_round *round)
{
    json_name(writer, "cause");
    if (round->cause_revision == 0) {
        json_null(writer);
        return;
    }
    json_begin(writer, '{');
    json_integer_field(writer, "revision", round->cause_revision);
    json_integer_field(writer, "count", round->cause_count);
    json_end(writer, '}');
}

/* The record's fields as they are, but for those that are ours to tell. */
static void write_record(struct json_writer *writer, struct span record)
{
    static const char *const ours[] = {"revision", "recorded", "cause"};
    struct json_object *tree = NULL;
    int error = history_read_object(record, &tree);
    for (size_t i = 0; !error && i < sizeof ours / sizeof ours[0]; i++)
        json_object_object_del(tree, ours[i]);
    struct span text = error ? SPAN("{\"invalid\":true}") : json_text(tree);
    if (error == ALLOT_ENOMEM || !text.data)
        writer->out->error = ALLOT_ENOMEM;
    else if (text.size > 2) /* what is between its braces */
        json_raw(writer, (struct span){text.data + 1, text.size - 2});
    json_object_put(tree);
}

static bool take_round(void *context, const struct history_round *round)
{
    struct history_reading *reading = context;
    struct json_writer *writer = &reading->writer;
    char recorded[TIMESTAMP_SIZE];
    if (!history_reading_has_room(reading))
        return false;
    timestamp_format(round->time_ms, recorded);
    json_begin(writer, '{');
    json_integer_field(writer, "revision", round->revision);
    json_text_field(writer, "recorded", recorded);
    write_cause(writer, round);
    write_record(writer, round->record);
    json_end(writer, '}');
    return history_reading_wrote(reading);
}

/* --- on a worker --- */

static void read_rounds(void *context, const atomic_bool *cancelled)
{
    struct api_call *call = context;
    struct history_reading *reading = call->reading;
    const struct api_history *history = reading->history;
    const struct history_query *query = &reading->query;
    const struct history_round_query rounds = {
        .from_revision = query->filter.from_revision,
        .to_revision = query->filter.to_revision,
        .from_ms = query->filter.from_ms,
        .to_ms = query->filter.to_ms,
        .newest_first = query->newest_first,
        .continues = query->continues,
        .position = query->position,
        .limit = query->limit,
        .min_revision = query->min_revision,
    };
    struct history_page page = {0};
    history_reading_begin(reading, "rounds");
    int error = history->rounds(history->context, &rounds, cancelled, take_round, reading, &page);
    history_reading_end(reading, error, &page);
}

enum api_step history_rounds(struct api_call *call)
{
    if (!history_reading_open(call))
        return API_REPLY;
    return call_compute(call, read_rounds, "to read the history");
}
