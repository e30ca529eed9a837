/* Paths, queries, the tokens that pages go on with, times and headers: the input is all of them. */
#include "api/headers.h"
#include "api/page_token.h"
#include "api/path.h"
#include "api/query.h"
#include "api/timestamp.h"
#include "api/trace.h"
#include "api/utf8.h"
#include "tests/fuzz/fuzz.h"

static void try_path(struct span text, char *storage)
{
    struct path path;
    struct error_message why = {""};
    if (path_parse(text, storage, &path, &why) != 0) {
        fuzz_require(why.text[0] != '\0', "a refused path has a reason");
        return;
    }
    fuzz_require(path.count >= 1, "a path has a segment");
    for (size_t i = 0; i < path.count && i < PATH_MAX_SEGMENTS; i++) {
        fuzz_require(utf8_is_valid(path.segments[i]), "segments are UTF-8");
        if (path_check_name(path.segments[i], PATH_MAX_ITEM, &why) == 0)
            fuzz_require(path.segments[i].size > 0 && path.segments[i].size <= PATH_MAX_ITEM &&
                             !memchr(path.segments[i].data, '#', path.segments[i].size),
                         "names are not empty, not long, and have no separator");
    }
}

static void try_query(struct span text, char *storage)
{
    struct query query;
    struct error_message why = {""};
    int64_t number = 7;
    bool truth = true;
    if (query_parse(text, storage, &query, &why) != 0) {
        fuzz_require(why.text[0] != '\0', "a refused query has a reason");
        return;
    }
    for (size_t i = 0; i < query.count; i++)
        fuzz_require(utf8_is_valid(query.parameters[i].name) &&
                         utf8_is_valid(query.parameters[i].value),
                     "parameters are UTF-8");
    if (query_integer(&query, "limit", 1, 5000, &number, &why) == 0)
        fuzz_require(number >= 1 && number <= 5000, "integers are within their limits");
    if (query_seconds(&query, "wait", 300, &number, &why) == 0)
        fuzz_require(number >= 0 && number <= 5000, "seconds are within their limits");
    (void)query_boolean(&query, "force", &truth, &why);
}

static void try_token(struct span text)
{
    struct page_token token;
    struct page_token again;
    char written[PAGE_TOKEN_SIZE];
    if (!page_token_read(text, &token))
        return;
    fuzz_require(token.revision >= 0 && token.number >= 0, "a token's numbers are in range");
    page_token_write(&token, written);
    fuzz_require(page_token_read(span_of(written), &again) && again.revision == token.revision &&
                     again.number == token.number && again.check == token.check,
                 "a token that was taken is written to one that means the same");
}

static void try_time(struct span text)
{
    int64_t time;
    int64_t again;
    char written[TIMESTAMP_SIZE];
    if (timestamp_parse(text, &time) != 0)
        return;
    fuzz_require(time >= 0, "times are since 1970");
    timestamp_format(time, written);
    /* An offset may lead beyond the last year that can be written. */
    if (time < INT64_C(253402300800000))
        fuzz_require(timestamp_parse(span_of(written), &again) == 0 && again == time,
                     "a time that was taken is written as one that means the same");
}

static void try_headers(struct span text)
{
    (void)headers_is_json(text);
    (void)headers_is_merge_patch(text);
    (void)headers_is_ndjson(text);
    const struct span types[] = {SPAN("application/json"), SPAN("text/csv")};
    int chosen = headers_choose(text, types, 2);
    fuzz_require(chosen >= -1 && chosen < 2, "what is chosen is there");
    (void)headers_accept_gzip(text);
    (void)headers_host_is_ours(text, &text, 1);
    (void)headers_origin_matches(text, text);
    (void)headers_etag_listed(text, 1, 1);
    (void)headers_etag_revision_listed(text, 1);
    struct span trace = trace_id(text);
    fuzz_require(!trace.data || trace.size == 32, "a trace id has 32 digits");
    char made[TRACE_PARENT_SIZE];
    trace_continue(text, &(struct trace_random){{1}, {3}}, made);
    struct span kept = trace_id(span_of(made));
    fuzz_require(kept.data && (!trace.data || span_equal(kept, trace)), "a trace goes on");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = fuzz_copy((struct span){(const char *)data, size});
    char *storage = fuzz_copy((struct span){bytes, size});
    struct span text = {bytes, size};
    try_path(text, storage);
    try_query(text, storage);
    try_token(text);
    try_time(text);
    try_headers(text);
    free(storage);
    free(bytes);
    return 0;
}
