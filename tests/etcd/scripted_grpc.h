/* A server of gRPC without TLS that answers each call as a function of the test says, frame by
 * frame of HTTP/2. It knows as much of that as the calls of a few kilobytes need that are made
 * here. What fails here ends the program. */
#ifndef ALLOT_TESTS_ETCD_SCRIPTED_GRPC_H
#define ALLOT_TESTS_ETCD_SCRIPTED_GRPC_H

#include "core/span.h"
#include "tests/etcd/scripted_server.h"

struct scripted_call {
    int fd;
    unsigned stream;
    struct span message; /* without what stands before it */
};

/* Answers a call that has come whole. False: the connection is closed. */
typedef bool scripted_call_answer(void *context, const struct scripted_call *call);

struct scripted_grpc {
    struct scripted_server server; /* its url, and how many connections there were */
    scripted_call_answer *answer;
    void *context;
    atomic_int calls;
};

void scripted_grpc_start(struct scripted_grpc *grpc, scripted_call_answer *answer, void *context);
void scripted_grpc_stop(struct scripted_grpc *grpc);

/* For answers; each false if the client has gone. HTTP's status, of which 200, 404 and 500 can be
 * told; then bytes, which may be the last; then gRPC's status. */
bool scripted_grpc_head(const struct scripted_call *call, int status, bool last);
bool scripted_grpc_bytes(const struct scripted_call *call, struct span bytes, bool last);
bool scripted_grpc_status(const struct scripted_call *call, const char *status, const char *text);
/* The status alone, in the head of the answer. */
bool scripted_grpc_refusal(const struct scripted_call *call, const char *status, const char *text);
/* With a code of HTTP/2: ends the call; and the connection, on which it took no call after @last.
 */
bool scripted_grpc_reset(const struct scripted_call *call, unsigned code);
bool scripted_grpc_go_away(const struct scripted_call *call, unsigned last, unsigned code);

#endif
