#include "api/stored_json.h"

#include "api/json_reader.h"
#include "api/resource_json.h"
#include "api/values.h"

void stored_write_identity(struct json_writer *writer, const struct key_parts *parts)
{
    if (parts->kind == KEY_ITEM)
        json_string_field(writer, "id", parts->item);
    if (parts->kind == KEY_ASSIGNMENT)
        json_string_field(writer, "item", parts->item);
    if (parts->kind != KEY_ITEM) {
        json_string_field(writer, "zone", parts->zone);
        json_string_field(writer, "suffix", parts->suffix);
    }
    if (parts->kind == KEY_ASSIGNMENT)
        json_integer_field(writer, "slot", parts->slot);
}

static int write_item(struct json_writer *writer, struct span value, struct json_object **tree,
                      struct error_message *why)
{
    struct item_spec spec;
    int error = values_read_item(value, &spec, tree, why);
    if (error)
        return error;
    json_integer_field(writer, "replication", spec.replication);
    json_text_field(writer, "consistency", consistency_names[spec.consistency]);
    resource_write_labels(writer, spec.labels);
    return 0;
}

static int write_member(struct json_writer *writer, struct span value, struct json_object **tree,
                        struct error_message *why)
{
    struct member_spec spec;
    int error = values_read_member(value, &spec, tree, why);
    if (error)
        return error;
    json_integer_field(writer, "item_limit", spec.item_limit);
    json_boolean_field(writer, "exiting", spec.exiting);
    resource_write_labels(writer, spec.labels);
    return 0;
}

static int write_assignment(struct json_writer *writer, struct span value,
                            struct json_object **tree, struct error_message *why)
{
    struct assignment_spec spec;
    int error = values_read_assignment(value, &spec, tree, why);
    if (error)
        return error;
    struct span text = spec.value ? json_text(spec.value) : SPAN("null");
    if (!text.data)
        return ALLOT_ENOMEM;
    json_boolean_field(writer, "reported", spec.consistent);
    json_raw_field(writer, "value", text);
    return 0;
}

void stored_write_value(struct json_writer *writer, const struct key_parts *parts,
                        struct span value)
{
    struct json_object *tree = NULL;
    struct error_message why = {""};
    int error = 0;
    if (parts->kind == KEY_ITEM)
        error = write_item(writer, value, &tree, &why);
    else if (parts->kind == KEY_MEMBER)
        error = write_member(writer, value, &tree, &why);
    else
        error = write_assignment(writer, value, &tree, &why);
    if (error == ALLOT_ENOMEM)
        writer->out->error = error;
    else if (error)
        json_boolean_field(writer, "invalid", true);
    json_object_put(tree);
}
