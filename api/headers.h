/* What the headers of a request mean. Pure functions of bytes; an absent header is {NULL, 0}. */
#ifndef ALLOT_API_HEADERS_H
#define ALLOT_API_HEADERS_H

#include <stdint.h>

#include "core/span.h"

/* Content-Type: whether it is application/json, in UTF-8. */
bool headers_is_json(struct span content_type);
/* The same of application/merge-patch+json (RFC 7396). */
bool headers_is_merge_patch(struct span content_type);

/* The same of application/x-ndjson: lines of JSON. */
bool headers_is_ndjson(struct span content_type);

/* Accept: which of @count @types is wanted most; of those alike the one that is named most
 * precisely, then the first. An absent or empty one accepts everything. -1: none will do. */
int headers_choose(struct span accept, const struct span *types, int count);

/* Accept-Encoding: whether a body may be compressed with gzip. An absent one wants none. */
bool headers_accept_gzip(struct span accept_encoding);

/* Host: whether its name, the port aside, is localhost, 127.0.0.1, [::1] or one of @names. */
bool headers_host_is_ours(struct span host, const struct span *names, size_t count);

/* Origin: whether it is http:// or https:// followed by @host. */
bool headers_origin_matches(struct span origin, struct span host);

/* If-Match and If-None-Match. @revision is the resource's mod revision, 0 if nothing is stored of
 * it;
 * @status_hash is the rest of its ETag. */
bool headers_etag_revision_listed(struct span list, int64_t revision);
bool headers_etag_listed(struct span list, int64_t revision, uint64_t status_hash);

/* The same of any other @tag, in quotes and without a comma. */
bool headers_tag_listed(struct span list, struct span tag);

/* An ETag's text, "MOD-STATUS" in quotes. */
enum { HEADERS_ETAG_SIZE = 40 };
void headers_write_etag(char text[HEADERS_ETAG_SIZE], int64_t revision, uint64_t status_hash);

#endif
