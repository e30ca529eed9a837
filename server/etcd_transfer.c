#include "server/etcd_transfer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/error.h"

enum {
    GRACE_MS = 300,   /* by which etcd's own timeout comes before ours */
    MAX_TOKEN = 4096, /* a signed one has some hundred bytes */
    KEEPALIVE_S = 2,  /* silence after which the peer of a stream is probed */
    /* libcurl 7.88 reads 32 KiB of HTTP/2 at a time. What of it finds no room here it holds back,
     * and then nothing wakes it up before the next bytes come, or the timeout. */
    RECEIVE_BUFFER = 128 << 10,
    USER_TIMEOUT_MS = 5000, /* after which one that acknowledges nothing is given up */
};

int etcd_transfer_init(struct etcd_transfer *transfer, const struct etcd_wire *wire)
{
    *transfer = (struct etcd_transfer){.wire = wire, .easy = curl_easy_init()};
    return transfer->easy ? wire->init(transfer) : ALLOT_ENOMEM;
}

void etcd_transfer_release(struct etcd_transfer *transfer)
{
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    if (transfer->wire)
        transfer->wire->release(transfer);
    *transfer = (struct etcd_transfer){0};
}

/* --- callbacks --- */

static size_t read_body(char *buffer, size_t size, size_t count, void *argument)
{
    struct etcd_transfer *transfer = argument;
    size_t left = transfer->body.size - transfer->sent;
    size_t taken = size * count < left ? size * count : left;
    if (taken > 0)
        memcpy(buffer, transfer->body.data + transfer->sent, taken);
    transfer->sent += taken;
    return taken;
}

/* Only requests that may be sent twice have it. */
static int rewind_body(void *argument, curl_off_t offset, int origin)
{
    struct etcd_transfer *transfer = argument;
    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_FAIL;
    transfer->sent = 0;
    return CURL_SEEKFUNC_OK;
}

bool etcd_transfer_cut(struct etcd_transfer *transfer, enum etcd_transfer_end why)
{
    transfer->cut = why;
    return false;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is curl's */
static size_t write_answer(char *data, size_t size, size_t count, void *argument)
{
    struct etcd_transfer *transfer = argument;
    const struct span bytes = {data, size * count};
    return transfer->wire->take_body(transfer, bytes) ? bytes.size : 0;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is curl's */
static size_t write_header(char *data, size_t size, size_t count, void *argument)
{
    struct etcd_transfer *transfer = argument;
    const struct span line = {data, size * count};
    if (transfer->wire->take_header)
        transfer->wire->take_header(transfer, line);
    return line.size;
}

/* So that a stream whose peer has vanished doesn't stay open in silence. */
static int set_socket(void *argument, curl_socket_t socket, curlsocktype purpose)
{
    struct etcd_transfer *transfer = argument;
    int timeout_ms = USER_TIMEOUT_MS;
    (void)purpose;
    if (!transfer->may_connect) {
        transfer->was_alone = true;
        return CURL_SOCKOPT_ERROR;
    }
    (void)setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
    return CURL_SOCKOPT_OK;
}

/* --- begin --- */

static bool add_header(struct etcd_transfer *transfer, const char *header)
{
    struct curl_slist *headers = curl_slist_append(transfer->headers, header);
    if (headers)
        transfer->headers = headers;
    return headers != NULL;
}

/* For what stands between us and etcd, and for etcd itself. */
static bool add_trace(struct etcd_transfer *transfer, const char *traceparent)
{
    char header[ETCD_TRACEPARENT_SIZE + 32];
    (void)snprintf(header, sizeof header, "traceparent: %s", traceparent);
    bool added = add_header(transfer, header);
    if (!added || !transfer->wire->trace)
        return added;
    (void)snprintf(header, sizeof header, "%s: %s", transfer->wire->trace, traceparent);
    return add_header(transfer, header);
}

static int set_headers(struct etcd_transfer *transfer, const struct etcd_post *post)
{
    char header[MAX_TOKEN + 32];
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    bool added = add_header(transfer, "Expect:");
    for (const char *const *at = transfer->wire->headers; added && *at; at++)
        added = add_header(transfer, *at);
    if (added && post->timeout_ms > 0) {
        snprintf(header, sizeof header, "Grpc-Timeout: %lldm", (long long)post->timeout_ms);
        added = add_header(transfer, header);
    }
    if (added && post->token) {
        int size = snprintf(header, sizeof header, "Authorization: %s", post->token);
        added = size >= 0 && (size_t)size < sizeof header && add_header(transfer, header);
        explicit_bzero(header, sizeof header);
    }
    if (added && post->traceparent && post->traceparent[0])
        added = add_trace(transfer, post->traceparent);
    return added ? 0 : ALLOT_ENOMEM;
}

static void set_callbacks(struct etcd_transfer *transfer, const struct etcd_post *post)
{
    CURL *easy = transfer->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->why);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->body.size);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_body);
    curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
    if (!post->once) {
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, rewind_body);
        curl_easy_setopt(easy, CURLOPT_SEEKDATA, transfer);
    }
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, write_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, set_socket);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
}

