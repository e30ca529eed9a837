#include "api/change.h"
#include "api/item_status.h"
#include "api/json_reader.h"
#include "api/labels.h"
#include "api/list.h"
#include "api/reply.h"
#include "api/resource_json.h"
#include "api/resources.h"
#include "api/values.h"

/* Items: /v1/items and /v1/items/{id}. */

enum { MAX_REPLICATION = 64 };

static const struct json_field put_fields[] = {
    {"replication", JSON_INTEGER, true, 0, MAX_REPLICATION, NULL,
     offsetof(struct item_spec, replication)},
    {"consistency", JSON_CHOICE, false, 0, 0, consistency_names,
     offsetof(struct item_spec, consistency)},
    {"labels", JSON_LABELS, false, 0, 0, NULL, offsetof(struct item_spec, labels)},
};
const struct json_spec items_put_json = {put_fields, sizeof put_fields / sizeof put_fields[0],
                                         false};

/* --- representation --- */

static void write_primary(struct json_writer *writer, const struct state *state, int32_t primary)
{
    json_name(writer, "primary");
    if (primary == STATE_NONE) {
        json_null(writer);
        return;
    }
    json_begin(writer, '{');
    json_string_field(writer, "zone", state->assignments[primary]->parts.zone);
    json_string_field(writer, "suffix", state->assignments[primary]->parts.suffix);
    json_end(writer, '}');
}

/* Writes the status and returns its hash. */
static uint64_t write_status(struct json_writer *writer, const struct state *state,
                             const struct item_status *status)
{
    if (!status)
        return resource_no_status(writer);
    size_t begin = resource_status_begin(writer);
    json_integer_field(writer, "assigned", status->assigned);
    json_integer_field(writer, "consistent", status->consistent);
    json_name(writer, "desired");
    if (status->desired < 0)
        json_null(writer);
    else
        json_integer(writer, status->desired);
    write_primary(writer, state, status->primary);
    json_text_field(writer, "state", item_state_names[status->state]);
    return resource_status_end(writer, begin);
}

/* @status: NULL if the snapshot doesn't have the item. Returns the status' hash. */
static uint64_t write_item(struct json_writer *writer, const struct state *state,
                           const struct entry *entry, const struct item_status *status)
{
    struct item_spec spec = {0};
    struct json_object *tree = NULL;
    struct error_message why = {""};
    int error = values_read_item(entry->value, &spec, &tree, &why);
    if (error)
        writer->out->error = error;
    json_begin(writer, '{');
    json_string_field(writer, "id", entry->parts.item);
    json_integer_field(writer, "replication", spec.replication);
    json_text_field(writer, "consistency", consistency_names[spec.consistency]);
    resource_write_labels(writer, spec.labels);
    resource_write_revisions(writer, entry);
    uint64_t hash = write_status(writer, state, status);
    json_end(writer, '}');
    json_object_put(tree);
    return hash;
}

static enum api_step reply_not_found(struct api_call *call)
{
    struct span key = call_item_key(call, call->parameters[0]);
    if (!key.data)
        return problem_of_error(call, ALLOT_ENOMEM, "to look for the item");
    if (keyspace_find(call->snapshot->state->keyspace, key))
        return problem(call, PROBLEM_NOT_FOUND,
                       "the item's stored value does not decode; PUT replaces it, DELETE removes "
                       "it");
    return problem(call, PROBLEM_NOT_FOUND, "there is no such item");
}

/* As this request has written it, or else as the snapshot has it. */
static enum api_step reply_item(struct api_call *call, int status_code)
{
    const struct state *state = call->snapshot->state;
    const struct entry *entry = change_written(call);
    int32_t item = state_find_item(state, call->parameters[0]);
    struct item_status status = {0};
    if (item != STATE_NONE)
        status = item_status(call->snapshot, item);
    else if (!entry)
        return reply_not_found(call);
    if (!entry)
        entry = state->items[item];
    struct json_writer writer = reply_json(call, status_code);
    uint64_t hash = write_item(&writer, state, entry, item == STATE_NONE ? NULL : &status);
    return reply_finish_resource(call, entry->mod_revision, hash);
}

/* --- handlers --- */

enum api_step items_get(struct api_call *call)
{
    return reply_item(call, 200);
}

/* The state that `state` asks for, or -1 without it. False: it is none, and the reply says so. */
static bool read_state_filter(struct api_call *call, int *ret)
{
    struct span given = query_value(&call->query, "state");
    *ret = -1;
    if (!given.data)
        return true;
    for (int i = 0; item_state_names[i]; i++) {
        if (span_equal(given, span_of(item_state_names[i])))
            *ret = i;
    }
    if (*ret < 0)
        (void)problem(call, PROBLEM_MALFORMED,
                      "the query parameter 'state' must be healthy, converging, under_replicated "
                      "or unassigned");
    return *ret >= 0;
}

struct items_filter {
    struct labels_filter labels;
    int state; /* or -1: any */
};

static int labels_of_item_pass(const struct labels_filter *filter, const struct entry *entry)
{
    struct item_spec spec;
    struct json_object *tree = NULL;
    struct error_message why = {""};
    if (filter->count == 0)
        return 1;
    int error = values_read_item(entry->value, &spec, &tree, &why);
    bool passes = !error && labels_pass(filter, spec.labels);
    json_object_put(tree);
    return error == ALLOT_ENOMEM ? error : passes;
}

