/* The main job, end to end: a real allotd, real sockets, the embedded store. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/support/allotd.h"
#include "tests/support/http_client.h"
#include "tests/support/temporary.h"

static char directory[TEMPORARY_SIZE];
static struct allotd allotd;
static struct http_client client;
static struct http_reply reply;

enum { WAIT_S = 30 };

static void start(void)
{
    static const char *const arguments[] = {"--root", "/test", NULL};
    cr_assert(allotd_start(&allotd, directory, arguments));
    cr_assert(http_client_connect(&client, &allotd.address));
}

static void setup(void)
{
    temporary_directory(directory);
    start();
}

static void teardown(void)
{
    http_client_close(&client);
    if (allotd.pid)
        cr_expect_eq(allotd_stop(&allotd), 0, "allotd does not end cleanly");
    temporary_remove(directory);
}

TestSuite(main_job, .init = setup, .fini = teardown, .timeout = 120);

static int request(const char *method, const char *target, const char *body)
{
    return http_client_request(&client, method, target, "", body, &reply);
}

static void expect(int status, const char *method, const char *target, const char *body)
{
    cr_assert_eq(request(method, target, body), status, "%s %s: %d %s", method, target,
                 reply.status, reply.body ? reply.body : "");
}

static void put_member(const char *name, int limit)
{
    char target[128];
    char body[64];
    snprintf(target, sizeof target, "/v1/members/%s", name);
    snprintf(body, sizeof body, "{\"item_limit\": %d}", limit);
    expect(201, "PUT", target, body);
}

static void put_item(const char *id, int replication)
{
    char target[128];
    char body[64];
    snprintf(target, sizeof target, "/v1/items/%s", id);
    snprintf(body, sizeof body, "{\"replication\": %d}", replication);
    expect(201, "PUT", target, body);
}

static int count_text(const char *text)
{
    int count = 0;
    for (const char *at = reply.body; at && (at = strstr(at, text)); at++)
        count++;
    return count;
}

/* Asks until @text stands @count times in the answer. */
static void await(const char *target, const char *text, int count)
{
    time_t deadline = time(NULL) + WAIT_S;
    do {
        expect(200, "GET", target, NULL);
        if (count_text(text) == count)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    } while (time(NULL) < deadline);
    cr_assert_fail("%s: not %d times %s: %s", target, count, text, reply.body);
}

static void await_status(const char *target, int status)
{
    time_t deadline = time(NULL) + WAIT_S;
    while (request("GET", target, NULL) != status && time(NULL) < deadline)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    cr_assert_eq(reply.status, status, "%s", target);
}

static void fill(void)
{
    put_member("zone-a/m1", 4);
    put_member("zone-a/m2", 4);
    put_member("zone-b/m3", 4);
    for (int i = 0; i < 4; i++) {
        char id[32];
        snprintf(id, sizeof id, "item-%d", i);
        put_item(id, 2);
    }
    await("/v1/assignments", "\"slot\"", 8);
}

Test(main_job, assigns_over_zones)
{
    fill();
    await("/v1/members/zone-b/m3/assignments", "\"slot\"", 4);
    await("/v1/items?limit=10", "\"healthy\"", 4);
}

Test(main_job, drains)
{
    fill();
    expect(200, "POST", "/v1/members/zone-a/m1/drain", "{}");
    await("/v1/members/zone-a/m1/assignments", "\"slot\"", 0);
    await("/v1/assignments", "\"slot\"", 8);
    await("/v1/members/zone-a/m1/drain", "\"drained\":true", 1);
    expect(204, "DELETE", "/v1/members/zone-a/m1", NULL);
    expect(404, "GET", "/v1/members/zone-a/m1", NULL);
}

Test(main_job, silent_member_loses_its_items)
{
    fill();
    expect(201, "PUT", "/v1/members/zone-b/m4",
           "{\"item_limit\": 8, \"ttl_seconds\": 5, \"session\": \"0123456789abcdef\"}");
    expect(200, "POST", "/v1/members/zone-b/m3/drain", "{}");
    await("/v1/members/zone-b/m3/assignments", "\"slot\"", 0);
    await("/v1/members/zone-b/m4/assignments", "\"slot\"", 4);
    expect(200, "DELETE", "/v1/members/zone-b/m3/drain", NULL);
    await_status("/v1/members/zone-b/m4", 404); /* it sends no heartbeat */
    await("/v1/members/zone-b/m3/assignments", "\"slot\"", 4);
    await("/v1/assignments", "\"slot\"", 8);
}

Test(main_job, nothing_acknowledged_is_lost)
{
    fill();
    for (int round = 0; round < 3; round++) {
        int last = 0;
        for (int i = 0; i < 40; i++) {
            char target[64];
            snprintf(target, sizeof target, "/v1/items/round-%d-%d", round, i);
            if (request("PUT", target, "{\"replication\": 0}") == 201)
                last = i;
        }
        cr_assert_eq(last, 39);
        cr_assert_eq(allotd_kill(&allotd), -9);
        http_client_close(&client);
        start();
        await("/v1/assignments", "\"slot\"", 8);
        await("/v1/items?prefix=round-", "\"id\"", 40 * (round + 1));
    }
}

Test(main_job, starts_at_once_after_kill)
{
    fill();
    cr_assert_eq(allotd_kill(&allotd), -9);
    http_client_close(&client);
    start();
    time_t begin = time(NULL);
    put_item("after", 2); /* needs a leader: nobody waits for the former one's lease */
    await("/v1/items/after/assignments", "\"slot\"", 2);
    cr_assert_lt(time(NULL) - begin, 5);
}
