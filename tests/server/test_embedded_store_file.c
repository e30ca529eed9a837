/* The embedded store and its file: what survives, and what is refused. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/embedded_file.h"
#include "tests/server/embedded_fixture.h"
#include "tests/server/store_conformance.h"
#include "tests/support/store_sync.h"

static const struct embedded_store_config usual = {.retention = EMBEDDED_STORE_RETENTION};

static void path_in(const struct embedded_fixture *fixture, const char *name, char *ret,
                    size_t size)
{
    cr_assert_lt(snprintf(ret, size, "%s/%s", fixture->directory, name), (int)size);
}

/* Runs SQL on the closed store's file. */
static void tamper(const struct embedded_fixture *fixture, const char *sql)
{
    char path[512];
    sqlite3 *database;
    path_in(fixture, "store.sqlite", path, sizeof path);
    cr_assert_eq(sqlite3_open(path, &database), SQLITE_OK);
    int code = sqlite3_exec(database, sql, NULL, NULL, NULL);
    cr_assert_eq(code, SQLITE_OK, "%s", sqlite3_errmsg(database));
    sqlite3_close(database);
}

/* --- for whom --- */

/* Its directory may have been there before, and be open to others. */
Test(embedded_store_file, is_for_nobody_else_to_read)
{
    static const char *const names[] = {"store.sqlite", "store.sqlite-wal"};
    struct embedded_fixture fixture;
    umask(022);
    embedded_fixture_open(&fixture, usual);
    must_put(fixture.store, SPAN("/a"), "1", 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct stat status;
        char path[512];
        path_in(&fixture, names[i], path, sizeof path);
        cr_assert_eq(stat(path, &status), 0, "%s", names[i]);
        cr_expect_eq(status.st_mode & 0777, 0600, "%s: %o", names[i], status.st_mode & 0777);
    }
    embedded_fixture_remove(&fixture);
}

/* --- read beside the store --- */

static size_t count_rows(struct embedded_file *file)
{
    struct embedded_row row;
    bool found = true;
    size_t count = 0;
    embedded_file_seek(file, 0);
    while (embedded_file_next(file, &row, &found) == 0 && found)
        count++;
    embedded_file_stop(file);
    return count;
}

Test(embedded_store_file, is_read_as_of_one_commit_while_the_store_goes_on)
{
    struct embedded_fixture fixture;
    struct embedded_file *file = NULL;
    struct embedded_state state;
    struct error_message why = {""};
    struct span a = SPAN("/a");
    char path[512];
    embedded_fixture_open(&fixture, usual);
    path_in(&fixture, "store.sqlite", path, sizeof path);
    int64_t revision = must_put(fixture.store, a, "1", 0);
    cr_assert_eq(embedded_file_open_to_read(path, &file, &why), 0, "%s", why.text);
    must_put(fixture.store, a, "2", 0);
    embedded_state_init(&state);
    cr_assert_eq(embedded_file_load(file, 0, &state), 0, "%s", embedded_file_message(file));
    cr_expect_eq(state.revision, revision);
    cr_expect_eq(state.map.count, 1);
    cr_expect_eq(count_rows(file), 1);
    embedded_state_release(&state);
    embedded_file_close(file);
    cr_assert_eq(embedded_file_open_to_read(path, &file, &why), 0, "%s", why.text);
    cr_expect_eq(count_rows(file), 2);
    embedded_file_close(file);

    embedded_fixture_close(&fixture); /* and when it has ended */
    cr_assert_eq(embedded_file_open_to_read(path, &file, &why), 0, "%s", why.text);
    cr_expect_eq(count_rows(file), 2);
    embedded_file_close(file);
    embedded_fixture_reopen(&fixture);
    cr_expect(sync_exists(fixture.store, a, NULL));
    embedded_fixture_remove(&fixture);
}

/* --- what survives --- */

