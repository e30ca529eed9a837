#include "server/history_blob.h"

enum { NUMBER_BYTES = 10 };

/* Most numbers are written to where they belong at once: there are very many. */
void history_blob_append(struct buffer *out, uint64_t number)
{
    bool has_room = !out->error && out->capacity - out->size >= NUMBER_BYTES;
    char bytes[NUMBER_BYTES];
    char *to = has_room ? out->data + out->size : bytes;
    size_t size = 0;
    for (; number >= 0x80; number >>= 7)
        to[size++] = (char)(number | 0x80);
    to[size++] = (char)number;
    if (has_room)
        out->size += size;
    else
        buffer_append(out, (struct span){bytes, size});
}

uint64_t history_blob_take(struct history_blob *blob)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 7 * NUMBER_BYTES; shift += 7) {
        if (blob->rest.size == 0)
            break;
        unsigned char byte = (unsigned char)blob->rest.data[0];
        blob->rest = (struct span){blob->rest.data + 1, blob->rest.size - 1};
        number |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return number;
    }
    blob->damaged = true;
    return 0;
}

struct span history_blob_take_bytes(struct history_blob *blob, uint64_t size)
{
    blob->damaged |= size > blob->rest.size;
    if (blob->damaged)
        return (struct span){NULL, 0};
    struct span bytes = {blob->rest.data, size};
    blob->rest = (struct span){blob->rest.data + size, blob->rest.size - size};
    return bytes;
}
