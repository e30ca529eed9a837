#include <criterion/criterion.h>

#include "core/error.h"
#include "core/keys.h"

#define ROOT SPAN("/allot")
#define TEXT(span) (int)(span).size, (span).data

Test(keys, root_is_a_clean_absolute_path)
{
    const struct {
        struct span root;
        bool valid;
    } cases[] = {
        {SPAN("/allot"), true},   {SPAN("/a/b.c/..d/e.."), true},
        {SPAN("/..."), true},     {SPAN("/\xC3\xA9t\xC3\xA9"), true},
        {SPAN(""), false},        {SPAN("/"), false},
        {SPAN("allot"), false},   {SPAN("allot/x"), false},
        {SPAN("/allot/"), false}, {SPAN("//allot"), false},
        {SPAN("/a//b"), false},   {SPAN("/."), false},
        {SPAN("/.."), false},     {SPAN("/a/./b"), false},
        {SPAN("/a/../b"), false}, {SPAN("/a/.."), false},
        {SPAN("/a b"), false},    {SPAN("/a#b"), false},
        {SPAN("/a\0b"), false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(keys_root_is_valid(cases[i].root), cases[i].valid, "%.*s",
                     TEXT(cases[i].root));
    cr_expect_not(keys_root_is_valid((struct span){0}));
}

Test(keys, every_byte_above_the_separator_can_stand_in_a_name)
{
    for (int byte = 0; byte < 256; byte++) {
        const char text[] = {'a', (char)byte, 'z'};
        bool expected = byte > '#';
        cr_expect_eq(keys_name_is_valid((struct span){text, 3}), expected, "%d within", byte);
        cr_expect_eq(keys_name_is_valid((struct span){text + 1, 1}), expected, "%d alone", byte);
        cr_expect_eq(keys_name_is_valid((struct span){text, 2}), expected, "%d at the end", byte);
    }
    cr_expect_not(keys_name_is_valid(SPAN("")));
    cr_expect_not(keys_name_is_valid((struct span){0}));
}

/* Parts of "" stand for parts that aren't set. */
struct parse_case {
    struct span key;
    int error;
    enum key_kind kind;
    struct span item;
    struct span zone;
    struct span suffix;
    int32_t slot;
};

#define OK_ITEM(key, item)                               \
    {                                                    \
        SPAN(key), 0, KEY_ITEM, SPAN(item), {0}, {0}, -1 \
    }
#define OK_MEMBER(key, zone, suffix)                                \
    {                                                               \
        SPAN(key), 0, KEY_MEMBER, {0}, SPAN(zone), SPAN(suffix), -1 \
    }
#define OK_ASSIGNMENT(key, item, zone, suffix, slot)                               \
    {                                                                              \
        SPAN(key), 0, KEY_ASSIGNMENT, SPAN(item), SPAN(zone), SPAN(suffix), (slot) \
    }
#define OTHER(key)                                 \
    {                                              \
        SPAN(key), 0, KEY_OTHER, {0}, {0}, {0}, -1 \
    }
#define BAD(key, kind)                                 \
    {                                                  \
        SPAN(key), ALLOT_EKEY, kind, {0}, {0}, {0}, -1 \
    }

Test(keys, parses_what_a_key_names)
{
    const struct parse_case parse_cases[] = {
        OK_ITEM("/allot/items/a", "a"),
        OK_ITEM("/allot/items/a/b/c", "a/b/c"),
        OK_ITEM("/allot/items//", "/"),
        OK_ITEM("/allot/items/\xE2\x9C\x93", "\xE2\x9C\x93"),
        OK_ITEM("/allot/items/%23$~\x7F\xFF", "%23$~\x7F\xFF"),
        BAD("/allot/items/", KEY_ITEM),
        BAD("/allot/items/a#b", KEY_ITEM),
        BAD("/allot/items/#", KEY_ITEM),
        BAD("/allot/items/a#", KEY_ITEM),
        BAD("/allot/items/a b", KEY_ITEM),
        BAD("/allot/items/a\0b", KEY_ITEM),
        BAD("/allot/items/a\n", KEY_ITEM),
        OK_MEMBER("/allot/members/z#m", "z", "m"),
        OK_MEMBER("/allot/members/us/east#host:80/x", "us/east", "host:80/x"),
        BAD("/allot/members/", KEY_MEMBER),
        BAD("/allot/members/z", KEY_MEMBER),
        BAD("/allot/members/z#", KEY_MEMBER),
        BAD("/allot/members/#m", KEY_MEMBER),
        BAD("/allot/members/#", KEY_MEMBER),
        BAD("/allot/members/z#m#", KEY_MEMBER),
        BAD("/allot/members/z#m#0", KEY_MEMBER),
        BAD("/allot/members/z #m", KEY_MEMBER),
        BAD("/allot/members/z#\"m", KEY_MEMBER),
        OK_ASSIGNMENT("/allot/assign/i#z#m#0", "i", "z", "m", 0),
        OK_ASSIGNMENT("/allot/assign/a/b#z/y#m/n#12", "a/b", "z/y", "m/n", 12),
        OK_ASSIGNMENT("/allot/assign/i#z#m#2147483647", "i", "z", "m", INT32_MAX),
        BAD("/allot/assign/i#z#m#2147483648", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z#m#4294967296", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z#m#9999999999", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z#m#18446744073709551616", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z#m#00", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z#m#01", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z#m#-1", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z#m#+1", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z#m# 1", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z#m#1 ", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z#m#0x1", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z#m#1.0", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z#m#1\0", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z#m#/", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z#m#:", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z#m#", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z#m", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z", KEY_ASSIGNMENT),
        BAD("/allot/assign/i", KEY_ASSIGNMENT),
        BAD("/allot/assign/", KEY_ASSIGNMENT),
        BAD("/allot/assign/#z#m#0", KEY_ASSIGNMENT),
        BAD("/allot/assign/i##m#0", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z##0", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z#m#0#", KEY_ASSIGNMENT),
        BAD("/allot/assign/i#z#m#0#0", KEY_ASSIGNMENT),
        BAD("/allot/assign/i!#z#m#0", KEY_ASSIGNMENT),
        OTHER("/allot/actor"),
        OTHER("/allot/schedulers/x#y"),
        OTHER("/allot/items"),
        OTHER("/allot/itemsx/a"),
        OTHER("/allot/"),
        OTHER("/allot"),
        OTHER("/allotx/items/a"),
        OTHER("/other/items/a"),
        OTHER("items/a"),
        OTHER(""),
    };
    for (size_t i = 0; i < sizeof parse_cases / sizeof parse_cases[0]; i++) {
        const struct parse_case *c = &parse_cases[i];
        struct key_parts parts;
        memset(&parts, 0xAA, sizeof parts);
        cr_expect_eq(keys_parse(ROOT, c->key, &parts), c->error, "%.*s", TEXT(c->key));
        cr_expect_eq(parts.kind, c->kind, "%.*s", TEXT(c->key));
        cr_expect(span_equal(parts.item, c->item), "%.*s", TEXT(c->key));
        cr_expect(span_equal(parts.zone, c->zone), "%.*s", TEXT(c->key));
        cr_expect(span_equal(parts.suffix, c->suffix), "%.*s", TEXT(c->key));
        cr_expect_eq(parts.slot, c->slot, "%.*s", TEXT(c->key));
    }
}

Test(keys, parts_are_borrowed_from_the_key)
{
    struct span key = SPAN("/allot/assign/i#z#m#0");
    struct key_parts parts;
    cr_assert_eq(keys_parse(ROOT, key, &parts), 0);
    cr_assert_eq(parts.item.data, key.data + 14);
    cr_assert_eq(parts.zone.data, key.data + 16);
    cr_assert_eq(parts.suffix.data, key.data + 18);
}

Test(keys, every_byte_in_each_part_of_an_assignment)
{
    char key[] = "/allot/assign/iii#zzz#mmm#7";
    const size_t positions[] = {15, 19, 23};
    struct key_parts parts;
    for (size_t p = 0; p < 3; p++)
        for (int byte = 0; byte < 256; byte++) {
            char former = key[positions[p]];
            key[positions[p]] = (char)byte;
            int error = keys_parse(ROOT, (struct span){key, sizeof key - 1}, &parts);
            cr_expect_eq(error, byte > '#' ? 0 : ALLOT_EKEY, "byte %d at %zu", byte, positions[p]);
            key[positions[p]] = former;
        }
}

Test(keys, makes_keys)
{
    char buffer[100];
    const struct {
        struct span made;
        const char *expected;
    } cases[] = {
        {keys_item(ROOT, SPAN("a/b"), (char[100]){0}, 100), "/allot/items/a/b"},
        {keys_member(ROOT, SPAN("z"), SPAN("m"), (char[100]){0}, 100), "/allot/members/z#m"},
        {keys_assignment(ROOT, SPAN("i"), SPAN("z"), SPAN("m"), 0, (char[100]){0}, 100),
         "/allot/assign/i#z#m#0"},
        {keys_assignment(ROOT, SPAN("i"), SPAN("z"), SPAN("m"), 10, (char[100]){0}, 100),
         "/allot/assign/i#z#m#10"},
        {keys_assignment(ROOT, SPAN("i"), SPAN("z"), SPAN("m"), INT32_MAX, (char[100]){0}, 100),
         "/allot/assign/i#z#m#2147483647"},
        {keys_items_prefix(ROOT, (char[100]){0}, 100), "/allot/items/"},
        {keys_members_prefix(ROOT, (char[100]){0}, 100), "/allot/members/"},
        {keys_assignments_prefix(ROOT, (char[100]){0}, 100), "/allot/assign/"},
        {keys_item_assignments_prefix(ROOT, SPAN("i"), (char[100]){0}, 100), "/allot/assign/i#"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect(span_equal(cases[i].made, span_of(cases[i].expected)), "%s", cases[i].expected);
        cr_expect_eq(cases[i].made.data[cases[i].made.size], '\0');
    }
    /* A slot that is none makes a key that nobody takes for one. */
    struct key_parts parts;
    struct span bad = keys_assignment(ROOT, SPAN("i"), SPAN("z"), SPAN("m"), -1, buffer, 100);
    cr_expect_eq(keys_parse(ROOT, bad, &parts), ALLOT_EKEY);
}

Test(keys, the_greatest_size_suffices_and_one_byte_too_few_gives_nothing)
{
    struct span item = SPAN("item");
    struct span zone = SPAN("zone");
    struct span suffix = SPAN("suffix");
    char buffer[100];
    size_t size = keys_max_size(ROOT, item, zone, suffix);
    cr_assert_leq(size, sizeof buffer);
    struct span key = keys_assignment(ROOT, item, zone, suffix, INT32_MAX, buffer, size);
    cr_assert_gt(key.size, 0);
    cr_assert_gt(keys_member(ROOT, zone, suffix, buffer, size).size, 0);
    cr_assert_gt(keys_item(ROOT, item, buffer, size).size, 0);
    cr_assert_gt(keys_item_assignments_prefix(ROOT, item, buffer, size).size, 0);
    for (size_t small = 0; small <= key.size; small++) {
        struct span none = keys_assignment(ROOT, item, zone, suffix, INT32_MAX, buffer, small);
        cr_assert_null(none.data, "%zu", small);
        cr_assert_eq(none.size, 0);
    }
    cr_assert_not_null(
        keys_assignment(ROOT, item, zone, suffix, INT32_MAX, buffer, key.size + 1).data);
    size_t least = keys_max_size(ROOT, (struct span){0}, (struct span){0}, (struct span){0});
    cr_assert_gt(keys_members_prefix(ROOT, buffer, least).size, 0);
    cr_assert_gt(keys_assignments_prefix(ROOT, buffer, least).size, 0);
}

Test(keys, what_was_made_parses_to_its_parts)
{
    char buffer[100];
    struct key_parts parts;
    for (int32_t slot = 0; slot < 2000; slot++) {
        struct span key =
            keys_assignment(ROOT, SPAN("i/j"), SPAN("z"), SPAN("m:1"), slot, buffer, sizeof buffer);
        cr_assert_eq(keys_parse(ROOT, key, &parts), 0);
        cr_assert_eq(parts.slot, slot);
        cr_assert(span_equal(parts.item, SPAN("i/j")));
        cr_assert(span_equal(parts.suffix, SPAN("m:1")));
    }
}

Test(keys, byte_order_is_the_natural_order)
{
    /* Names that are prefixes of others, and bytes on either side of 0x80. */
    const struct span names[] = {SPAN("$"), SPAN("a"),    SPAN("a$"),   SPAN("a/"),  SPAN("aa"),
                                 SPAN("b"), SPAN("\x7F"), SPAN("\x80"), SPAN("\xFF")};
    enum { NAMES = sizeof names / sizeof names[0] };
    char former_buffer[100];
    char buffer[100];
    struct span former = {0};
    struct key_parts former_parts = {0};
    for (int i = 0; i < NAMES * NAMES * NAMES; i++) {
        struct key_parts parts;
        struct span key = keys_assignment(ROOT, names[i / NAMES / NAMES], names[i / NAMES % NAMES],
                                          names[i % NAMES], 0, buffer, sizeof buffer);
        cr_assert_eq(keys_parse(ROOT, key, &parts), 0);
        if (i > 0) {
            cr_assert_lt(span_compare(former, key), 0);
            cr_assert_lt(keys_compare_assignments(&former_parts, &parts), 0);
            cr_assert_gt(keys_compare_assignments(&parts, &former_parts), 0);
        }
        memcpy(former_buffer, buffer, sizeof buffer);
        former = (struct span){former_buffer, key.size};
        cr_assert_eq(keys_parse(ROOT, former, &former_parts), 0);
    }
}

Test(keys, assignments_compare_without_their_slot)
{
    struct key_parts a;
    struct key_parts b;
    cr_assert_eq(keys_parse(ROOT, SPAN("/allot/assign/i#z#m#0"), &a), 0);
    cr_assert_eq(keys_parse(ROOT, SPAN("/allot/assign/i#z#m#5"), &b), 0);
    cr_assert_eq(keys_compare_assignments(&a, &b), 0);
    cr_assert_eq(keys_parse(ROOT, SPAN("/allot/assign/i#z#n#0"), &b), 0);
    cr_assert_lt(keys_compare_assignments(&a, &b), 0);
    cr_assert_eq(keys_parse(ROOT, SPAN("/allot/assign/i#y#n#0"), &b), 0);
    cr_assert_gt(keys_compare_assignments(&a, &b), 0);
    cr_assert_eq(keys_parse(ROOT, SPAN("/allot/assign/j#a#a#0"), &b), 0);
    cr_assert_lt(keys_compare_assignments(&a, &b), 0);
}
