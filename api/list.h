/* Lists: pages of a resource, in the order of its identities, all of one revision.
 *
 *     {"revision": 17, "items": [ … ], "continue": "…"}
 *
 * A token for the next page names the revision and the place in it, and is bound to the path and
 * the filters that it was made for.
 *
 *     for (index = list.begin; index < count; index++) {
 *         if (it is filtered out) continue;
 *         if (!list_take(&list)) break;
 *         … write it to list.writer …
 *     }
 *     return list_end(&list, index, count); */
#ifndef ALLOT_API_LIST_H
#define ALLOT_API_LIST_H

#include "api/handler.h"

enum { LIST_DEFAULT_LIMIT = 500, LIST_MAX_LIMIT = 5000 };

struct list {
    struct api_call *call;
    struct json_writer writer;
    int32_t begin; /* index of the first that may belong to the page */
    int64_t left;  /* how many more it may have */
};

/* Reads `limit` and `continue`, takes the snapshot that the latter names in place of the call's,
 * and starts the reply. False: the reply tells what is wrong; 410 if the snapshot is gone. */
bool list_begin(struct api_call *call, struct list *ret);
/* Whether there is room for one more, which is then counted: in number, or in bytes. */
bool list_take(struct list *list);
/* Ends the reply; if @next is less than @count, with a token to go on there. */
enum api_step list_end(struct list *list, int32_t next, int32_t count);

/* What a token says. Pure; false if it is none. */
struct list_token {
    int64_t revision;
    int32_t index;
    uint64_t check; /* hash of the path and the filters */
};
enum { LIST_TOKEN_SIZE = 64 };
void list_write_token(const struct list_token *token, char text[LIST_TOKEN_SIZE]);
bool list_read_token(struct span text, struct list_token *ret);

#endif
