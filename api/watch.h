/* GET /v1/watch: changes as they happen, as server-sent events or as lines of JSON.
 *
 * A message tells of all changes of one revision, as far as they pass the filters; its id is the
 * revision. So whoever has seen the id R goes on with `from=R`, and misses nothing and sees nothing
 * twice. Bookmarks move the position on while nothing passes. Pure: who streams is server/. */
#ifndef ALLOT_API_WATCH_H
#define ALLOT_API_WATCH_H

#include "api/buffer.h"
#include "core/keys.h"
#include "core/store.h"

enum watch_format { WATCH_NDJSON, WATCH_SSE };

/* Of an empty span, with data NULL: all. */
struct watch_filter {
    unsigned kinds; /* bits 1 << enum key_kind */
    struct span item;
    struct span prefix; /* of the item's id */
    struct span zone;
    struct span suffix;
};

/* What one client watches. Spans are borrowed from the call. */
struct watch_stream {
    int64_t from; /* it has seen this revision; -1: it begins with the next */
    enum watch_format format;
    struct watch_filter filter;
};

/* One change, encoded once for all who watch. */
struct watch_event {
    struct key_parts parts;
    struct span json;
};

/* By enum key_kind; "" for those that nobody is told of. */
enum { WATCH_KIND_COUNT = KEY_ASSIGNMENT + 1 };
extern const char *const watch_kind_names[WATCH_KIND_COUNT];

/* Whether clients are told of changes of this key at all: of items, members and assignments. */
bool watch_is_told(const struct key_parts *parts);

/* Appends the change as JSON: kind, operation, identity, and for a put the fields of the resource.
 * Secrets are left out. */
void watch_encode(const struct store_event *event, const struct key_parts *parts,
                  struct buffer *out);

/* Appends a message of those of @events that pass; nothing if none does. */
void watch_write_message(const struct watch_stream *stream, int64_t revision,
                         const struct watch_event *events, size_t count, struct buffer *out);
/* Nothing that passes has changed up to @revision. */
void watch_write_bookmark(const struct watch_stream *stream, int64_t revision, struct buffer *out);
/* The last message: the client can't go on from where it is, and has to read anew. */
void watch_write_gone(const struct watch_stream *stream, const char *detail, struct buffer *out);

#endif
