/* What the handlers of a member's resources share. Private to api/. Their paths' parameters begin
 * with {zone} and {suffix}. */
#ifndef ALLOT_API_MEMBERS_H
#define ALLOT_API_MEMBERS_H

#include "api/handler.h"
#include "api/values.h"

enum { MEMBER_MAX_ITEM_LIMIT = 1000000 };

/* A member as the snapshot has it. */
struct member_view {
    struct span key; /* in the call's arena */
    struct span zone;
    struct span suffix;
    const struct entry *entry; /* NULL: there is none */
    bool valid;                /* its value decodes: into what follows */
    struct member_spec spec;
    struct json_object *tree; /* owned: what spec borrows from */
};

/* Looks up the member that @zone and @suffix name. ALLOT_ENOMEM; the view is to be released even
 * then. */
int member_view_open(struct api_call *call, struct span zone, struct span suffix,
                     struct member_view *ret);
/* The same of the member as this request has written it. */
int member_view_open_written(struct api_call *call, struct member_view *ret);
void member_view_release(struct member_view *view);
/* The same for the member that the path names. False: the reply is made, as there is no memory, or
 * no member with a valid value. */
bool member_view_require(struct api_call *call, struct member_view *ret);

/* Whether the caller may act for the member, which exists: it needs no session, or @session is the
 * one; if that has no data, the header Allot-Session. Nobody may for a member under a lease without
 * a session: something else keeps it, and it goes when that lease does. False: the reply says why
 * not. */
bool member_authorize(struct api_call *call, const struct member_view *view, struct span session);

/* How many assignments the member has, those of items that don't exist included; and a revision up
 * from which they are as they are (see state.changed_revision): any change of them changes it.
 * Cost: one number of each assignment there is. */
struct member_holdings {
    int32_t count;
    int64_t revision;
};
struct member_holdings member_holdings(const struct state *state, const struct member_view *member);

/* Submits the member's value with the fields of @spec, under the lease that it has. */
enum api_step member_rewrite(struct api_call *call, const struct member_view *view,
                             const struct member_spec *spec, api_handler *written);

/* Replies with the member that the path names, as this request has written it, or else as the
 * snapshot has it. */
enum api_step member_reply(struct api_call *call, int status);

#endif
