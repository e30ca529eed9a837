#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "server/watch_hub.h"
#include "tests/support/fail_alloc.h"

static struct watch_hub *hub;
static struct buffer out;

static void start(size_t max_bytes, int64_t bookmark_ms)
{
    const struct watch_hub_config config = {
        .root = SPAN("/t"), .max_bytes = max_bytes, .max_watchers = 3, .bookmark_ms = bookmark_ms};
    cr_assert_eq(watch_hub_create(&config, &hub), 0);
    buffer_init(&out, 1 << 20);
    watch_hub_reach(hub, 10);
    watch_hub_publish(hub, 10);
}

static void stop(void)
{
    watch_hub_destroy(hub);
    buffer_release(&out);
}

/* Item NAME is put at @revision. */
static void hear(int64_t revision, const char *key)
{
    const struct store_event event = {.kind = STORE_EVENT_PUT,
                                      .kv = {.key = span_of(key),
                                             .value = SPAN("{\"replication\":1}"),
                                             .create_revision = revision,
                                             .mod_revision = revision}};
    const struct store_watch_response response = {
        .revision = revision, .events = &event, .event_count = 1};
    watch_hub_hear(hub, &response);
}

static void publish(int64_t revision)
{
    watch_hub_reach(hub, revision);
    watch_hub_publish(hub, revision);
}

static int asleep;
static void on_sleep(void *context)
{
    (void)context;
    asleep++;
}
static void on_wake(void *context)
{
    (void)context;
    asleep--;
}
static const struct watch_sleep SLEEP = {on_sleep, on_wake, NULL};

static struct watcher *watch(const struct watch_stream *stream)
{
    struct watcher *watcher = NULL;
    cr_assert_eq(watch_hub_open(hub, stream, &SLEEP, &watcher), 0);
    return watcher;
}

/* What the watcher is told next; "" if it sleeps, "end" at the end. */
static const char *next(struct watcher *watcher)
{
    buffer_clear(&out);
    enum watch_next what = watch_hub_next(watcher, &out);
    if (what == WATCH_SLEEPS)
        return "";
    if (what == WATCH_ENDS && out.size == 0)
        return "end";
    buffer_append(&out, (struct span){"", 1});
    cr_assert_not(out.error);
    return out.data;
}

static bool tells(const char *message, const char *part)
{
    return strstr(message, part) != NULL;
}

enum { NEVER_MS = 1000000 };
static const struct watch_stream ALL = {.from = -1, .filter = {.kinds = ~0U}};

Test(watch_hub, shows_what_is_published)
{
    start(1 << 20, NEVER_MS);
    struct watcher *watcher = watch(&ALL);
    cr_expect_str_eq(next(watcher), "");
    cr_expect_eq(asleep, 1);
    hear(11, "/t/items/a");
    cr_expect_eq(asleep, 1); /* nobody can read it yet */
    publish(11);
    cr_expect_eq(asleep, 0);
    cr_expect_str_eq(next(watcher),
                     "{\"revision\":11,\"events\":[{\"kind\":\"item\",\"operation\":\"put\","
                     "\"id\":\"a\",\"replication\":1,\"consistency\":\"immediate\",\"labels\":{},"
                     "\"create_revision\":11,\"mod_revision\":11}]}\n");
    cr_expect_str_eq(next(watcher), "");
    hear(12, "/t/actor"); /* nobody's business */
    publish(12);
    cr_expect_str_eq(next(watcher), "");
    watch_hub_close(watcher);
    stop();
}

Test(watch_hub, goes_on_where_a_client_was)
{
    start(1 << 20, NEVER_MS);
    for (int revision = 11; revision <= 14; revision++)
        hear(revision, "/t/items/a");
    publish(13);
    const struct watch_stream stream = {.from = 11, .filter = {.kinds = ~0U}};
    struct watcher *watcher = watch(&stream);
    cr_expect(tells(next(watcher), "{\"revision\":12,"));
    cr_expect(tells(next(watcher), "{\"revision\":13,"));
    cr_expect_str_eq(next(watcher), "");
    publish(14);
    cr_expect(tells(next(watcher), "{\"revision\":14,"));
    int64_t oldest;
    int64_t newest;
    watch_hub_range(hub, &oldest, &newest);
    cr_expect_eq(oldest, 10);
    cr_expect_eq(newest, 14);
    watch_hub_close(watcher);
    stop();
}

