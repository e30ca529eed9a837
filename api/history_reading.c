#include "api/history_reading.h"

#include "api/page_token.h"
#include "api/reply.h"

enum { PAGE = 4 << 20 /* bytes, and the rest of an event, of a page */ };

static const char *const content_types[] = {
    [CALL_JSON] = "application/json",
    [CALL_LINES] = "application/x-ndjson",
    [CALL_CSV] = "text/csv; charset=utf-8; header=present",
};

struct history_reading *history_reading_open(struct api_call *call)
{
    const struct api_history *history = history_query_port(call);
    if (!history)
        return NULL;
    struct history_reading *reading = arena_allocate(&call->arena, sizeof *reading);
    if (!reading) {
        (void)problem_of_error(call, ALLOT_ENOMEM, "to read the history");
        return NULL;
    }
    *reading = (struct history_reading){
        .call = call,
        .history = history,
        .format = call_format(call),
    };
    call->reading = reading;
    return history_query_page(call, &reading->query) ? reading : NULL;
}

void history_reading_begin(struct history_reading *reading, const char *list)
{
    struct api_call *call = reading->call;
    reply_start(call, 200);
    call->reply.content_type = content_types[reading->format];
    reading->writer = json_writer_of(&call->reply.body);
    if (reading->format != CALL_JSON)
        return;
    json_begin(&reading->writer, '{');
    json_name(&reading->writer, list);
    json_begin(&reading->writer, '[');
}

bool history_reading_has_room(const struct history_reading *reading)
{
    return reading->writer.out->size < PAGE;
}

bool history_reading_wrote(struct history_reading *reading)
{
    if (reading->format == CALL_LINES) {
        buffer_append(reading->writer.out, SPAN("\n"));
        reading->writer.comma = false;
    }
    return !reading->writer.out->error;
}

static void tell_position(struct history_reading *reading, const struct history_page *page)
{
    struct api_call *call = reading->call;
    struct json_writer *writer = &reading->writer;
    char text[PAGE_TOKEN_SIZE];
    const struct page_token token = {page->last.revision, page->last.order, page_token_check(call)};
    page_token_write(&token, text);
    reply_header_integer(call, "Allot-Revision", page->reached);
    if (page->more)
        reply_header_format(call, "Allot-Continue", "%s", text);
    if (reading->format != CALL_JSON)
        return;
    json_end(writer, ']');
    json_integer_field(writer, "revision", page->reached);
    if (page->more)
        json_text_field(writer, "continue", text);
    json_end(writer, '}');
}

void history_reading_end(struct history_reading *reading, int error,
                         const struct history_page *page)
{
    struct api_call *call = reading->call;
    if (error) {
        (void)history_query_problem(call, error);
        return;
    }
    tell_position(reading, page);
    if (reading->format == CALL_JSON || call->reply.body.error)
        (void)reply_finish(call);
}
