#include <stdlib.h>
#include <string.h>

#include "server/http_private.h"

/* The body of a reply that goes on for as long as the client likes: libmicrohttpd asks for more
 * bytes whenever it can send some; while there are none the connection is suspended, and resumed by
 * the hub. Whoever doesn't take what was given within send_ms is cut. */
struct http_stream {
    struct http_server *server;
    struct MHD_Connection *connection;
    struct watcher *watcher;
    struct buffer out; /* what is being sent */
    size_t sent;
    bool ended;
};

enum { BLOCK_SIZE = 1024, MAX_OUT = 64 << 20 };

/* Both with the hub's lock held. */
static void on_sleep(void *context)
{
    struct http_stream *stream = context;
    http_connection_wait(stream->connection);
    MHD_suspend_connection(stream->connection);
}

static void on_wake(void *context)
{
    struct http_stream *stream = context;
    MHD_resume_connection(stream->connection);
}

int http_stream_open(struct http_server *server, struct MHD_Connection *connection,
                     const struct watch_stream *what, struct http_stream **ret)
{
    struct http_stream *stream = calloc(1, sizeof *stream);
    if (!stream) {
        return ALLOT_ENOMEM;
    }
    const struct watch_sleep sleep = {on_sleep, on_wake, stream};
    stream->server = server;
    stream->connection = connection;
    buffer_init(&stream->out, MAX_OUT);
    int error = watch_hub_open(server->config.hub, what, &sleep, &stream->watcher);
    if (error < 0) {
        free(stream);
    } else {
        *ret = stream;
    }
    return error;
}

void http_stream_close(struct http_stream *stream)
{
    if (!stream) {
        return;
    }
    watch_hub_close(stream->watcher);
    buffer_release(&stream->out);
    free(stream);
}

/* Gets what comes next, in place of what was sent; false if there is nothing so far. */
static bool refill(struct http_stream *stream)
{
    size_t maximum = stream->out.maximum;
    buffer_release(&stream->out); /* an idle stream is to be small */
    buffer_init(&stream->out, maximum);
    stream->sent = 0;
    if (stream->ended) {
        return true;
    }
    enum watch_next next = watch_hub_next(stream->watcher, &stream->out);
    stream->ended = next == WATCH_ENDS;
    return next != WATCH_SLEEPS;
}

static ssize_t read_stream(void *context, uint64_t position, char *buffer, size_t size)
{
    struct http_stream *stream = context;
    (void)position;
    if (stream->sent == stream->out.size && !refill(stream)) {
        return 0;
    }
    /* From here on somebody has to take it. */
    http_connection_limit(stream->connection, stream->server->config.times.send_ms);
    size_t left = stream->out.size - stream->sent;
    if (left == 0) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    size_t count = left < size ? left : size;
    memcpy(buffer, stream->out.data + stream->sent, count);
    stream->sent += count;
    return (ssize_t)count;
}

struct MHD_Response *http_stream_response(struct http_stream *stream)
{
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, read_stream, stream,
                                             NULL);
}
