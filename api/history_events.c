#include "api/history_csv.h"
#include "api/history_json.h"
#include "api/history_reading.h"
#include "api/resources.h"

/* GET /v1/history, and the same of one item and of one member. */

/* --- on a worker --- */

struct visit {
    struct history_reading *reading;
    struct buffer scratch; /* for CSV */
};

static bool take_event(void *context, const struct history_event *event)
{
    struct visit *visit = context;
    struct history_reading *reading = visit->reading;
    if (!history_reading_has_room(reading))
        return false;
    if (reading->format == CALL_CSV)
        history_csv_write_event(event, &visit->scratch, reading->writer.out);
    else
        history_write_event(&reading->writer, event);
    return history_reading_wrote(reading);
}

static void read_events(void *context, const atomic_bool *cancelled)
{
    struct api_call *call = context;
    struct history_reading *reading = call->reading;
    const struct api_history *history = reading->history;
    struct visit visit = {.reading = reading};
    struct history_page page = {0};
    buffer_init(&visit.scratch, API_MAX_REPLY);
    history_reading_begin(reading, "events");
    if (reading->format == CALL_CSV)
        history_csv_write_header(reading->writer.out);
    int error =
        history->events(history->context, &reading->query, cancelled, take_event, &visit, &page);
    history_reading_end(reading, error, &page);
    buffer_release(&visit.scratch);
}

/* --- handlers --- */

static enum api_step list(struct api_call *call, const struct key_parts *preset)
{
    struct history_reading *reading = history_reading_open(call);
    if (!reading || !history_query_filter(call, &reading->query.filter))
        return API_REPLY;
    struct history_filter *filter = &reading->query.filter;
    if (preset) {
        filter->item = preset->item;
        filter->zone = preset->zone;
        filter->suffix = preset->suffix;
    }
    return call_compute(call, read_events, "to read the history");
}

enum api_step history_list(struct api_call *call)
{
    return list(call, NULL);
}

/* Whether or not there still is such an item. */
enum api_step history_of_item(struct api_call *call)
{
    return list(call, &(struct key_parts){.item = call->parameters[0]});
}

enum api_step history_of_member(struct api_call *call)
{
    return list(call,
                &(struct key_parts){.zone = call->parameters[0], .suffix = call->parameters[1]});
}
