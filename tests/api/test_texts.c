#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/headers.h"
#include "api/json_reader.h"
#include "api/json_writer.h"
#include "api/page_token.h"
#include "api/path.h"
#include "api/query.h"
#include "api/resource_json.h"
#include "api/trace.h"
#include "api/utf8.h"
#include "api/values.h"
#include "tests/support/random.h"

/* The functions of bytes that requests, values and replies are read and written with. */

/* --- buffers --- */

Test(buffer, grows_to_its_maximum_and_no_further)
{
    struct buffer buffer;
    buffer_init(&buffer, 1000);
    for (int i = 0; i < 999; i++)
        buffer_append(&buffer, SPAN("x"));
    cr_expect_eq(buffer.error, 0);
    buffer_append(&buffer, SPAN("yz"));
    cr_expect_eq(buffer.error, ALLOT_ELIMIT);
    buffer_append(&buffer, SPAN("y"));
    cr_expect_eq(buffer.size, 999);
    buffer_clear(&buffer);
    cr_expect_eq(buffer.error, 0);
    buffer_append_format(&buffer, "%0700d", 7);
    cr_expect_eq(buffer.error, 0);
    cr_expect_eq(buffer.size, 700);
    cr_expect_eq(buffer.data[699], '7');
    buffer_append_format(&buffer, "%0700d", 7);
    cr_expect_eq(buffer.error, ALLOT_ELIMIT);
    buffer_release(&buffer);
}

/* --- UTF-8 --- */

