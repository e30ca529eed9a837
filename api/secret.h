/* Sessions: the secrets that show whose a member is. Only their SHA-256 is stored. */
#ifndef ALLOT_API_SECRET_H
#define ALLOT_API_SECRET_H

#include <stdbool.h>

#include "core/span.h"

enum {
    SECRET_MIN_SIZE = 16, /* bytes of a session */
    SECRET_MAX_SIZE = 128,
    SECRET_HASH_SIZE = 64 /* hexadecimal digits */
};

/* Writes the hash of @session, and a zero byte. Returns 0 or ALLOT_ENOMEM. */
int secret_hash(struct span session, char hash[SECRET_HASH_SIZE + 1]);

/* Whether @session is the one that @hash was made of, in a time that doesn't depend on how much of
 * it is right. Returns 0 and sets @ret, or ALLOT_ENOMEM. */
int secret_check(struct span session, struct span hash, bool *ret);

/* Writes @size bytes as lower-case hexadecimal digits, and a zero byte. */
void secret_write_hex(const unsigned char *bytes, size_t size, char *text);

#endif