Test(embedded_store_file, keeps_everything_when_closed)
{
    struct embedded_fixture fixture;
    struct store_lease_result lease;
    struct sync_answer before, after;
    struct sync_watch watch;
    char instance[64];
    struct span a = SPAN("/a"), b = SPAN("/b"), gone = SPAN("/gone");
    struct store_range all = {.keys = conformance_all("/")};
    embedded_fixture_open(&fixture, usual);
    struct store *store = fixture.store;
    snprintf(instance, sizeof instance, "%s", embedded_store_instance(store));
    cr_assert_eq(strlen(instance), 16);
    cr_assert_eq(sync_revision(store), 1);
    cr_assert_eq(sync_grant(store, 77, 60, &lease), 0);
    int64_t first = must_put(store, a, "1", 0);
    must_put(store, a, "2", lease.id);
    must_put(store, gone, "1", 0);
    must_put(store, b, "", 0);
    cr_assert_eq(sync_delete(store, gone, NULL), 0);
    cr_assert_eq(sync_range(store, &all, &before), 0);

    embedded_fixture_reopen(&fixture);
    store = fixture.store;
    cr_assert_str_eq(embedded_store_instance(store), instance);
    cr_assert_eq(sync_range(store, &all, &after), 0);
    cr_assert_eq(after.cluster_id, before.cluster_id);
    cr_assert_eq(after.revision, before.revision);
    cr_assert_eq(after.kv_count, 2);
    for (size_t i = 0; i < after.kv_count; i++) {
        cr_assert(span_equal(after.kvs[i].key, before.kvs[i].key));
        cr_assert(span_equal(after.kvs[i].value, before.kvs[i].value));
        cr_assert_eq(after.kvs[i].create_revision, before.kvs[i].create_revision);
        cr_assert_eq(after.kvs[i].mod_revision, before.kvs[i].mod_revision);
        cr_assert_eq(after.kvs[i].version, before.kvs[i].version);
        cr_assert_eq(after.kvs[i].lease, before.kvs[i].lease);
    }
    cr_assert_eq(sync_watch_start(&watch, store, all.keys, first), 0);
    cr_assert(sync_watch_wait(&watch, 5));
    sync_watch_release(&watch);
    cr_assert_eq(sync_revoke(store, lease.id), 0);
    cr_assert_not(sync_exists(store, a, NULL));
    cr_assert_eq(must_put(store, gone, "1", 0), before.revision + 2);
    sync_answer_release(&before);
    sync_answer_release(&after);
    embedded_fixture_remove(&fixture);
}

Test(embedded_store_file, keeps_the_revision_when_all_of_it_is_compacted)
{
    struct embedded_fixture fixture;
    int64_t revision;
    embedded_fixture_open(&fixture, usual);
    must_put(fixture.store, SPAN("/a"), "1", 0);
    cr_assert_eq(sync_delete(fixture.store, SPAN("/a"), &revision), 0);
    cr_assert_eq(sync_compact(fixture.store, revision), 0);
    struct embedded_store_statistics statistics;
    do
        embedded_store_statistics(fixture.store, &statistics);
    while (statistics.sweeping > 0);
    embedded_fixture_reopen(&fixture);
    cr_assert_eq(sync_revision(fixture.store), revision);
    cr_assert_eq(must_put(fixture.store, SPAN("/a"), "1", 0), revision + 1);
    embedded_fixture_remove(&fixture);
}

/* --- kill -9 --- */

enum { FLIGHT = 16, ENOUGH = 400 };

struct flight {
    struct store *store;
    int pipe;
    int number;
};

static void submit_next(struct flight *flight);

/* Says which transaction was acknowledged, and goes on. */
static void on_acknowledged(void *context, int error, const struct store_txn_result *result)
{
    struct flight *flight = context;
    (void)result;
    if (error || write(flight->pipe, &flight->number, sizeof flight->number) < 0)
        _exit(1);
    flight->number += FLIGHT;
    submit_next(flight);
}

