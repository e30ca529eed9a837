/* Watches whose streams come in pieces, break off, or are refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/etcd/fixture.h"
#include "tests/etcd/scripted_server.h"
#include "tests/server/store_conformance.h"
#include "tests/support/store_sync.h"

#define HEADER(revision) \
    "\"header\":{\"cluster_id\":\"7\",\"member_id\":\"8\",\"revision\":\"" revision "\"}"
#define CREATED(revision) "{\"result\":{" HEADER(revision) ",\"created\":true}}\n"
#define PUT(revision)                                                                      \
    "{\"kv\":{\"key\":\"L2EvMQ==\",\"create_revision\":\"" revision "\",\"mod_revision\":" \
    "\"" revision "\",\"version\":\"1\",\"value\":\"dmFsdWU=\"}}"
#define DELETE(revision) \
    "{\"type\":\"DELETE\",\"kv\":{\"key\":\"L2EvMQ==\",\"mod_revision\":\"" revision "\"}}"
#define EVENTS(revision, ...) "{\"result\":{" HEADER(revision) ",\"events\":[" __VA_ARGS__ "]}}\n"
#define PROGRESS(revision) "{\"result\":{" HEADER(revision) "}}\n"

/* What each stream says, in turn; the last one over and over. An ended one is cut, others stay. */
struct script {
    const char *streams[8];
    bool ended[8];
    size_t piece;
    atomic_int opened;
    char starts[8][32]; /* their start revisions */
};

static void note_start(struct script *script, int stream, const char *body)
{
    const char *start = strstr(body, "\"start_revision\":");
    snprintf(script->starts[stream], sizeof script->starts[stream], "%.*s",
             start ? (int)strcspn(start + 17, ",}") : 0, start ? start + 17 : "");
}

static bool play(void *context, const struct scripted_request *request)
{
    struct script *script = context;
    if (strcmp(request->path, "/v3/watch") != 0)
        return scripted_reply(request, 200, "{" HEADER("1") "}");
    int stream = atomic_fetch_add(&script->opened, 1);
    if (stream < 8)
        note_start(script, stream, request->body);
    while (stream >= 8 || !script->streams[stream])
        stream--;
    const char *text = script->streams[stream];
    size_t piece = script->piece ? script->piece : strlen(text) + 1;
    if (scripted_begin_chunks(request) && scripted_chunks(request, text, piece) &&
        !script->ended[stream])
        scripted_wait_for_close(request);
    return false;
}

struct scripted {
    struct scripted_server server;
    struct store *store;
    struct sync_watch watch;
};

static void begin(struct scripted *scripted, struct script *script, int64_t start_revision)
{
    scripted_server_start(&scripted->server, play, script);
    scripted->store = must_open(&(struct etcd_store_config){
        .endpoints = scripted->server.url, .protocol = ETCD_GATEWAY, .refresh_ms = 600000});
    cr_assert_eq(
        sync_watch_start(&scripted->watch, scripted->store, conformance_all("/a/"), start_revision),
        0);
}

static void end(struct scripted *scripted, int error, size_t count)
{
    sync_watch_stop(&scripted->watch);
    cr_expect_eq(scripted->watch.error, error);
    cr_expect_eq(scripted->watch.count, count);
    sync_watch_release(&scripted->watch);
    scripted->store->operations->destroy(scripted->store);
    scripted_server_stop(&scripted->server);
}

Test(etcd_store_streams, in_pieces_of_any_size)
{
    static const char text[] = CREATED("4") EVENTS("6", PUT("5") "," DELETE("6")) PROGRESS("9")
        EVENTS("12", PUT("11") "," PUT("12"));
    for (size_t piece = 1; piece <= sizeof text; piece += piece < 20 ? 1 : 37) {
        struct script script = {.streams = {text}, .piece = piece};
        struct scripted scripted;
        begin(&scripted, &script, 5);
        cr_assert(sync_watch_wait(&scripted.watch, 4));
        cr_assert_eq(scripted.watch.events[1].kind, STORE_EVENT_DELETE);
        cr_assert(span_equal(scripted.watch.events[3].kv.value, SPAN("value")));
        cr_assert_eq(scripted.watch.revision, 12);
        end(&scripted, 0, 4);
    }
}

