/* The embedded store's file: a SQLite database that the changes of all revisions are appended to,
 * in order, so that a commit writes few pages however many keys there are. Private to the embedded
 * store; one thread only.
 *
 * A row of the history knows the row that it replaced. So compaction walks the history once, from
 * where it came to the last time, and removes what each row replaced; and a key's version at a past
 * revision is what the first row after it replaced. Neither needs an index by key.
 *
 * Functions that can fail return 0, ALLOT_EIO or ALLOT_ENOMEM, with the story in
 * embedded_file_message. */
#ifndef ALLOT_SERVER_EMBEDDED_FILE_H
#define ALLOT_SERVER_EMBEDDED_FILE_H

#include "core/error.h"
#include "server/embedded_state.h"

enum { EMBEDDED_INSTANCE_SIZE = 17 };

struct embedded_file_header {
    uint64_t cluster_id;
    char instance[EMBEDDED_INSTANCE_SIZE];
    int64_t compact_revision;
    int64_t swept; /* the last position whose predecessor has been removed */
};

/* Spans are borrowed until the next call. */
struct embedded_row {
    int64_t position;
    bool is_delete; /* only key, position and previous are set */
    struct store_kv kv;
    int64_t previous; /* position of what it replaced; 0: nothing */
};

struct embedded_file;

/* Opens the file at @path, made if it is missing. Errors, told in @why: ALLOT_EVALUE (not ours, of
 * a newer version, damaged), ALLOT_EIO, ALLOT_ENOMEM. */
int embedded_file_open(const char *path, struct embedded_file **ret, struct error_message *why);
/* The same, but of a file that is there, to read from only: embedded_file_load and what reads, all
 * as of the last commit before this. Also while a store has the file open, and goes on writing. */
int embedded_file_open_to_read(const char *path, struct embedded_file **ret,
                               struct error_message *why);
void embedded_file_close(struct embedded_file *file); /* NULL is fine */

/* As of the last commit. */
const struct embedded_file_header *embedded_file_header(const struct embedded_file *file);
/* What went wrong last. */
const char *embedded_file_message(const struct embedded_file *file);

/* Replaces what @state, just initialised, holds by what the file has; leases have their full TTL
 * from @now_ms on. ALLOT_EVALUE too: the file is damaged. */
int embedded_file_load(struct embedded_file *file, int64_t now_ms, struct embedded_state *state);

/* Writing: begin, any of the following, commit. On an error, also of commit's, everything since
 * begin has been taken back; but after a commit that failed it may be there again when the file is
 * opened after a crash, unless the error is ALLOT_EUNAVAILABLE, too: there was no room. From begin
 * that says that the file was moved, removed or replaced. */
int embedded_file_begin(struct embedded_file *file);
int embedded_file_write(struct embedded_file *file, const struct embedded_change *changes,
                        size_t count);
int embedded_file_compact(struct embedded_file *file, int64_t revision);
/* Goes on removing what compaction made needless: looks at up to @limit rows. */
int embedded_file_sweep(struct embedded_file *file, int limit);
int embedded_file_commit(struct embedded_file *file);
/* Whether there is something left to remove. */
bool embedded_file_must_sweep(const struct embedded_file *file);

/* Reading in order of position, from @position on: seek, next until it fails or finds nothing more,
 * stop. */
void embedded_file_seek(struct embedded_file *file, int64_t position);
int embedded_file_next(struct embedded_file *file, struct embedded_row *ret, bool *ret_found);
void embedded_file_stop(struct embedded_file *file);

/* The version at a position, in memory that the caller frees. Also between seek and stop. */
int embedded_file_read(struct embedded_file *file, int64_t position, struct embedded_version **ret);

#endif
