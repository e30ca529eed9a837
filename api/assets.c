#include "api/assets.h"

#include "api/headers.h"
#include "api/reply.h"
#include "api/resources.h"

#define SECURITY_POLICY                                                                   \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "       \
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " \
    "require-trusted-types-for 'script'"

static const struct api_asset *find(const struct api_call *call, struct span name)
{
    const struct api_assets *assets = &call->runtime->assets;
    for (size_t i = 0; i < assets->count; i++) {
        if (span_equal(assets->all[i].name, name))
            return &assets->all[i];
    }
    return NULL;
}

static void write_content(struct api_call *call, const struct api_asset *asset)
{
    call->reply.content_type = asset->content_type;
    call->reply.gzipped = true;
    reply_header(call, "Content-Security-Policy", SECURITY_POLICY);
    reply_header(call, "X-Content-Type-Options", "nosniff");
    reply_header(call, "Referrer-Policy", "no-referrer");
    buffer_append(&call->reply.body, asset->content);
}

static enum api_step reply_asset(struct api_call *call, const struct api_asset *asset,
                                 const char *caching)
{
    struct span known = call_header(call, "If-None-Match");
    bool is_known = known.data && headers_tag_listed(known, span_of(asset->etag));
    reply_start(call, is_known ? 304 : 200);
    reply_header(call, "ETag", asset->etag);
    reply_header(call, "Cache-Control", caching);
    write_content(call, asset);
    int error = call->reply.body.error;
    return error ? problem_of_error(call, error, "to serve the file") : API_REPLY;
}

enum api_step assets_page(struct api_call *call)
{
    const struct api_asset *asset = find(call, (struct span){NULL, 0});
    if (!asset)
        return problem(call, PROBLEM_NO_PATH,
                       "this allotd was built without its dashboard (make WEB=no); the API is "
                       "under /v1, and /openapi.json tells of it");
    return reply_asset(call, asset, "no-cache");
}

enum api_step assets_get(struct api_call *call)
{
    const struct api_asset *asset = find(call, call->parameters[0]);
    if (!asset)
        return problem(call, PROBLEM_NO_PATH,
                       "there is no such file; a page that asks for it is one of another version: "
                       "load it again");
    return reply_asset(call, asset, "public, max-age=31536000, immutable");
}