Test(etcd_store_streams, that_break_off_go_on_where_they_were)
{
    struct script script = {
        .streams = {CREATED("4") EVENTS("5", PUT("5")) "{\"result\":{\"header\":",
                    CREATED("6") EVENTS("8", PUT("5") "," PUT("7")) /* complete up to 8 */
                    "{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":\"etcdserver: no "
                    "leader\",\"http_status\":\"Service Unavailable\"}}",
                    CREATED("8") PROGRESS("20"), CREATED("20") EVENTS("21", PUT("21"))},
        .ended = {true, false, true},
    };
    struct scripted scripted;
    begin(&scripted, &script, 0);
    cr_assert(sync_watch_wait(&scripted.watch, 3));
    cr_assert_str_eq(script.starts[0], "");
    cr_assert_str_eq(script.starts[1], "5");
    cr_assert_str_eq(script.starts[2], "8");
    cr_assert_str_eq(script.starts[3], "20");
    end(&scripted, 0, 3);
}

/* From the next revision on: that of the first stream. */
Test(etcd_store_streams, that_break_off_before_anything_came)
{
    struct script script = {
        .streams = {CREATED("4"), CREATED("8") EVENTS("6", PUT("5"))},
        .ended = {true},
    };
    struct scripted scripted;
    begin(&scripted, &script, 0);
    cr_assert(sync_watch_wait(&scripted.watch, 1));
    cr_assert_str_eq(script.starts[1], "4");
    end(&scripted, 0, 1);
}

/* A stream begins with the revision before, which has been told: see etcd_watch.c. */
Test(etcd_store_streams, do_not_tell_again)
{
    struct script script = {
        .streams = {CREATED("4") EVENTS("5", PUT("4") "," PUT("4") "," PUT("5")),
                    CREATED("5") EVENTS("8", PUT("5")) EVENTS("9", PUT("9"))},
        .ended = {true},
    };
    struct scripted scripted;
    begin(&scripted, &script, 5);
    cr_assert(sync_watch_wait(&scripted.watch, 2));
    cr_assert_str_eq(script.starts[0], "4");
    cr_assert_str_eq(script.starts[1], "5");
    cr_assert_eq(scripted.watch.events[0].kv.mod_revision, 5);
    cr_assert_eq(scripted.watch.events[1].kv.mod_revision, 9);
    end(&scripted, 0, 2);
}

/* The store was emptied, and has come further than it was by the time that the stream is opened. */
Test(etcd_store_streams, end_where_what_was_told_is_not_there)
{
    struct script script = {
        .streams = {CREATED("4") EVENTS("5", PUT("4") "," PUT("5")),
                    CREATED("9") EVENTS("9", PUT("8") "," PUT("9"))},
        .ended = {true},
    };
    struct scripted scripted;
    begin(&scripted, &script, 4);
    cr_assert(sync_watch_wait(&scripted.watch, 100));
    cr_assert_str_eq(script.starts[1], "5");
    end(&scripted, ALLOT_EORDER, 2);
}

static void expect_end(const char *text, int error)
{
    struct script script = {.streams = {text}};
    struct scripted scripted;
    begin(&scripted, &script, 5);
    cr_expect(sync_watch_wait(&scripted.watch, 100));
    cr_expect_eq(script.opened, 1, "%s", text);
    end(&scripted, error, 0);
}

Test(etcd_store_streams, that_are_wrong)
{
    expect_end(EVENTS("6", PUT("5")), ALLOT_EIO); /* not created */
    expect_end(CREATED("4") EVENTS("6", PUT("3")), ALLOT_EIO);
    expect_end(CREATED("4") EVENTS("4", PUT("4")) EVENTS("6", PUT("4")), ALLOT_EIO);
    expect_end(CREATED("4") EVENTS("5", PUT("6")), ALLOT_EIO);
    expect_end(CREATED("4") EVENTS("9", PUT("6") "," PUT("5")), ALLOT_EIO);
    expect_end(CREATED("4") EVENTS("x", PUT("6")), ALLOT_EIO);
    expect_end(CREATED("4") "{\"result\":{" HEADER("6") ",\"events\":[{\"type\":\"MOVE\"}]}}",
               ALLOT_EIO);
    expect_end(CREATED("4") "{\"result\":{" HEADER("6") ",\"events\":[{}]}}", ALLOT_EIO);
    expect_end(CREATED("4") "{}", ALLOT_EIO);
}

