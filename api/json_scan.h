/* The scan that json_reader.c does before json-c sees a text: token by token it refuses what json-c
 * lets through. What is left to json-c is the order of the tokens. */
#ifndef ALLOT_API_JSON_SCAN_H
#define ALLOT_API_JSON_SCAN_H

#include <stdbool.h>

#include "core/error.h"
#include "core/span.h"

/* Returns 0; or ALLOT_ESYNTAX, ALLOT_ELIMIT with @why told, or ALLOT_ENOMEM. */
int json_scan(struct span text, struct error_message *why);

/* Writes "line L, column C: STORY" into @why, for the byte at @offset of @text. Columns count
 * bytes, from 1. */
void json_place(struct span text, size_t offset, const char *story, struct error_message *why);

#endif
