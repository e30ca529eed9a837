/* What handlers share: the call from inside. Private to api/; see call.h for what a call is.
 *
 * A handler looks at the call and its snapshot, and either replies, or submits a change and names
 * the function that replies once the snapshot has it. If the change was made for a snapshot that is
 * out of date, the handler is run again from the start with a newer one: so it keeps nothing in the
 * call that a second run would not set again.
 *
 * The reply to a write tells of what this write has made: its revision and its fields as written,
 * even if others have overwritten or deleted it by the time of the snapshot. Only the status is the
 * snapshot's; null, if that does not have the resource. */
#ifndef ALLOT_API_HANDLER_H
#define ALLOT_API_HANDLER_H

#include "api/arena.h"
#include "api/call.h"
#include "api/json_spec.h"
#include "api/json_writer.h"
#include "api/path.h"
#include "api/problem.h"
#include "api/query.h"
#include "api/routes.h"
#include "core/transaction.h"

enum { API_MAX_REPLY = 16 << 20 /* bytes of a body */ };

typedef enum api_step api_resumed(struct api_call *call, const struct api_outcome *outcome);

struct api_call {
    const struct api_request *request;
    const struct api_runtime *runtime;
    struct api_reply reply;
    union api_action action;
    api_resumed *resume; /* takes the outcome of the action */

    struct arena arena; /* what lives as long as the call */
    struct path path;   /* decoded, in the arena, as the query */
    struct query query;
    char quota_policy[48]; /* of every reply; "": no limit */
    char quota_left[48];
    const struct api_route *route;
    struct span parameters[ROUTE_MAX_PARAMETERS]; /* of the path, decoded, in their order */
    bool examined;                                /* its head was, and found good */
    struct principal principal;                   /* who makes the request, once examined */

    struct json_object *body;  /* owned; NULL: none, or null */
    struct snapshot *snapshot; /* owned: the one to answer from; NULL: none needed so far */

    struct transaction transaction; /* the change under way */
    api_handler *written;           /* replies when the change is done */
    struct entry resource;          /* what it puts: see change_written */
    int64_t committed;              /* the revision that it has made; 0: none so far */
    int attempts;                   /* runs of the handler that came too late */

    struct list *list; /* under way, in the arena; see list.h */
    struct bulk *bulk; /* the same; see bulk.h */

    /* Of several changes in one: those of this call (owned; NULL: none); or the call that this is a
     * change of, on whose snapshot it runs, and which submits what it has `gathered`. */
    struct change_list *changes;
    struct api_call *parent;
    bool gathered;
    bool supposed; /* what it would change is only thought of */

    /* Of an Idempotency-Key, in the arena: see idempotency.h. */
    struct span idempotency_key; /* of the record; {NULL, 0}: there is none to make */
    struct span idempotency_hash;

    const char *computing; /* what for, as in problem_of_error */

    int64_t explained_by_ms; /* of an explanation: until when it waits; 0: it has not so far */

    struct history_reading *reading; /* a page of history, in the arena: see history_reading.h */
    struct moves_question *moves;    /* what is asked of it, the same: see history_moves.c */
    struct history_walk *walk;       /* through a moment of it, the same: see history_state.c */

    /* Of a plan; see plans.h. */
    struct {
        const struct transaction *transaction; /* borrowed: what is supposed to be written */
        uint64_t token;                        /* 0: it is a dry run's */
        int64_t max_moves;
    } planning;

    /* Of a member's registration: what must survive until the reply. */
    int64_t lease; /* granted for it, or for what is to end by itself; or of a member that leaves,
                      to be revoked */
    bool lease_renewed;    /* the one that the member has already */
    char made_session[33]; /* "": none was made */
};

/* The newest snapshot in place of the call's. False: there is none, and the reply says so. */
bool call_refresh(struct api_call *call);

/* The value of a request header; {NULL, 0} if absent. */
struct span call_header(const struct api_call *call, const char *name);

/* Reads the body into @target by @spec, as json_spec_decode does. False: the reply tells its
 * faults. */
bool call_decode_body(struct api_call *call, const struct json_spec *spec, void *target,
                      uint32_t *ret_given);

/* Reads what the body, a merge patch, makes of @entry into @target by @spec. @describe adds the
 * fields of the resource, as @spec has them, to an object. @target borrows from *@ret_patched,
 * which the caller drops. False: the reply tells why not. */
typedef int api_describe(const struct entry *entry, struct json_object *ret);
bool call_patch(struct api_call *call, const struct entry *entry, api_describe *describe,
                const struct json_spec *spec, void *target, struct json_object **ret_patched);

/* Query parameters, as query.h reads them. False: the reply tells what is wrong. */
bool call_query_integer(struct api_call *call, const char *name, int64_t least, int64_t most,
                        int64_t *ret);
/* `30s`, or `30`. */
bool call_query_seconds(struct api_call *call, const char *name, int64_t most, int64_t *ret);
bool call_query_boolean(struct api_call *call, const char *name, bool *ret);
bool call_query_choices(struct api_call *call, const char *name, const char *const *choices,
                        size_t count, unsigned *ret);

/* Has @run called with the call by a worker; it fills in the reply. @what it is for: "to plan". */
enum api_step call_compute(struct api_call *call,
                           void (*run)(void *context, const atomic_bool *cancelled),
                           const char *what);

/* What the reply is to be, of what the route has, by Accept. */
enum call_format { CALL_NO_FORMAT = -1, CALL_JSON, CALL_LINES, CALL_CSV };
enum call_format call_format(const struct api_call *call);

/* Whether nothing is to be written: ?dry_run=true. */
bool call_is_dry_run(const struct api_call *call);

/* Checks If-Match, and for a PUT If-None-Match, against the resource's mod revision (0: it doesn't
 * exist). False: the reply is 412. */
bool call_check_preconditions(struct api_call *call, int64_t mod_revision);

/* Keys of what the path names, in the arena. {NULL, 0}: out of memory. */
struct span call_item_key(struct api_call *call, struct span item);
struct span call_member_key(struct api_call *call, struct span zone, struct span suffix);

#endif