Test(etcd_store_streams, that_are_refused)
{
    expect_end("{\"result\":{" HEADER("9") ",\"created\":true,\"canceled\":true,"
                                           "\"cancel_reason\":\"etcdserver: permission denied\"}}",
               ALLOT_EUNAVAILABLE);
    expect_end(CREATED("9") "{\"result\":{\"header\":{\"cluster_id\":\"7\"},\"canceled\":true,"
                            "\"compact_revision\":\"8\"}}",
               ALLOT_ECOMPACTED);
}

Test(etcd_store_streams, with_a_message_that_is_too_large)
{
    struct script script = {.streams = {CREATED("4") EVENTS("6", PUT("5") "," PUT("6"))}};
    struct sync_watch watch;
    struct scripted_server server;
    scripted_server_start(&server, play, &script);
    struct store *store = must_open(&(struct etcd_store_config){
        .endpoints = server.url, .protocol = ETCD_GATEWAY, .max_answer = 150});
    cr_assert_eq(sync_watch_start(&watch, store, conformance_all("/a/"), 5), 0);
    cr_assert(sync_watch_wait(&watch, 100));
    sync_watch_stop(&watch);
    cr_expect_eq(watch.error, ALLOT_ELIMIT);
    sync_watch_release(&watch);
    store->operations->destroy(store);
    scripted_server_stop(&server);
}

/* --- looking back --- */

/* The first stream follows, from revision 3, those after it look back from revision 4; ranges say
 * that the store is at 20. */
struct looking {
    const char *follows;
    const char *looks_back;
    atomic_int looked_back;
};

static bool play_looking(void *context, const struct scripted_request *request)
{
    struct looking *looking = context;
    if (strcmp(request->path, "/v3/watch") != 0)
        return scripted_reply(request, 200, "{" HEADER("20") "}");
    bool back = strstr(request->body, "\"start_revision\":4,") != NULL;
    const char *text = back ? looking->looks_back : looking->follows;
    (void)(scripted_begin_chunks(request) && scripted_chunk(request, text, strlen(text)));
    if (back)
        atomic_fetch_add(&looking->looked_back, 1);
    scripted_wait_for_close(request);
    return false;
}

static void look(struct looking *looking, int64_t progress)
{
    struct sync_watch watch;
    struct scripted_server server;
    scripted_server_start(&server, play_looking, looking);
    struct store *store = must_open(&(struct etcd_store_config){
        .endpoints = server.url, .protocol = ETCD_GATEWAY, .refresh_ms = 10});
    cr_assert_eq(sync_watch_start(&watch, store, conformance_all("/a/"), 4), 0);
    cr_assert(sync_watch_wait_revision(&watch, progress));
    /* and not further, however often it looks back */
    while (looking->looked_back < 3 && progress < 20) {
        cr_assert_eq(sync_revision(store), 20);
        pthread_mutex_lock(&watch.mutex);
        int64_t revision = watch.revision;
        pthread_mutex_unlock(&watch.mutex);
        cr_assert_eq(revision, progress);
    }
    sync_watch_stop(&watch);
    cr_expect_eq(watch.error, 0);
    cr_expect_eq(watch.revision, progress);
    sync_watch_release(&watch);
    store->operations->destroy(store);
    scripted_server_stop(&server);
}

Test(etcd_store_streams, look_back_and_find_nothing_new)
{
    struct looking looking = {.follows = CREATED("5") EVENTS("5", PUT("5")),
                              .looks_back = CREATED("20") EVENTS("20", PUT("5"))};
    look(&looking, 20);
}

/* Its member is behind what has been told: late, and not of a store that has gone back. */
Test(etcd_store_streams, begin_behind_and_catch_up)
{
    struct looking looking = {.follows = CREATED("2") EVENTS("5", PUT("5")),
                              .looks_back = CREATED("20") EVENTS("20", PUT("5"))};
    look(&looking, 20);
}

Test(etcd_store_streams, look_back_and_find_what_did_not_come_yet)
{
    struct looking looking = {.follows = CREATED("5") EVENTS("5", PUT("5")),
                              .looks_back = CREATED("20") EVENTS("20", PUT("5") "," PUT("19"))};
    look(&looking, 5);
}
