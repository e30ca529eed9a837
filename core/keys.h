/* The keys of allot's entities under a root, made and parsed.
 *
 *   ROOT/items/ID                        an item
 *   ROOT/members/ZONE#SUFFIX             a member
 *   ROOT/assign/ID#ZONE#SUFFIX#SLOT      an assignment; slot 0 is the primary
 *
 * `#` separates; every byte of an ID, zone or suffix must be greater than `#`, so that the byte
 * order of keys is the natural order of entities. */
#ifndef ALLOT_CORE_KEYS_H
#define ALLOT_CORE_KEYS_H

#include <stdint.h>

#include "core/span.h"

enum { KEY_SEPARATOR = '#' };

/* What follows the root in the keys of each kind. */
#define KEYS_ITEMS "/items/"
#define KEYS_MEMBERS "/members/"
#define KEYS_ASSIGNMENTS "/assign/"
/* Others under the root. */
#define KEYS_ACTOR "/actor"            /* who has made the last change */
#define KEYS_ALLOCATOR "/allocator"    /* what operators have it put off */
#define KEYS_SCHEDULERS "/schedulers/" /* candidates for leadership */
#define KEYS_ROUNDS "/rounds/"         /* records of the allocator's last passes */
#define KEYS_FORMAT "/format"          /* what one must know to work on the root */

enum key_kind { KEY_OTHER, KEY_ITEM, KEY_MEMBER, KEY_ASSIGNMENT };

/* What a key names. All spans are borrowed from the key. For KEY_ITEM only `item` is set, for
 * KEY_MEMBER `zone` and `suffix`, for KEY_ASSIGNMENT all; for KEY_OTHER none. */
struct key_parts {
    enum key_kind kind;
    int32_t slot; /* -1 unless KEY_ASSIGNMENT */
    struct span item;
    struct span zone;
    struct span suffix;
};

/* True if @root is a clean absolute path: it begins with `/`, and has no trailing slash, no empty,
 * `.` or `..` segment, and no byte that is not above `#`. */
bool keys_root_is_valid(struct span root);

/* True if @name can be an item's ID, a zone or a suffix: not empty, every byte above `#`. */
bool keys_name_is_valid(struct span name);

/* Parses a key. Returns 0 and sets @ret (KEY_OTHER for a key that is under none of the three
 * prefixes of @root), or ALLOT_EKEY, with @ret->kind set to the kind of the prefix, when a key
 * under one of them has the wrong number of parts, a bad name, or a slot that isn't a decimal
 * integer from 0 to INT32_MAX without sign or leading zeros. */
int keys_parse(struct span root, struct span key, struct key_parts *ret);

/* Each makes a key in @buffer of @size bytes and returns it, with its length; a terminating zero
 * byte follows, not counted. Parts are not checked. If the buffer is too small (keys_max_size tells
 * what always suffices) the result is {NULL, 0}. */
struct span keys_item(struct span root, struct span item, char *buffer, size_t size);
struct span keys_member(struct span root, struct span zone, struct span suffix, char *buffer,
                        size_t size);
struct span keys_assignment(struct span root, struct span item, struct span zone,
                            struct span suffix, int32_t slot, char *buffer, size_t size);
/* Prefixes: of all items, members, assignments; of all assignments of one item ("…/assign/ID#"). */
struct span keys_items_prefix(struct span root, char *buffer, size_t size);
struct span keys_members_prefix(struct span root, char *buffer, size_t size);
struct span keys_assignments_prefix(struct span root, char *buffer, size_t size);
struct span keys_item_assignments_prefix(struct span root, struct span item, char *buffer,
                                         size_t size);

/* Bytes that suffice for any of these keys, the terminating zero included. */
size_t keys_max_size(struct span root, struct span item, struct span zone, struct span suffix);

/* Compares two members, or the members of two assignments, by (zone, suffix): < 0, 0 or > 0. */
int keys_compare_members(const struct key_parts *a, const struct key_parts *b);

/* Compares two assignments by (item, zone, suffix), ignoring the slot: < 0, 0 or > 0. */
int keys_compare_assignments(const struct key_parts *a, const struct key_parts *b);

#endif
