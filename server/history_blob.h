/* What the history keeps as blobs: bytes, and numbers in groups of seven bits, the lowest first;
 * each group but the last has the eighth bit set. Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_BLOB_H
#define ALLOT_SERVER_HISTORY_BLOB_H

#include "api/buffer.h"

void history_blob_append(struct buffer *out, uint64_t number);

/* What is left of a blob, and whether it was found to be no such thing. */
struct history_blob {
    struct span rest;
    bool damaged;
};

/* Both take from the front. 0, or no bytes, if the blob is damaged: to be asked before what was
 * taken is used. */
uint64_t history_blob_take(struct history_blob *blob);
struct span history_blob_take_bytes(struct history_blob *blob, uint64_t size);

#endif
