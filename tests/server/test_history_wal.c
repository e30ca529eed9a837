#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/stat.h>

#include "server/history_wal.h"
#include "tests/support/temporary.h"

static int64_t size_of(const char *path)
{
    struct stat found;
    cr_assert_eq(stat(path, &found), 0);
    return found.st_size;
}

static struct history_db *open_db(const char *path)
{
    struct error_message why = {""};
    struct history_db *db = NULL;
    cr_assert_eq(history_db_open(path, HISTORY_DB_WRITE, &db, &why), 0, "%s", why.text);
    return db;
}

static void commit_something(struct history_db *db)
{
    cr_assert_eq(history_db_execute(db, "INSERT INTO given_up_leases VALUES (1, 1)", "in a test"),
                 0, "%s", db->message.text);
}

/* Ends the log's thread after @pages were said to be in there. */
static void say_committed(struct history_db *db, int pages)
{
    struct history_wal *wal = NULL;
    cr_assert_eq(history_wal_create(db, &wal), 0);
    history_wal_committed(wal, pages);
    history_wal_destroy(wal);
}

Test(history_wal, is_emptied_once_it_is_long)
{
    char directory[TEMPORARY_SIZE], path[TEMPORARY_SIZE + 16];
    int64_t pages = 0, page_size = 0;
    temporary_directory(directory);
    (void)snprintf(path, sizeof path, "%s/history.db", directory);
    struct history_db *db = open_db(path);
    commit_something(db);
    int64_t before = size_of(path);
    say_committed(db, HISTORY_WAL_PAGES - 1);
    cr_expect_eq(size_of(path), before, "it isn't");
    say_committed(db, HISTORY_WAL_PAGES);
    cr_assert_eq(history_db_query(db, "PRAGMA page_count", &pages), 0);
    cr_assert_eq(history_db_query(db, "PRAGMA page_size", &page_size), 0);
    cr_expect_eq(page_size, 16384);
    cr_expect_eq(size_of(path), pages * page_size);
    cr_expect_gt(size_of(path), before);
    history_db_close(db);
    temporary_remove(directory);
}

Test(history_wal, is_emptied_by_who_writes_if_it_is_too_long)
{
    char directory[TEMPORARY_SIZE], path[TEMPORARY_SIZE + 16];
    struct history_wal *wal = NULL;
    temporary_directory(directory);
    (void)snprintf(path, sizeof path, "%s/history.db", directory);
    struct history_db *db = open_db(path);
    commit_something(db);
    int64_t before = size_of(path);
    cr_assert_eq(history_wal_create(db, &wal), 0);
    history_wal_committed(wal, HISTORY_WAL_MAX_PAGES);
    cr_expect_gt(size_of(path), before, "when it returns");
    history_wal_destroy(wal);
    history_db_close(db);
    temporary_remove(directory);
}
