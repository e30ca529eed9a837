/* One POST at a time to etcd, over libcurl, whose answer is taken as the wire says. Private to the
 * etcd store.
 *
 * A request that may not be sent twice isn't: libcurl would send it again by itself when a
 * connection that it used before breaks without an answer. */
#ifndef ALLOT_SERVER_ETCD_TRANSFER_H
#define ALLOT_SERVER_ETCD_TRANSFER_H

#include <curl/curl.h>
#include <json-c/json_tokener.h>

#include "server/etcd_wire.h"

enum { ETCD_MAX_URL = 512 };

/* Paths of files; NULL: none, and for the CA the system's. */
struct etcd_tls {
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
};

enum { ETCD_TRACEPARENT_SIZE = 56 }; /* with a terminating zero */

struct etcd_post {
    const char *endpoint;    /* "http://127.0.0.1:2379" */
    const char *path;        /* "/v3/watch" */
    struct span body;        /* borrowed until the end */
    const char *token;       /* NULL: none */
    const char *traceparent; /* NULL, or empty: none */
    const struct etcd_tls *tls;
    int64_t timeout_ms; /* of the whole, which etcd is told; 0: it never ends (a watch) */
    int64_t connect_timeout_ms;
    bool once;      /* not to be sent twice */
    size_t maximum; /* bytes of one message */
};

struct etcd_transfer;
/* Called within curl_multi_perform with each message of a stream (borrowed). False: enough, cut the
 * connection. */
typedef bool etcd_transfer_message(struct etcd_transfer *transfer,
                                   const struct etcd_answer *message);
/* Called by the owner of the multi handle with what curl tells of the end. Calls
 * etcd_transfer_end. */
typedef void etcd_transfer_finished(struct etcd_transfer *transfer, CURLcode code);

enum etcd_transfer_end {
    ETCD_TRANSFER_DONE,     /* the answer is complete */
    ETCD_TRANSFER_NOT_SENT, /* could not connect */
    ETCD_TRANSFER_BROKEN,   /* sent; the answer is not complete */
    ETCD_TRANSFER_LARGE,    /* cut: a message was larger than the maximum */
    ETCD_TRANSFER_BAD,      /* the answer is not what the wire has */
    ETCD_TRANSFER_NO_MEMORY,
};

struct etcd_transfer {
    const struct etcd_wire *wire;
    CURL *easy;
    struct curl_slist *headers;
    struct span body;
    size_t sent; /* bytes of the body */
    bool running;
    bool may_connect; /* else only a connection that there is will do, */
    bool was_alone;   /* and there was none */
    etcd_transfer_message *message;
    etcd_transfer_finished *finished;
    char why[CURL_ERROR_SIZE]; /* of the end, if it failed */

    /* the wire's */
    struct json_tokener *tokener; /* the gateway's */
    struct buffer message_bytes;  /* gRPC's, with what stands before it */
    size_t message_size;          /* of them; 0: not known yet */
    size_t received;              /* bytes of the message that has begun */
    size_t maximum;               /* of them */
    enum etcd_transfer_end cut;   /* for what; ETCD_TRANSFER_DONE: it isn't */
    struct etcd_answer answer;
};

/* ALLOT_ENOMEM. */
int etcd_transfer_init(struct etcd_transfer *transfer, const struct etcd_wire *wire);
/* Not while it runs. Fine after a failed init, and on what is zero. */
void etcd_transfer_release(struct etcd_transfer *transfer);

/* Adds it to @multi, with itself as CURLOPT_PRIVATE. @message: NULL, if there is one answer.
 * ALLOT_ENOMEM. */
int etcd_transfer_begin(struct etcd_transfer *transfer, CURLM *multi, const struct etcd_post *post,
                        etcd_transfer_message *message, etcd_transfer_finished *finished);
/* Whether it goes on: for want of a connection that can be used again it opens one now. To be asked
 * before `finished` is called. */
bool etcd_transfer_goes_on(struct etcd_transfer *transfer, CURLM *multi);
/* Takes it from @multi, finished or not. What came of it, if curl has told @code: the answer stays
 * until etcd_transfer_clear. */
enum etcd_transfer_end etcd_transfer_end(struct etcd_transfer *transfer, CURLM *multi,
                                         CURLcode code);
/* Frees what has been answered. */
void etcd_transfer_clear(struct etcd_transfer *transfer);
/* Of the answer; 0: none. */
long etcd_transfer_status(struct etcd_transfer *transfer);

/* For the wire: notes why what comes can't be taken. False. */
bool etcd_transfer_cut(struct etcd_transfer *transfer, enum etcd_transfer_end why);

#endif
