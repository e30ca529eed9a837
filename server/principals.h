/* The principals of --auth-file, known by the hashes of their tokens.
 *
 * One a line: NAME ROLE HASH, where ROLE is reader, operator or member:ZONE/SUFFIX (with %2F for a
 * slash and so on), and HASH the SHA-256 of the token in hexadecimal. Empty lines and what follows
 * a # at the beginning of a line don't count. */
#ifndef ALLOT_SERVER_PRINCIPALS_H
#define ALLOT_SERVER_PRINCIPALS_H

#include "api/principal.h"
#include "core/error.h"

enum { PRINCIPALS_MAX = 1000, PRINCIPALS_MAX_FILE = 1 << 20 };

struct principals;

/* Reads the file @path (copied). Errors, told in @why with the file and the line: ALLOT_EIO;
 * ALLOT_ESYNTAX (a line that isn't as above, a reserved name, a name or a hash twice, none at all);
 * ALLOT_ELIMIT; ALLOT_ENOMEM. */
int principals_open(const char *path, struct principals **ret, struct error_message *why);
void principals_close(struct principals *principals); /* NULL is fine */

/* Reads the file again; *@ret_changed tells whether anything in it is another now. On error
 * everything stays as it was. Any thread. */
int principals_reload(struct principals *principals, bool *ret_changed, struct error_message *why);

/* Whose @token it is. False: nobody's, or no memory to tell. It takes as long for every token of
 * the same size. Any thread. */
bool principals_find(struct principals *principals, struct span token, struct principal *ret);

#endif
