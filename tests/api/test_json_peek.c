#include <criterion/criterion.h>
#include <stdio.h>

#include "api/json_peek.h"
#include "api/json_reader.h"
#include "tests/support/random.h"

enum { NAMES = 2, TEXT_SIZE = 512 };
static const struct span names[NAMES] = {{"who", 3}, {"when", 4}};

static struct span field_of(struct json_object *tree, const char *name)
{
    struct json_object *field = NULL;
    if (!json_object_object_get_ex(tree, name, &field) ||
        !json_object_is_type(field, json_type_string))
        return (struct span){NULL, 0};
    return (struct span){json_object_get_string(field), (size_t)json_object_get_string_len(field)};
}

/* Whether it could tell; if so, it says what json_read says. */
static bool peeks(const char *text)
{
    struct span found[NAMES];
    struct json_object *tree = NULL;
    struct error_message why = {""};
    if (!json_peek_texts(span_of(text), names, NAMES, found))
        return false;
    int error = json_read(span_of(text), &tree, &why);
    cr_assert_eq(error, 0, "%s: %s", text, why.text);
    for (int i = 0; i < NAMES; i++) {
        struct span wanted = field_of(tree, names[i].data);
        cr_expect_eq(found[i].data == NULL, wanted.data == NULL, "%s", text);
        cr_expect(span_equal(found[i], wanted), "%s", text);
    }
    json_object_put(tree);
    return true;
}

Test(json_peek, finds_what_json_read_finds)
{
    static const char *const good[] = {
        "{}",
        " { } ",
        "{\"who\":\"alice\"}",
        "{\"a\":1,\"who\":\"alice\",\"when\":\"now\"}",
        "{ \"who\" : \"alice\" , \"when\" : \"\" }",
        "{\"who\":1,\"when\":null}",
        "{\"who\":[\"alice\"],\"x\":{\"who\":\"bob\",\"when\":\"then\"}}",
        "{\"x\":\"}\",\"who\":\"{\"}",
        "{\"x\":\"a\\\"b\",\"who\":\"alice\"}",
        "{\"x\":[1,2,{\"y\":\"]\"}],\"when\":\"now\"}",
        "{\"who\":\"\xC3\xA4\"}",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_expect(peeks(good[i]), "%s", good[i]);
}

Test(json_peek, does_not_tell_what_it_cannot_know)
{
    static const char *const others[] = {
        "",
        "null",
        "[]",
        "\"who\"",
        "{",
        "{\"who\"",
        "{\"who\":",
        "{\"who\":\"a",
        "{\"who\":\"a\"",
        "{who:1}",
        "{\"who\" 1}",
        "{\"who\":\"a\\\"b\"}",
        "{\"w\\u0068o\":\"a\"}",
        "{\"x\":[1",
        "{\"a\":1 \"b\":2",
    };
    struct span found[NAMES];
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_expect_not(json_peek_texts(span_of(others[i]), names, NAMES, found), "%s", others[i]);
}

static void add(char *text, const char *more)
{
    size_t size = strlen(text);
    (void)snprintf(text + size, TEXT_SIZE - size, "%s", more);
}

static void add_value(struct random *random, char *text, int depth)
{
    static const char *const plain[] = {"1",         "-2.5e3", "true",        "null",
                                        "\"alice\"", "\"\"",   "\"a\\\\b}\"", "\" , : { \""};
    if (depth > 2 || random_below(random, 3)) {
        add(text, plain[random_below(random, 8)]);
        return;
    }
    bool is_object = random_below(random, 2);
    add(text, is_object ? "{" : "[");
    for (int i = (int)random_below(random, 3); i > 0; i--) {
        char name[16];
        (void)snprintf(name, sizeof name, "\"n%d\":", i);
        add(text, is_object ? name : "");
        add_value(random, text, depth + 1);
        add(text, i > 1 ? ", " : "");
    }
    add(text, is_object ? "}" : "]");
}

Test(json_peek, agrees_with_json_read_on_anything)
{
    struct random random = {4};
    int told = 0;
    for (int i = 0; i < 20000; i++) {
        static const char *const fields[] = {"\"a\":", "\"who\" :", "\"b\":", "\"when\":"};
        char text[TEXT_SIZE] = "{";
        unsigned chosen = (unsigned)random_below(&random, 16);
        bool first = true;
        for (int f = 0; f < 4; f++) {
            if (!(chosen >> f & 1))
                continue;
            add(text, first ? "" : ",");
            add(text, fields[f]);
            add_value(&random, text, 0);
            first = false;
        }
        add(text, "}");
        told += peeks(text);
    }
    cr_expect_gt(told, 10000);
}