static bool contains(struct span text, struct span part)
{
    return part.size == 0 || memmem(text.data, text.size, part.data, part.size);
}

static int is_wanted(const struct api_call *call, const void *context, int32_t index)
{
    const struct items_filter *filter = context;
    const struct entry *entry = call->snapshot->state->items[index];
    if (!span_has_prefix(entry->parts.item, query_value(&call->query, "prefix")) ||
        !contains(entry->parts.item, query_value(&call->query, "contains")) ||
        (filter->state >= 0 && (int)item_status(call->snapshot, index).state != filter->state))
        return 0;
    return labels_of_item_pass(&filter->labels, entry);
}

void items_write_listed(const struct api_call *call, struct json_writer *writer, int32_t index)
{
    const struct state *state = call->snapshot->state;
    struct item_status status = item_status(call->snapshot, index);
    (void)write_item(writer, state, state->items[index], &status);
}

enum api_step items_list(struct api_call *call)
{
    static const struct list_source source = {is_wanted, items_write_listed};
    struct items_filter *filter = arena_allocate(&call->arena, sizeof *filter);
    if (!filter)
        return problem_of_error(call, ALLOT_ENOMEM, "to list");
    if (!read_state_filter(call, &filter->state) || !labels_read_filter(call, &filter->labels) ||
        !list_begin(call))
        return API_REPLY;
    return list_reply(call, &source, filter, 0, call->snapshot->state->item_count);
}

static enum api_step reply_created(struct api_call *call)
{
    return reply_item(call, 201);
}

static enum api_step reply_updated(struct api_call *call)
{
    return reply_item(call, 200);
}

/* Whether the stored value says what @spec says. False when it does not decode. */
static bool is_stored(const struct entry *entry, const struct item_spec *spec)
{
    struct item_spec stored;
    struct json_object *tree = NULL;
    struct error_message why = {""};
    if (values_read_item(entry->value, &stored, &tree, &why))
        return false;
    bool equal = values_equal_items(&stored, spec);
    json_object_put(tree);
    return equal;
}

/* Makes @entry (NULL: there is none) say what @spec says. */
static enum api_step write(struct api_call *call, struct span key, const struct entry *entry,
                           const struct item_spec *spec)
{
    if (entry && is_stored(entry, spec))
        return reply_item(call, 200);
    struct span former = entry ? entry->value : (struct span){NULL, 0};
    struct span value;
    int error = values_write_item(&call->arena, former, spec, &value);
    if (error)
        return problem_of_error(call, error, "to write the item");
    if (!change_begin(call))
        return API_REPLY;
    change_check(call, key, entry);
    change_put(call, key, entry, value, 0);
    call->resource.item = values_decoded_item(spec);
    return change_submit(call, entry ? reply_updated : reply_created);
}

enum api_step items_put(struct api_call *call)
{
    struct item_spec spec = {.consistency = CONSISTENCY_IMMEDIATE};
    uint32_t given;
    if (!call_decode_body(call, &items_put_json, &spec, &given))
        return API_REPLY;
    struct span key = call_item_key(call, call->parameters[0]);
    if (!key.data)
        return problem_of_error(call, ALLOT_ENOMEM, "to write the item");
    const struct entry *entry = keyspace_find(call->snapshot->state->keyspace, key);
    if (!call_check_preconditions(call, entry ? entry->mod_revision : 0))
        return API_REPLY;
    return write(call, key, entry, &spec);
}

/* The item as PUT would take it. */
static int describe(const struct entry *entry, struct json_object *ret)
{
    struct item_spec spec;
    struct json_object *tree = NULL;
    struct error_message why = {""};
    int error = values_read_item(entry->value, &spec, &tree, &why);
    if (!error)
        error = json_set(ret, "replication", json_object_new_int64(spec.replication));
    if (!error)
        error = json_set(ret, "consistency",
                         json_object_new_string(consistency_names[spec.consistency]));
    if (!error)
        error = values_describe_labels(spec.labels, ret);
    json_object_put(tree);
    return error;
}

enum api_step items_patch(struct api_call *call)
{
    int32_t item = state_find_item(call->snapshot->state, call->parameters[0]);
    if (item == STATE_NONE)
        return reply_not_found(call);
    const struct entry *entry = call->snapshot->state->items[item];
    struct item_spec spec = {.consistency = CONSISTENCY_IMMEDIATE};
    struct json_object *patched = NULL;
    enum api_step step = API_REPLY;
    if (call_check_preconditions(call, entry->mod_revision) &&
        call_patch(call, entry, describe, &items_put_json, &spec, &patched))
        step = write(call, entry->key, entry, &spec);
    json_object_put(patched);
    return step;
}

static enum api_step reply_deleted(struct api_call *call)
{
    return reply_empty(call, 204);
}

enum api_step items_delete(struct api_call *call)
{
    struct span key = call_item_key(call, call->parameters[0]);
    if (!key.data)
        return problem_of_error(call, ALLOT_ENOMEM, "to delete the item");
    const struct entry *entry = keyspace_find(call->snapshot->state->keyspace, key);
    if (!call_check_preconditions(call, entry ? entry->mod_revision : 0))
        return API_REPLY;
    if (!entry)
        return reply_not_found(call);
    if (!change_begin(call))
        return API_REPLY;
    change_check(call, key, entry);
    transaction_delete(&call->transaction, key);
    return change_submit(call, reply_deleted);
}
