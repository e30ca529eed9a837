/* What the representations of all resources have in common. */
#ifndef ALLOT_API_RESOURCE_JSON_H
#define ALLOT_API_RESOURCE_JSON_H

#include <json-c/json_object.h>

#include "api/json_writer.h"
#include "core/keyspace.h"

/* `"labels":{…}`; NULL: none. */
void resource_write_labels(struct json_writer *writer, struct json_object *labels);
/* `"create_revision":…,"mod_revision":…` */
void resource_write_revisions(struct json_writer *writer, const struct entry *entry);

/* `"status":{` and its `}`. The end returns a hash of what lies between, for the ETag; it takes
 * what the begin returned. */
size_t resource_status_begin(struct json_writer *writer);
uint64_t resource_status_end(struct json_writer *writer, size_t begin);
/* `"status":null`, and its hash. */
uint64_t resource_no_status(struct json_writer *writer);

#endif