/* A connection of HTTP/2 that nothing has negotiated is spoiled by libcurl 7.88, which Debian 12
 * has, when it is used again by a request that knows what the server speaks (mended in 8.0; curl's
 * pull request 10643). So only a request that opens one is told: all others find what it speaks
 * already. It is not known before whether there is one to be used again, so first only such a one
 * will do. */
static void set_version(struct etcd_transfer *transfer, const struct etcd_post *post)
{
    const struct etcd_wire *wire = transfer->wire;
    bool is_https = strncmp(post->endpoint, "https:", 6) == 0;
    long version = is_https ? wire->https_version : wire->http_version;
    transfer->may_connect = version != CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
    transfer->was_alone = false;
    if (!transfer->may_connect)
        version = CURL_HTTP_VERSION_2_0;
    curl_easy_setopt(transfer->easy, CURLOPT_HTTP_VERSION, version);
}

bool etcd_transfer_goes_on(struct etcd_transfer *transfer, CURLM *multi)
{
    if (!transfer->was_alone || transfer->may_connect || transfer->sent > 0)
        return false;
    transfer->may_connect = true;
    transfer->why[0] = '\0';
    curl_easy_setopt(transfer->easy, CURLOPT_HTTP_VERSION,
                     (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
    curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_multi_remove_handle(multi, transfer->easy);
    transfer->running = curl_multi_add_handle(multi, transfer->easy) == CURLM_OK;
    return transfer->running;
}

static void set_connection(CURL *easy, const struct etcd_post *post)
{
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)post->connect_timeout_ms);
    if (post->timeout_ms > 0) {
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(post->timeout_ms + GRACE_MS));
    } else {
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    }
    if (post->tls->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, post->tls->ca_file);
    if (post->tls->cert_file)
        curl_easy_setopt(easy, CURLOPT_SSLCERT, post->tls->cert_file);
    if (post->tls->key_file)
        curl_easy_setopt(easy, CURLOPT_SSLKEY, post->tls->key_file);
}

int etcd_transfer_begin(struct etcd_transfer *transfer, CURLM *multi, const struct etcd_post *post,
                        etcd_transfer_message *message, etcd_transfer_finished *finished)
{
    char url[ETCD_MAX_URL];
    int size = snprintf(url, sizeof url, "%s%s", post->endpoint, post->path);
    if (size < 0 || (size_t)size >= sizeof url || set_headers(transfer, post) < 0)
        return ALLOT_ENOMEM;
    curl_easy_reset(transfer->easy);
    etcd_transfer_clear(transfer);
    transfer->body = post->body;
    transfer->sent = 0;
    transfer->maximum = post->maximum < INT32_MAX ? post->maximum : INT32_MAX;
    transfer->cut = ETCD_TRANSFER_DONE;
    transfer->message = message;
    transfer->finished = finished;
    transfer->why[0] = '\0';
    set_callbacks(transfer, post);
    set_version(transfer, post);
    set_connection(transfer->easy, post);
    /* The option that may fail for want of memory last, and all others if this one doesn't. */
    if (curl_easy_setopt(transfer->easy, CURLOPT_URL, url) != CURLE_OK ||
        curl_multi_add_handle(multi, transfer->easy) != CURLM_OK)
        return ALLOT_ENOMEM;
    transfer->running = true;
    return 0;
}

/* --- end --- */

enum etcd_transfer_end etcd_transfer_end(struct etcd_transfer *transfer, CURLM *multi,
                                         CURLcode code)
{
    static const char *const cuts[] = {
        [ETCD_TRANSFER_LARGE] = "the answer is too large",
        [ETCD_TRANSFER_BAD] = "the answer cannot be read",
        [ETCD_TRANSFER_NO_MEMORY] = "out of memory",
    };
    if (transfer->running)
        curl_multi_remove_handle(multi, transfer->easy);
    transfer->running = false;
    if (!transfer->cut && code == CURLE_OK && transfer->received > 0)
        transfer->cut = ETCD_TRANSFER_BAD; /* it ends amid a message */
    if (transfer->cut) {
        snprintf(transfer->why, sizeof transfer->why, "%s", cuts[transfer->cut]);
        return transfer->cut;
    }
    bool is_whole = !transfer->wire->has_status || transfer->answer.has_status;
    if (code == CURLE_OK && is_whole)
        return ETCD_TRANSFER_DONE;
    if (code == CURLE_OK)
        snprintf(transfer->why, sizeof transfer->why, "the answer ends without a status");
    if (!transfer->why[0])
        snprintf(transfer->why, sizeof transfer->why, "%s", curl_easy_strerror(code));
    return transfer->sent == 0 ? ETCD_TRANSFER_NOT_SENT : ETCD_TRANSFER_BROKEN;
}

void etcd_transfer_clear(struct etcd_transfer *transfer)
{
    transfer->wire->clear(transfer);
    transfer->received = 0;
}

long etcd_transfer_status(struct etcd_transfer *transfer)
{
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}
