#include "api/trace.h"

#include <stdbool.h>

#include "api/secret.h"

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
    struct span trace = trace_id(received);
    memcpy(ret, "00-", TRACE);
    if (trace.data)
        memcpy(ret + TRACE, trace.data, TRACE_SIZE);
    else
        secret_write_hex(random->trace, sizeof random->trace, ret + TRACE);
    ret[SPAN_ID - 1] = '-';
    secret_write_hex(random->span, sizeof random->span, ret + SPAN_ID);
    ret[FLAGS - 1] = '-';
    memcpy(ret + FLAGS, trace.data ? received.data + FLAGS : "00", FLAGS_SIZE);
    ret[END] = '\0';
}
