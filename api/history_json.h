/* Events of history as JSON. */
#ifndef ALLOT_API_HISTORY_JSON_H
#define ALLOT_API_HISTORY_JSON_H

#include <json-c/json_object.h>

#include "api/history.h"
#include "api/json_writer.h"

/* Writes the event as an object. What allot's own keys hold is shown as watches show it, without
 * secrets; of other keys only how long their values are. */
void history_write_event(struct json_writer *writer, const struct history_event *event);

/* Writes what stood there @before or after: an object; null if nothing did. */
void history_write_value(struct json_writer *writer, const struct history_event *event,
                         struct span value);

/* Reads @text, an object in JSON, which the caller drops. Errors, nothing set: ALLOT_EVALUE (it is
 * none), ALLOT_ENOMEM. */
int history_read_object(struct span text, struct json_object **ret);
/* Writes @text as it is, if it is an object in JSON; else {"invalid":true}. */
void history_write_object(struct json_writer *writer, struct span text);

/* Whether the event is of an item, a member or an assignment: then its parts name it. */
static inline bool history_is_of_entity(const struct history_event *event)
{
    return event->kind == HISTORY_ITEM || event->kind == HISTORY_MEMBER ||
           event->kind == HISTORY_ASSIGNMENT;
}

/* "writer" or "observed": whose clock the event's time is by. */
const char *history_time_source(const struct history_event *event);

/* What is told of an actor: texts and integers. */
enum { HISTORY_ACTOR_FIELDS = 10 };
extern const struct history_actor_field {
    const char *name;
    enum json_type type;
} history_actor_fields[HISTORY_ACTOR_FIELDS];

/* The value, in an object that ROOT/actor was given, of field number @field; NULL: it has none, or
 * one of another type. */
struct json_object *history_actor_value(struct json_object *actor, int field);

#endif
