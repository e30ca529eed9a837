#include "api/json_scan.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/json_reader.h"
#include "api/utf8.h"

/* A name in an object: equal marks are equal names of the same object. */
struct name {
    uint64_t mark;
    size_t offset;
};

enum { NAMES_INLINE = 32 };

struct scan {
    struct span text;
    size_t at;
    struct json_budget *budget;
    struct error_message *why;
    int depth;
    uint64_t object[JSON_MAX_DEPTH + 1]; /* number of the object or array at each depth */
    uint64_t object_count;
    struct name *names; /* inline_names, or allocated */
    size_t name_count;
    size_t name_capacity;
    struct name inline_names[NAMES_INLINE];
};

void json_place(struct span text, size_t offset, const char *story, struct error_message *why)
{
    size_t line = 1;
    size_t begin = 0;
    for (size_t i = 0; i < offset && i < text.size; i++) {
        if (text.data[i] == '\n') {
            line++;
            begin = i + 1;
        }
    }
    (void)snprintf(why->text, sizeof why->text, "line %zu, column %zu: %s", line,
                   offset - begin + 1, story);
}

static int refuse(struct scan *scan, size_t offset, const char *story)
{
    json_place(scan->text, offset, story, scan->why);
    return ALLOT_ESYNTAX;
}

/* Takes one of what is left of a budget. */
static int spend(struct scan *scan, size_t *left, const char *story)
{
    if (*left == 0) {
        json_place(scan->text, scan->at, story, scan->why);
        return ALLOT_ELIMIT;
    }
    --*left;
    return 0;
}

/* The byte at the scan's place, or 0 at the end: a zero byte is refused wherever it occurs. */
static char peek(const struct scan *scan)
{
    if (scan->at < scan->text.size)
        return scan->text.data[scan->at];
    return '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t skip_digits(struct scan *scan)
{
    size_t begin = scan->at;
    while (is_digit(peek(scan)))
        scan->at++;
    return scan->at - begin;
}

static void skip_space(struct scan *scan)
{
    while (peek(scan) == ' ' || peek(scan) == '\t' || peek(scan) == '\n' || peek(scan) == '\r')
        scan->at++;
}

/* --- numbers and literals --- */

/* Digits of an integer that always fits 64 bits: json-c would quietly take the nearest that does.
 */
enum { MAX_DIGITS = 18 };

static int scan_number(struct scan *scan)
{
    size_t begin = scan->at;
    if (peek(scan) == '-')
        scan->at++;
    bool leading_zero = peek(scan) == '0';
    size_t digits = skip_digits(scan);
    if (digits == 0 || (leading_zero && digits > 1))
        return refuse(scan, begin, "not a number");
    bool is_integer = true;
    if (peek(scan) == '.') {
        scan->at++;
        is_integer = false;
        if (skip_digits(scan) == 0)
            return refuse(scan, begin, "not a number: no digit after the point");
    }
    if (peek(scan) == 'e' || peek(scan) == 'E') {
        scan->at++;
        is_integer = false;
        if (peek(scan) == '+' || peek(scan) == '-')
            scan->at++;
        if (skip_digits(scan) == 0)
            return refuse(scan, begin, "not a number: no digit in the exponent");
    }
    if (is_integer && digits > MAX_DIGITS) {
        json_place(scan->text, begin, "an integer of more than 18 digits", scan->why);
        return ALLOT_ELIMIT;
    }
    return 0;
}

static int scan_literal(struct scan *scan)
{
    static const struct span literals[] = {{"true", 4}, {"false", 5}, {"null", 4}};
    struct span rest = {scan->text.data + scan->at, scan->text.size - scan->at};
    for (size_t i = 0; i < sizeof literals / sizeof literals[0]; i++) {
        if (span_has_prefix(rest, literals[i])) {
            scan->at += literals[i].size;
            return 0;
        }
    }
    return refuse(scan, scan->at, "neither a value nor punctuation");
}

/* --- strings --- */

/* Four hexadecimal digits. */
static bool scan_hex(struct scan *scan, uint32_t *ret)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
        char c = peek(scan);
        uint32_t digit = is_digit(c)            ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return false;
        code = code << 4 | digit;
        scan->at++;
    }
    *ret = code;
    return true;
}

