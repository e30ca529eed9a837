#include "server/etcd_grpc.h"

#include <string.h>

#include "core/error.h"
#include "server/etcd_grpc_answer.h"
#include "server/etcd_grpc_request.h"
#include "server/etcd_transfer.h"

enum { KEPT = 64 << 10 }; /* bytes that a transfer keeps for its next answer */

/* --- the message --- */

static int init(struct etcd_transfer *transfer)
{
    buffer_init(&transfer->message_bytes, SIZE_MAX);
    return 0;
}

static void release(struct etcd_transfer *transfer)
{
    buffer_release(&transfer->message_bytes);
}

static void clear(struct etcd_transfer *transfer)
{
    if (transfer->message_bytes.capacity > KEPT)
        buffer_release(&transfer->message_bytes);
    buffer_clear(&transfer->message_bytes);
    transfer->message_size = 0;
    transfer->answer = (struct etcd_answer){0};
}

/* What the prefix says of the message, before there is room for it. */
static bool take_prefix(struct etcd_transfer *transfer)
{
    struct buffer *bytes = &transfer->message_bytes;
    const unsigned char *prefix = (const unsigned char *)bytes->data;
    size_t size = (size_t)prefix[1] << 24 | (size_t)prefix[2] << 16 | (size_t)prefix[3] << 8 |
                  (size_t)prefix[4];
    if (prefix[0] != 0)
        return etcd_transfer_cut(transfer, ETCD_TRANSFER_BAD);
    if (size > transfer->maximum)
        return etcd_transfer_cut(transfer, ETCD_TRANSFER_LARGE);
    transfer->message_size = ETCD_GRPC_PREFIX + size;
    buffer_reserve(bytes, transfer->message_size);
    return true;
}

static bool is_whole(const struct etcd_transfer *transfer)
{
    return transfer->message_size > 0 && transfer->message_bytes.size == transfer->message_size;
}

/* Takes what is there up to the end of the prefix, or of the message. */
static bool take_some(struct etcd_transfer *transfer, struct span *bytes)
{
    struct buffer *message = &transfer->message_bytes;
    size_t whole = transfer->message_size ? transfer->message_size : ETCD_GRPC_PREFIX;
    size_t missing = whole - message->size;
    size_t taken = bytes->size < missing ? bytes->size : missing;
    buffer_append(message, (struct span){bytes->data, taken});
    *bytes = (struct span){bytes->data + taken, bytes->size - taken};
    bool good = !message->error;
    if (good && message->size == ETCD_GRPC_PREFIX && !take_prefix(transfer))
        return false;
    return (good && !message->error) || etcd_transfer_cut(transfer, ETCD_TRANSFER_NO_MEMORY);
}

static bool take_body(struct etcd_transfer *transfer, struct span bytes)
{
    const struct buffer *message = &transfer->message_bytes;
    while (bytes.size > 0) {
        if (is_whole(transfer)) /* a second message */
            return etcd_transfer_cut(transfer, ETCD_TRANSFER_BAD);
        if (!take_some(transfer, &bytes))
            return false;
    }
    bool whole = is_whole(transfer);
    transfer->received = whole ? 0 : message->size;
    if (whole)
        transfer->answer.bytes =
            (struct span){message->data + ETCD_GRPC_PREFIX, message->size - ETCD_GRPC_PREFIX};
    return true;
}

/* --- the status --- */

/* The value of a header, if it is the one that is named. */
static bool has_name(struct span line, struct span name, struct span *ret_value)
{
    if (!span_has_prefix(line, name))
        return false;
    const char *at = line.data + name.size;
    const char *end = line.data + line.size;
    while (at < end && *at == ' ')
        at++;
    while (end > at && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
        end--;
    *ret_value = (struct span){at, (size_t)(end - at)};
    return true;
}

/* Of at most three digits. One that can't be read is none. */
static void take_status(struct etcd_answer *answer, struct span value)
{
    int status = 0;
    answer->has_status = value.size > 0 && value.size <= 3;
    for (size_t i = 0; i < value.size && answer->has_status; i++) {
        answer->has_status = value.data[i] >= '0' && value.data[i] <= '9';
        status = 10 * status + (value.data[i] - '0');
    }
    answer->status = status;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* Bytes that a header can't have come as %XX. */
static void take_text(struct etcd_answer *answer, struct span value)
{
    size_t size = 0;
    for (size_t i = 0; i < value.size && size + 1 < sizeof answer->text; i++) {
        int high = value.data[i] == '%' && i + 2 < value.size ? hex_digit(value.data[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(value.data[i + 2]) : -1;
        char byte = value.data[i];
        if (low >= 0) {
            byte = (char)(16 * high + low);
            i += 2;
        }
        answer->text[size++] = byte;
    }
    answer->text[size] = '\0';
}

static void take_header(struct etcd_transfer *transfer, struct span line)
{
    struct span value;
    if (has_name(line, SPAN("grpc-status:"), &value))
        take_status(&transfer->answer, value);
    else if (has_name(line, SPAN("grpc-message:"), &value))
        take_text(&transfer->answer, value);
}

static bool is_fault(const struct etcd_answer *answer, struct etcd_fault *ret)
{
    const char *text = answer->text[0] ? answer->text : "an error without a text";
    if (answer->status == 0)
        return false;
    etcd_fault_of_code(answer->status, span_of(text), ret);
    return true;
}

/* --- the table --- */

static const char *const headers[] = {"Content-Type: application/grpc", "TE: trailers",
                                      "hasleader: true", NULL};

const struct etcd_wire etcd_grpc = {
    .paths =
        {
            [ETCD_RANGE] = "/etcdserverpb.KV/Range",
            [ETCD_TXN] = "/etcdserverpb.KV/Txn",
            [ETCD_LEASE_GRANT] = "/etcdserverpb.Lease/LeaseGrant",
            [ETCD_LEASE_KEEP_ALIVE] = "/etcdserverpb.Lease/LeaseKeepAlive",
            [ETCD_LEASE_REVOKE] = "/etcdserverpb.Lease/LeaseRevoke",
            [ETCD_LEASE_TIME_TO_LIVE] = "/etcdserverpb.Lease/LeaseTimeToLive",
            [ETCD_COMPACT] = "/etcdserverpb.KV/Compact",
            [ETCD_AUTHENTICATE] = "/etcdserverpb.Auth/Authenticate",
        },
    .headers = headers,
    .http_version = CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE,
    .https_version = CURL_HTTP_VERSION_2TLS,
    .has_status = true,
    .init = init,
    .release = release,
    .clear = clear,
    .take_body = take_body,
    .take_header = take_header,
    .put_range = etcd_grpc_put_range,
    .put_txn = etcd_grpc_put_txn,
    .put_lease = etcd_grpc_put_lease,
    .put_compact = etcd_grpc_put_compact,
    .put_authenticate = etcd_grpc_put_authenticate,
    .is_fault = is_fault,
    .read_range = etcd_grpc_read_range,
    .read_txn = etcd_grpc_read_txn,
    .read_lease = etcd_grpc_read_lease,
    .read_plain = etcd_grpc_read_plain,
    .read_token = etcd_grpc_read_token,
};
