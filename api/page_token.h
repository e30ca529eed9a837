/* Where a next page goes on: the opaque token `continue`, bound to the path and the filters that it
 * was made for. */
#ifndef ALLOT_API_PAGE_TOKEN_H
#define ALLOT_API_PAGE_TOKEN_H

#include "api/handler.h"

struct page_token {
    int64_t revision;
    int32_t number; /* of a resource, in a list of that revision; of an event, in the revision */
    uint64_t check; /* see page_token_check */
};

/* Hash of the path and the filters of the request: the same in whatever order these come. What is
 * no filter (limit, continue, min_revision) has no part in it. */
uint64_t page_token_check(const struct api_call *call);

/* The token that the request gives, if it gives one: *@ret_given. False: it is none of this path
 * and these filters, and the reply says so. */
bool page_token_take(struct api_call *call, bool *ret_given, struct page_token *ret);

/* Its text, and back. Pure; false if it is none. */
enum { PAGE_TOKEN_SIZE = 64 };
void page_token_write(const struct page_token *token, char text[PAGE_TOKEN_SIZE]);
bool page_token_read(struct span text, struct page_token *ret);

#endif
