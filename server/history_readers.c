#include "server/history_readers.h"

#include <pthread.h>
#include <stdlib.h>

#include "server/history_file.h"
#include "server/history_moment.h"
#include "server/history_search.h"
#include "server/log.h"

/* A connection, and what it takes to read rows. */
struct reader {
    struct reader *next;
    int64_t generation; /* in which it was opened */
    struct history_db *db;
    struct history_rows rows;
};

struct history_readers {
    pthread_rwlock_t use; /* shared by those who read */
    pthread_mutex_t mutex;
    int64_t generation;  /* of connections; those of former ones are closed once they are idle */
    struct reader *idle; /* as many as have ever been in use at a time */
    /* States that are read by somebody, or were until of late; NULL: none. */
    struct snapshot *states[HISTORY_MAX_STATES];
    int in_the_making;
    char path[];
};

int history_readers_create(const char *path, struct history_readers **ret)
{
    size_t size = strlen(path) + 1;
    struct history_readers *readers = calloc(1, sizeof *readers + size);
    if (!readers)
        return ALLOT_ENOMEM;
    memcpy(readers->path, path, size);
    if (pthread_mutex_init(&readers->mutex, NULL) != 0)
        goto no_mutex;
    if (pthread_rwlock_init(&readers->use, NULL) != 0)
        goto no_lock;
    *ret = readers;
    return 0;
no_lock:
    pthread_mutex_destroy(&readers->mutex);
no_mutex:
    free(readers);
    return ALLOT_ENOMEM;
}

static void close_reader(struct reader *reader)
{
    history_rows_release(&reader->rows);
    history_db_close(reader->db);
    free(reader);
}

void history_readers_renew(struct history_readers *readers)
{
    pthread_mutex_lock(&readers->mutex);
    struct reader *reader = readers->idle;
    readers->idle = NULL;
    readers->generation++;
    pthread_mutex_unlock(&readers->mutex);
    while (reader) {
        struct reader *next = reader->next;
        close_reader(reader);
        reader = next;
    }
}

void history_readers_destroy(struct history_readers *readers)
{
    if (!readers)
        return;
    history_readers_renew(readers);
    for (int i = 0; i < HISTORY_MAX_STATES; i++)
        snapshot_unref(readers->states[i]);
    pthread_rwlock_destroy(&readers->use);
    pthread_mutex_destroy(&readers->mutex);
    free(readers);
}

int history_readers_set_aside(struct history_readers *readers, struct error_message *why)
{
    pthread_rwlock_wrlock(&readers->use);
    history_readers_renew(readers);
    int error = history_file_set_aside(readers->path, why);
    pthread_rwlock_unlock(&readers->use);
    return error;
}

/* --- a connection for one answer --- */

static int open_reader(struct history_readers *readers, struct reader **ret)
{
    struct error_message why = {""};
    struct reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return ALLOT_ENOMEM;
    pthread_mutex_lock(&readers->mutex);
    reader->generation = readers->generation;
    pthread_mutex_unlock(&readers->mutex);
    int error = history_db_open(readers->path, HISTORY_DB_READ, &reader->db, &why);
    if (!error)
        error = history_rows_init(reader->db, &reader->rows);
    if (error) {
        /* The one who writes it has said so, if that is more than a moment. */
        log_write(LOG_DEBUG, "cannot read the history", LOG_FIELDS(log_text("error", why.text)));
        close_reader(reader);
        return error == ALLOT_ENOMEM ? error : ALLOT_EUNAVAILABLE;
    }
    *ret = reader;
    return 0;
}

/* What is read from here on is of one moment, until the reader is given back. */
static int take_reader(struct history_readers *readers, const atomic_bool *cancelled,
                       struct reader **ret)
{
    pthread_rwlock_rdlock(&readers->use);
    pthread_mutex_lock(&readers->mutex);
    struct reader *reader = readers->idle;
    if (reader)
        readers->idle = reader->next;
    pthread_mutex_unlock(&readers->mutex);
    int error = reader ? 0 : open_reader(readers, &reader);
    if (!error)
        error = history_db_execute(reader->db, "BEGIN", "reading");
    if (error) {
        if (reader)
            close_reader(reader);
        pthread_rwlock_unlock(&readers->use);
        return error == ALLOT_EIO ? ALLOT_EUNAVAILABLE : error;
    }
    history_db_cancel_by(reader->db, cancelled);
    *ret = reader;
    return 0;
}

