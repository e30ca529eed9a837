/* Lists: pages of a resource, in the order of its identities, all of one revision.
 *
 *     {"revision": 17, "items": [ … ], "continue": "…"}
 *
 * A token for the next page (page_token.h) names the revision and the place in it.
 *
 * The text is never held as a whole: a piece is written when there is room for it, from the
 * snapshot that the call holds.
 *
 *     static const struct list_source source = {is_wanted, write_item};
 *     if (!list_begin(call)) return API_REPLY;
 *     return list_reply(call, &source, filter, 0, state->item_count); */
#ifndef ALLOT_API_LIST_H
#define ALLOT_API_LIST_H

#include "api/handler.h"

enum { LIST_DEFAULT_LIMIT = 500, LIST_MAX_LIMIT = 5000 };
enum { LIST_PIECE = 32 << 10 /* bytes, and the rest of a resource, that are written at a time */ };

struct list_source {
    /* Whether number @index of the call's snapshot belongs to the list: 1, 0 or an error. NULL: all
     * do. */
    int (*takes)(const struct api_call *call, const void *filter, int32_t index);
    void (*write)(const struct api_call *call, struct json_writer *writer, int32_t index);
};

/* Reads `limit` and `continue`, and takes the snapshot that the latter names in place of the
 * call's. False: the reply tells what is wrong; 410 if the snapshot is gone. */
bool list_begin(struct api_call *call);

/* Replies with the page, of numbers @begin to (without) @end. @source is static; @filter lives as
 * long as the call. */
enum api_step list_reply(struct api_call *call, const struct list_source *source,
                         const void *filter, int32_t begin, int32_t end);

#endif
