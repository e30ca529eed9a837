#include "api/trace.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

/* Where the parts begin, and how long they are. */
enum {
    TRACE = 3,
    TRACE_SIZE = 32,
    SPAN_ID = 36,
    SPAN_ID_SIZE = 16,
    FLAGS = 53,
    FLAGS_SIZE = 2,
    END = 55,
};

static bool is_hex(struct span digits)
{
    for (size_t i = 0; i < digits.size; i++) {
        char c = digits.data[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return false;
    }
    return true;
}

static bool is_zero(struct span digits)
{
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] != '0')
            return false;
    }
    return true;
}

static bool is_id(struct span digits)
{
    return is_hex(digits) && !is_zero(digits);
}

static struct span part(struct span traceparent, size_t begin, size_t size)
{
    return (struct span){traceparent.data + begin, size};
}

struct span trace_id(struct span traceparent)
{
    const struct span none = {NULL, 0};
    if (traceparent.size != END || !span_has_prefix(traceparent, SPAN("00-")))
        return none;
    struct span trace = part(traceparent, TRACE, TRACE_SIZE);
    bool good = is_id(trace) && traceparent.data[SPAN_ID - 1] == '-' &&
                is_id(part(traceparent, SPAN_ID, SPAN_ID_SIZE)) &&
                traceparent.data[FLAGS - 1] == '-' && is_hex(part(traceparent, FLAGS, FLAGS_SIZE));
    return good ? trace : none;
}

void trace_continue(struct span received, const struct trace_random *random,
                    char ret[TRACE_PARENT_SIZE])
{
    if (trace_id(received).data)
        (void)snprintf(ret, TRACE_PARENT_SIZE, "%.*s%016" PRIx64 "%.*s", SPAN_ID, received.data,
                       random->span, END - FLAGS + 1, received.data + FLAGS - 1);
    else
        (void)snprintf(ret, TRACE_PARENT_SIZE, "00-%016" PRIx64 "%016" PRIx64 "-%016" PRIx64 "-00",
                       random->trace[0], random->trace[1], random->span);
}