/* What follows `\u`, a second half of a surrogate pair included. */
static int scan_unicode_escape(struct scan *scan, size_t begin, uint32_t *ret)
{
    uint32_t code;
    if (!scan_hex(scan, &code))
        return refuse(scan, begin, "\\u takes four hexadecimal digits");
    if (code == 0)
        return refuse(scan, begin, "\\u0000 is not allowed");
    if (code >= 0xD800 && code <= 0xDFFF) {
        uint32_t low = 0;
        bool paired = code <= 0xDBFF && peek(scan) == '\\';
        scan->at += paired;
        paired = paired && peek(scan) == 'u';
        scan->at += paired;
        if (!paired || !scan_hex(scan, &low) || low < 0xDC00 || low > 0xDFFF)
            return refuse(scan, begin, "half of a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    *ret = code;
    return 0;
}

static int scan_escape(struct scan *scan, uint32_t *ret)
{
    size_t begin = scan->at++;
    char c = peek(scan);
    scan->at++;
    switch (c) {
    case '"':
    case '\\':
    case '/':
        *ret = (uint32_t)c;
        return 0;
    case 'b':
        *ret = '\b';
        return 0;
    case 'f':
        *ret = '\f';
        return 0;
    case 'n':
        *ret = '\n';
        return 0;
    case 'r':
        *ret = '\r';
        return 0;
    case 't':
        *ret = '\t';
        return 0;
    case 'u':
        return scan_unicode_escape(scan, begin, ret);
    default:
        return refuse(scan, begin, "no such escape");
    }
}

/* One character of a string, as its number. */
static int scan_character(struct scan *scan, uint32_t *ret)
{
    if (peek(scan) == '\\')
        return scan_escape(scan, ret);
    struct span rest = {scan->text.data + scan->at, scan->text.size - scan->at};
    size_t size = utf8_decode(rest, ret);
    if (size == 0)
        return refuse(scan, scan->at, "not UTF-8");
    if (*ret < 0x20)
        return refuse(scan, scan->at, "a control character, unescaped, in a string");
    scan->at += size;
    return 0;
}

static int remember_name(struct scan *scan, uint64_t mark, size_t offset)
{
    if (scan->name_count == scan->name_capacity) {
        bool is_inline = scan->names == scan->inline_names;
        size_t capacity = scan->name_capacity * 2;
        struct name *names =
            realloc(is_inline ? NULL : scan->names, capacity * sizeof scan->names[0]);
        if (!names)
            return ALLOT_ENOMEM;
        if (is_inline)
            memcpy(names, scan->inline_names, sizeof scan->inline_names);
        scan->names = names;
        scan->name_capacity = capacity;
    }
    scan->names[scan->name_count++] = (struct name){mark, offset};
    return 0;
}

/* A string; if a colon follows, the name of a member of the object that the scan is in. Its mark is
 * made of what it stands for, as "a" and "\u0061" are the same name. */
static int scan_string(struct scan *scan)
{
    size_t begin = scan->at++;
    uint64_t mark = scan->object[scan->depth];
    while (peek(scan) != '"') {
        if (scan->at == scan->text.size)
            return refuse(scan, begin, "a string without an end");
        uint32_t code;
        int error = scan_character(scan, &code);
        if (error)
            return error;
        mark = (mark ^ code) * UINT64_C(0x100000001B3);
        mark ^= mark >> 29;
    }
    scan->at++;
    skip_space(scan);
    return peek(scan) == ':' ? remember_name(scan, mark, begin) : 0;
}

static int compare_names(const void *a, const void *b)
{
    const struct name *left = a;
    const struct name *right = b;
    if (left->mark != right->mark)
        return left->mark < right->mark ? -1 : 1;
    return (left->offset > right->offset) - (left->offset < right->offset);
}

static int refuse_repeated_name(struct scan *scan)
{
    qsort(scan->names, scan->name_count, sizeof scan->names[0], compare_names);
    for (size_t i = 1; i < scan->name_count; i++) {
        if (scan->names[i].mark == scan->names[i - 1].mark)
            return refuse(scan, scan->names[i].offset, "the name occurs twice in its object");
    }
    return 0;
}

/* --- all --- */

static int scan_begin(struct scan *scan)
{
    if (scan->depth == JSON_MAX_DEPTH)
        return refuse(scan, scan->at, "nested deeper than 16");
    int error = spend(scan, &scan->budget->containers, "too many objects and arrays for its size");
    scan->object[++scan->depth] = ++scan->object_count * UINT64_C(0x9E3779B97F4A7C15);
    scan->at++;
    return error;
}

static int scan_scalar(struct scan *scan)
{
    char c = peek(scan);
    int error = spend(scan, &scan->budget->scalars, "too many names and values for its size");
    if (error)
        return error;
    if (c == '"')
        return scan_string(scan);
    return c == '-' || is_digit(c) ? scan_number(scan) : scan_literal(scan);
}

static int scan_token(struct scan *scan)
{
    switch (peek(scan)) {
    case '{':
    case '[':
        return scan_begin(scan);
    case '}':
    case ']':
        if (scan->depth == 0)
            return refuse(scan, scan->at, "closes nothing");
        scan->depth--;
        scan->at++;
        return 0;
    case ',':
    case ':':
        scan->at++;
        return 0;
    default:
        return scan_scalar(scan);
    }
}

int json_scan(struct span text, struct json_budget *budget, struct error_message *why)
{
    struct json_budget all = {SIZE_MAX, SIZE_MAX};
    struct scan scan = {
        .text = text, .budget = budget ? budget : &all, .why = why, .name_capacity = NAMES_INLINE};
    scan.names = scan.inline_names;
    int error = 0;
    for (skip_space(&scan); !error && scan.at < text.size; skip_space(&scan))
        error = scan_token(&scan);
    if (!error)
        error = refuse_repeated_name(&scan);
    if (scan.names != scan.inline_names)
        free(scan.names);
    return error;
}
