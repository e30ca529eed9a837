/* The dashboard's files, as they are built into the server: the page at `/`, and what that loads,
 * under `/assets/{name}`. They hold no secrets, and are served to everybody.
 *
 * The name of what the page loads has a hash of its content in it, so a browser may keep it for
 * ever; the page itself, whose name is empty, is asked for each time, and is known by its ETag. All
 * come with a content security policy that lets the page run its own scripts and talk to this
 * server, and nothing else. */
#ifndef ALLOT_API_ASSETS_H
#define ALLOT_API_ASSETS_H

#include "core/span.h"

/* All borrowed, and there as long as the server runs. */
struct api_asset {
    struct span name; /* without `/assets/`; empty: the page */
    const char *content_type;
    const char *etag;    /* in quotes, without a comma */
    struct span content; /* compressed with gzip */
};

/* None, where the server was built without a dashboard. */
struct api_assets {
    const struct api_asset *all;
    size_t count;
};

#endif
