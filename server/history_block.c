#include "server/history_block.h"

static const char *const texts[HISTORY_BLOCK_STATEMENTS] = {
    [HISTORY_BLOCK_READ] = ("SELECT block, first_position, last_position, event_count, kinds,"
                            " first_time, last_time FROM blocks ORDER BY block DESC LIMIT 1"),
    [HISTORY_BLOCK_WRITE] = "INSERT OR REPLACE INTO blocks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [HISTORY_BLOCK_WRITE_POSTINGS] = "INSERT INTO postings VALUES (?1, ?2)",
};

/* --- reading --- */

static int read_facts(struct history_block *block)
{
    sqlite3_stmt *statement = block->statements[HISTORY_BLOCK_READ];
    int code = sqlite3_step(statement);
    bool found = code == SQLITE_ROW;
    int error = found || code == SQLITE_DONE ? 0 : history_db_fail(block->db, "reading", code);
    int64_t *const facts[] = {&block->first_position, &block->last_position, &block->event_count,
                              &block->kinds,          &block->first_ms,      &block->last_ms};
    if (found) /* else the number stays: none is given twice */
        block->number = sqlite3_column_int64(statement, 0);
    for (int i = 0; i < (int)(sizeof facts / sizeof facts[0]); i++)
        *facts[i] = found ? sqlite3_column_int64(statement, i + 1) : 0;
    (void)sqlite3_reset(statement);
    return error;
}

int history_block_collect(struct history_db *db, int64_t first, int64_t last,
                          struct history_postings *ret)
{
    static const char *const text = "SELECT " HISTORY_ROW_COLUMNS " FROM events WHERE position"
                                    " BETWEEN ?1 AND ?2 AND kind >= 0 ORDER BY position";
    sqlite3_stmt *statement = NULL;
    int code = SQLITE_ROW;
    int error = history_db_prepare(db, &text, 1, &statement);
    if (!error)
        history_db_bind(statement, (int64_t[]){first, last}, 2);
    while (!error && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct history_row row;
        history_row_read(statement, &row);
        error = history_postings_add(ret, &row);
    }
    if (error == ALLOT_ELIMIT)
        error = history_db_damaged(db, "a block of too many events");
    else if (!error && code != SQLITE_DONE)
        error = history_db_fail(db, "reading", code);
    history_db_finalize(&statement, 1);
    return error;
}

int history_block_read(struct history_block *block)
{
    history_postings_clear(&block->postings);
    block->changed = false;
    int error = read_facts(block);
    if (!error && block->event_count > 0)
        error = history_block_collect(block->db, block->first_position, block->last_position,
                                      &block->postings);
    history_names_set_era(block->names, block->number / HISTORY_ERA_BLOCKS);
    return error;
}

int history_block_init(struct history_db *db, struct history_names *names,
                       struct history_block *ret)
{
    *ret = (struct history_block){.db = db, .names = names};
    int error = history_db_prepare(db, texts, HISTORY_BLOCK_STATEMENTS, ret->statements);
    return error ? error : history_block_read(ret);
}

void history_block_release(struct history_block *block)
{
    history_db_finalize(block->statements, HISTORY_BLOCK_STATEMENTS);
    history_postings_release(&block->postings);
}

/* --- writing --- */

int history_block_write(struct history_block *block)
{
    if (!block->changed)
        return 0;
    block->changed = false;
    return history_db_run_integers(block->db, block->statements[HISTORY_BLOCK_WRITE],
                                   (int64_t[]){block->number, block->first_position,
                                               block->last_position, block->event_count,
                                               block->kinds, block->first_ms, block->last_ms},
                                   7, "writing");
}

static int write_postings(struct history_block *block)
{
    sqlite3_stmt *statement = block->statements[HISTORY_BLOCK_WRITE_POSTINGS];
    struct buffer data;
    buffer_init(&data, HISTORY_MAX_POSTINGS);
    int error = history_postings_store(&block->postings, &data);
    if (!error) {
        history_db_bind(statement, &block->number, 1);
        history_db_bind_span(statement, 2, buffer_span(&data));
        error = history_db_run(block->db, statement, "writing");
    }
    buffer_release(&data);
    return error;
}

int history_block_make_room(struct history_block *block)
{
    if (block->number > 0 && block->event_count < HISTORY_BLOCK_EVENTS)
        return 0;
    int error = history_block_write(block);
    if (!error && block->number > 0)
        error = write_postings(block);
    if (error)
        return error;
    block->number++;
    block->event_count = 0;
    block->kinds = 0;
    history_postings_clear(&block->postings);
    history_names_set_era(block->names, block->number / HISTORY_ERA_BLOCKS);
    return 0;
}

int history_block_add(struct history_block *block, const struct history_row *row)
{
    bool is_first = block->event_count == 0;
    int error = history_postings_add(&block->postings, row);
    if (error)
        return error;
    if (is_first)
        block->first_position = row->position;
    block->last_position = row->position;
    block->event_count++;
    block->kinds |= INT64_C(1) << row->kind;
    if (is_first || row->time_ms < block->first_ms)
        block->first_ms = row->time_ms;
    if (is_first || row->time_ms > block->last_ms)
        block->last_ms = row->time_ms;
    block->changed = true;
    return 0;
}
