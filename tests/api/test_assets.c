#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/api_client.h"

/* The dashboard's files; what is in them is of no concern here. */

static struct client client;

#define PAGE "compressed page"
#define SCRIPT "compressed script"
static const struct api_asset files[] = {
    {{"", 0}, "text/html; charset=utf-8", "\"0123\"", {PAGE, sizeof PAGE - 1}},
    {{"app-7.js", 8}, "text/javascript", "\"4567\"", {SCRIPT, sizeof SCRIPT - 1}},
};

static void setup(void)
{
    client_init(&client);
    client.runtime.assets = (struct api_assets){files, 2};
}

static void teardown(void)
{
    client_release(&client);
}

TestSuite(assets, .init = setup, .fini = teardown);

static int get(const char *target)
{
    return client_send(&client, "GET", target, NULL);
}

static void expect_header(const char *name, const char *value)
{
    const char *given = client_reply_header(&client, name);
    cr_expect(given && strcmp(given, value) == 0, "%s: %s", name, given ? given : "none");
}

Test(assets, the_page_is_asked_for_each_time)
{
    client_header(&client, "Accept", "text/html,application/xhtml+xml");
    cr_expect_eq(get("/"), 200);
    cr_expect_str_eq(client.reply.content_type, "text/html; charset=utf-8");
    cr_expect_str_eq(client.reply.text, PAGE);
    cr_expect(client.reply.gzipped);
    expect_header("ETag", "\"0123\"");
    expect_header("Cache-Control", "no-cache");
}

Test(assets, what_it_loads_is_kept)
{
    client_header(&client, "Accept", "text/css");
    cr_expect_eq(get("/assets/app-7.js"), 200);
    cr_expect_str_eq(client.reply.text, SCRIPT);
    expect_header("Cache-Control", "public, max-age=31536000, immutable");
}

Test(assets, run_nothing_from_elsewhere)
{
    static const char *const targets[] = {"/", "/assets/app-7.js"};
    for (size_t i = 0; i < 2; i++) {
        cr_expect_eq(get(targets[i]), 200);
        const char *policy = client_reply_header(&client, "Content-Security-Policy");
        cr_assert_not_null(policy);
        cr_expect(strstr(policy, "default-src 'none'; script-src 'self'; style-src 'self'; "));
        cr_expect(strstr(policy, "frame-ancestors 'none'"));
        cr_expect_null(strstr(policy, "unsafe"));
        expect_header("X-Content-Type-Options", "nosniff");
        expect_header("Referrer-Policy", "no-referrer");
    }
}

Test(assets, are_not_sent_again)
{
    client_header(&client, "If-None-Match", "W/\"9\", \"0123\"");
    cr_expect_eq(get("/"), 304);
    expect_header("ETag", "\"0123\"");
    cr_expect_eq(get("/assets/app-7.js"), 200);
    client_header(&client, "If-None-Match", "*");
    cr_expect_eq(get("/assets/app-7.js"), 304);
}

Test(assets, of_another_version_are_not_there)
{
    cr_expect_eq(get("/assets/app-6.js"), 404);
    cr_expect(strstr(client_text(&client, "/detail"), "load it again"));
    cr_expect_not(client.reply.gzipped);
}

Test(assets, may_be_none)
{
    client.runtime.assets = (struct api_assets){NULL, 0};
    cr_expect_eq(get("/"), 404);
    cr_expect(strstr(client_text(&client, "/detail"), "without its dashboard"));
}
