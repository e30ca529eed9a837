/* Lists filtered by labels: `?label=team=search,canary` lets through what has the label team with
 * the value search and, whatever its value, the label canary. A backslash takes away the meaning of
 * the character after it: `team=a\,b`. */
#ifndef ALLOT_API_LABELS_H
#define ALLOT_API_LABELS_H

#include "api/handler.h"

enum { LABELS_MAX_TERMS = 16 };

struct labels_term {
    struct span name;
    struct span value; /* data NULL: any */
};
struct labels_filter {
    struct labels_term terms[LABELS_MAX_TERMS];
    size_t count; /* 0: everything passes, and no labels need be read */
};

/* Reads the query parameter `label`; @ret borrows from the call's arena. False: the reply tells
 * what is wrong with it. */
bool labels_read_filter(struct api_call *call, struct labels_filter *ret);

/* Whether @labels (NULL: none) pass. */
bool labels_pass(const struct labels_filter *filter, struct json_object *labels);

#endif
