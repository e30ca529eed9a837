#include "server/embedded_map.h"

#include <stdlib.h>

struct embedded_version *embedded_version_create(struct span key, struct span value)
{
    struct embedded_version *version = malloc(sizeof *version + key.size + value.size);
    if (!version)
        return NULL;
    *version = (struct embedded_version){0};
    version->kv.key = (struct span){version->bytes, key.size};
    version->kv.value = (struct span){version->bytes + key.size, value.size};
    if (key.size)
        memcpy(version->bytes, key.data, key.size);
    if (value.size)
        memcpy(version->bytes + key.size, value.data, value.size);
    return version;
}

/* Source: Vigna's splitmix64. */
static uint64_t next_random(struct embedded_map *map)
{
    uint64_t mixed = map->random += UINT64_C(0x9E3779B97F4A7C15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ mixed >> 31;
}

struct embedded_node *embedded_node_create(struct embedded_map *map)
{
    uint64_t random = next_random(map);
    int height = 1;
    for (; height < EMBEDDED_MAP_LEVELS && (random & 3) == 0; random >>= 2)
        height++;
    size_t size = sizeof(struct embedded_node) + (size_t)height * sizeof(struct embedded_node *);
    struct embedded_node *node = calloc(1, size);
    if (node)
        node->height = height;
    return node;
}

void embedded_node_destroy(struct embedded_node *node)
{
    if (!node)
        return;
    free(node->version);
    free(node);
}

void embedded_map_init(struct embedded_map *map)
{
    *map = (struct embedded_map){0};
}

void embedded_map_release(struct embedded_map *map)
{
    for (struct embedded_node *node = map->first[0]; node;) {
        struct embedded_node *next = node->next[0];
        embedded_node_destroy(node);
        node = next;
    }
    embedded_map_init(map);
}

/* The first node with at least @key. @ret_links, if not NULL, gets of each level the link that
 * points to the first such node there. */
static struct embedded_node *descend(struct embedded_map *map, struct span key,
                                     struct embedded_node **ret_links[EMBEDDED_MAP_LEVELS])
{
    struct embedded_node **links = map->first;
    for (int level = EMBEDDED_MAP_LEVELS - 1; level >= 0; level--) {
        while (links[level] && span_compare(embedded_node_key(links[level]), key) < 0)
            links = links[level]->next;
        if (ret_links)
            ret_links[level] = &links[level];
    }
    return links[0];
}

struct embedded_node *embedded_map_find(const struct embedded_map *map, struct span key)
{
    /* descend() changes nothing; only its links would let a caller do so */
    struct embedded_node *node = descend((struct embedded_map *)map, key, NULL);
    return node && span_equal(embedded_node_key(node), key) ? node : NULL;
}

struct embedded_node *embedded_map_seek(const struct embedded_map *map,
                                        const struct store_keys *keys)
{
    struct embedded_node *node = descend((struct embedded_map *)map, keys->key, NULL);
    return embedded_map_is_within(node, keys) ? node : NULL;
}

bool embedded_map_is_within(const struct embedded_node *node, const struct store_keys *keys)
{
    return node && store_keys_have(keys, embedded_node_key(node));
}

void embedded_map_link(struct embedded_map *map, struct embedded_node *node)
{
    struct embedded_node **links[EMBEDDED_MAP_LEVELS];
    descend(map, embedded_node_key(node), links);
    for (int level = 0; level < node->height; level++) {
        node->next[level] = *links[level];
        *links[level] = node;
    }
    map->count++;
}

void embedded_map_unlink(struct embedded_map *map, struct embedded_node *node)
{
    struct embedded_node **links[EMBEDDED_MAP_LEVELS];
    descend(map, embedded_node_key(node), links);
    for (int level = 0; level < node->height; level++)
        *links[level] = node->next[level];
    map->count--;
}
