/* Changes: the transactions of requests.
 *
 *     if (!change_begin(call)) return API_REPLY;
 *     transaction_check_unchanged(&call->transaction, key, entry->mod_revision);
 *     change_put(call, key, entry, value, 0);
 *     return change_submit(call, reply_with_item); */
#ifndef ALLOT_API_CHANGE_H
#define ALLOT_API_CHANGE_H

#include "api/handler.h"

/* Runs of a handler before a request gives up: each was late for a change by somebody else. */
enum { CHANGE_MAX_ATTEMPTS = 8 };

/* Whether the root is ours to write to (root_format.h). False: the reply tells why not. */
bool change_is_allowed(struct api_call *call);

/* Empties the call's transaction and puts ROOT/actor first: who does this, and why. False: the
 * reply tells what is wrong (the root isn't ours, X-Allot-Reason, or no memory). */
bool change_begin(struct api_call *call);

/* Checks that the key is as @entry has it; NULL: that it is absent. */
void change_check(struct api_call *call, struct span key, const struct entry *entry);

/* Checks that the key is still the one that @entry is, whatever has changed in it. */
void change_check_created(struct api_call *call, struct span key, const struct entry *entry);

/* Puts @value (in the arena) at @key, where @former is (NULL: nothing), under @lease: the resource
 * that the request is about. */
void change_put(struct api_call *call, struct span key, const struct entry *former,
                struct span value, int64_t lease);
/* The same under the lease that the key has now. */
void change_put_keeping_lease(struct api_call *call, const struct entry *former, struct span value);

/* The resource as this request has written it, with its key, value and revisions, and decoded if
 * the handler has seen to that; NULL if it has written none. Borrowed from the call. The snapshot
 * may have it otherwise by now, or not at all. */
const struct entry *change_written(const struct api_call *call);

/* Submits the transaction; or, for a dry run, replies with what would come of it. When it is done
 * and the snapshot has it, @written is called to reply, and what it can't show for want of memory
 * is left out (204): what is done is not called failed. When its checks fail the handler is run
 * again; otherwise the reply says what went wrong. */
enum api_step change_submit(struct api_call *call, api_handler *written);

/* Replies to a change of a list, which the store has made at @revision along with the others of
 * that list. What a request of its own would do after that is not done: a lease that a member has
 * left ends by itself. */
void change_conclude_gathered(struct api_call *call, int64_t revision);

#endif
