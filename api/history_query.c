#include "api/history_query.h"

#include "api/list.h"
#include "api/page_token.h"
#include "api/timestamp.h"

const struct api_history *history_query_port(struct api_call *call)
{
    const struct api_history *history = call->runtime->history;
    if (!history)
        (void)problem(call, PROBLEM_NO_HISTORY,
                      "this server keeps no history: it runs with --history none");
    return history;
}

/* --- moments --- */

static bool is_number(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return text.size > 0;
}

bool history_query_moment(struct api_call *call, const char *name, struct history_moment *ret)
{
    struct span text = query_value(&call->query, name);
    *ret = (struct history_moment){.revision = 0, .time_ms = is_number(text) ? 0 : -1};
    if (is_number(text))
        return call_query_integer(call, name, 1, INT64_MAX, &ret->revision);
    if (!text.data || timestamp_parse(text, &ret->time_ms) == 0)
        return true;
    (void)problem(call, PROBLEM_MALFORMED,
                  "the query parameter '%s' must be a revision, or a time: 2030-01-31T12:00:00Z",
                  name);
    return false;
}

static bool read_range(struct api_call *call, struct history_filter *ret)
{
    struct history_moment from;
    struct history_moment to;
    if (!history_query_moment(call, "from", &from) || !history_query_moment(call, "to", &to))
        return false;
    ret->from_revision = from.revision;
    ret->to_revision = to.revision ? to.revision : INT64_MAX;
    ret->from_ms = from.time_ms < 0 ? 0 : from.time_ms;
    ret->to_ms = to.revision || to.time_ms < 0 ? INT64_MAX : to.time_ms;
    return true;
}

/* --- pages --- */

static bool read_order(struct api_call *call, bool *ret_newest_first)
{
    struct span order = query_value(&call->query, "order");
    *ret_newest_first = !order.data || span_equal(order, SPAN("newest"));
    if (*ret_newest_first || span_equal(order, SPAN("oldest")))
        return true;
    (void)problem(call, PROBLEM_MALFORMED,
                  "the query parameter 'order' must be newest or oldest: what comes first");
    return false;
}

bool history_query_page(struct api_call *call, struct history_query *ret)
{
    int64_t limit = LIST_DEFAULT_LIMIT;
    struct page_token token = {0};
    *ret = (struct history_query){.filter = {.kinds = ~0U}};
    if (!read_range(call, &ret->filter) || !read_order(call, &ret->newest_first) ||
        !call_query_integer(call, "limit", 1, LIST_MAX_LIMIT, &limit) ||
        !call_query_integer(call, "min_revision", 0, INT64_MAX, &ret->min_revision) ||
        !page_token_take(call, &ret->continues, &token))
        return false;
    ret->limit = (int)limit;
    ret->position = (struct history_position){token.revision, token.number};
    return true;
}

/* --- filters --- */

/* Nothing is called "". */
static bool read_name(struct api_call *call, const char *name, struct span *ret)
{
    *ret = query_value(&call->query, name);
    if (!ret->data || ret->size > 0)
        return true;
    (void)problem(call, PROBLEM_MALFORMED, "the query parameter '%s' must not be empty", name);
    return false;
}

bool history_query_filter(struct api_call *call, struct history_filter *ret)
{
    ret->kinds = ((1U << HISTORY_KIND_COUNT) - 1) & ~(1U << HISTORY_OTHER);
    if (!call_query_choices(call, "kind", history_kind_names, HISTORY_KIND_COUNT, &ret->kinds) ||
        !read_name(call, "actor", &ret->principal) || !read_name(call, "item", &ret->item) ||
        !read_name(call, "zone", &ret->zone) || !read_name(call, "suffix", &ret->suffix))
        return false;
    if (!ret->suffix.data || ret->zone.data)
        return true;
    (void)problem(call, PROBLEM_MALFORMED, "the query parameter 'suffix' needs 'zone'");
    return false;
}

/* --- problems --- */

/* A history that can't be written can't be read either, or has not come as far as it is to. */
static enum api_step refuse_for_now(struct api_call *call)
{
    const struct api_history *history = call->runtime->history;
    struct history_status status;
    history->status(history->context, &status);
    if (status.condition == HISTORY_FAILS)
        return problem(call, PROBLEM_NOT_READY,
                       "the history has come to revision %" PRId64 ", and fails: %s",
                       status.reached, status.detail);
    return problem(call, PROBLEM_NOT_READY,
                   "the history has not come to the revision that is asked for so far, or it can't "
                   "be read now");
}

enum api_step history_query_problem(struct api_call *call, int error)
{
    switch (error) {
    case ALLOT_ECANCELED:
        return problem(call, PROBLEM_BUSY,
                       "it took too long to read the history, or the server stops");
    case ALLOT_EUNAVAILABLE:
        return refuse_for_now(call);
    case ALLOT_EIO:
        return problem(call, PROBLEM_INTERNAL, "the file of the history is damaged");
    default:
        return problem_of_error(call, error, "to read the history");
    }
}
