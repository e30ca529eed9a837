/* Writes a history: one transaction for each batch, in which the revision that it has reached is
 * noted too; so after a crash it goes on after that one, and has nothing twice. It keeps the state
 * as of that revision in memory. For one thread. Private to the history.
 *
 * After an error the file is as it was before the call, and the writer can only be closed. Errors
 * of all: ALLOT_ENOMEM, ALLOT_EIO (no room, no rights), ALLOT_EVALUE (the file is damaged), told by
 * history_writer_message. */
#ifndef ALLOT_SERVER_HISTORY_WRITER_H
#define ALLOT_SERVER_HISTORY_WRITER_H

#include "api/history.h"
#include "server/history_keys.h"
#include "server/history_prune.h"

enum {
    /* A checkpoint is written after so many events and one for each key that there is, after so
     * many bytes of values and some for each key, and after a day in which something happened. */
    HISTORY_CHECKPOINT_EVENTS = 50000,
    HISTORY_CHECKPOINT_BYTES = 32 << 20,
    HISTORY_KEY_BYTES = 64,
    HISTORY_CHECKPOINT_MS = 24 * 3600 * 1000,
};

struct history_writer;

/* Opens the history of @root at @path, made if it is missing. As history_db_open; ALLOT_EVALUE too:
 * it is that of another root. Cost: the state, and the events since the last checkpoint. */
int history_writer_open(const char *path, struct span root, struct history_writer **ret,
                        struct error_message *why);
void history_writer_close(struct history_writer *writer); /* NULL is fine */

/* The store that it is the history of; 0: none so far. */
uint64_t history_writer_cluster(const struct history_writer *writer);
/* The revision up to which everything is in there. */
int64_t history_writer_reached(const struct history_writer *writer);
/* The keys as of that; borrowed until the next call. */
const struct history_keys *history_writer_keys(const struct history_writer *writer);

/* Appends what a watch has told after what was reached, @count >= 1 responses, none of them an
 * error. Responses without events only move on what is reached. ALLOT_EORDER, ALLOT_ECLUSTER: as
 * keyspace_apply. */
int history_writer_append(struct history_writer *writer,
                          const struct store_watch_response *responses, size_t count,
                          int64_t now_ms);

/* Appends that nobody can tell any more what happened up to @now, what has changed by then, and
 * takes that for the state. */
int history_writer_bridge(struct history_writer *writer, struct keyspace *now, int64_t now_ms);

/* Removes some of what is beyond the limits, a step of a few milliseconds; *@ret_more: there is
 * more. What is left begins with a checkpoint, so a little more than the limits say is kept. */
int history_writer_prune(struct history_writer *writer, const struct history_limits *limits,
                         int64_t now_ms, bool *ret_more);

/* How many events it has written since it was opened, or since this was called last. */
int64_t history_writer_take_written(struct history_writer *writer);

/* Sets what of @ret is the file's. */
int history_writer_measure(struct history_writer *writer, struct history_status *ret);

const char *history_writer_message(const struct history_writer *writer);

#endif
