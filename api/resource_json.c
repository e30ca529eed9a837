#include "api/resource_json.h"

#include "api/hash.h"
#include "api/json_reader.h"
#include "core/error.h"

void resource_write_labels(struct json_writer *writer, struct json_object *labels)
{
    struct span text = labels ? json_text(labels) : SPAN("{}");
    if (text.data)
        json_raw_field(writer, "labels", text);
    else
        writer->out->error = ALLOT_ENOMEM;
}

void resource_write_revisions(struct json_writer *writer, const struct entry *entry)
{
    json_integer_field(writer, "create_revision", entry->create_revision);
    json_integer_field(writer, "mod_revision", entry->mod_revision);
}

uint64_t resource_no_status(struct json_writer *writer)
{
    json_name(writer, "status");
    json_null(writer);
    return HASH_START;
}

size_t resource_status_begin(struct json_writer *writer)
{
    json_name(writer, "status");
    json_begin(writer, '{');
    return writer->out->size;
}

uint64_t resource_status_end(struct json_writer *writer, size_t begin)
{
    const struct buffer *out = writer->out;
    uint64_t hash = HASH_START;
    if (!out->error)
        hash = hash_bytes(hash, (struct span){out->data + begin, out->size - begin});
    json_end(writer, '}'); /* which may move the text */
    return hash;
}
