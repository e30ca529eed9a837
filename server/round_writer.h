/* Writes what the allocator's transactions say of themselves, in JSON: whose they are (ROOT/actor),
 * and at the end of a round its record (core/round.h tells the fields); and measures how long the
 * parts of a pass take. Used by one thread at a time.
 *
 *     {"principal":"allocator","instance":"one","fence":17,"round":3,"decided_on":41,
 *      "time":"2026-01-31T12:00:00.123Z"} */
#ifndef ALLOT_SERVER_ROUND_WRITER_H
#define ALLOT_SERVER_ROUND_WRITER_H

#include "api/buffer.h"
#include "core/round.h"

enum { ROUND_WRITER_MAX_RECORD = 4 * 1024 + 256 }; /* bytes of a record's value */

struct round_writer {
    const char *principal; /* borrowed, as the instance */
    struct span instance;
    struct buffer actor; /* what they need is reserved */
    struct buffer record;

    /* The pass of the last actor, and how long it has taken so far. Microseconds. */
    struct round_id id;
    int64_t began_ms; /* since 1970 */
    int64_t observe_us;
    int64_t converge_us;
    int64_t wait_us;
    int64_t solve_us;      /* of the newest solution */
    int64_t newest_us;     /* to make the newest state */
    int64_t step_begin_us; /* when the allocator's step under way began; 0: none is */
};

/* @instance has at most 257 bytes: two names, and what separates them. ALLOT_ENOMEM: there is
 * nothing to release. */
int round_writer_init(struct round_writer *writer, const char *principal, struct span instance);
void round_writer_release(struct round_writer *writer); /* also of a zeroed one */

/* For struct allocator_config: @context is the writer. What they return is valid until the
 * next call of the same function. A record's value is under 4 KiB whatever happens: it can always
 * be made, only the cut is left out when memory has run out for it. */
struct span round_writer_actor(void *context, const struct round_id *id);
struct span round_writer_record(void *context, const struct round *round);

/* --- what took how long --- */

/* The allocator is told of a state, or a solution, that took so long to make. */
void round_writer_note_state(struct round_writer *writer, int64_t us);
void round_writer_note_solution(struct round_writer *writer, int64_t us);

/* Around each step of the allocator: what a pass takes of it is making its transactions. */
void round_writer_begin_step(struct round_writer *writer);
void round_writer_end_step(struct round_writer *writer);

/* A transaction has been waited for. */
void round_writer_note_wait(struct round_writer *writer, int64_t us);

#endif
