/* Where each key of an instance stands in its text, to tell of one that stands twice. */
#ifndef ALLOT_SERVER_INSTANCE_PLACES_H
#define ALLOT_SERVER_INSTANCE_PLACES_H

#include "core/span.h"
#include "server/json_stream.h"

/* All zero: empty. */
struct instance_places {
    struct instance_place *all;
    size_t count, capacity;
};

void instance_places_release(struct instance_places *places);

/* ALLOT_ENOMEM. 24 bytes each: of the key, the hash. */
int instance_places_add(struct instance_places *places, struct span key,
                        struct json_stream_place place);

/* Of a key that stands twice, the first two places; of several, of that which is the first to stand
 * a second time. False: there is none. Changes the order of @places. */
bool instance_places_find_twice(struct instance_places *places, struct json_stream_place ret[2]);

#endif
