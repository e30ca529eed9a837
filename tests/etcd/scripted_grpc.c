#include "tests/etcd/scripted_grpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    HEAD = 9,     /* of a frame: its size, type, flags and stream */
    PREFACE = 24, /* what a client begins with */
    MAX_FRAME = 16384,
    MAX_CALL = 1 << 16,
    GRPC_PREFIX = 5,
};
enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, GOAWAY = 7, WINDOW_UPDATE = 8 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "scripted_grpc: %s\n", what);
        abort();
    }
}

/* --- frames that are sent --- */

static void put_number(unsigned char *bytes, unsigned number)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(number >> (24 - 8 * i));
}

static bool send_frame(int fd, int type, int flags, unsigned stream, struct span payload)
{
    char frame[HEAD + MAX_FRAME];
    unsigned char *head = (unsigned char *)frame;
    require(payload.size <= MAX_FRAME, "a frame is too large");
    put_number(head, (unsigned)payload.size << 8);
    head[3] = (unsigned char)type;
    head[4] = (unsigned char)flags;
    put_number(head + 5, stream);
    if (payload.size > 0)
        memcpy(frame + HEAD, payload.data, payload.size);
    return scripted_send(fd, frame, HEAD + payload.size);
}

/* A header, without compression. */
static void put_text(char *block, size_t *size, struct span text)
{
    require(text.size < 127, "a header is too long");
    block[(*size)++] = (char)text.size;
    memcpy(block + *size, text.data, text.size);
    *size += text.size;
}

static void put_header(char *block, size_t *size, const char *name, const char *value)
{
    block[(*size)++] = 0;
    put_text(block, size, span_of(name));
    put_text(block, size, span_of(value));
}

/* HTTP's status, by its number in the table that every client knows. */
static char http_status(int status)
{
    require(status == 200 || status == 404 || status == 500, "such a status can't be told");
    return (char)(0x80 + (status == 200 ? 8 : status == 404 ? 13 : 14));
}

bool scripted_grpc_head(const struct scripted_call *call, int status, bool last)
{
    char block[64];
    size_t size = 0;
    block[size++] = http_status(status);
    put_header(block, &size, "content-type", "application/grpc");
    return send_frame(call->fd, HEADERS, END_HEADERS | (last ? END_STREAM : 0), call->stream,
                      (struct span){block, size});
}

bool scripted_grpc_bytes(const struct scripted_call *call, struct span bytes, bool last)
{
    return send_frame(call->fd, DATA, last ? END_STREAM : 0, call->stream, bytes);
}

static bool send_status(const struct scripted_call *call, bool alone, const char *status,
                        const char *text)
{
    char block[512];
    size_t size = 0;
    if (alone)
        block[size++] = http_status(200);
    put_header(block, &size, "grpc-status", status);
    if (text)
        put_header(block, &size, "grpc-message", text);
    return send_frame(call->fd, HEADERS, END_HEADERS | END_STREAM, call->stream,
                      (struct span){block, size});
}

bool scripted_grpc_status(const struct scripted_call *call, const char *status, const char *text)
{
    return send_status(call, false, status, text);
}

bool scripted_grpc_refusal(const struct scripted_call *call, const char *status, const char *text)
{
    return send_status(call, true, status, text);
}

bool scripted_grpc_reset(const struct scripted_call *call, unsigned code)
{
    unsigned char payload[4];
    put_number(payload, code);
    return send_frame(call->fd, RST_STREAM, 0, call->stream,
                      (struct span){(char *)payload, sizeof payload});
}

bool scripted_grpc_go_away(const struct scripted_call *call, unsigned last, unsigned code)
{
    unsigned char payload[8];
    put_number(payload, last);
    put_number(payload + 4, code);
    return send_frame(call->fd, GOAWAY, 0, 0, (struct span){(char *)payload, sizeof payload});
}

/* --- frames that come --- */

static bool receive(int fd, char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t got = recv(fd, bytes, size, 0);
        if (got <= 0)
            return false;
        bytes += got;
        size -= (size_t)got;
    }
    return true;
}

/* What has come of the one call that is under way. */
struct coming {
    unsigned stream;
    size_t size;
    char bytes[MAX_CALL];
};

/* Lets the client send as much again. */
static bool give_back(int fd, size_t size)
{
    unsigned char payload[4];
    put_number(payload, (unsigned)size);
    return size == 0 ||
           send_frame(fd, WINDOW_UPDATE, 0, 0, (struct span){(char *)payload, sizeof payload});
}

static bool answer(struct scripted_grpc *grpc, int fd, struct coming *coming)
{
    require(coming->size >= GRPC_PREFIX, "a call without a message");
    const struct scripted_call call = {
        .fd = fd,
        .stream = coming->stream,
        .message = {coming->bytes + GRPC_PREFIX, coming->size - GRPC_PREFIX},
    };
    atomic_fetch_add(&grpc->calls, 1);
    coming->size = 0;
    return grpc->answer(grpc->context, &call);
}

static bool take_frame(struct scripted_grpc *grpc, int fd, struct coming *coming)
{
    unsigned char head[HEAD];
    static _Thread_local char payload[MAX_FRAME];
    if (!receive(fd, (char *)head, sizeof head))
        return false;
    size_t size = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
    require(size <= sizeof payload, "a frame that comes is too large");
    if (!receive(fd, payload, size))
        return false;
    if (head[3] == SETTINGS && !(head[4] & ACK))
        return send_frame(fd, SETTINGS, ACK, 0, (struct span){0});
    if (head[3] == HEADERS)
        coming->size = 0;
    if (head[3] != DATA)
        return true;
    require(coming->size + size <= sizeof coming->bytes, "a call is too large");
    memcpy(coming->bytes + coming->size, payload, size);
    coming->size += size;
    coming->stream = (unsigned)head[5] << 24 | (unsigned)head[6] << 16 | (unsigned)head[7] << 8 |
                     (unsigned)head[8];
    bool go_on = give_back(fd, size);
    return go_on && (!(head[4] & END_STREAM) || answer(grpc, fd, coming));
}

static void serve(void *context, int fd)
{
    char preface[PREFACE];
    struct coming *coming = calloc(1, sizeof *coming);
    if (!coming) /* a test lets one allocation fail, and means another one */
        coming = calloc(1, sizeof *coming);
    require(coming != NULL, "no memory");
    if (receive(fd, preface, sizeof preface) && send_frame(fd, SETTINGS, 0, 0, (struct span){0})) {
        while (take_frame(context, fd, coming))
            ;
    }
    free(coming);
}

/* --- life --- */

void scripted_grpc_start(struct scripted_grpc *grpc, scripted_call_answer *answer_call,
                         void *context)
{
    memset(grpc, 0, sizeof *grpc);
    grpc->answer = answer_call;
    grpc->context = context;
    scripted_server_start_raw(&grpc->server, serve, grpc);
}

void scripted_grpc_stop(struct scripted_grpc *grpc)
{
    scripted_server_stop(&grpc->server);
}
