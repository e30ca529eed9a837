/* Who makes a request, and what they may do: known by the token that they show. */
#ifndef ALLOT_API_PRINCIPAL_H
#define ALLOT_API_PRINCIPAL_H

#include "core/span.h"

enum {
    PRINCIPAL_NAME_SIZE = 65, /* with the terminating zero, as the others */
    PRINCIPAL_PART_SIZE = 129,
    PRINCIPAL_MIN_TOKEN = 16, /* bytes */
    PRINCIPAL_MAX_TOKEN = 512,
};

enum principal_role {
    PRINCIPAL_READER,   /* sees everything */
    PRINCIPAL_MEMBER,   /* acts as one member, and sees what concerns it */
    PRINCIPAL_OPERATOR, /* does everything */
};
extern const char *const principal_role_names[]; /* ends with NULL */

/* Whose a change is that no token was shown for: the loop's, of a server or of a member, or of
 * anybody where there are no tokens. So no token has such a name. */
#define PRINCIPAL_OF_ALLOCATOR "allocator"
#define PRINCIPAL_OF_ALLOCATING_MEMBER "member"
#define PRINCIPAL_OF_ANYBODY "anonymous"

struct principal {
    char name[PRINCIPAL_NAME_SIZE];
    enum principal_role role;
    /* Of a member: which. */
    char zone[PRINCIPAL_PART_SIZE];
    char suffix[PRINCIPAL_PART_SIZE];
};

#endif
