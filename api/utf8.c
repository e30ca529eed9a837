#include "api/utf8.h"

size_t utf8_decode(struct span bytes, uint32_t *ret)
{
    if (bytes.size == 0)
        return 0;
    unsigned char lead = (unsigned char)bytes.data[0];
    if (lead < 0x80) {
        *ret = lead;
        return 1;
    }
    size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || bytes.size < size)
        return 0;
    uint32_t code = lead & (0x7FU >> size);
    for (size_t i = 1; i < size; i++) {
        unsigned char next = (unsigned char)bytes.data[i];
        if ((next & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (next & 0x3FU);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < least[size] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return 0;
    *ret = code;
    return size;
}

bool utf8_is_valid(struct span text)
{
    while (text.size > 0) {
        uint32_t code;
        size_t size = utf8_decode(text, &code);
        if (size == 0)
            return false;
        text.data += size;
        text.size -= size;
    }
    return true;
}
