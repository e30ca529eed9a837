/* Base64 (RFC 4648, with padding), in which etcd's JSON has keys and values. */
#ifndef ALLOT_SERVER_BASE64_H
#define ALLOT_SERVER_BASE64_H

#include <stdbool.h>

#include "api/buffer.h"

/* Appends @bytes encoded. */
void base64_append(struct buffer *out, struct span bytes);

/* An upper bound of what @size characters decode to. */
static inline size_t base64_decoded_bound(size_t size)
{
    return size / 4 * 3;
}

/* Decodes @text into @buffer, which has room for the bound. False if it is not base64: other
 * characters, a wrong length, bits that are not zero in the padding. */
bool base64_decode(struct span text, char *buffer, size_t *ret_size);

#endif
