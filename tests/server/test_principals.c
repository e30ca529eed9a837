#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/principals.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/temporary.h"

/* SHA-256 of these, made with sha256sum. */
#define TOKEN_1 "token-of-the-operator"
#define HASH_1 "1b82c790392ba8b62ca9cf174191c0ed1182536944c48e7878007dda6e0b80fc"
#define TOKEN_2 "token-of-one-member"
#define HASH_2 "1c635fd793994d5cf348de5969b2e0046a35fdfcf2d7f1102a412b8590d4c87e"

static char directory[TEMPORARY_SIZE];
static char path[TEMPORARY_SIZE + 16];

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

static void setup(void)
{
    (void)snprintf(path, sizeof path, "%s/tokens", temporary_directory(directory));
}

static void teardown(void)
{
    temporary_remove(directory);
}

TestSuite(principals, .init = setup, .fini = teardown);

static struct principals *open_file(const char *text)
{
    struct principals *principals = NULL;
    struct error_message why = {""};
    write_file(text);
    cr_assert_eq(principals_open(path, &principals, &why), 0, "%s", why.text);
    return principals;
}

Test(principals, are_known_by_their_tokens)
{
    struct principal found;
    struct principals *principals = open_file("# who is let in\n\n"
                                              "deploy operator " HASH_1 "\r\n"
                                              "  m1\tmember:zone-a/a%2Fb  " HASH_2);
    cr_expect(principals_find(principals, SPAN(TOKEN_1), &found));
    cr_expect_str_eq(found.name, "deploy");
    cr_expect_eq(found.role, PRINCIPAL_OPERATOR);
    cr_expect(principals_find(principals, SPAN(TOKEN_2), &found));
    cr_expect_eq(found.role, PRINCIPAL_MEMBER);
    cr_expect_str_eq(found.zone, "zone-a");
    cr_expect_str_eq(found.suffix, "a/b");
    cr_expect_not(principals_find(principals, SPAN("token-of-somebody-else"), &found));
    cr_expect_not(principals_find(principals, SPAN(HASH_1), &found));
    cr_expect_not(principals_find(principals, SPAN(""), &found));
    principals_close(principals);
    principals_close(NULL);
}

Test(principals, are_read_again)
{
    struct error_message why = {""};
    struct principal found;
    struct principals *principals = open_file("one operator " HASH_1 "\n");
    bool changed = true;
    write_file("# the same\none operator " HASH_1 "\n");
    cr_expect_eq(principals_reload(principals, &changed, &why), 0);
    cr_expect_not(changed);
    write_file("two reader " HASH_2 "\n");
    cr_expect(principals_find(principals, SPAN(TOKEN_1), &found)); /* not before it is asked for */
    cr_expect_eq(principals_reload(principals, &changed, &why), 0);
    cr_expect(changed);
    cr_expect_not(principals_find(principals, SPAN(TOKEN_1), &found));
    cr_expect(principals_find(principals, SPAN(TOKEN_2), &found));
    write_file("nonsense\n");
    cr_expect_eq(principals_reload(principals, &changed, &why), ALLOT_ESYNTAX);
    cr_expect(principals_find(principals, SPAN(TOKEN_2), &found)); /* the former ones hold */
    cr_expect_eq(remove(path), 0);
    cr_expect_eq(principals_reload(principals, &changed, &why), ALLOT_EIO);
    cr_expect(principals_find(principals, SPAN(TOKEN_2), &found));
    principals_close(principals);
}

Test(principals, bad_files_say_where)
{
    const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"", "tokens: expected a line NAME ROLE HASH at least"},
        {"one boss " HASH_1, "line 1: expected a role: reader, operator or member:ZONE/SUFFIX"},
        {"one reader", "line 1: expected the SHA-256 of the token, 64 hexadecimal digits"},
        {"one reader 1234", "line 1: expected the SHA-256 of the token, 64 hexadecimal digits"},
        {"#\none reader " HASH_1 " x", "line 2: expected nothing after NAME ROLE HASH"},
        {"one reader " HASH_1 "\none reader " HASH_2, "line 2: the name one is there already"},
        {"one reader " HASH_1 "\ntwo reader " HASH_1,
         "line 2: the same token has been given to one already"},
        {"one member:a " HASH_1, "line 1: expected a role: reader, operator or member:ZONE/SUFFIX"},
        {"allocator operator " HASH_1, "line 1: the name allocator is reserved"},
        {"member reader " HASH_1, "line 1: the name member is reserved"},
        {"anonymous reader " HASH_1, "line 1: the name anonymous is reserved"},
        {"one member:a/%2 " HASH_1, "line 1: expected member:ZONE/SUFFIX, percent-encoded"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct principals *principals = NULL;
        struct error_message why = {""};
        write_file(cases[i].text);
        cr_expect_eq(principals_open(path, &principals, &why), ALLOT_ESYNTAX);
        cr_expect_not_null(strstr(why.text, cases[i].expected), "%s", why.text);
    }
    struct principals *principals = NULL;
    struct error_message why = {""};
    cr_expect_eq(principals_open("/nowhere/tokens", &principals, &why), ALLOT_EIO);
    cr_expect_str_eq(why.text, "/nowhere/tokens: No such file or directory");
}

/* Nobody writes to it: it would be waited for for ever. */
Test(principals, are_not_read_from_a_fifo)
{
    struct principals *principals = NULL;
    struct error_message why = {""};
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_eq(principals_open(path, &principals, &why), ALLOT_EIO);
    cr_expect_not_null(strstr(why.text, "/tokens: expected a regular file"), "%s", why.text);
    cr_expect_eq(principals_open(directory, &principals, &why), ALLOT_EIO);
    cr_expect_not_null(strstr(why.text, "expected a regular file"), "%s", why.text);
}

Test(principals, survive_want_of_memory)
{
    int error = ALLOT_ENOMEM;
    write_file("one operator " HASH_1 "\n");
    for (long nth = 1; error; nth++) {
        struct principals *principals = NULL;
        struct error_message why = {""};
        fail_alloc_set(nth);
        error = principals_open(path, &principals, &why);
        fail_alloc_set(0);
        cr_expect(error == 0 || error == ALLOT_ENOMEM || error == ALLOT_EIO);
        principals_close(principals);
        cr_assert_lt(nth, 20);
    }
}
