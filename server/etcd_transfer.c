#include "server/etcd_transfer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/error.h"

enum {
    MAX_DEPTH = 32,         /* of an answer's JSON */
    GRACE_MS = 300,         /* by which etcd's own timeout comes before ours */
    MAX_TOKEN = 4096,       /* a signed one has some hundred bytes */
    KEEPALIVE_S = 2,        /* silence after which the peer of a stream is probed */
    USER_TIMEOUT_MS = 5000, /* after which one that acknowledges nothing is given up */
};

int etcd_transfer_init(struct etcd_transfer *transfer)
{
    *transfer = (struct etcd_transfer){
        .easy = curl_easy_init(),
        .tokener = json_tokener_new_ex(MAX_DEPTH),
    };
    if (!transfer->easy || !transfer->tokener)
        return ALLOT_ENOMEM;
    json_tokener_set_flags(transfer->tokener,
                           JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
    return 0;
}

void etcd_transfer_release(struct etcd_transfer *transfer)
{
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    if (transfer->tokener)
        json_tokener_free(transfer->tokener);
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

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Hands the tokener what is there up to the end of a message. False: cut the connection. */
static bool parse_some(struct etcd_transfer *transfer, const char **at, size_t *left)
{
    struct json_object *message = json_tokener_parse_ex(transfer->tokener, *at, (int)*left);
    enum json_tokener_error error = json_tokener_get_error(transfer->tokener);
    size_t taken = json_tokener_get_parse_end(transfer->tokener);
    if (error == json_tokener_continue) {
        transfer->received += *left;
        *left = 0;
        return true;
    }
    if (error != json_tokener_success || !json_object_is_type(message, json_type_object)) {
        transfer->bad = true;
        json_object_put(message);
        return false;
    }
    *at += taken;
    *left -= taken;
    transfer->received = 0;
    bool go_on = transfer->message(transfer, etcd_transfer_status(transfer), message);
    json_object_put(message);
    json_tokener_reset(transfer->tokener);
    return go_on;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is curl's */
static size_t write_answer(char *data, size_t size, size_t count, void *argument)
{
    struct etcd_transfer *transfer = argument;
    const char *at = data;
    size_t left = size * count;
    while (left > 0) {
        if (transfer->received == 0 && is_space(*at)) {
            at++;
            left--;
            continue;
        }
        if (transfer->received + left > transfer->maximum) {
            transfer->large = true;
            return 0;
        }
        if (!parse_some(transfer, &at, &left))
            return 0;
    }
    return size * count;
}

/* So that a stream whose peer has vanished doesn't stay open in silence. */
static int set_socket(void *argument, curl_socket_t socket, curlsocktype purpose)
{
    int timeout_ms = USER_TIMEOUT_MS;
    (void)argument, (void)purpose;
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

/* For what stands between us and etcd, and, as the gateway passes it on, for etcd itself. */
static bool add_trace(struct etcd_transfer *transfer, const char *traceparent)
{
    char header[ETCD_TRACEPARENT_SIZE + 32];
    (void)snprintf(header, sizeof header, "traceparent: %s", traceparent);
    if (!add_header(transfer, header))
        return false;
    (void)snprintf(header, sizeof header, "Grpc-Metadata-traceparent: %s", traceparent);
    return add_header(transfer, header);
}

static int set_headers(struct etcd_transfer *transfer, const struct etcd_post *post)
{
    char header[MAX_TOKEN + 32];
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    bool added = add_header(transfer, "Content-Type: application/json") &&
                 add_header(transfer, "Grpc-Metadata-hasleader: true") &&
                 add_header(transfer, "Expect:");
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
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, set_socket);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
}

static void set_connection(CURL *easy, const struct etcd_post *post)
{
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
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
    json_tokener_reset(transfer->tokener);
    transfer->body = post->body;
    transfer->sent = 0;
    transfer->received = 0;
    transfer->maximum = post->maximum < INT32_MAX ? post->maximum : INT32_MAX;
    transfer->large = transfer->bad = false;
    transfer->message = message;
    transfer->finished = finished;
    transfer->why[0] = '\0';
    set_callbacks(transfer, post);
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
    if (transfer->running)
        curl_multi_remove_handle(multi, transfer->easy);
    transfer->running = false;
    if (transfer->large) {
        snprintf(transfer->why, sizeof transfer->why, "the answer is too large");
        return ETCD_TRANSFER_LARGE;
    }
    if (transfer->bad || (code == CURLE_OK && transfer->received > 0)) {
        snprintf(transfer->why, sizeof transfer->why, "the answer is not JSON");
        return ETCD_TRANSFER_BAD;
    }
    if (code == CURLE_OK)
        return ETCD_TRANSFER_DONE;
    if (!transfer->why[0])
        snprintf(transfer->why, sizeof transfer->why, "%s", curl_easy_strerror(code));
    return transfer->sent == 0 ? ETCD_TRANSFER_NOT_SENT : ETCD_TRANSFER_BROKEN;
}

long etcd_transfer_status(struct etcd_transfer *transfer)
{
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}
