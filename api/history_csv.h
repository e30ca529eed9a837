/* Events of history as CSV (RFC 4180): a header line, then a record an event. */
#ifndef ALLOT_API_HISTORY_CSV_H
#define ALLOT_API_HISTORY_CSV_H

#include "api/buffer.h"
#include "api/history.h"

void history_csv_write_header(struct buffer *out);

/* The fields of the event's JSON, those of the actor beside the others; `before` and `after` are
 * JSON. @scratch is for the time of the call, and keeps its memory. What fails shows in @out. */
void history_csv_write_event(const struct history_event *event, struct buffer *scratch,
                             struct buffer *out);

/* Appends @text as a field, in quotes where it needs them. What is no text (bytes that are not
 * UTF-8, control characters but tabs and line ends) becomes U+FFFD. */
void history_csv_write_field(struct span text, struct buffer *out);

#endif
