#include "server/etcd_gateway.h"

#include "core/error.h"
#include "server/etcd_json_answer.h"
#include "server/etcd_json_request.h"
#include "server/etcd_transfer.h"

enum {
    MAX_DEPTH = 32,  /* of an answer's JSON */
    TEXT_SIZE = 160, /* of what is told of one that isn't JSON */
};

/* --- objects --- */

static int init(struct etcd_transfer *transfer)
{
    transfer->tokener = json_tokener_new_ex(MAX_DEPTH);
    if (!transfer->tokener)
        return ALLOT_ENOMEM;
    json_tokener_set_flags(transfer->tokener,
                           JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
    return 0;
}

static void clear(struct etcd_transfer *transfer)
{
    json_object_put(transfer->answer.json);
    transfer->answer.json = NULL;
    if (transfer->tokener)
        json_tokener_reset(transfer->tokener);
}

static void release(struct etcd_transfer *transfer)
{
    clear(transfer);
    if (transfer->tokener)
        json_tokener_free(transfer->tokener);
    transfer->tokener = NULL;
}

/* A message of a stream, or the answer: a second one is none. Takes @message. */
static bool deliver(struct etcd_transfer *transfer, struct json_object *message)
{
    bool go_on = true;
    if (transfer->message) {
        const struct etcd_answer answer = {.json = message};
        go_on = transfer->message(transfer, &answer);
        json_object_put(message);
    } else if (transfer->answer.json) {
        go_on = etcd_transfer_cut(transfer, ETCD_TRANSFER_BAD);
        json_object_put(message);
    } else {
        transfer->answer.json = message;
    }
    return go_on;
}

/* The beginning of @bytes, in a line. */
static void copy_text(struct span bytes, char text[TEXT_SIZE])
{
    size_t size = 0;
    for (; size < bytes.size && size < TEXT_SIZE - 1; size++) {
        bool is_plain = bytes.data[size] > ' ' && bytes.data[size] <= '~';
        text[size] = ' ';
        if (is_plain)
            text[size] = bytes.data[size];
    }
    while (size > 0 && text[size - 1] == ' ')
        size--;
    text[size] = '\0';
}

/* Takes what isn't JSON. As the body of an error it is text for people, of etcd or of what stands
 * before it: then the answer is a fault that says so. */
static bool take_text(struct etcd_transfer *transfer, struct span *bytes)
{
    char text[TEXT_SIZE];
    if (etcd_transfer_status(transfer) == 200)
        return etcd_transfer_cut(transfer, ETCD_TRANSFER_BAD);
    copy_text(*bytes, text);
    bytes->size = 0;
    transfer->received = 0;
    json_tokener_reset(transfer->tokener);
    if (transfer->answer.json) /* its beginning is there */
        return true;
    struct json_object *message = json_object_new_object();
    struct json_object *error = json_object_new_string(text);
    if (!message || !error || json_object_object_add(message, "error", error) < 0) {
        json_object_put(error);
        json_object_put(message);
        return etcd_transfer_cut(transfer, ETCD_TRANSFER_NO_MEMORY);
    }
    return deliver(transfer, message);
}

/* Hands the tokener what is there up to the end of a message. */
static bool parse_some(struct etcd_transfer *transfer, struct span *bytes)
{
    struct json_object *message =
        json_tokener_parse_ex(transfer->tokener, bytes->data, (int)bytes->size);
    enum json_tokener_error error = json_tokener_get_error(transfer->tokener);
    size_t taken = json_tokener_get_parse_end(transfer->tokener);
    if (error == json_tokener_continue) {
        transfer->received += bytes->size;
        bytes->size = 0;
        return true;
    }
    if (error != json_tokener_success || !json_object_is_type(message, json_type_object)) {
        json_object_put(message);
        return take_text(transfer, bytes);
    }
    *bytes = (struct span){bytes->data + taken, bytes->size - taken};
    transfer->received = 0;
    bool go_on = deliver(transfer, message);
    json_tokener_reset(transfer->tokener);
    return go_on;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool take_body(struct etcd_transfer *transfer, struct span bytes)
{
    while (bytes.size > 0) {
        if (transfer->received == 0 && is_space(*bytes.data)) {
            bytes = (struct span){bytes.data + 1, bytes.size - 1};
            continue;
        }
        if (transfer->received + bytes.size > transfer->maximum)
            return etcd_transfer_cut(transfer, ETCD_TRANSFER_LARGE);
        if (!parse_some(transfer, &bytes))
            return false;
    }
    return true;
}

/* --- faults --- */

static const char *text_of(struct json_object *object, const char *name)
{
    struct json_object *field = NULL;
    if (!json_object_object_get_ex(object, name, &field) ||
        !json_object_is_type(field, json_type_string))
        return NULL;
    return json_object_get_string(field);
}

static int code_of(struct json_object *object)
{
    static const char *const names[] = {"code", "grpc_code"};
    struct json_object *field = NULL;
    for (size_t i = 0; i < 2; i++) {
        if (json_object_object_get_ex(object, names[i], &field) &&
            json_object_is_type(field, json_type_int))
            return json_object_get_int(field);
    }
    return ETCD_NO_CODE;
}

static bool is_fault(const struct etcd_answer *answer, struct etcd_fault *ret)
{
    struct json_object *error = NULL;
    bool has_error = json_object_object_get_ex(answer->json, "error", &error);
    if (!has_error && !(text_of(answer->json, "message") && code_of(answer->json) >= 0))
        return false;
    struct json_object *told = json_object_is_type(error, json_type_object) ? error : answer->json;
    const char *text = text_of(told, "message");
    if (!text)
        text = text_of(told, "error");
    etcd_fault_of_code(code_of(told), span_of(text ? text : "an error without a text"), ret);
    return true;
}

/* --- the table --- */

static const char *const headers[] = {"Content-Type: application/json",
                                      "Grpc-Metadata-hasleader: true", NULL};

const struct etcd_wire etcd_gateway = {
    .paths =
        {
            [ETCD_RANGE] = "/v3/kv/range",
            [ETCD_TXN] = "/v3/kv/txn",
            [ETCD_LEASE_GRANT] = "/v3/lease/grant",
            [ETCD_LEASE_KEEP_ALIVE] = "/v3/lease/keepalive",
            [ETCD_LEASE_REVOKE] = "/v3/lease/revoke",
            [ETCD_LEASE_TIME_TO_LIVE] = "/v3/lease/timetolive",
            [ETCD_COMPACT] = "/v3/kv/compaction",
            [ETCD_AUTHENTICATE] = "/v3/auth/authenticate",
        },
    .headers = headers,
    .trace = "Grpc-Metadata-traceparent",
    .http_version = CURL_HTTP_VERSION_1_1,
    .https_version = CURL_HTTP_VERSION_1_1,
    .init = init,
    .release = release,
    .clear = clear,
    .take_body = take_body,
    .put_range = etcd_json_put_range,
    .put_txn = etcd_json_put_txn,
    .put_lease = etcd_json_put_lease,
    .put_compact = etcd_json_put_compact,
    .put_authenticate = etcd_json_put_authenticate,
    .is_fault = is_fault,
    .read_range = etcd_json_read_range,
    .read_txn = etcd_json_read_txn,
    .read_lease = etcd_json_read_lease,
    .read_plain = etcd_json_read_plain,
    .read_token = etcd_json_read_token,
};