Test(utf8, valid_and_invalid)
{
    static const char *const good[] = {"",
                                       "a",
                                       "\xC2\x80",
                                       "\xDF\xBF",
                                       "\xE0\xA0\x80",
                                       "\xED\x9F\xBF",
                                       "\xEF\xBF\xBF",
                                       "\xF0\x90\x80\x80",
                                       "\xF4\x8F\xBF\xBF"};
    static const char *const bad[] = {"\x80",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC2",
                                      "\xC2z",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xE2\x82",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFF",
                                      "a\xFE"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_expect(utf8_is_valid(span_of(good[i])), "good %zu", i);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not(utf8_is_valid(span_of(bad[i])), "bad %zu", i);
}

/* --- JSON --- */

static void expect_read(const char *text, const char *written)
{
    struct json_object *tree = NULL;
    struct error_message why = {""};
    cr_expect_eq(json_read(span_of(text), &tree, &why), 0, "%s: %s", text, why.text);
    struct span found = json_text(tree);
    cr_expect(span_equal(found, span_of(written)), "%s becomes %.*s", text, (int)found.size,
              found.data);
    json_object_put(tree);
}

Test(json_reader, what_is_read_is_kept)
{
    expect_read(" null ", "null");
    expect_read("12", "12");
    expect_read("\t-0.50e-3\r\n", "-0.50e-3");
    expect_read("999999999999999999", "999999999999999999");
    expect_read("-999999999999999999", "-999999999999999999");
    expect_read("{\"a\":{\"a\":1},\"b\":[{\"a\":2}]}", "{\"a\":{\"a\":1},\"b\":[{\"a\":2}]}");
    expect_read("\"\\ud83d\\ude00 \\u00e9 / \\/\"", "\"\xF0\x9F\x98\x80 \xC3\xA9 / /\"");
    expect_read("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]");
    expect_read("[[[[[[[[[[[[[[[{\"a\":1}]]]]]]]]]]]]]]]",
                "[[[[[[[[[[[[[[[{\"a\":1}]]]]]]]]]]]]]]]");
}

static void expect_refused(const char *text, int error, const char *why_text)
{
    struct json_object *tree = NULL;
    struct error_message why = {""};
    cr_expect_eq(json_read(span_of(text), &tree, &why), error, "%s", text);
    cr_expect_str_eq(why.text, why_text);
    cr_expect_null(tree);
}

Test(json_reader, faults_have_a_place)
{
    expect_refused("{\n \"a\": tru\n}", ALLOT_ESYNTAX,
                   "line 2, column 7: neither a value nor punctuation");
    expect_refused("{\"a\":1,\n\"b\":2,\n \"a\":3}", ALLOT_ESYNTAX,
                   "line 3, column 2: the name occurs twice in its object");
    expect_refused("[1234567890123456789]", ALLOT_ELIMIT,
                   "line 1, column 2: an integer of more than 18 digits");
    expect_refused("[1,\n]", ALLOT_ESYNTAX, "line 2, column 1: unexpected character");
    expect_refused("", ALLOT_ESYNTAX, "line 1, column 1: nothing where a value should be");
    expect_refused("[\"a", ALLOT_ESYNTAX, "line 1, column 2: a string without an end");
}

Test(json_reader, many_names)
{
    struct buffer text;
    struct json_object *tree = NULL;
    struct error_message why = {""};
    buffer_init(&text, 1 << 20);
    for (int i = 0; i < 5000; i++)
        buffer_append_format(&text, "%c\"n%d\":%d", i ? ',' : '{', i, i);
    buffer_append_text(&text, "}");
    cr_expect_eq(json_read(buffer_span(&text), &tree, &why), 0);
    cr_expect_eq(json_object_object_length(tree), 5000);
    json_object_put(tree);
    text.size--;
    buffer_append_text(&text, ",\"n0\":1}");
    cr_expect_eq(json_read(buffer_span(&text), &tree, &why), ALLOT_ESYNTAX);
    buffer_release(&text);
}

/* @text repeated @count times between brackets, without the last one's last character. */
static int read_many(const char *text, size_t count, struct error_message *why)
{
    struct buffer all;
    struct json_object *tree = NULL;
    buffer_init(&all, 8 << 20);
    buffer_append_text(&all, "[");
    for (size_t i = 0; i < count; i++)
        buffer_append_text(&all, text);
    all.size--;
    buffer_append_text(&all, "]");
    int error = json_read(buffer_span(&all), &tree, why);
    cr_expect_eq(error, 0);
    json_object_put(tree);
    tree = NULL;
    error = json_read_bounded(buffer_span(&all), &tree, why);
    json_object_put(tree);
    buffer_release(&all);
    return error;
}

Test(json_reader, may_be_bound_to_what_honest_texts_have)
{
    struct error_message why = {""};
    static const char change[] = "{\"id\":\"i/z/m\",\"value\":{\"offsets\":[{\"p\":0,\"o\":1234},{"
                                 "\"p\":1,\"o\":5678},{\"p\":2,\"o\":9}]}},";
    cr_expect_eq(read_many(change, 10000, &why), 0);
    cr_expect_eq(read_many("{},", 1000, &why), 0);
    cr_expect_eq(read_many("{},", 100000, &why), ALLOT_ELIMIT);
    cr_expect(strstr(why.text, ": too many objects and arrays for its size"), "%s", why.text);
    cr_expect_eq(read_many("0,", 4000, &why), 0);
    cr_expect_eq(read_many("0,", 100000, &why), ALLOT_ELIMIT);
    cr_expect(strstr(why.text, ": too many names and values for its size"), "%s", why.text);
}

Test(json_reader, has_one_bound_for_all_lines)
{
    struct buffer text;
    struct json_object *lines = NULL;
    struct error_message why = {""};
    buffer_init(&text, 1 << 20);
    for (size_t i = 0; i < 1000; i++)
        buffer_append_text(&text, "[]\n");
    cr_expect_eq(json_read_lines(buffer_span(&text), &lines, &why), 0);
    json_object_put(lines);
    lines = NULL;
    for (size_t i = 0; i < 9000; i++)
        buffer_append_text(&text, "[]\n");
    cr_expect_eq(json_read_lines(buffer_span(&text), &lines, &why), ALLOT_ELIMIT);
    cr_expect_str_eq(why.text,
                     "line 3525 of the body: line 1, column 1: too many objects and arrays"
                     " for its size");
    buffer_release(&text);
}

Test(json_writer, escapes)
{
    struct buffer text;
    buffer_init(&text, 1000);
    struct json_writer writer = json_writer_of(&text);
    json_begin(&writer, '{');
    json_string_field(&writer, "a", SPAN("\"\\\n\x01\x7F\xC3\xA9\xFFz"));
    json_integer_field(&writer, "b", INT64_MIN);
    json_name(&writer, "c");
    json_begin(&writer, '[');
    json_null(&writer);
    json_boolean(&writer, true);
    json_end(&writer, ']');
    json_end(&writer, '}');
    cr_expect(span_equal(buffer_span(&text),
                         SPAN("{\"a\":\"\\\"\\\\\\n\\u0001\\u007f\xC3\xA9\xEF\xBF\xBDz\","
                              "\"b\":-9223372036854775808,\"c\":[null,true]}")),
              "%.*s", (int)text.size, text.data);
    buffer_release(&text);
}

/* --- tokens and tags --- */

Test(page_token, comes_back)
{
    char text[PAGE_TOKEN_SIZE];
    struct page_token token = {INT64_MAX, INT32_MAX, UINT64_MAX};
    struct page_token found;
    page_token_write(&token, text);
    cr_expect(page_token_read(span_of(text), &found));
    cr_expect_eq(found.revision, token.revision);
    cr_expect_eq(found.number, token.number);
    cr_expect_eq(found.check, token.check);
    static const char *const bad[] = {"",
                                      "-",
                                      "--",
                                      "1-2",
                                      "1-2-",
                                      "1-2-3-",
                                      "1-2-3 ",
                                      "g-1-1",
                                      "8000000000000000-1-1",
                                      "1-80000000-1",
                                      "-1-1-1",
                                      "11111111111111111-1-1",
                                      "A-1-1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not(page_token_read(span_of(bad[i]), &found), "%s", bad[i]);
}

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"

Test(trace, ids)
{
    cr_expect(span_equal(trace_id(SPAN("00-" TRACE "-00f067aa0ba902b7-01")), SPAN(TRACE)));
    static const char *const bad[] = {
        "",
        "00-" TRACE "-00f067aa0ba902b7",
        "00-" TRACE "-00f067aa0ba902b7-01-",
        "00-" TRACE "-00f067aa0ba902b7-0g",
        "00-" TRACE "-00f067aa0ba902b7-1 ",
        "01-" TRACE "-00f067aa0ba902b7-01",
        "00-" TRACE "-0000000000000000-01",
        "00-" TRACE "-00f067aa0ba902B7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01 ",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00- 4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e47-3600f067aa0ba902b7-01",
        " 00-" TRACE "-00f067aa0ba902b7-1",
        "00-" TRACE "-00f067aa0ba902b7- 1",
        "00-" TRACE "_00f067aa0ba902b7-01",
        "00-" TRACE "-00f067aa0ba902b7_01",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_null(trace_id(span_of(bad[i])).data, "%s", bad[i]);
    cr_expect_null(trace_id((struct span){NULL, 0}).data);
}

Test(trace, goes_on_or_begins)
{
    const struct trace_random random = {
        .trace = {[7] = 0x01, [13] = 0xab, [14] = 0xcd, [15] = 0xef},
        .span = {0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10}};
    char made[TRACE_PARENT_SIZE];
    trace_continue(SPAN("00-" TRACE "-00f067aa0ba902b7-03"), &random, made);
    cr_expect_str_eq(made, "00-" TRACE "-fedcba9876543210-03");
    trace_continue(SPAN("00-" TRACE "-00f067aa0ba902b7-0"), &random, made);
    cr_expect_str_eq(made, "00-00000000000000010000000000abcdef-fedcba9876543210-00");
    trace_continue((struct span){NULL, 0}, &random, made);
    cr_expect_str_eq(made, "00-00000000000000010000000000abcdef-fedcba9876543210-00");
    cr_expect_not_null(trace_id(span_of(made)).data);
}

Test(headers, tags)
{
    char tag[HEADERS_ETAG_SIZE];
    headers_write_etag(tag, 17, UINT64_C(0x123456789));
    cr_expect_str_eq(tag, "\"17-23456788\"");
    cr_expect(headers_etag_listed(span_of(tag), 17, UINT64_C(0x123456789)));
    cr_expect(headers_etag_listed(SPAN("\"1-0\" , W/\"17-23456788\""), 17, UINT64_C(0x123456789)));
    cr_expect_not(headers_etag_listed(span_of(tag), 17, 0));
    cr_expect(headers_etag_revision_listed(SPAN("\"17-00000000\""), 17));
    cr_expect(headers_etag_revision_listed(SPAN("\"17\""), 17));
    cr_expect_not(headers_etag_revision_listed(SPAN("\"171\""), 17));
    cr_expect_not(headers_etag_revision_listed(SPAN("\"171-1\""), 17));
    cr_expect_not(headers_etag_revision_listed(SPAN("17"), 17));
    cr_expect_not(headers_etag_revision_listed(SPAN(""), 17));
    cr_expect(headers_etag_revision_listed(SPAN(" * "), 17));
    cr_expect_not(headers_etag_revision_listed(SPAN("*"), 0));
}

/* --- the core's decoder --- */

Test(values, decoder_of_items)
{
    static const struct {
        const char *text;
        int error;
        int32_t replication;
        uint32_t user;
    } cases[] = {
        {"{\"replication\":3}", 0, 3, CONSISTENCY_IMMEDIATE},
        {"{\"replication\":2147483647,\"consistency\":\"reported\",\"x\":[]}", 0, INT32_MAX,
         CONSISTENCY_REPORTED},
        {"{\"replication\":2147483648}", ALLOT_EVALUE, 0, 0},
        {"{\"replication\":-1}", ALLOT_EVALUE, 0, 0},
        {"{\"replication\":3,\"consistency\":\"maybe\"}", ALLOT_EVALUE, 0, 0},
        {"{}", ALLOT_EVALUE, 0, 0},
        {"3", ALLOT_EVALUE, 0, 0},
        {"null", ALLOT_EVALUE, 0, 0},
        {"", ALLOT_EVALUE, 0, 0},
    };
    struct decoder decoder = api_decoder();
    struct key_parts key = {.kind = KEY_ITEM};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct item_value value = {0};
        struct error_message why = {""};
        int error = decoder.item(decoder.context, &key, span_of(cases[i].text), &value, &why);
        cr_expect_eq(error, cases[i].error, "%s", cases[i].text);
        cr_expect_eq(value.replication, cases[i].replication);
        cr_expect_eq(value.user, cases[i].user);
        cr_expect_eq(why.text[0] != '\0', error != 0, "%s", cases[i].text);
    }
}

/* Items as they are mostly written are read and written without json-c. A space before them is
 * enough for it to be asked. */
static void expect_same_with_space(const char *text)
{
    char spaced[128];
    struct item_spec specs[2] = {{.replication = -1}, {.replication = -1}};
    struct json_object *trees[2] = {NULL, NULL};
    struct error_message why = {""};
    (void)snprintf(spaced, sizeof spaced, " %s", text);
    cr_expect_eq(values_read_item(span_of(text), &specs[0], &trees[0], &why),
                 values_read_item(span_of(spaced), &specs[1], &trees[1], &why), "%s", text);
    cr_expect(values_equal_items(&specs[0], &specs[1]), "%s", text);
    json_object_put(trees[0]);
    json_object_put(trees[1]);
}

Test(values, plain_items_are_read_as_all_are)
{
    static const char *const texts[] = {
        "{\"replication\":0,\"consistency\":\"immediate\"}",
        "{\"replication\":3,\"consistency\":\"reported\"}",
        "{\"replication\":64,\"consistency\":\"reported\",\"labels\":{\"a\":\"b\"}}",
        "{\"replication\":999999999,\"consistency\":\"immediate\"}",
        "{\"replication\":2147483647,\"consistency\":\"immediate\"}",
        "{\"replication\":2147483648,\"consistency\":\"immediate\"}",
        "{\"replication\":9999999999999999999999,\"consistency\":\"immediate\"}",
        "{\"replication\":01,\"consistency\":\"immediate\"}",
        "{\"replication\":00,\"consistency\":\"immediate\"}",
        "{\"replication\":-1,\"consistency\":\"immediate\"}",
        "{\"replication\":1.5,\"consistency\":\"immediate\"}",
        "{\"replication\":,\"consistency\":\"immediate\"}",
        "{\"replication\":1,\"consistency\":\"immediat\"}",
        "{\"replication\":1,\"consistency\":\"immediate\"",
        "{\"replication\":1,\"consistency\":\"immediate",
        "{\"replication\":1,\"consistency\":\"",
        "{\"replication\":1,\"consistency\":\"immediate\"}}",
        "{\"replication\":1,\"consistency\":\"immediate\"} ",
        "{\"replication\":1",
        "{\"replication\":",
        "{\"replication",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        expect_same_with_space(texts[i]);
}

Test(values, plain_items_are_written_as_all_are)
{
    const struct item_spec spec = {.replication = INT32_MAX, .consistency = CONSISTENCY_REPORTED};
    struct arena arena = {NULL};
    struct span plain = {NULL, 0};
    struct span other = {NULL, 0};
    cr_assert_eq(values_write_item(&arena, SPAN(""), &spec, &plain), 0);
    cr_assert_eq(values_write_item(&arena, SPAN(" {}"), &spec, &other), 0);
    cr_expect(span_equal(plain, other), "%.*s", (int)plain.size, plain.data);
    cr_assert_eq(values_write_item(&arena,
                                   SPAN("{\"replication\":1,\"consistency\":\"immediate\"}"), &spec,
                                   &other),
                 0);
    cr_expect(span_equal(plain, other), "%.*s", (int)other.size, other.data);
    arena_release(&arena);
}

Test(values, decoder_of_members_and_assignments)
{
    struct decoder decoder = api_decoder();
    struct key_parts key = {0};
    struct member_value member = {0};
    struct assignment_value assignments[2] = {{7}, {7}};
    struct error_message why = {""};
    struct item_value immediate = {1, CONSISTENCY_IMMEDIATE};
    struct item_value reported = {1, CONSISTENCY_REPORTED};
    cr_expect_eq(
        decoder.member(NULL, &key, SPAN("{\"item_limit\":2,\"exiting\":true}"), &member, &why), 0);
    cr_expect_eq(member.item_limit, 2);
    cr_expect(member.exiting);
    cr_expect_eq(decoder.member(NULL, &key, SPAN("{\"exiting\":true}"), &member, &why),
                 ALLOT_EVALUE);
    cr_expect_eq(decoder.assignment(NULL, &key, SPAN(""), &assignments[0], &why), 0);
    cr_expect_eq(
        decoder.assignment(NULL, &key, SPAN("{\"consistent\":true}"), &assignments[1], &why), 0);
    cr_expect_not(decoder.is_consistent(NULL, &reported, assignments, 2, 0));
    cr_expect(decoder.is_consistent(NULL, &reported, assignments, 2, 1));
    cr_expect(decoder.is_consistent(NULL, &immediate, assignments, 2, 0));
    cr_expect_eq(decoder.assignment(NULL, &key, SPAN("{\"consistent\":1}"), assignments, &why),
                 ALLOT_EVALUE);
}

/* --- random bytes: nothing may be read that isn't there, and what is taken is well-formed --- */

enum { RANDOM_TEXTS = 20000, RANDOM_SIZE = 60 };

/* Exactly as many bytes as it has, so that a sanitizer sees every step too far. To be freed. */
static char *random_text(struct random *random, const char *alphabet, size_t *ret_size)
{
    size_t size = random_below(random, RANDOM_SIZE);
    char *text = malloc(size ? size : 1);
    cr_assert_not_null(text);
    for (size_t i = 0; i < size; i++) {
        bool any = random_below(random, 20) == 0;
        text[i] = (char)(any ? random_below(random, 256)
                             : (unsigned char)alphabet[random_below(random, strlen(alphabet))]);
    }
    *ret_size = size;
    return text;
}

static void try_path_and_query(struct span text)
{
    char storage[RANDOM_SIZE];
    struct path path;
    struct query query;
    struct error_message why = {""};
    if (path_parse(text, storage, &path, &why) == 0) {
        cr_expect_geq(path.count, 1);
        for (size_t i = 0; i < path.count && i < PATH_MAX_SEGMENTS; i++)
            cr_expect(utf8_is_valid(path.segments[i]));
    } else {
        cr_expect_neq(why.text[0], '\0');
    }
    if (query_parse(text, storage, &query, &why) == 0) {
        for (size_t i = 0; i < query.count; i++)
            cr_expect(utf8_is_valid(query.parameters[i].value));
    }
    (void)path_check_name(text, 20, &why);
}

static void try_headers(struct span text)
{
    struct page_token token;
    (void)page_token_read(text, &token);
    (void)headers_is_json(text);
    (void)headers_choose(text, &SPAN("application/json"), 1);
    (void)headers_host_is_ours(text, &text, 1);
    (void)headers_origin_matches(text, text);
    (void)headers_etag_listed(text, 1, 1);
    (void)headers_etag_revision_listed(text, 1);
}

/* What is taken must be written to what is taken again, and is written so once more. */
static void try_json(struct span text)
{
    struct json_object *tree = NULL;
    struct json_object *again = NULL;
    struct error_message why = {""};
    int error = json_read(text, &tree, &why);
    if (error) {
        cr_expect_neq(why.text[0], '\0');
        return;
    }
    cr_expect_eq(json_read(json_text(tree), &again, &why), 0, "%.*s: %s", (int)text.size, text.data,
                 why.text);
    cr_expect(span_equal(json_text(tree), json_text(again)));
    json_object_put(tree);
    json_object_put(again);
}

Test(random_bytes, are_read_safely)
{
    static const char *const alphabets[] = {"/%2Fa#&=?+.", "{}[]\",:0123e-.+\\u tfn",
                                            "1-a;q=0,*/\"W "};
    struct random random = {20260131};
    for (int i = 0; i < RANDOM_TEXTS; i++) {
        size_t size = 0;
        char *bytes = random_text(&random, alphabets[i % 3], &size);
        struct span text = {bytes, size};
        try_path_and_query(text);
        try_headers(text);
        try_json(text);
        free(bytes);
    }
}

/* --- statuses --- */

Test(texts, a_status_is_hashed_wherever_its_buffer_grows)
{
    uint64_t first = 0;
    for (size_t before = 1; before < 3000; before++) {
        struct buffer buffer;
        buffer_init(&buffer, 1 << 20);
        struct json_writer writer = json_writer_of(&buffer);
        for (size_t i = 0; i < before; i++)
            buffer_append(&buffer, SPAN(" "));
        json_begin(&writer, '{');
        size_t begin = resource_status_begin(&writer);
        json_integer_field(&writer, "assigned", 3);
        uint64_t hash = resource_status_end(&writer, begin);
        first = first ? first : hash;
        cr_assert_eq(hash, first, "after %zu bytes", before);
        buffer_release(&buffer);
    }
}
