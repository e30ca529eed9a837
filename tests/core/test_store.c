#include <criterion/criterion.h>

#include "core/store.h"

static void check(struct span prefix, struct span expected)
{
    char buffer[16] = {0};
    struct span end = store_range_end_of_prefix(prefix, buffer);
    cr_assert(span_equal(end, expected), "of %.*s", (int)prefix.size, prefix.data);
}

Test(store, makes_the_range_end_of_a_prefix)
{
    check(SPAN("/allot/items/"), SPAN("/allot/items0"));
    check(SPAN("a"), SPAN("b"));
    check(SPAN("a\x7F"), SPAN("a\x80"));
    check(SPAN("a\xFE"), SPAN("a\xFF"));
    check(SPAN("a\xFF"), SPAN("b"));
    check(SPAN("a\xFF\xFF"), SPAN("b"));
    check(SPAN("\0"), SPAN("\1"));
}

Test(store, knows_that_some_prefixes_have_no_range_end)
{
    check(SPAN(""), SPAN(""));
    check((struct span){0}, SPAN(""));
    check(SPAN("\xFF"), SPAN(""));
    check(SPAN("\xFF\xFF\xFF"), SPAN(""));
}
