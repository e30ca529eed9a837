#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/history.h"
#include "tests/server/embedded_fixture.h"
#include "tests/support/store_sync.h"

/* The history of a store that lives: followed, left, found again, and not to be written. */

#define ROOT "/allot"
enum { WAIT_MS = 20000, TEXT_SIZE = 128 };

static const atomic_bool never = false;

struct stage {
    struct embedded_fixture fixture;
    char path[TEMPORARY_SIZE + 32];
    struct history *history;
};

static void start_of(struct stage *stage, const char *root)
{
    const struct history_config config = {.store = stage->fixture.store,
                                          .path = stage->path,
                                          .root = span_of(root),
                                          .gather_ms = 5,
                                          .longest_retry_ms = 100,
                                          .look_ms = 20};
    cr_assert_eq(history_start(&config, &stage->history), 0);
}

static void start(struct stage *stage)
{
    start_of(stage, ROOT);
}

static void stop(struct stage *stage)
{
    history_stop(stage->history);
    stage->history = NULL;
}

static void begin(struct stage *stage)
{
    *stage = (struct stage){.history = NULL};
    embedded_fixture_open(&stage->fixture, (struct embedded_store_config){.retention = 0});
    (void)snprintf(stage->path, sizeof stage->path, "%s/of/history.db", stage->fixture.directory);
}

static void end(struct stage *stage)
{
    stop(stage);
    embedded_fixture_remove(&stage->fixture);
}

static int64_t put(struct stage *stage, const char *name, const char *value)
{
    char key[TEXT_SIZE];
    int64_t revision = 0;
    (void)snprintf(key, sizeof key, "%s/items/%s", ROOT, name);
    cr_assert_eq(sync_put(stage->fixture.store, span_of(key), span_of(value), 0, &revision), 0);
    return revision;
}

static struct history_status status_of(struct stage *stage)
{
    struct history_status status;
    const struct api_history *api = history_api(stage->history);
    api->status(api->context, &status);
    return status;
}

static void wait_until(struct stage *stage, int64_t revision, enum history_condition condition)
{
    int64_t until_ms = clock_monotonic_ms() + WAIT_MS;
    struct history_status status = status_of(stage);
    while ((status.reached < revision || status.condition != condition) &&
           clock_monotonic_ms() < until_ms) {
        usleep(2000);
        status = status_of(stage);
    }
    cr_assert_geq(status.reached, revision);
    cr_assert_eq(status.condition, condition, "%s", status.detail);
}

struct hearing {
    int64_t events;
    int64_t gaps;
    int64_t last;
};

static bool hear(void *context, const struct history_event *event)
{
    struct hearing *hearing = context;
    hearing->events++;
    hearing->gaps += event->kind == HISTORY_GAP;
    hearing->last = event->position.revision;
    return true;
}

/* All events, once the history has come to @revision. */
static struct hearing ask(struct stage *stage, int64_t revision)
{
    const struct api_history *api = history_api(stage->history);
    struct history_query query = {
        .filter = {.kinds = ~0u, .to_revision = INT64_MAX, .to_ms = INT64_MAX},
        .limit = 5000,
        .min_revision = revision};
    struct hearing hearing = {0};
    struct history_page page;
    int error = api->events(api->context, &query, &never, hear, &hearing, &page);
    cr_assert_eq(error, 0, "%s", allot_error_text(error));
    cr_assert_geq(page.reached, revision);
    return hearing;
}

static int ask_whether_it_answers(struct stage *stage)
{
    const struct api_history *api = history_api(stage->history);
    const struct history_query query = {.filter = {.kinds = ~0u}, .limit = 1};
    struct history_page page;
    return api->events(api->context, &query, &never, hear, &(struct hearing){0}, &page);
}

/* Whether "PATH" + @suffix is there. */
static bool is_there(const struct stage *stage, const char *suffix)
{
    char path[2 * TEMPORARY_SIZE];
    (void)snprintf(path, sizeof path, "%s%s", stage->path, suffix);
    return access(path, F_OK) == 0;
}

static void move_away(const struct stage *stage, const char *suffix)
{
    char from[2 * TEMPORARY_SIZE], to[2 * TEMPORARY_SIZE];
    (void)snprintf(from, sizeof from, "%s%s", stage->path, suffix);
    (void)snprintf(to, sizeof to, "%s.away%s", stage->path, suffix);
    cr_assert_eq(rename(from, to), 0, "%s", from);
}

