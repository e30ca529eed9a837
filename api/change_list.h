/* Several writes in one request: those of a batch, or those that a plan supposes.
 *
 *     [{"method": "PUT", "path": "/v1/items/a", "body": {"replication": 3}}, …]
 *
 * with, where they are needed, "if_match", "if_none_match" (as the headers) and "session" (as
 * Allot-Session). Each is examined and handled as a request of its own, in the name of the one that
 * brings it, all of them on that one's snapshot: none sees what another does, so no two of them may
 * be of the same, once the first writes it. What they'd write is gathered instead of submitted.
 * Which routes may be named so, the table of routes says. */
#ifndef ALLOT_API_CHANGE_LIST_H
#define ALLOT_API_CHANGE_LIST_H

#include "api/handler.h"

enum { CHANGE_LIST_MAX = 100, CHANGE_LIST_MAX_BODY = 1 << 20 /* bytes of the whole body */ };

enum change_list_kind {
    CHANGE_LIST_REAL,     /* to be written */
    CHANGE_LIST_SUPPOSED, /* only thought of: nothing is needed to act for a member, and no lease
                           * for one that registers */
};

/* Handles the changes of the JSON array @changes, which stands at the JSON pointer @place of the
 * body, as part of @call, which then has them (in place of others that it had). False: the reply
 * tells what is wrong with which of them, and nothing was gathered. */
bool change_list_open(struct api_call *call, struct json_object *changes, const char *place,
                      enum change_list_kind kind);
void change_list_release(struct api_call *call);

size_t change_list_count(const struct api_call *call);
/* The call that handles change number @index: its transaction, if it has `gathered` one, else its
 * reply. */
struct api_call *change_list_call(const struct api_call *call, size_t index);

/* For changes that are handled one by one: an empty list, in place of another that the call had,
 * for
 * @count of them. False: the reply tells that there is no memory. */
bool change_list_begin(struct api_call *call, size_t count);
/* Handles change number @index of such a list, described by @value. Returns 0 if there is a call
 * now, whatever its reply is; ALLOT_EVALUE, with the faults of @value told to @fault; ALLOT_ENOMEM.
 */
int change_list_handle(struct api_call *call, size_t index, struct json_object *value,
                       json_fault *fault, void *context);
/* Whether it has to see what another before it writes: it is of the same, or of an assignment of
 * that. */
bool change_list_clashes(const struct api_call *call, size_t index);

/* Adds all that was gathered to the transaction of @call, begun before. */
void change_list_gather(struct api_call *call);

/* The reply when that is done, or if there was nothing to do: `{"revision":…,"results":[…]}`, a
 * result for each change: `{"status":201,"body":{…}}`. */
enum api_step change_list_reply(struct api_call *call);

#endif
