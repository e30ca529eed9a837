/* A backup: all that a store has under a root, as of one revision, in memory. It is taken from a
 * store or from an embedded store's file (backup_take.h), is written to and read from a file of its
 * own (backup_file.h), and is restored into a store (backup_restore.h). */
#ifndef ALLOT_SERVER_BACKUP_H
#define ALLOT_SERVER_BACKUP_H

#include "api/arena.h"
#include "core/error.h"
#include "core/store.h"

enum {
    BACKUP_MAX_KEYS = 10 * 1000 * 1000, /* also of leases */
    BACKUP_MAX_ROOT = 255,
    BACKUP_DIGEST_SIZE = 64, /* SHA-256 in hexadecimal */
};

struct backup_key {
    struct span name; /* behind the root: "/items/a" */
    struct span value;
    int64_t create_revision;
    int64_t mod_revision;
    int64_t version;
    size_t lease; /* the number of its lease, from 1; 0: none */
};

/* Keys are in the order of their names, which differ. */
struct backup {
    struct span root;
    int64_t revision; /* of the store */
    int64_t taken_ms; /* since 1970 */
    struct backup_key *keys;
    size_t key_count, key_capacity;
    int64_t *ttls; /* of the leases, in seconds; that of number N at N - 1 */
    size_t lease_count, lease_capacity;
    struct arena arena; /* for names, values and root */
};

void backup_init(struct backup *backup);
void backup_release(struct backup *backup);

/* Copies @root. ALLOT_EINVAL (it is none), ALLOT_ENOMEM. */
int backup_set_root(struct backup *backup, struct span root);
/* Adds a copy of @key behind the others. ALLOT_EORDER: it doesn't come behind them; ALLOT_ELIMIT:
 * there are too many, or it is more than a transaction can put; ALLOT_ENOMEM. */
int backup_add_key(struct backup *backup, const struct backup_key *key);
/* Adds a lease, whose number is then the count. ALLOT_ELIMIT, ALLOT_ENOMEM. */
int backup_add_lease(struct backup *backup, int64_t ttl);

/* Borrowed; NULL: there is no key of that name. */
const struct backup_key *backup_find(const struct backup *backup, struct span name);

/* Whether it could ever be restored: ALLOT_EVALUE, told in @why, if its root was itself being
 * restored, or is of a format that this allotd doesn't know; ALLOT_ENOMEM. */
int backup_check_format(const struct backup *backup, struct error_message *why);

/* What is in it, for people: "/allot as of revision 7, taken 2026-…: keys: 3 (items: 1, …". */
enum { BACKUP_SUMMARY_SIZE = 640 };
void backup_summary(const struct backup *backup, char text[BACKUP_SUMMARY_SIZE]);

#endif
