/* The steps that bring a history's database from one version to the next: the files of migrations/,
 * embedded. Each is applied in a transaction of its own and recorded with its checksum (SHA-256).
 * Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_MIGRATIONS_H
#define ALLOT_SERVER_HISTORY_MIGRATIONS_H

struct history_db;

struct history_migration {
    int version; /* 1 and on, without a gap */
    const char *name;
    const char *sql;
};

extern const struct history_migration history_migrations[];
extern const int history_migration_count;

/* Looks at whose file it is, before anything is written to it: an empty one is fine. ALLOT_EVALUE:
 * it is not a history, is of a newer version, or was made by other steps than these. As
 * history_db_fail. */
int history_migrations_check(struct history_db *db, const struct history_migration *migrations,
                             int count);

/* Applies those of @count migrations that are missing. If one fails, the file is of the version
 * before it. */
int history_migrations_apply(struct history_db *db, const struct history_migration *migrations,
                             int count);

/* Tells of a file that has no migration at all, and returns ALLOT_EVALUE. */
int history_migrations_refuse_empty(struct history_db *db);

/* ALLOT_EVALUE too: some are missing. Writes nothing. */
int history_migrations_require(struct history_db *db, const struct history_migration *migrations,
                               int count);

/* The version that the file has; 0: none yet. */
int history_migrations_version(struct history_db *db, int *ret);

#endif
