/* Reads one instance of the allocation problem from a JSON text, for the offline tools.
 *
 *   {"members": [{"zone", "suffix", "limit", "exiting", "create_revision"}, …],
 *    "items": [{"id", "replication"}, …],
 *    "assignments": [{"item", "zone", "suffix", "slot", "consistent"}, …]}
 *
 * or an object with that as its "instance", beside other fields. The text is read as a stream,
 * element by element: what it takes in memory is the keyspace, and where each element stands. */
#ifndef ALLOT_SERVER_INSTANCE_H
#define ALLOT_SERVER_INSTANCE_H

#include <stdio.h>

#include "core/keyspace.h"

/* The root of an instance's keys. */
#define INSTANCE_ROOT "/root"

/* Reads @file to its end into a new keyspace. Errors, with @why telling what, and in which line and
 * column: ALLOT_ESYNTAX (not JSON), ALLOT_EVALUE (not an instance: a field that is missing,
 * unknown, of the wrong type or out of range; a name that can't be one; an entity or a section
 * twice), ALLOT_ELIMIT (one element larger than JSON_STREAM_MAX_VALUE), ALLOT_EIO, ALLOT_ENOMEM. */
int instance_read(FILE *file, struct keyspace **ret, struct error_message *why);

/* What marks an assignment consistent in an instance's keyspace. */
struct span instance_consistent_value(void);

#endif
