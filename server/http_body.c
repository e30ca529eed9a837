#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "server/http_private.h"

/* The body of a reply that isn't sent as it stands: it comes in pieces, or is compressed, or both;
 * or it is compressed, and isn't to be. What is held of it is a piece, and what becomes of that.
 * Whoever doesn't take what was given within send_ms is cut. */
struct http_body {
    struct http_server *server;
    struct MHD_Connection *connection;
    struct api_call *call;
    bool (*more)(struct api_call *call, struct buffer *out); /* NULL: no further piece */
    struct buffer piece; /* written by the call; not used if nothing is compressed */
    struct buffer out;   /* what is being sent */
    size_t sent;
    bool compresses;
    z_stream deflate;
    bool ended; /* all of it is in `out` */
};

/* MAX_PIECE: of one resource's JSON, at most, on top of what a piece has. Of the windows that
 * deflate could have the smaller ones: a reader may be slow, and there may be many. */
enum { BLOCK_SIZE = 32 * 1024, MAX_PIECE = 16 << 20, WINDOW_BITS = 13, MEMORY_LEVEL = 6 };
enum { GZIP = 16 /* added to the window's bits, as zlib has it */, LEVEL = 3 };

static int init_deflate(struct http_body *body)
{
    body->compresses = deflateInit2(&body->deflate, LEVEL, Z_DEFLATED, WINDOW_BITS + GZIP,
                                    MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK;
    return body->compresses ? 0 : ALLOT_ENOMEM;
}

/* Appends what deflate makes of @input to `out`. */
static void deflate_more(struct http_body *body, struct span input, bool last)
{
    unsigned char block[16 * 1024];
    body->deflate.next_in = (unsigned char *)input.data;
    body->deflate.avail_in = (uInt)input.size;
    do {
        body->deflate.next_out = block;
        body->deflate.avail_out = sizeof block;
        (void)deflate(&body->deflate, last ? Z_FINISH : Z_NO_FLUSH);
        size_t made = sizeof block - body->deflate.avail_out;
        buffer_append(&body->out, (struct span){(const char *)block, made});
    } while (body->deflate.avail_out == 0);
}

/* Appends what @input, gzip, was made of to `out`, all at once: it is a file, of a size that is
 * known. */
static int inflate_all(struct http_body *body, struct span input)
{
    unsigned char block[16 * 1024];
    z_stream stream = {.next_in = (unsigned char *)input.data, .avail_in = (uInt)input.size};
    if (inflateInit2(&stream, MAX_WBITS + GZIP) != Z_OK) {
        return ALLOT_ENOMEM;
    }
    int result;
    do {
        stream.next_out = block;
        stream.avail_out = sizeof block;
        result = inflate(&stream, Z_NO_FLUSH);
        size_t made = sizeof block - stream.avail_out;
        buffer_append(&body->out, (struct span){(const char *)block, made});
    } while (result == Z_OK && !body->out.error);
    (void)inflateEnd(&stream);
    if (result == Z_MEM_ERROR) {
        return ALLOT_ENOMEM;
    }
    return body->out.error ? body->out.error : result == Z_STREAM_END ? 0 : ALLOT_EVALUE;
}

/* The reply's body as far as it is there, into `out`. */
static int begin(struct http_body *body, const struct api_reply *reply)
{
    struct span first = buffer_span(&reply->body);
    if (reply->gzipped) {
        return inflate_all(body, first);
    }
    if (body->compresses) {
        deflate_more(body, first, body->ended);
    } else {
        buffer_append(&body->out, first);
    }
    return body->out.error;
}

int http_body_open(struct http_server *server, struct MHD_Connection *connection,
                   struct api_call *call, bool compresses, struct http_body **ret)
{
    const struct api_reply *reply = api_call_reply(call);
    struct http_body *body = calloc(1, sizeof *body);
    if (!body) {
        return ALLOT_ENOMEM;
    }
    body->server = server;
    body->connection = connection;
    body->call = call;
    body->more = reply->more;
    buffer_init(&body->piece, MAX_PIECE);
    buffer_init(&body->out, 2 * (size_t)MAX_PIECE);
    if (compresses && init_deflate(body) != 0) {
        http_body_close(body);
        return ALLOT_ENOMEM;
    }
    body->ended = !body->more;
    int error = begin(body, reply);
    if (error) {
        http_body_close(body);
        return error;
    }
    *ret = body;
    return 0;
}

void http_body_close(struct http_body *body)
{
    if (!body) {
        return;
    }
    if (body->compresses) {
        (void)deflateEnd(&body->deflate);
    }
    buffer_release(&body->piece);
    buffer_release(&body->out);
    free(body);
}

/* The next piece in place of what was sent. Deflate may keep all of one to itself. */
static int refill(struct http_body *body)
{
    struct buffer *piece = body->compresses ? &body->piece : &body->out;
    buffer_clear(&body->out);
    body->sent = 0;
    while (!body->ended && body->out.size == 0) {
        buffer_clear(piece);
        body->ended = !body->more(body->call, piece);
        if (piece->error) {
            return piece->error;
        }
        if (body->compresses) {
            deflate_more(body, buffer_span(piece), body->ended);
        }
    }
    return body->out.error;
}

static ssize_t read_body(void *context, uint64_t position, char *buffer, size_t size)
{
    struct http_body *body = context;
    (void)position;
    if (body->sent == body->out.size && body->ended) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (body->sent == body->out.size && refill(body) != 0) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    http_connection_limit(body->connection, body->server->config.times.send_ms);
    size_t left = body->out.size - body->sent;
    if (left == 0) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    size_t count = left < size ? left : size;
    memcpy(buffer, body->out.data + body->sent, count);
    body->sent += count;
    return (ssize_t)count;
}

struct MHD_Response *http_body_response(struct http_body *body)
{
    return body->ended ? MHD_create_response_from_buffer(body->out.size, body->out.data,
                                                         MHD_RESPMEM_PERSISTENT)
                       : MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, read_body,
                                                           body, NULL);
}
