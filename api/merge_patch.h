/* JSON merge patch (RFC 7396). */
#ifndef ALLOT_API_MERGE_PATCH_H
#define ALLOT_API_MERGE_PATCH_H

#include <json-c/json_object.h>

/* Changes the object @target by the object @patch: what is null there goes, objects are merged, all
 * else replaces. Nothing of @patch is changed; @target takes references on parts of it.
 * ALLOT_ENOMEM leaves @target changed in part. As deep as @patch, which json_read bounds. */
int merge_patch(struct json_object *target, struct json_object *patch);

#endif