Test(history, follows_what_happens_and_goes_on_where_it_was)
{
    struct stage stage;
    begin(&stage);
    int64_t first = put(&stage, "before", "1");
    start(&stage);
    int64_t second = put(&stage, "after", "2");
    wait_until(&stage, second, HISTORY_WORKS);
    cr_expect_eq(ask(&stage, second).events, 2);
    stop(&stage);
    put(&stage, "meanwhile", "3");
    start(&stage);
    int64_t last = put(&stage, "again", "4");
    struct hearing heard = ask(&stage, last); /* waits for it by itself */
    cr_expect_eq(heard.events, 4);
    cr_expect_eq(heard.last, last);
    cr_expect_eq(heard.gaps, 0);
    cr_expect_eq(status_of(&stage).oldest, 0);
    cr_expect_gt(first, 0);
    end(&stage);
}

Test(history, tells_the_state_at_a_revision_just_written)
{
    struct stage stage;
    begin(&stage);
    start(&stage);
    const struct api_history *api = history_api(stage.history);
    for (int i = 0; i < 10; i++) {
        int64_t last = put(&stage, "a", "1");
        struct history_moment at = {.revision = last};
        struct snapshot *snapshot = NULL;
        cr_assert_eq(api->state(api->context, &at, last, &never, &snapshot), 0);
        cr_expect_eq(at.revision, last);
        snapshot_unref(snapshot);
    }
    end(&stage);
}

Test(history, waits_no_longer_than_it_says_for_a_revision)
{
    struct stage stage;
    begin(&stage);
    start(&stage);
    int64_t last = put(&stage, "a", "1");
    const struct api_history *api = history_api(stage.history);
    struct history_query query = {.filter = {.kinds = ~0u, .to_revision = INT64_MAX}, .limit = 1};
    struct history_page page;
    atomic_bool cancelled = true;
    wait_until(&stage, last, HISTORY_WORKS);
    query.min_revision = last + 1000;
    cr_expect_eq(api->events(api->context, &query, &never, hear, &(struct hearing){0}, &page),
                 ALLOT_EUNAVAILABLE);
    cr_expect_eq(api->events(api->context, &query, &cancelled, hear, &(struct hearing){0}, &page),
                 ALLOT_ECANCELED);
    end(&stage);
}

Test(history, tells_what_a_compaction_has_taken)
{
    struct stage stage;
    begin(&stage);
    start(&stage);
    wait_until(&stage, put(&stage, "a", "1"), HISTORY_WORKS);
    stop(&stage);
    put(&stage, "b", "1");
    put(&stage, "a", "2");
    int64_t last = put(&stage, "a", "3");
    cr_assert_eq(sync_compact(stage.fixture.store, last), 0);
    start(&stage);
    wait_until(&stage, last, HISTORY_WORKS);
    struct hearing heard = ask(&stage, last);
    cr_expect_eq(heard.gaps, 1);
    cr_expect_eq(heard.events, 1 + 1 + 2, "one, the gap, and what a and b are now");
    int64_t next = put(&stage, "c", "1");
    cr_expect_eq(ask(&stage, next).events, 5);
    end(&stage);
}

static size_t count_set_aside(const struct stage *stage)
{
    char pattern[2 * TEMPORARY_SIZE];
    glob_t found;
    (void)snprintf(pattern, sizeof pattern, "%s.[0-9]*[0-9]", stage->path);
    int error = glob(pattern, 0, NULL, &found);
    cr_assert(error == 0 || error == GLOB_NOMATCH);
    size_t count = error ? 0 : found.gl_pathc;
    globfree(&found);
    return count;
}

Test(history, of_another_store_is_set_aside)
{
    struct stage stage, other;
    begin(&stage);
    start(&stage);
    for (int i = 0; i < 20; i++)
        put(&stage, "a", "1");
    wait_until(&stage, sync_revision(stage.fixture.store), HISTORY_WORKS);
    stop(&stage);
    begin(&other);
    (void)snprintf(other.path, sizeof other.path, "%s", stage.path);
    start(&other);
    int64_t last = put(&other, "b", "1");
    struct hearing heard = {0};
    wait_until(&other, last, HISTORY_WORKS);
    heard = ask(&other, last);
    cr_expect_eq(heard.events, 1);
    cr_expect_eq(count_set_aside(&stage), 1, "the other store's history is still there");
    end(&other);
    end(&stage);
}

