/* The codec of stored values: JSON objects with the fields of the resource's own spec.
 *
 *   item        {"replication":3,"consistency":"reported","labels":{…}}
 *   member      {"item_limit":4,"exiting":false,"ttl_seconds":30,"labels":{…},"session_hash":"…"}
 *              (one that runs the loop itself also has "allocator":true)
 *   assignment  {"consistent":true,"value":…}; empty: not consistent
 *
 * Fields that we don't know are ignored when reading, and kept when a value is rewritten: two
 * versions can run side by side. */
#ifndef ALLOT_API_VALUES_H
#define ALLOT_API_VALUES_H

#include <json-c/json_object.h>

#include "api/arena.h"
#include "core/decoder.h"

/* IMMEDIATE: each assignment counts as consistent as soon as it exists. REPORTED: when its member
 * has said so. */
/* member_value.user of a member that runs the allocation loop itself. */
enum { VALUES_MEMBER_ALLOCATES = 1 };

enum consistency { CONSISTENCY_IMMEDIATE, CONSISTENCY_REPORTED };
extern const char *const consistency_names[]; /* ends with NULL */

/* Objects and spans are borrowed from the JSON tree that a spec was read from. */
struct item_spec {
    int64_t replication;
    int consistency;            /* enum consistency */
    struct json_object *labels; /* NULL: none */
};

struct member_spec {
    int64_t item_limit;
    bool exiting;
    bool allocator;      /* it runs the allocation loop itself */
    int64_t ttl_seconds; /* of its lease; 0: it has none */
    struct json_object *labels;
    struct span session_hash; /* empty: it needs no session */
};

struct assignment_spec {
    bool consistent;
    struct json_object *value; /* NULL: none */
};

/* Each reads the stored @value. On success *@ret_tree is what @ret borrows from; the caller drops
 * it (json_object_put; NULL is fine). Errors, nothing set: ALLOT_EVALUE, told in @why;
 * ALLOT_ENOMEM. */
int values_read_item(struct span value, struct item_spec *ret, struct json_object **ret_tree,
                     struct error_message *why);
int values_read_member(struct span value, struct member_spec *ret, struct json_object **ret_tree,
                       struct error_message *why);
int values_read_assignment(struct span value, struct assignment_spec *ret,
                           struct json_object **ret_tree, struct error_message *why);

bool values_equal_items(const struct item_spec *a, const struct item_spec *b);
bool values_equal_members(const struct member_spec *a, const struct member_spec *b);
bool values_equal_assignments(const struct assignment_spec *a, const struct assignment_spec *b);

/* Each makes the value to be stored in place of @former (empty, or not an object: from nothing):
 * the former one with the fields of @spec. It lives in @arena. ALLOT_ENOMEM leaves @ret untouched.
 */
int values_write_item(struct arena *arena, struct span former, const struct item_spec *spec,
                      struct span *ret);
int values_write_member(struct arena *arena, struct span former, const struct member_spec *spec,
                        struct span *ret);
int values_write_assignment(struct arena *arena, struct span former,
                            const struct assignment_spec *spec, struct span *ret);

/* Adds a copy of @labels (NULL: none) to the description of a resource. ALLOT_ENOMEM. */
int values_describe_labels(struct json_object *labels, struct json_object *description);

/* What the core needs to know of these values. Pure. */
struct decoder api_decoder(void);
/* What the decoder makes of the value of @spec. */
struct item_value values_decoded_item(const struct item_spec *spec);

#endif
