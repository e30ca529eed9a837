/* What a key and its value say of an item, a member or an assignment, as changes tell of it: those
 * that are watched, and those of history. */
#ifndef ALLOT_API_STORED_JSON_H
#define ALLOT_API_STORED_JSON_H

#include "api/json_writer.h"
#include "core/keys.h"

/* Each writes fields into an object that is open. @parts: of one of these kinds. */

/* `"id":…` of an item, `"zone":…,"suffix":…` of a member; of an assignment its item, member and
 * slot. */
void stored_write_identity(struct json_writer *writer, const struct key_parts *parts);

/* The fields of the resource, without its secrets; `"invalid":true` of a value that does not
 * decode. */
void stored_write_value(struct json_writer *writer, const struct key_parts *parts,
                        struct span value);

#endif