/* --- a store that was put back --- */

static void copy_store(const struct stage *stage, const char *from, const char *to)
{
    char command[4 * TEMPORARY_SIZE];
    const char *directory = stage->fixture.directory;
    (void)snprintf(command, sizeof command, "rm -f '%s/%s'*; cp '%s/%s' '%s/%s'", directory, to,
                   directory, from, directory, to);
    cr_assert_eq(system(command), 0); /* NOLINT(cert-env33-c) */
}

/* A change of @name by @actor; NULL: nobody says. */
static int64_t change(struct stage *stage, const char *actor, const char *name)
{
    char key[TEXT_SIZE];
    (void)snprintf(key, sizeof key, "%s/items/%s", ROOT, name);
    const struct store_op operations[] = {
        {.kind = STORE_OP_PUT, .keys.key = span_of(key), .value = SPAN("1")},
        {.kind = STORE_OP_PUT,
         .keys.key = SPAN(ROOT "/actor"),
         .value = span_of(actor ? actor : "")},
    };
    const struct store_txn txn = {.success = operations, .success_count = actor ? 2 : 1};
    struct sync_answer answer;
    cr_assert_eq(sync_txn(stage->fixture.store, &txn, &answer), 0);
    int64_t revision = answer.revision;
    sync_answer_release(&answer);
    return revision;
}

/* After `first` the store is copied, then there are three changes of `a` by @lost, which the
 * history knows. Before it sees the store again there are five changes of @name by @other: of the
 * store as it is, or of the copy that is put back. */
struct story_of_two {
    const char *lost;
    bool is_put_back;
    const char *other;
    const char *name;
};

/* Whether the history is set aside then. */
static bool is_set_aside(const struct story_of_two *story)
{
    struct stage stage;
    begin(&stage);
    start(&stage);
    wait_until(&stage, change(&stage, story->lost, "first"), HISTORY_WORKS);
    stop(&stage);
    embedded_fixture_close(&stage.fixture);
    copy_store(&stage, "store.sqlite", "kept");
    embedded_fixture_reopen(&stage.fixture);
    start(&stage);
    for (int i = 0; i < 3; i++)
        wait_until(&stage, change(&stage, story->lost, "a"), HISTORY_WORKS);
    stop(&stage);
    embedded_fixture_close(&stage.fixture);
    if (story->is_put_back)
        copy_store(&stage, "kept", "store.sqlite");
    embedded_fixture_reopen(&stage.fixture);
    for (int i = 0; i < 5; i++)
        (void)change(&stage, story->other, story->name);
    start(&stage);
    int64_t last = sync_revision(stage.fixture.store);
    wait_until(&stage, last, HISTORY_WORKS);
    size_t set_aside = count_set_aside(&stage);
    int64_t events = ask(&stage, last).events;
    cr_expect_eq(events, 1 + 5 + (story->is_put_back ? 0 : 3));
    end(&stage);
    return set_aside > 0;
}

Test(history, of_a_store_that_was_put_back_is_set_aside_even_if_that_has_overtaken_it)
{
    struct story_of_two by_nobody = {.name = "b"};
    struct story_of_two by_some = {
        .lost = "{\"request_id\":\"1\"}", .other = "{\"request_id\":\"2\"}", .name = "a"};
    cr_expect_not(is_set_aside(&by_nobody));
    cr_expect_not(is_set_aside(&by_some));
    by_nobody.is_put_back = true;
    by_some.is_put_back = true;
    cr_expect(is_set_aside(&by_nobody), "other keys");
    cr_expect(is_set_aside(&by_some), "the same keys, by others");
}

