#include "server/etcd_json_request.h"

#include "api/json_writer.h"
#include "server/base64.h"

static void bytes_field(struct json_writer *writer, const char *name, struct span bytes)
{
    if (bytes.size == 0)
        return;
    json_name(writer, name);
    buffer_append(writer->out, SPAN("\""));
    base64_append(writer->out, bytes);
    buffer_append(writer->out, SPAN("\""));
    writer->comma = true;
}

static void number_field(struct json_writer *writer, const char *name, int64_t number)
{
    if (number != 0)
        json_integer_field(writer, name, number);
}

/* To etcd an end of one zero byte means "no end"; to the port it is a range without keys, as that
 * from a key to itself is to etcd. */
static void keys_fields(struct json_writer *writer, const struct store_keys *keys)
{
    bool nothing = keys->range_end.size == 1 && keys->range_end.data[0] == 0;
    bytes_field(writer, "key", keys->key);
    bytes_field(writer, "range_end", nothing ? keys->key : keys->range_end);
}

void etcd_json_put_range(struct buffer *out, const struct store_range *range)
{
    struct json_writer writer = json_writer_of(out);
    json_begin(&writer, '{');
    keys_fields(&writer, &range->keys);
    number_field(&writer, "limit", range->limit);
    number_field(&writer, "revision", range->revision);
    json_end(&writer, '}');
}

/* --- transactions --- */

static void compare(struct json_writer *writer, const struct store_compare *compared)
{
    static const char *const relations[] = {
        [STORE_EQUAL] = "EQUAL",
        [STORE_NOT_EQUAL] = "NOT_EQUAL",
        [STORE_GREATER] = "GREATER",
        [STORE_LESS] = "LESS",
    };
    static const struct {
        const char *target;
        const char *field;
    } names[] = {
        [STORE_CREATE_REVISION] = {"CREATE", "create_revision"},
        [STORE_MOD_REVISION] = {"MOD", "mod_revision"},
        [STORE_VERSION] = {"VERSION", "version"},
        [STORE_VALUE] = {"VALUE", "value"},
        [STORE_LEASE] = {"LEASE", "lease"},
    };
    json_begin(writer, '{');
    json_text_field(writer, "result", relations[compared->relation]);
    json_text_field(writer, "target", names[compared->target].target);
    keys_fields(writer, &compared->keys);
    if (compared->target == STORE_VALUE)
        bytes_field(writer, names[compared->target].field, compared->value);
    else /* even if it is 0: the field says which one it is */
        json_integer_field(writer, names[compared->target].field, compared->number);
    json_end(writer, '}');
}

static void operation(struct json_writer *writer, const struct store_op *op)
{
    static const char *const kinds[] = {
        [STORE_OP_PUT] = "request_put",
        [STORE_OP_DELETE] = "request_delete_range",
        [STORE_OP_GET] = "request_range",
    };
    json_begin(writer, '{');
    json_name(writer, kinds[op->kind]);
    json_begin(writer, '{');
    keys_fields(writer, &op->keys);
    if (op->kind == STORE_OP_PUT) {
        bytes_field(writer, "value", op->value);
        number_field(writer, "lease", op->lease);
        if (op->keep_lease)
            json_boolean_field(writer, "ignore_lease", true);
    }
    json_end(writer, '}');
    json_end(writer, '}');
}

static void branch(struct json_writer *writer, const char *name, const struct store_op *ops,
                   size_t count)
{
    if (count == 0)
        return;
    json_name(writer, name);
    json_begin(writer, '[');
    for (size_t i = 0; i < count; i++)
        operation(writer, &ops[i]);
    json_end(writer, ']');
}

void etcd_json_put_txn(struct buffer *out, const struct store_txn *txn)
{
    struct json_writer writer = json_writer_of(out);
    json_begin(&writer, '{');
    if (txn->compare_count > 0) {
        json_name(&writer, "compare");
        json_begin(&writer, '[');
        for (size_t i = 0; i < txn->compare_count; i++)
            compare(&writer, &txn->compares[i]);
        json_end(&writer, ']');
    }
    branch(&writer, "success", txn->success, txn->success_count);
    branch(&writer, "failure", txn->failure, txn->failure_count);
    json_end(&writer, '}');
}

/* --- the others --- */

void etcd_json_put_lease(struct buffer *out, enum etcd_method method, int64_t id, int64_t ttl)
{
    (void)method; /* they are written alike */
    struct json_writer writer = json_writer_of(out);
    json_begin(&writer, '{');
    number_field(&writer, "ID", id);
    number_field(&writer, "TTL", ttl);
    json_end(&writer, '}');
}

void etcd_json_put_compact(struct buffer *out, int64_t revision)
{
    struct json_writer writer = json_writer_of(out);
    json_begin(&writer, '{');
    number_field(&writer, "revision", revision);
    json_end(&writer, '}');
}

static void begin_watch(struct json_writer *writer)
{
    json_begin(writer, '{');
    json_name(writer, "create_request");
    json_begin(writer, '{');
}

static void end_watch(struct json_writer *writer, int64_t start_revision)
{
    number_field(writer, "start_revision", start_revision);
    json_boolean_field(writer, "progress_notify", true);
    json_end(writer, '}');
    json_end(writer, '}');
}

void etcd_json_put_watch(struct buffer *out, const struct store_keys *keys, int64_t start_revision)
{
    struct json_writer writer = json_writer_of(out);
    begin_watch(&writer);
    keys_fields(&writer, keys);
    end_watch(&writer, start_revision);
}

void etcd_json_put_watch_all(struct buffer *out, int64_t start_revision)
{
    struct json_writer writer = json_writer_of(out);
    begin_watch(&writer);
    bytes_field(&writer, "key", (struct span){"", 1});
    bytes_field(&writer, "range_end", (struct span){"", 1});
    end_watch(&writer, start_revision);
}

void etcd_json_put_authenticate(struct buffer *out, struct span user, struct span password)
{
    struct json_writer writer = json_writer_of(out);
    json_begin(&writer, '{');
    json_string_field(&writer, "name", user);
    json_string_field(&writer, "password", password);
    json_end(&writer, '}');
}
