#include <criterion/criterion.h>
#include <string.h>

#include "api/values.h"
#include "server/candidate.h"
#include "tests/support/fail_alloc.h"

static bool is(struct span span, const char *text)
{
    return span_equal(span, span_of(text));
}

Test(candidate, is_a_scheduler)
{
    struct candidate candidate;
    struct error_message why;
    cr_assert_eq(candidate_init_scheduler(&candidate, SPAN("/r"), SPAN("one"), &why), 0);
    cr_assert(is(candidate.instance, "one"));
    cr_assert(is(candidate.prefix, "/r/schedulers/"));
    cr_assert(is(candidate.key, "/r/schedulers/one"));
    cr_assert(is(candidate.value, "{}"));
    cr_assert_eq(candidate.member.size, 0);
    cr_assert_eq(candidate.absent_prefix.size, 0);
    cr_assert(candidate.exclusive);
    candidate_release(&candidate);
    candidate_release(&candidate);
}

Test(candidate, is_a_member)
{
    struct candidate candidate;
    struct error_message why;
    cr_assert_eq(
        candidate_init_member(&candidate, SPAN("/r"), SPAN("z"), SPAN("s1"), SPAN("{v}"), &why), 0);
    cr_assert(is(candidate.instance, "z#s1"));
    cr_assert(is(candidate.prefix, "/r/members/"));
    cr_assert(is(candidate.key, "/r/members/z#s1"));
    cr_assert(is(candidate.member, "/r/members/z#s1"));
    cr_assert(is(candidate.value, "{v}"));
    cr_assert(is(candidate.absent_prefix, "/r/schedulers/"));
    cr_assert_not(candidate.exclusive);
    candidate_release(&candidate);
}

Test(candidate, tells_of_bad_names)
{
    struct candidate candidate;
    struct error_message why;
    struct span root = SPAN("/r");
    cr_assert_eq(candidate_init_scheduler(&candidate, SPAN("/r/"), SPAN("one"), &why),
                 ALLOT_EINVAL);
    cr_assert(strstr(why.text, "root \"/r/\""));
    cr_assert_eq(candidate_init_scheduler(&candidate, root, SPAN("a#b"), &why), ALLOT_EINVAL);
    cr_assert(strstr(why.text, "instance \"a#b\""));
    cr_assert_eq(candidate_init_scheduler(&candidate, root, SPAN(""), &why), ALLOT_EINVAL);
    cr_assert_eq(candidate_init_member(&candidate, root, SPAN(" "), SPAN("s"), SPAN(""), &why),
                 ALLOT_EINVAL);
    cr_assert(strstr(why.text, "zone \" \""));
    cr_assert_eq(candidate_init_member(&candidate, root, SPAN("z"), SPAN("a#b"), SPAN(""), &why),
                 ALLOT_EINVAL);
    cr_assert(strstr(why.text, "suffix \"a#b\""));
}

Test(candidate, is_not_made_without_memory)
{
    struct candidate candidate;
    struct error_message why;
    fail_alloc_set(1);
    cr_assert_eq(candidate_init_scheduler(&candidate, SPAN("/r"), SPAN("one"), &why), ALLOT_ENOMEM);
    fail_alloc_set(1);
    cr_assert_eq(
        candidate_init_member(&candidate, SPAN("/r"), SPAN("z"), SPAN("s"), SPAN("{}"), &why),
        ALLOT_ENOMEM);
    fail_alloc_set(0);
}

/* What `allotd member` announces of itself is what keeps schedulers out. */
Test(candidate, of_a_member_says_that_it_allocates)
{
    const struct member_spec spec = {.item_limit = 4, .allocator = true};
    struct decoder decoder = api_decoder();
    struct arena arena = {NULL};
    struct member_value member;
    struct error_message why;
    struct span value;
    cr_assert_eq(values_write_member(&arena, SPAN(""), &spec, &value), 0);
    cr_assert_eq(decoder.member(decoder.context, NULL, value, &member, &why), 0);
    cr_assert_eq(member.user, VALUES_MEMBER_ALLOCATES);
    arena_release(&arena);
}

/* Started at once, both kinds can be announced: the scheduler, which came last, is to go. */
Test(candidate, of_a_scheduler_keeps_out_where_an_older_member_allocates)
{
    struct candidate candidate;
    struct error_message why;
    struct entry own = {.create_revision = 5};
    struct entry member = {.create_revision = 4, .member = {.user = VALUES_MEMBER_ALLOCATES}};
    const struct entry *members[] = {&member};
    struct state state = {.member_count = 1, .members = members};
    cr_assert_eq(candidate_init_scheduler(&candidate, SPAN("/r"), SPAN("one"), &why), 0);
    cr_assert_not_null(candidate.fault(&state), "it isn't announced");
    state.own = &own;
    cr_assert_not_null(candidate.fault(&state), "it was announced too late");
    member.create_revision = 6;
    cr_assert_null(candidate.fault(&state), "it was there first");
    member = (struct entry){.create_revision = 4};
    state.own = NULL;
    cr_assert_null(candidate.fault(&state), "it doesn't allocate");
    candidate_release(&candidate);
}
