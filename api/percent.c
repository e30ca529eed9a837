#include "api/percent.h"

#include "api/utf8.h"
#include "core/error.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int percent_decode(struct span raw, char *storage, struct span *ret)
{
    struct span text = {storage, 0};
    for (size_t i = 0; i < raw.size; i++) {
        char c = raw.data[i];
        if (c == '%') {
            int high = raw.size - i > 2 ? hex_digit(raw.data[i + 1]) : -1;
            int low = raw.size - i > 2 ? hex_digit(raw.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return ALLOT_ESYNTAX;
            c = (char)(high * 16 + low);
            i += 2;
        }
        storage[text.size++] = c;
    }
    if (!utf8_is_valid(text))
        return ALLOT_ESYNTAX;
    *ret = text;
    return 0;
}
