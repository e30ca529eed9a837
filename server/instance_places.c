#include "server/instance_places.h"

#include <stdlib.h>

#include "api/hash.h"

struct instance_place {
    uint64_t hash;
    struct json_stream_place place;
};

void instance_places_release(struct instance_places *places)
{
    free(places->all);
}

int instance_places_add(struct instance_places *places, struct span key,
                        struct json_stream_place place)
{
    if (places->count == places->capacity) {
        size_t capacity = places->capacity ? 2 * places->capacity : 1024;
        struct instance_place *grown = realloc(places->all, capacity * sizeof *grown);
        if (!grown)
            return ALLOT_ENOMEM;
        places->all = grown;
        places->capacity = capacity;
    }
    places->all[places->count++] = (struct instance_place){hash_seeded(0, key), place};
    return 0;
}

static int compare_places(struct json_stream_place a, struct json_stream_place b)
{
    if (a.line != b.line)
        return a.line < b.line ? -1 : 1;
    return a.column < b.column ? -1 : a.column > b.column;
}

static int compare(const void *left, const void *right)
{
    const struct instance_place *a = left, *b = right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return compare_places(a->place, b->place);
}

bool instance_places_find_twice(struct instance_places *places, struct json_stream_place ret[2])
{
    bool found = false;
    qsort(places->all, places->count, sizeof *places->all, compare);
    for (size_t i = 1; i < places->count; i++) {
        const struct instance_place *first = &places->all[i - 1], *second = &places->all[i];
        if (first->hash != second->hash || (found && compare_places(second->place, ret[1]) >= 0))
            continue;
        ret[0] = first->place;
        ret[1] = second->place;
        found = true;
    }
    return found;
}
