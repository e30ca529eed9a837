/* JSON, read strictly, against every spec that a request's body is read by, and as a stored value.
 */
#include "api/json_reader.h"
#include "api/openapi.h"
#include "api/values.h"
#include "tests/fuzz/fuzz.h"

static void on_fault(void *context, const char *pointer, const char *detail)
{
    int *faults = context;
    (void)pointer;
    fuzz_require(detail[0] != '\0', "a fault has a reason");
    ++*faults;
}

static void try_specs(struct json_object *tree)
{
    for (size_t i = 0; i < openapi_schema_count; i++) {
        char target[1024];
        uint32_t given = 0;
        int faults = 0;
        if (!openapi_schemas[i].spec)
            continue;
        memset(target, 0, sizeof target);
        bool good =
            json_spec_decode(openapi_schemas[i].spec, tree, target, &given, on_fault, &faults);
        fuzz_require(good == (faults == 0), "what is refused has faults, and nothing else");
    }
}

/* What is taken is written to what is taken again, and is then written alike. */
static void try_json(struct span text)
{
    struct json_object *tree = NULL;
    struct json_object *again = NULL;
    struct error_message why = {""};
    if (json_read(text, &tree, &why) != 0) {
        fuzz_require(why.text[0] != '\0', "refused JSON has a reason");
        return;
    }
    try_specs(tree);
    fuzz_require(json_read(json_text(tree), &again, &why) == 0, "what was read can be read again");
    fuzz_require(span_equal(json_text(tree), json_text(again)), "and says the same");
    json_object_put(tree);
    json_object_put(again);
}

static void try_lines(struct span text)
{
    struct json_object *lines = NULL;
    struct error_message why = {""};
    if (json_read_lines(text, &lines, &why) == 0)
        fuzz_require(json_object_is_type(lines, json_type_array), "lines are an array");
    json_object_put(lines);
}

static void try_values(struct span text)
{
    struct decoder decoder = api_decoder();
    struct key_parts key = {0};
    struct error_message why = {""};
    struct item_value item = {0};
    struct member_value member = {0};
    struct assignment_value assignment = {0};
    if (decoder.item(decoder.context, &key, text, &item, &why) == 0)
        fuzz_require(item.replication >= 0, "a replication is not negative");
    if (decoder.member(decoder.context, &key, text, &member, &why) == 0)
        fuzz_require(member.item_limit >= 0, "a limit is not negative");
    (void)decoder.assignment(decoder.context, &key, text, &assignment, &why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = fuzz_copy((struct span){(const char *)data, size});
    struct span text = {bytes, size};
    try_json(text);
    try_lines(text);
    try_values(text);
    free(bytes);
    return 0;
}