static void submit_next(struct flight *flight)
{
    char key[32];
    snprintf(key, sizeof key, "/%08d", flight->number);
    struct store_op put = {.kind = STORE_OP_PUT, .keys.key = span_of(key), .value = span_of(key)};
    struct store_txn txn = {.success = &put, .success_count = 1};
    if (flight->store->operations->txn(flight->store, &txn, on_acknowledged, flight) != 0)
        _exit(2);
}

static void write_until_killed(struct embedded_fixture *fixture, int pipe)
{
    struct flight flights[FLIGHT];
    if (embedded_fixture_try(fixture) != 0)
        _exit(3);
    for (int i = 0; i < FLIGHT; i++) {
        flights[i] = (struct flight){fixture->store, pipe, i};
        submit_next(&flights[i]);
    }
    for (;;)
        pause();
}

Test(embedded_store_file, loses_nothing_acknowledged_when_killed)
{
    struct embedded_fixture fixture = {.config = usual};
    int pipes[2], acknowledged[16 * ENOUGH], count = 0, status;
    fixture.config.data_dir = temporary_directory(fixture.directory);
    cr_assert_eq(pipe(pipes), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0)
        write_until_killed(&fixture, pipes[1]);
    close(pipes[1]);
    while (count < ENOUGH && read(pipes[0], &acknowledged[count], sizeof(int)) == sizeof(int))
        count++;
    cr_assert_eq(kill(child, SIGKILL), 0);
    /* what it had said before it died */
    while (count < 16 * ENOUGH && read(pipes[0], &acknowledged[count], sizeof(int)) == sizeof(int))
        count++;
    close(pipes[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    cr_assert_geq(count, ENOUGH);

    cr_assert_eq(embedded_fixture_try(&fixture), 0, "%s", fixture.why.text);
    struct embedded_store_statistics statistics;
    embedded_store_statistics(fixture.store, &statistics);
    cr_assert_eq(statistics.revision, 1 + statistics.keys); /* all of a transaction or nothing */
    for (int i = 0; i < count; i++) {
        char key[32];
        snprintf(key, sizeof key, "/%08d", acknowledged[i]);
        cr_assert(sync_exists(fixture.store, span_of(key), NULL), "%s is lost", key);
    }
    embedded_fixture_remove(&fixture);
}

/* --- a full disk --- */

/* How many writes there is room for: of the next one half, of those after it nothing. */
static atomic_int room;

static ssize_t write_with_room(int file, const void *bytes, size_t size, off_t offset)
{
    int left = atomic_fetch_sub(&room, 1);
    if (left >= 0)
        return pwrite(file, bytes, left > 0 ? size : size / 2, offset);
    errno = ENOSPC;
    return -1;
}

/* SQLite's writes are ours, or its own again. */
static void limit_writes(bool limited)
{
    static const char *const names[] = {"pwrite", "pwrite64"};
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        sqlite3_syscall_ptr call = limited ? (sqlite3_syscall_ptr)write_with_room : NULL;
        (void)vfs->xSetSystemCall(vfs, names[i], call);
    }
}

/* Opens what another would find if this process were killed now. */
static void open_as_after_a_crash(const struct embedded_fixture *crashed,
                                  struct embedded_fixture *ret)
{
    static const char *const names[] = {"store.sqlite", "store.sqlite-wal"};
    *ret = (struct embedded_fixture){.config = usual};
    ret->config.data_dir = temporary_directory(ret->directory);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char command[1200], from[512];
        path_in(crashed, names[i], from, sizeof from);
        snprintf(command, sizeof command, "cp %s %s", from, ret->directory);
        cr_assert_eq(system(command), 0); /* NOLINT(cert-env33-c): paths of our own */
    }
    cr_assert_eq(embedded_fixture_try(ret), 0, "%s", ret->why.text);
}

