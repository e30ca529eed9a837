#include "api/problem_kind.h"

struct problem_text {
    int status;
    const char *code;
    const char *title;
};

static const struct problem_text problem_texts[] = {
#define PROBLEM_TEXT(name, status, code, title) {status, code, title},
    PROBLEMS(PROBLEM_TEXT)
#undef PROBLEM_TEXT
};

const char problem_out_of_memory[] =
    "{\"type\":\"urn:allot:problem:out-of-memory\",\"title\":\"Out of memory\",\"status\":503,"
    "\"code\":\"out-of-memory\",\"detail\":\"the server is out of memory for now\"}\n";

int problem_status(enum problem_kind kind)
{
    return problem_texts[kind].status;
}

struct json_writer problem_begin(struct buffer *out, enum problem_kind kind, const char *detail,
                                 struct span instance)
{
    const struct problem_text *text = &problem_texts[kind];
    struct json_writer writer = json_writer_of(out);
    json_begin(&writer, '{');
    json_name(&writer, "type");
    buffer_append_format(out, "\"urn:allot:problem:%s\"", text->code);
    writer.comma = true;
    json_text_field(&writer, "title", text->title);
    json_integer_field(&writer, "status", text->status);
    json_text_field(&writer, "code", text->code);
    json_text_field(&writer, "detail", detail);
    json_string_field(&writer, "instance", instance);
    return writer;
}
