/* A history that is written from a made-up story, in a directory of its own. */
#ifndef ALLOT_TESTS_SERVER_HISTORY_STAGE_H
#define ALLOT_TESTS_SERVER_HISTORY_STAGE_H

#include "server/history_writer.h"
#include "tests/server/history_story.h"
#include "tests/support/temporary.h"

struct history_stage {
    char directory[TEMPORARY_SIZE];
    char path[TEMPORARY_SIZE + 16];
    struct story story;
    struct history_writer *writer;
    int64_t now_ms;
};

void history_stage_begin(struct history_stage *stage, uint64_t seed);
void history_stage_end(struct history_stage *stage);

/* Opens the writer, which must go well. */
void history_stage_open(struct history_stage *stage);
/* Closes it, and opens it anew. */
void history_stage_reopen(struct history_stage *stage);

/* @steps of the story; and what has happened since the last time, written. */
void history_stage_live(struct history_stage *stage, int steps);
void history_stage_write(struct history_stage *stage);

/* The writer has the store's keys as they stand, and nothing else, in every respect. */
void history_stage_check(const struct history_stage *stage);
/* The keyspace has the table's keys, and nothing else, in every respect. */
void history_stage_check_keys(const struct keyspace *keyspace, const struct model_table *table,
                              const char *what);

#endif