Test(history, that_cannot_be_written_says_so_and_catches_up)
{
    struct stage stage;
    char directory[TEMPORARY_SIZE + 16];
    begin(&stage);
    (void)snprintf(directory, sizeof directory, "%s/of", stage.fixture.directory);
    FILE *in_the_way = fopen(directory, "w");
    cr_assert_not_null(in_the_way);
    (void)fclose(in_the_way);
    start(&stage);
    put(&stage, "a", "1");
    wait_until(&stage, 0, HISTORY_FAILS);
    cr_expect_neq(status_of(&stage).detail[0], '\0');
    cr_expect_eq(ask_whether_it_answers(&stage), ALLOT_EUNAVAILABLE);
    int64_t last = put(&stage, "b", "1");
    cr_assert_eq(unlink(directory), 0);
    wait_until(&stage, last, HISTORY_WORKS);
    cr_expect_eq(ask(&stage, last).events, 2);
    end(&stage);
}

/* Files that this process has open and that are called "PATH.away…" by now. */
static int count_open_away(const struct stage *stage)
{
    char prefix[2 * TEMPORARY_SIZE], target[2 * TEMPORARY_SIZE];
    int count = 0;
    glob_t found;
    (void)snprintf(prefix, sizeof prefix, "%s.away", stage->path);
    cr_assert_eq(glob("/proc/self/fd/*", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        ssize_t size = readlink(found.gl_pathv[i], target, sizeof target - 1);
        target[size > 0 ? size : 0] = '\0';
        count += strncmp(target, prefix, strlen(prefix)) == 0;
    }
    globfree(&found);
    return count;
}

Test(history, that_is_moved_away_is_begun_anew_and_read_no_more)
{
    struct stage stage;
    begin(&stage);
    start(&stage);
    int64_t first = put(&stage, "a", "1");
    cr_expect_eq(ask(&stage, first).events, 1);
    move_away(&stage, "-wal");
    move_away(&stage, "-shm");
    move_away(&stage, "");
    for (int64_t until_ms = clock_monotonic_ms() + WAIT_MS;
         !is_there(&stage, "") && clock_monotonic_ms() < until_ms;)
        usleep(2000);
    cr_assert(is_there(&stage, ""));
    int64_t last = put(&stage, "b", "1");
    wait_until(&stage, last, HISTORY_WORKS);
    struct hearing heard = ask(&stage, last);
    cr_expect_eq(heard.events, 2, "the store still has all");
    cr_expect_eq(heard.last, last);
    cr_expect_eq(count_open_away(&stage), 0);
    end(&stage);
}

/* It is told why, and nothing of it is shown. */
Test(history, of_another_root_is_neither_written_nor_read)
{
    struct stage stage;
    begin(&stage);
    start(&stage);
    int64_t last = put(&stage, "a", "1");
    wait_until(&stage, last, HISTORY_WORKS);
    stop(&stage);
    start_of(&stage, "/another");
    wait_until(&stage, 0, HISTORY_FAILS);
    cr_expect(strstr(status_of(&stage).detail, "of the root " ROOT ", not of /another"));
    cr_expect_eq(ask_whether_it_answers(&stage), ALLOT_EUNAVAILABLE);
    struct history_moment at = {.revision = last};
    const struct api_history *api = history_api(stage.history);
    struct snapshot *snapshot = NULL;
    cr_expect_eq(api->state(api->context, &at, 0, &never, &snapshot), ALLOT_EUNAVAILABLE);
    stop(&stage);
    start(&stage);
    cr_expect_eq(ask(&stage, last).events, 1);
    end(&stage);
}

Test(history, is_all_in_its_file_after_a_stop)
{
    struct stage stage;
    begin(&stage);
    start(&stage);
    (void)ask(&stage, put(&stage, "a", "1"));
    cr_assert(is_there(&stage, "-wal"));
    stop(&stage);
    cr_expect(is_there(&stage, ""));
    cr_expect_not(is_there(&stage, "-wal"));
    end(&stage);
}

Test(history, of_much_at_once_misses_nothing)
{
    enum { WRITES = 3000 };
    struct stage stage;
    begin(&stage);
    char value[4096];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    start(&stage);
    for (int i = 0; i < WRITES; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "i%d", i % 100);
        put(&stage, name, value);
        if (i == WRITES / 2) {
            stop(&stage);
            start(&stage);
        }
    }
    int64_t last = sync_revision(stage.fixture.store);
    wait_until(&stage, last, HISTORY_WORKS);
    cr_expect_eq(ask(&stage, last).events, WRITES);
    end(&stage);
}
