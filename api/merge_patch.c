#include "api/merge_patch.h"

#include <json-c/linkhash.h>

#include "api/json_reader.h"

/* The object under @name in @target, made if there is none; NULL when out of memory. */
static struct json_object *object_at(struct json_object *target, const char *name)
{
    struct json_object *object = NULL;
    if (json_object_object_get_ex(target, name, &object) &&
        json_object_is_type(object, json_type_object))
        return object;
    object = json_object_new_object();
    return json_set(target, name, object) ? NULL : object;
}

int merge_patch(struct json_object *target, struct json_object *patch)
{
    int error = 0;
    json_object_object_foreach(patch, name, value)
    {
        if (!value) {
            json_object_object_del(target, name);
        } else if (json_object_is_type(value, json_type_object)) {
            struct json_object *object = object_at(target, name);
            error = object ? merge_patch(object, value) : ALLOT_ENOMEM;
        } else {
            error = json_set(target, name, json_object_get(value));
        }
        if (error)
            break;
    }
    return error;
}