Test(embedded_store_file, has_nothing_of_what_it_had_no_room_for)
{
    enum { SEVERAL_PAGES = 20000 };
    static char value[SEVERAL_PAGES];
    struct embedded_fixture fixture, other;
    int error = ALLOT_EUNAVAILABLE;
    embedded_fixture_open(&fixture, usual);
    must_put(fixture.store, SPAN("/a"), "1", 0);
    for (int tried = 0; error; tried++) {
        int64_t revision = sync_revision(fixture.store);
        atomic_store(&room, tried);
        limit_writes(true);
        error = sync_put(fixture.store, SPAN("/b"), (struct span){value, sizeof value}, 0, NULL);
        limit_writes(false);
        open_as_after_a_crash(&fixture, &other);
        if (error) {
            cr_expect_eq(error, ALLOT_EUNAVAILABLE, "%d: %s", tried, allot_error_name(error));
            cr_expect_not(sync_exists(fixture.store, SPAN("/b"), NULL));
            cr_expect_not(sync_exists(other.store, SPAN("/b"), NULL), "%d", tried);
            cr_expect_eq(sync_revision(other.store), revision);
        } else {
            cr_expect_geq(tried, 2 * SEVERAL_PAGES / 4096); /* each had been tried */
            cr_expect(sync_exists(other.store, SPAN("/b"), NULL));
        }
        embedded_fixture_remove(&other);
        must_put(fixture.store, SPAN("/a"), "2", 0); /* there is room again */
    }
    embedded_fixture_remove(&fixture);
}

/* --- a file that is somewhere else by now --- */

Test(embedded_store_file, takes_no_writes_while_it_is_not_in_its_place)
{
    struct embedded_fixture fixture;
    char path[512], elsewhere[512];
    embedded_fixture_open(&fixture, usual);
    path_in(&fixture, "store.sqlite", path, sizeof path);
    path_in(&fixture, "elsewhere", elsewhere, sizeof elsewhere);
    must_put(fixture.store, SPAN("/a"), "1", 0);
    cr_assert_eq(rename(path, elsewhere), 0);
    cr_expect_eq(sync_put(fixture.store, SPAN("/a"), SPAN("2"), 0, NULL), ALLOT_EUNAVAILABLE);
    cr_expect_eq(atomic_load(&fixture.failures), 1);
    int other = open(path, O_CREAT | O_WRONLY, 0600);
    cr_assert_geq(other, 0);
    close(other);
    cr_expect_eq(sync_put(fixture.store, SPAN("/a"), SPAN("2"), 0, NULL), ALLOT_EUNAVAILABLE);
    cr_expect(sync_exists(fixture.store, SPAN("/a"), NULL));
    cr_assert_eq(rename(elsewhere, path), 0);
    cr_expect_eq(must_put(fixture.store, SPAN("/a"), "2", 0), 3);
    embedded_fixture_remove(&fixture);
}

/* --- what is refused --- */

Test(embedded_store_file, is_locked)
{
    struct embedded_fixture fixture;
    struct store *second = NULL;
    embedded_fixture_open(&fixture, usual);
    cr_assert_eq(embedded_store_open(&fixture.config, &second, &fixture.why), ALLOT_ELOCKED);
    cr_assert_null(second);
    cr_assert(strstr(fixture.why.text, fixture.directory), "%s", fixture.why.text);
    must_put(fixture.store, SPAN("/a"), "1", 0);
    embedded_fixture_reopen(&fixture); /* not any more */
    embedded_fixture_remove(&fixture);
}

