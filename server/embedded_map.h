/* The newest version of each key, in key order. Private to the embedded store.
 *
 * Source: Pugh 1990, skip lists; a quarter of the nodes on each next level. */
#ifndef ALLOT_SERVER_EMBEDDED_MAP_H
#define ALLOT_SERVER_EMBEDDED_MAP_H

#include "core/store.h"
#include "server/store_check.h"

enum { EMBEDDED_MAP_LEVELS = 12 };

struct embedded_lease;

/* A key's value at a revision: immutable, in one block. */
struct embedded_version {
    struct store_kv kv;            /* points into `bytes` */
    int64_t position;              /* in the file */
    struct embedded_version *next; /* in a list of those read from the file */
    char bytes[];
};

/* A copy of @key and @value, the other fields of kv zero; NULL if memory is out. free() it. */
struct embedded_version *embedded_version_create(struct span key, struct span value);

struct embedded_node {
    struct embedded_version *version; /* owned */
    struct embedded_lease *lease;     /* that it is attached to, in that lease's list */
    struct embedded_node *lease_next;
    struct embedded_node *lease_previous;
    int height;
    struct embedded_node *next[];
};

struct embedded_map {
    struct embedded_node *first[EMBEDDED_MAP_LEVELS];
    size_t count;
    uint64_t random;
};

static inline struct span embedded_node_key(const struct embedded_node *node)
{
    return node->version->kv.key;
}

static inline struct embedded_node *embedded_node_next(const struct embedded_node *node)
{
    return node->next[0];
}

/* A node for the map, not in it yet and without a version; NULL if memory is out. */
struct embedded_node *embedded_node_create(struct embedded_map *map);
/* Frees the node and its version. NULL is fine. */
void embedded_node_destroy(struct embedded_node *node);

void embedded_map_init(struct embedded_map *map);
/* Frees what is in it. */
void embedded_map_release(struct embedded_map *map);

/* The node of a key, or NULL. O(log n). */
struct embedded_node *embedded_map_find(const struct embedded_map *map, struct span key);
/* The first of the nodes in @keys, or NULL; and whether a node, which follows it, still is. */
struct embedded_node *embedded_map_seek(const struct embedded_map *map,
                                        const struct store_keys *keys);
bool embedded_map_is_within(const struct embedded_node *node, const struct store_keys *keys);

/* Puts in a node whose key is not there; takes out one that is. Both never fail. O(log n). */
void embedded_map_link(struct embedded_map *map, struct embedded_node *node);
void embedded_map_unlink(struct embedded_map *map, struct embedded_node *node);

#endif
