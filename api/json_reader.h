/* Reads JSON (RFC 8259) strictly: what other readers could take for something else is refused.
 *
 * Refused beside what is not JSON: NaN and the like, single quotes, comments, raw control
 * characters, \u0000, lone surrogates, invalid UTF-8, a name twice in one object, anything after
 * the value, nesting deeper than JSON_MAX_DEPTH, more values than JSON_BUDGET of json_scan.h has.
 */
#ifndef ALLOT_API_JSON_READER_H
#define ALLOT_API_JSON_READER_H

#include <json-c/json_object.h>

#include "core/error.h"
#include "core/span.h"

enum { JSON_MAX_DEPTH = 16 };

/* Parses @text. On success *@ret is the tree, which the caller drops (json_object_put); NULL for
 * the literal null. Errors, @ret untouched, with the line and column in @why: ALLOT_ESYNTAX;
 * ALLOT_ELIMIT (an integer with more digits than can be kept); ALLOT_ENOMEM (@why
 * untouched). Numbers with a fraction or exponent keep their text. Cost: linear, and a sort of the
 * names. */
int json_read(struct span text, struct json_object **ret, struct error_message *why);

/* The same of what strangers send: ALLOT_ELIMIT also if it would take too much memory for its size;
 * see json_budget_of. */
int json_read_bounded(struct span text, struct json_object **ret, struct error_message *why);

/* The same of NDJSON: *@ret is the array of its lines' values, those that are blank left out. @why
 * names the line. */
int json_read_lines(struct span text, struct json_object **ret, struct error_message *why);

/* @value as JSON text without spaces, into the tree's own memory: borrowed until it is changed or
 * dropped. {NULL, 0} when out of memory. */
struct span json_text(struct json_object *value);

/* Sets the field @name of the object @tree to @value, which it takes over even on error; NULL is
 * taken for one that could not be made. ALLOT_ENOMEM. */
int json_set(struct json_object *tree, const char *name, struct json_object *value);

#endif
