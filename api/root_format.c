#include "api/root_format.h"

#include <string.h>

#include "api/json_reader.h"
#include "api/json_spec.h"
#include "api/json_writer.h"

struct stored {
    int64_t version;
    struct span restoring;
    struct span run;
};

static const struct json_field fields[] = {
    {"version", JSON_INTEGER, true, 1, INT32_MAX, NULL, offsetof(struct stored, version)},
    {"restoring", JSON_TOKEN, false, 1, ROOT_FORMAT_MAX_RESTORING, NULL,
     offsetof(struct stored, restoring)},
    {"run", JSON_TOKEN, false, 1, ROOT_FORMAT_MAX_RUN, NULL, offsetof(struct stored, run)},
};
static const struct json_spec format_json = {fields, sizeof fields / sizeof fields[0], true};

static void ignore_fault(void *context, const char *pointer, const char *detail)
{
    (void)context;
    (void)pointer;
    (void)detail;
}

int root_format_read(struct span value, struct root_format *ret)
{
    struct stored stored = {.version = 0};
    struct json_object *tree = NULL;
    struct error_message why = {""};
    uint32_t given;
    int error = json_read(value, &tree, &why);
    if (error)
        return error == ALLOT_ENOMEM ? ALLOT_ENOMEM : ALLOT_EVALUE;
    if (json_spec_decode(&format_json, tree, &stored, &given, ignore_fault, NULL)) {
        *ret = (struct root_format){.version = stored.version};
        if (stored.restoring.size > 0)
            memcpy(ret->restoring, stored.restoring.data, stored.restoring.size);
        if (stored.run.size > 0)
            memcpy(ret->run, stored.run.data, stored.run.size);
    } else {
        error = ALLOT_EVALUE;
    }
    json_object_put(tree);
    return error;
}

void root_format_write(const struct root_format *format, struct buffer *out)
{
    struct json_writer writer = json_writer_of(out);
    json_begin(&writer, '{');
    json_integer_field(&writer, "version", format->version);
    if (format->restoring[0])
        json_text_field(&writer, "restoring", format->restoring);
    if (format->run[0])
        json_text_field(&writer, "run", format->run);
    json_end(&writer, '}');
}

const char *root_format_fault(const struct keyspace *keyspace)
{
    const struct entry *entry = keyspace_find_under_root(keyspace, SPAN(KEYS_FORMAT));
    struct root_format format = {.version = 1};
    int error = entry ? root_format_read(entry->value, &format) : 0;
    if (error == ALLOT_ENOMEM)
        return "out of memory";
    if (error)
        return "the root's format key can't be read";
    if (format.version > ROOT_FORMAT_VERSION)
        return "the root is in a format of a newer version of allot: upgrade this server";
    if (format.restoring[0])
        return "a snapshot is being restored into this root, or that was interrupted: then restore "
               "it again";
    return NULL;
}
