/* The scan that json_reader.c does before json-c sees a text: token by token it refuses what json-c
 * lets through. What is left to json-c is the order of the tokens. */
#ifndef ALLOT_API_JSON_SCAN_H
#define ALLOT_API_JSON_SCAN_H

#include <stdbool.h>

#include "core/error.h"
#include "core/span.h"

/* How much there may be. json-c takes some 900 bytes for an object, of which the text has two, so
 * that what is read could be several hundred times as large. */
struct json_budget {
    size_t containers; /* objects and arrays */
    size_t scalars;    /* all else, names too */
};

/* More than honest texts of @size bytes have, and less than a hundred times as many for json-c. */
static inline struct json_budget json_budget_of(size_t size)
{
    return (struct json_budget){.containers = 1024 + size / 12, .scalars = 4096 + size / 3};
}

/* Takes what there is from @budget (NULL: there is no bound). Returns 0; or ALLOT_ESYNTAX,
 * ALLOT_ELIMIT with @why told, or ALLOT_ENOMEM. */
int json_scan(struct span text, struct json_budget *budget, struct error_message *why);

/* Writes "line L, column C: STORY" into @why, for the byte at @offset of @text. Columns count
 * bytes, from 1. */
void json_place(struct span text, size_t offset, const char *story, struct error_message *why);

#endif
