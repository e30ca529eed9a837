/* What one must know to work on a root: stored at ROOT/format, so that all obey.
 *
 *   {"version":1}                         the version of what is stored; the key absent: 1
 *   {"version":1,"restoring":"…","run":"…"}     a snapshot is being restored: nobody else works on
 * it
 *
 * What versions of allot understand of each other, all the fields and keys that are passed over and
 * kept, needs no new version. It is for the day when that isn't enough: then the servers that don't
 * know it neither decide nor write. */
#ifndef ALLOT_API_ROOT_FORMAT_H
#define ALLOT_API_ROOT_FORMAT_H

#include "api/buffer.h"
#include "core/keyspace.h"

enum { ROOT_FORMAT_VERSION = 1, ROOT_FORMAT_MAX_RESTORING = 64, ROOT_FORMAT_MAX_RUN = 16 };

struct root_format {
    int64_t version;
    char restoring[ROOT_FORMAT_MAX_RESTORING + 1]; /* the checksum of what; empty: nothing */
    char run[ROOT_FORMAT_MAX_RUN + 1];             /* by which of those that restore it */
};

/* Fields that we don't know are ignored. ALLOT_EVALUE, ALLOT_ENOMEM: @ret is untouched. */
int root_format_read(struct span value, struct root_format *ret);
void root_format_write(const struct root_format *format, struct buffer *out);

/* Why we must not work on the root of @keyspace; NULL: we may. A static text. */
const char *root_format_fault(const struct keyspace *keyspace);

#endif