/* And what @error means to who has asked. */
static int give_back(struct history_readers *readers, struct reader *reader, int error)
{
    history_db_cancel_by(reader->db, NULL);
    bool is_sound = history_db_execute(reader->db, "COMMIT", "reading") == 0 &&
                    error != ALLOT_EVALUE && error != ALLOT_EIO;
    if (error == ALLOT_EVALUE || error == ALLOT_EIO)
        log_write(LOG_ERROR, "cannot read the history",
                  LOG_FIELDS(log_text("error", reader->db->message.text)));
    pthread_mutex_lock(&readers->mutex);
    bool is_kept = is_sound && reader->generation == readers->generation;
    if (is_kept) {
        reader->next = readers->idle;
        readers->idle = reader;
    }
    pthread_mutex_unlock(&readers->mutex);
    if (!is_kept)
        close_reader(reader);
    pthread_rwlock_unlock(&readers->use);
    return error == ALLOT_EVALUE ? ALLOT_EIO : error;
}

/* --- answers --- */

int history_readers_events(struct history_readers *readers, const struct history_query *query,
                           const atomic_bool *cancelled, history_visit_event *visit, void *visitor,
                           struct history_page *ret)
{
    struct reader *reader = NULL;
    int error = take_reader(readers, cancelled, &reader);
    if (error)
        return error;
    error = history_search_events(&reader->rows, query, visit, visitor, ret);
    return give_back(readers, reader, error);
}

int history_readers_rounds(struct history_readers *readers, const struct history_round_query *query,
                           const atomic_bool *cancelled, history_visit_round *visit, void *visitor,
                           struct history_page *ret)
{
    struct reader *reader = NULL;
    int error = take_reader(readers, cancelled, &reader);
    if (error)
        return error;
    error = history_search_rounds(&reader->rows, query, visit, visitor, ret);
    return give_back(readers, reader, error);
}

/* --- states --- */

/* Gives up those that nobody reads any more; returns how many there are. */
static int forget_states(struct history_readers *readers)
{
    int count = 0;
    for (int i = 0; i < HISTORY_MAX_STATES; i++) {
        struct snapshot **state = &readers->states[i];
        if (*state && !snapshot_is_shared(*state)) {
            snapshot_unref(*state);
            *state = NULL;
        }
        count += *state != NULL;
    }
    return count;
}

void history_readers_forget(struct history_readers *readers)
{
    pthread_mutex_lock(&readers->mutex);
    (void)forget_states(readers);
    pthread_mutex_unlock(&readers->mutex);
}

static bool may_make_state(struct history_readers *readers)
{
    pthread_mutex_lock(&readers->mutex);
    bool may = forget_states(readers) + readers->in_the_making < HISTORY_MAX_STATES;
    readers->in_the_making += may;
    pthread_mutex_unlock(&readers->mutex);
    return may;
}

/* Counts @state (NULL: it could not be made) among those that are read. */
static void keep_state(struct history_readers *readers, struct snapshot *state)
{
    pthread_mutex_lock(&readers->mutex);
    readers->in_the_making--;
    for (int i = 0; state && i < HISTORY_MAX_STATES; i++) {
        if (!readers->states[i]) {
            readers->states[i] = snapshot_ref(state);
            break;
        }
    }
    pthread_mutex_unlock(&readers->mutex);
}

static int make_state(struct history_readers *readers, struct history_moment *at,
                      const atomic_bool *cancelled, struct snapshot **ret)
{
    struct reader *reader = NULL;
    int error = take_reader(readers, cancelled, &reader);
    if (error)
        return error;
    error = history_moment_read(&reader->rows, at, ret);
    return give_back(readers, reader, error);
}

int history_readers_state(struct history_readers *readers, struct history_moment *at,
                          const atomic_bool *cancelled, struct snapshot **ret)
{
    struct snapshot *state = NULL;
    if (!may_make_state(readers))
        return ALLOT_EUNAVAILABLE;
    int error = make_state(readers, at, cancelled, &state);
    keep_state(readers, state);
    if (!error)
        *ret = state;
    return error;
}
