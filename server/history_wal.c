#include "server/history_wal.h"

#include <pthread.h>
#include <stdlib.h>

struct history_wal {
    struct history_db *db;
    bool has_thread;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_due;
    bool is_stopping;
};

/* --- the thread --- */

/* False: it is to end, and nothing is due. */
static bool wait_until_due(struct history_wal *wal)
{
    pthread_mutex_lock(&wal->mutex);
    while (!wal->is_due && !wal->is_stopping)
        pthread_cond_wait(&wal->changed, &wal->mutex);
    bool is_due = wal->is_due;
    wal->is_due = false;
    pthread_mutex_unlock(&wal->mutex);
    return is_due;
}

static sqlite3 *open_database(const char *path)
{
    sqlite3 *database = NULL;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    bool is_open =
        sqlite3_open_v2(path, &database, flags, NULL) == SQLITE_OK &&
        /* a connection knows of the log once it has read something */
        sqlite3_exec(database, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) == SQLITE_OK;
    if (!is_open) {
        (void)sqlite3_close(database);
        database = NULL;
    }
    return database;
}

static void *empty_when_due(void *context)
{
    struct history_wal *wal = context;
    sqlite3 *database = NULL;
    while (wait_until_due(wal)) {
        if (!database)
            database = open_database(wal->db->path);
        if (database)
            (void)sqlite3_wal_checkpoint_v2(database, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    }
    (void)sqlite3_close(database);
    return NULL;
}

/* --- who writes --- */

void history_wal_committed(struct history_wal *wal, int pages)
{
    if (pages < HISTORY_WAL_PAGES)
        return;
    if (!wal->has_thread)
        wal->has_thread = pthread_create(&wal->thread, NULL, empty_when_due, wal) == 0;
    if (!wal->has_thread || pages >= HISTORY_WAL_MAX_PAGES)
        (void)sqlite3_wal_checkpoint_v2(wal->db->database, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
                                        NULL);
    pthread_mutex_lock(&wal->mutex);
    wal->is_due = true;
    pthread_cond_signal(&wal->changed);
    pthread_mutex_unlock(&wal->mutex);
}

static int on_commit(void *context, sqlite3 *database, const char *name, int pages)
{
    (void)database, (void)name;
    history_wal_committed(context, pages);
    return SQLITE_OK;
}

/* --- life --- */

int history_wal_create(struct history_db *db, struct history_wal **ret)
{
    struct history_wal *wal = calloc(1, sizeof *wal);
    if (!wal)
        return ALLOT_ENOMEM;
    wal->db = db;
    if (pthread_mutex_init(&wal->mutex, NULL) != 0)
        goto no_mutex;
    if (pthread_cond_init(&wal->changed, NULL) != 0)
        goto no_condition;
    (void)sqlite3_wal_hook(db->database, on_commit, wal);
    *ret = wal;
    return 0;
no_condition:
    pthread_mutex_destroy(&wal->mutex);
no_mutex:
    free(wal);
    return ALLOT_ENOMEM;
}

void history_wal_destroy(struct history_wal *wal)
{
    if (!wal)
        return;
    (void)sqlite3_wal_hook(wal->db->database, NULL, NULL);
    pthread_mutex_lock(&wal->mutex);
    wal->is_stopping = true;
    pthread_cond_signal(&wal->changed);
    pthread_mutex_unlock(&wal->mutex);
    if (wal->has_thread)
        pthread_join(wal->thread, NULL);
    pthread_cond_destroy(&wal->changed);
    pthread_mutex_destroy(&wal->mutex);
    free(wal);
}
