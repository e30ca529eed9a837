#include "core/store.h"

struct span store_range_end_of_prefix(struct span prefix, char *buffer)
{
    size_t size = prefix.size;
    while (size > 0 && (unsigned char)prefix.data[size - 1] == 0xFF)
        size--;
    if (size == 0)
        return (struct span){0};
    memcpy(buffer, prefix.data, size);
    buffer[size - 1] = (char)((unsigned char)buffer[size - 1] + 1);
    return (struct span){buffer, size};
}
