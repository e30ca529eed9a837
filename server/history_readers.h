/* Answers what is asked of a history, from connections of its own, of any number of threads.
 * Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_READERS_H
#define ALLOT_SERVER_HISTORY_READERS_H

#include "api/history.h"
#include "core/error.h"

struct history_readers;

/* @path is copied. ALLOT_ENOMEM. */
int history_readers_create(const char *path, struct history_readers **ret);
void history_readers_destroy(struct history_readers *readers); /* NULL is fine */

/* Of the past, that are read at a time: each takes as much memory as the mirror, and stays for as
 * long as a client takes to read it. */
enum { HISTORY_MAX_STATES = 8 };

/* As in struct api_history, but for min_revision. ALLOT_EUNAVAILABLE: the file can't be opened, or
 * too many states are being read. */
int history_readers_events(struct history_readers *readers, const struct history_query *query,
                           const atomic_bool *cancelled, history_visit_event *visit, void *visitor,
                           struct history_page *ret);
int history_readers_rounds(struct history_readers *readers, const struct history_round_query *query,
                           const atomic_bool *cancelled, history_visit_round *visit, void *visitor,
                           struct history_page *ret);
int history_readers_state(struct history_readers *readers, struct history_moment *at,
                          const atomic_bool *cancelled, struct snapshot **ret);

/* Gives up the states that nobody reads any more; else the next one to be asked for does. */
void history_readers_forget(struct history_readers *readers);

/* Closes all connections, those that are in use once they are not: what a process knows of a file
 * (that it can't be written, say), SQLite shares among them, for as long as one is open. */
void history_readers_renew(struct history_readers *readers);

/* Closes all connections, once nobody uses them, and then sets the file aside. As
 * history_file_set_aside. */
int history_readers_set_aside(struct history_readers *readers, struct error_message *why);

#endif