Test(watch_hub, filters)
{
    start(1 << 20, NEVER_MS);
    const struct watch_stream streams[] = {
        {.from = -1, .filter = {.kinds = 1U << KEY_ITEM}},
        {.from = -1, .filter = {.kinds = ~0U, .zone = SPAN("z"), .suffix = SPAN("1")}},
        {.from = -1, .format = WATCH_SSE, .filter = {.kinds = ~0U, .prefix = SPAN("or")}},
    };
    struct watcher *watchers[3];
    struct watcher *more = NULL;
    for (int i = 0; i < 3; i++)
        watchers[i] = watch(&streams[i]);
    cr_expect_eq(watch_hub_open(hub, &ALL, &SLEEP, &more), ALLOT_ELIMIT);
    hear(11, "/t/items/orders");
    hear(12, "/t/members/z#1");
    hear(13, "/t/assign/orders#z#1#0");
    hear(14, "/t/items/x");
    publish(14);
    cr_expect(tells(next(watchers[0]), "\"revision\":11"));
    cr_expect(tells(next(watchers[0]), "\"revision\":14"));
    cr_expect(tells(next(watchers[1]), "\"revision\":12"));
    cr_expect(tells(next(watchers[1]), "\"slot\":0"));
    cr_expect_eq(strncmp(next(watchers[2]), "id: 11\nevent: change\ndata: {", 28), 0);
    cr_expect(tells(next(watchers[2]), "\"revision\":13"));
    for (int i = 0; i < 3; i++) {
        cr_expect_str_eq(next(watchers[i]), "");
        watch_hub_close(watchers[i]);
    }
    stop();
}

Test(watch_hub, tells_where_it_is_when_nothing_passes)
{
    start(1 << 20, 0);
    const struct watch_stream stream = {
        .from = -1, .format = WATCH_SSE, .filter = {.kinds = ~0U, .item = SPAN("b")}};
    struct watcher *watcher = watch(&stream);
    cr_expect_str_eq(next(watcher), "id: 10\nevent: bookmark\ndata: "
                                    "{\"revision\":10,\"bookmark\":true}\n\n");
    hear(11, "/t/items/a");
    publish(12);
    cr_expect(tells(next(watcher), "{\"revision\":12,\"bookmark\":true}"));
    watch_hub_close(watcher);
    stop();
}

Test(watch_hub, lets_go_who_is_too_slow)
{
    start(4000, NEVER_MS);
    struct watcher *slow = watch(&ALL);
    struct watcher *quick = watch(&ALL);
    for (int revision = 11; revision < 60; revision++) {
        hear(revision, "/t/items/a");
        publish(revision);
        cr_expect(tells(next(quick), "\"revision\""));
    }
    cr_expect(tells(next(slow), "{\"gone\":true,\"detail\":\"too slow"));
    int64_t oldest;
    int64_t newest;
    watch_hub_range(hub, &oldest, &newest);
    cr_expect_gt(oldest, 11);
    cr_expect_lt(oldest, newest);
    watch_hub_close(slow);
    watch_hub_close(quick);
    stop();
}

Test(watch_hub, lets_all_go_when_the_mirror_starts_over)
{
    start(1 << 20, NEVER_MS);
    struct watcher *watcher = watch(&ALL);
    cr_expect_str_eq(next(watcher), "");
    hear(11, "/t/items/a");
    watch_hub_break(hub);
    cr_expect_eq(asleep, 0);
    cr_expect(tells(next(watcher), "changes may have been missed"));
    watch_hub_publish(hub, 10); /* what was known before says nothing */
    struct watcher *early = watch(&ALL);
    cr_expect(tells(next(early), "\"gone\""));
    hear(21, "/t/items/a");
    publish(20);
    struct watcher *late = watch(&ALL);
    cr_expect_str_eq(next(late), "");
    publish(21);
    cr_expect(tells(next(late), "\"revision\":21"));
    watch_hub_close(watcher);
    watch_hub_close(early);
    watch_hub_close(late);
    stop();
}

Test(watch_hub, does_not_skip_what_it_could_not_keep)
{
    for (long nth = 1;; nth++) {
        start(1 << 20, NEVER_MS);
        struct watcher *watcher = watch(&ALL);
        fail_alloc_set(nth);
        hear(11, "/t/items/a");
        bool failed = fail_alloc_count() >= nth;
        fail_alloc_set(0);
        publish(11);
        cr_expect(tells(next(watcher), failed ? "\"gone\"" : "\"revision\":11"));
        watch_hub_close(watcher);
        stop();
        if (!failed)
            break;
        cr_assert_lt(nth, 100);
    }
}

Test(watch_hub, dismisses_all_who_may_come_again)
{
    start(1 << 20, NEVER_MS);
    struct watcher *watcher = watch(&ALL);
    cr_expect_str_eq(next(watcher), "");
    watch_hub_dismiss(hub);
    cr_expect_eq(asleep, 0);
    cr_expect_str_eq(next(watcher), "end");
    struct watcher *again = watch(&ALL);
    cr_expect_str_eq(next(again), "");
    watch_hub_close(again);
    watch_hub_close(watcher);
    stop();
}

Test(watch_hub, ends_all_when_it_is_stopped)
{
    start(1 << 20, NEVER_MS);
    struct watcher *watcher = watch(&ALL);
    cr_expect_str_eq(next(watcher), "");
    watch_hub_stop(hub);
    cr_expect_eq(asleep, 0);
    cr_expect_str_eq(next(watcher), "end");
    struct watcher *late = NULL;
    cr_expect_eq(watch_hub_open(hub, &ALL, &SLEEP, &late), ALLOT_ECANCELED);
    watch_hub_close(watcher);
    watch_hub_close(NULL);
    stop();
    watch_hub_destroy(NULL);
}