Test(embedded_store_file, makes_its_directory_for_its_owner_alone)
{
    struct embedded_fixture fixture = {.config = usual};
    char inner[512], deep[600];
    struct stat status;
    temporary_directory(fixture.directory);
    path_in(&fixture, "inner", inner, sizeof inner);
    fixture.config.data_dir = inner;
    cr_assert_eq(embedded_fixture_try(&fixture), 0, "%s", fixture.why.text);
    cr_assert_eq(stat(inner, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0700);
    embedded_fixture_close(&fixture);
    snprintf(deep, sizeof deep, "%s/no/such", inner);
    fixture.config.data_dir = deep;
    cr_assert_eq(embedded_fixture_try(&fixture), ALLOT_EIO);
    cr_assert(strstr(fixture.why.text, deep), "%s", fixture.why.text);
    path_in(&fixture, "inner/lock", inner, sizeof inner);
    fixture.config.data_dir = inner; /* a file */
    cr_assert_eq(embedded_fixture_try(&fixture), ALLOT_EIO);
    fixture.config.data_dir = "";
    cr_assert_eq(embedded_fixture_try(&fixture), ALLOT_EINVAL);
    fixture.config.data_dir = fixture.directory;
    fixture.config.retention = -1;
    cr_assert_eq(embedded_fixture_try(&fixture), ALLOT_EINVAL);
    embedded_fixture_remove(&fixture);
}

static void assert_refused(struct embedded_fixture *fixture, const char *what)
{
    cr_assert_eq(embedded_fixture_try(fixture), ALLOT_EVALUE, "%s", what);
    cr_assert_null(fixture->store);
    cr_assert(strstr(fixture->why.text, fixture->directory), "%s", fixture->why.text);
    cr_assert(strstr(fixture->why.text, what), "%s", fixture->why.text);
}

Test(embedded_store_file, refuses_files_of_others)
{
    struct embedded_fixture fixture = {.config = usual};
    char path[512], text[1000];
    fixture.config.data_dir = temporary_directory(fixture.directory);
    path_in(&fixture, "store.sqlite", path, sizeof path);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    memset(text, 'x', sizeof text);
    cr_assert_eq(fwrite(text, sizeof text, 1, file), 1);
    cr_assert_eq(fclose(file), 0);
    assert_refused(&fixture, "not a database");
    cr_assert_eq(unlink(path), 0);
    tamper(&fixture, "CREATE TABLE somebody (s); INSERT INTO somebody VALUES ('s');");
    assert_refused(&fixture, "not the file of an allot store");
    tamper(&fixture, "SELECT s FROM somebody"); /* and it was left alone */
    embedded_fixture_remove(&fixture);
}

static const struct {
    const char *sql;
    const char *what;
} damages[] = {
    {"PRAGMA user_version = 2", "has format version 2"},
    {"DROP TABLE history", "no such table"},
    {"DELETE FROM store", "no header"},
    {"UPDATE store SET instance = 'short'", "header"},
    {"UPDATE store SET compact_revision = -1", "header"},
    {"DELETE FROM lease", "lease that is missing"},
    {"UPDATE lease SET ttl = 0", "a lease"},
    {"UPDATE history SET version = 0", "a row of the history"},
    {"UPDATE history SET key = x''", "a row of the history"},
    {"UPDATE history SET position = -position", "a row of the history"},
    {"UPDATE history SET previous = position + 1", "a row of the history"},
};

Test(embedded_store_file, refuses_a_damaged_file)
{
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        struct embedded_fixture fixture;
        embedded_fixture_open(&fixture, usual);
        cr_assert_eq(sync_grant(fixture.store, 5, 60, NULL), 0);
        must_put(fixture.store, SPAN("/a"), "1", 5);
        embedded_fixture_close(&fixture);
        tamper(&fixture, damages[i].sql);
        assert_refused(&fixture, damages[i].what);
        embedded_fixture_remove(&fixture);
    }
}

Test(embedded_store_file, refuses_a_torn_file)
{
    struct embedded_fixture fixture;
    char path[512], garbage[4096];
    embedded_fixture_open(&fixture, usual);
    for (int i = 0; i < 500; i++)
        must_put(fixture.store, conformance_numbered("/some/key/", i), "value", 0);
    embedded_fixture_close(&fixture);
    path_in(&fixture, "store.sqlite", path, sizeof path);
    int file = open(path, O_WRONLY);
    cr_assert_geq(file, 0);
    memset(garbage, 0xa5, sizeof garbage);
    for (off_t page = 4; page < 8; page++)
        cr_assert_eq(pwrite(file, garbage, sizeof garbage, page * 4096), 4096);
    close(file);
    assert_refused(&fixture, "malformed");
    embedded_fixture_remove(&fixture);
}
