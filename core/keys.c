#include "core/keys.h"

#include "core/error.h"

enum { INT32_DIGITS = 10 };

bool keys_name_is_valid(struct span name)
{
    for (size_t i = 0; i < name.size; i++)
        if ((unsigned char)name.data[i] <= KEY_SEPARATOR)
            return false;
    return name.size > 0;
}

bool keys_root_is_valid(struct span root)
{
    if (!keys_name_is_valid(root) || root.data[0] != '/')
        return false;
    size_t begin = 1;
    for (size_t i = 1; i <= root.size; i++) {
        if (i < root.size && root.data[i] != '/')
            continue;
        struct span segment = {root.data + begin, i - begin};
        if (segment.size == 0 || span_equal(segment, SPAN(".")) || span_equal(segment, SPAN("..")))
            return false;
        begin = i + 1;
    }
    return true;
}

/* --- parsing --- */

/* If @text begins with @prefix, removes it. */
static bool skip(struct span *text, struct span prefix)
{
    if (!span_has_prefix(*text, prefix))
        return false;
    if (prefix.size > 0)
        *text = (struct span){text->data + prefix.size, text->size - prefix.size};
    return true;
}

/* Removes and returns what comes before the next separator, and the separator; all of it if there
 * is none. */
static struct span next_part(struct span *text)
{
    const char *separator = text->size ? memchr(text->data, KEY_SEPARATOR, text->size) : NULL;
    size_t size = separator ? (size_t)(separator - text->data) : text->size;
    struct span part = {text->data, size};
    size_t skipped = separator ? size + 1 : size;
    if (skipped > 0)
        *text = (struct span){text->data + skipped, text->size - skipped};
    return part;
}

/* The number that the digits say, or -1. */
static int32_t parse_slot(struct span digits)
{
    if (digits.size == 0 || digits.size > INT32_DIGITS ||
        (digits.size > 1 && digits.data[0] == '0'))
        return -1;
    int64_t slot = 0;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return -1;
        slot = slot * 10 + (digits.data[i] - '0');
    }
    return slot <= INT32_MAX ? (int32_t)slot : -1;
}

static enum key_kind skip_prefix(struct span root, struct span *key)
{
    if (!skip(key, root))
        return KEY_OTHER;
    if (skip(key, SPAN(KEYS_ITEMS)))
        return KEY_ITEM;
    if (skip(key, SPAN(KEYS_MEMBERS)))
        return KEY_MEMBER;
    if (skip(key, SPAN(KEYS_ASSIGNMENTS)))
        return KEY_ASSIGNMENT;
    return KEY_OTHER;
}

/* What must stand in front of the next separator. */
static bool parse_name(struct span *text, struct span *ret)
{
    *ret = next_part(text);
    return keys_name_is_valid(*ret);
}

/* The rest must be one name: no separator is a byte of a name. */
static bool parse_last_name(struct span text, struct span *ret)
{
    *ret = text;
    return keys_name_is_valid(text);
}

int keys_parse(struct span root, struct span key, struct key_parts *ret)
{
    struct key_parts parts = {.slot = -1};
    struct span text = key;
    bool valid = true;

    parts.kind = skip_prefix(root, &text);
    switch (parts.kind) {
    case KEY_OTHER:
        break;
    case KEY_ITEM:
        valid = parse_last_name(text, &parts.item);
        break;
    case KEY_MEMBER:
        valid = parse_name(&text, &parts.zone) && parse_last_name(text, &parts.suffix);
        break;
    case KEY_ASSIGNMENT:
        valid = parse_name(&text, &parts.item) && parse_name(&text, &parts.zone) &&
                parse_name(&text, &parts.suffix) && (parts.slot = parse_slot(text)) >= 0;
        break;
    }
    *ret = valid ? parts : (struct key_parts){.kind = parts.kind, .slot = -1};
    return valid ? 0 : ALLOT_EKEY;
}

/* --- making --- */

static struct span concatenate(const struct span *pieces, size_t count, char *buffer, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].size >= size - used)
            return (struct span){0};
        if (pieces[i].size > 0)
            memcpy(buffer + used, pieces[i].data, pieces[i].size);
        used += pieces[i].size;
    }
    buffer[used] = '\0';
    return (struct span){buffer, used};
}

#define CONCATENATE(buffer, size, ...)              \
    concatenate((const struct span[]){__VA_ARGS__}, \
                sizeof((const struct span[]){__VA_ARGS__}) / sizeof(struct span), buffer, size)

struct span keys_item(struct span root, struct span item, char *buffer, size_t size)
{
    return CONCATENATE(buffer, size, root, SPAN(KEYS_ITEMS), item);
}

struct span keys_member(struct span root, struct span zone, struct span suffix, char *buffer,
                        size_t size)
{
    return CONCATENATE(buffer, size, root, SPAN(KEYS_MEMBERS), zone, SPAN("#"), suffix);
}

struct span keys_assignment(struct span root, struct span item, struct span zone,
                            struct span suffix, int32_t slot, char *buffer, size_t size)
{
    char digits[INT32_DIGITS];
    size_t at = sizeof digits;
    uint32_t left = (uint32_t)slot;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    struct span number = {digits + at, sizeof digits - at};
    return CONCATENATE(buffer, size, root, SPAN(KEYS_ASSIGNMENTS), item, SPAN("#"), zone, SPAN("#"),
                       suffix, SPAN("#"), number);
}

struct span keys_items_prefix(struct span root, char *buffer, size_t size)
{
    return CONCATENATE(buffer, size, root, SPAN(KEYS_ITEMS));
}

struct span keys_members_prefix(struct span root, char *buffer, size_t size)
{
    return CONCATENATE(buffer, size, root, SPAN(KEYS_MEMBERS));
}

struct span keys_assignments_prefix(struct span root, char *buffer, size_t size)
{
    return CONCATENATE(buffer, size, root, SPAN(KEYS_ASSIGNMENTS));
}

struct span keys_item_assignments_prefix(struct span root, struct span item, char *buffer,
                                         size_t size)
{
    return CONCATENATE(buffer, size, root, SPAN(KEYS_ASSIGNMENTS), item, SPAN("#"));
}

size_t keys_max_size(struct span root, struct span item, struct span zone, struct span suffix)
{
    /* The longest prefix, three separators, a slot, the terminating zero. */
    enum { OVERHEAD = sizeof KEYS_MEMBERS - 1 + 3 + INT32_DIGITS + 1 };
    return root.size + item.size + zone.size + suffix.size + OVERHEAD;
}

int keys_compare_members(const struct key_parts *a, const struct key_parts *b)
{
    int order = span_compare(a->zone, b->zone);
    return order ? order : span_compare(a->suffix, b->suffix);
}

int keys_compare_assignments(const struct key_parts *a, const struct key_parts *b)
{
    int order = span_compare(a->item, b->item);
    if (!order)
        order = span_compare(a->zone, b->zone);
    return order ? order : span_compare(a->suffix, b->suffix);
}
