#include <criterion/criterion.h>

#include "core/error.h"

Test(error, has_a_name_and_a_text_for_every_code)
{
    cr_assert_str_eq(allot_error_name(0), "OK");
    cr_assert_str_eq(allot_error_text(0), "ok");
    cr_assert_str_eq(allot_error_name(ALLOT_ENOMEM), "ENOMEM");
    cr_assert_str_eq(allot_error_text(ALLOT_ENOMEM), "out of memory");
#define CHECK(name, code, text)                       \
    cr_assert_str_eq(allot_error_name(code), #name);  \
    cr_assert_str_eq(allot_error_text(code), (text)); \
    cr_assert_lt(code, 0);
    ALLOT_ERRORS(CHECK)
}

Test(error, survives_codes_that_are_none)
{
    cr_assert_str_eq(allot_error_name(1), "EUNKNOWNCODE");
    cr_assert_str_eq(allot_error_name(-1000), "EUNKNOWNCODE");
    cr_assert_str_eq(allot_error_text(1), "unknown error code");
}
