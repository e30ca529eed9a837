#include "server/base64.h"

#include <stdint.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode_group(const unsigned char *bytes, size_t size, char *group)
{
    unsigned bits = (unsigned)bytes[0] << 16;
    bits |= size > 1 ? (unsigned)bytes[1] << 8 : 0;
    bits |= size > 2 ? (unsigned)bytes[2] : 0;
    group[0] = digits[bits >> 18];
    group[1] = digits[bits >> 12 & 63];
    group[2] = (char)(size > 1 ? digits[bits >> 6 & 63] : '=');
    group[3] = (char)(size > 2 ? digits[bits & 63] : '=');
}

void base64_append(struct buffer *out, struct span bytes)
{
    enum { GROUPS = 256 };
    char text[4 * GROUPS];
    const unsigned char *at = (const unsigned char *)bytes.data;
    size_t used = 0;
    for (size_t i = 0; i < bytes.size; i += 3) {
        encode_group(at + i, bytes.size - i, text + used);
        used += 4;
        if (used == sizeof text || bytes.size - i <= 3) {
            buffer_append(out, (struct span){text, used});
            used = 0;
        }
    }
}

/* The value of each digit plus one; 0: not a digit. */
static const unsigned char values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

bool base64_decode(struct span text, char *buffer, size_t *ret_size)
{
    size_t padding = 0;
    if (text.size % 4 != 0)
        return false;
    while (padding < 2 && padding < text.size && text.data[text.size - 1 - padding] == '=')
        padding++;
    char *to = buffer;
    uint32_t bits = 0;
    for (size_t i = 0; i < text.size - padding; i++) {
        unsigned value = values[(unsigned char)text.data[i]];
        if (value == 0)
            return false;
        bits = bits << 6 | (value - 1);
        if (i % 4 != 0)
            *to++ = (char)(bits >> (6 - 2 * (i % 4)) & 0xFF);
    }
    *ret_size = (size_t)(to - buffer);
    return padding == 0 || (bits & (padding == 1 ? 3U : 15U)) == 0;
}
