#include "server/mirror_load.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/store_wait.h"

enum {
    FIRST_PAGE = 1000,
    PAGE = 20000,
    LANES = 4,
    SAMPLE_EACH = 64, /* items */
};

struct sample {
    char *id; /* owned */
    size_t size;
};

/* The ids of some of the items, in order: where assignments can be split evenly. */
struct samples {
    struct span prefix; /* of the items' keys */
    size_t items;       /* seen */
    struct sample *ids;
    size_t count;
    size_t capacity;
};

struct load {
    const struct mirror_load_config *config;
    struct keyspace_loader *loader; /* used on the store's thread only, while pages come */
    int64_t revision;               /* 0: not pinned yet */
    uint64_t cluster_id;
    struct samples samples;
};

/* A range that is read page by page. */
struct lane {
    struct load *load;
    struct store_keys keys; /* what is left of it */
    char *next;             /* owned: keys.key, once a page has come */
    pthread_t thread;
    int error;
    bool more;
    bool samples; /* it meets items */
    bool started; /* the thread */
};

/* --- samples --- */

static int add_sample(struct samples *samples, struct span id)
{
    if (samples->count == samples->capacity) {
        size_t capacity = samples->capacity ? 2 * samples->capacity : 64;
        struct sample *ids = realloc(samples->ids, capacity * sizeof *ids);
        if (!ids)
            return ALLOT_ENOMEM;
        samples->ids = ids;
        samples->capacity = capacity;
    }
    struct sample *sample = &samples->ids[samples->count];
    sample->id = malloc(id.size + 1);
    if (!sample->id)
        return ALLOT_ENOMEM;
    memcpy(sample->id, id.data, id.size);
    sample->size = id.size;
    samples->count++;
    return 0;
}

static struct span sample_id(const struct samples *samples, size_t index)
{
    return (struct span){samples->ids[index].id, samples->ids[index].size};
}

static int take_samples(struct samples *samples, const struct store_kv *kvs, size_t count)
{
    int error = 0;
    for (size_t i = 0; i < count && !error; i++) {
        struct span key = kvs[i].key;
        if (!span_has_prefix(key, samples->prefix) || samples->items++ % SAMPLE_EACH != 0)
            continue;
        error = add_sample(samples, (struct span){key.data + samples->prefix.size,
                                                  key.size - samples->prefix.size});
    }
    return error;
}

static void release_samples(struct samples *samples)
{
    for (size_t i = 0; i < samples->count; i++)
        free(samples->ids[i].id);
    free(samples->ids);
}

/* --- pages --- */

static int advance(struct lane *lane, struct span last)
{
    char *next = realloc(lane->next, last.size + 1);
    if (!next)
        return ALLOT_ENOMEM;
    memcpy(next, last.data, last.size);
    next[last.size] = 0;
    lane->next = next;
    lane->keys.key = (struct span){next, last.size + 1};
    return 0;
}

/* On the store's thread, as all pages. */
static void read_page(void *context, const struct store_range_result *result)
{
    struct lane *lane = context;
    struct load *load = lane->load;
    if (load->revision == 0) {
        load->revision = result->revision;
        load->cluster_id = result->cluster_id;
    }
    lane->more = result->more && result->kv_count > 0;
    lane->error = keyspace_loader_add(load->loader, result->kvs, result->kv_count);
    if (!lane->error && lane->samples)
        lane->error = take_samples(&load->samples, result->kvs, result->kv_count);
    if (!lane->error && lane->more)
        lane->error = advance(lane, result->kvs[result->kv_count - 1].key);
}

static void load_page(struct lane *lane, int64_t limit)
{
    const struct mirror_load_config *config = lane->load->config;
    struct store_range range = {
        .keys = lane->keys, .revision = lane->load->revision, .limit = limit};
    if (config->stopping(config->context)) {
        lane->error = ALLOT_ECANCELED;
        return;
    }
    int error = store_wait_range(config->store, &range, MIRROR_LOAD_PAGE_MS, read_page, lane);
    if (error)
        lane->error = error;
}

static void load_lane(struct lane *lane)
{
    int64_t page = lane->load->config->page ? lane->load->config->page : PAGE;
    while (lane->more && !lane->error)
        load_page(lane, page);
}

static void *lane_thread(void *argument)
{
    load_lane(argument);
    return NULL;
}

/* Returns the first error. */
static int load_lanes(struct lane *lanes, size_t count)
{
    int error = 0;
    for (size_t i = 1; i < count; i++)
        lanes[i].started = pthread_create(&lanes[i].thread, NULL, lane_thread, &lanes[i]) == 0;
    for (size_t i = 0; i < count; i++)
        if (!lanes[i].started) /* the first, and where there are no more threads to be had */
            load_lane(&lanes[i]);
    for (size_t i = 0; i < count; i++) {
        if (lanes[i].started)
            pthread_join(lanes[i].thread, NULL);
        if (!error)
            error = lanes[i].error;
    }
    return error;
}

/* --- assignments: several ranges at a time, split at the ids of items --- */

/* The key at which the assignments of @id begin; the caller frees it. */
static char *split_key(struct span assignments, struct span id)
{
    char *key = malloc(assignments.size + id.size + 1);
    if (!key)
        return NULL;
    memcpy(key, assignments.data, assignments.size);
    memcpy(key + assignments.size, id.data, id.size);
    return key;
}

/* How many samples lie before @key. */
static size_t samples_before(const struct samples *samples, struct span assignments,
                             struct span key)
{
    size_t count = 0;
    if (!span_has_prefix(key, assignments))
        return 0;
    struct span rest = {key.data + assignments.size, key.size - assignments.size};
    while (count < samples->count && span_compare(sample_id(samples, count), rest) <= 0)
        count++;
    return count;
}

/* Loads what is left of the assignments. */
static int load_assignments(struct load *load, struct span assignments, struct store_keys left)
{
    const struct samples *samples = &load->samples;
    struct lane lanes[LANES] = {{.load = load, .keys = left, .more = true}};
    char *splits[LANES] = {NULL};
    size_t first = samples_before(samples, assignments, left.key);
    size_t count = 1;
    int error = 0;
    for (size_t i = 1; i < LANES && samples->count - first >= LANES && !error; i++) {
        struct span id = sample_id(samples, first + i * (samples->count - first) / LANES);
        splits[i] = split_key(assignments, id);
        struct span key = {splits[i], assignments.size + id.size};
        error = splits[i] ? 0 : ALLOT_ENOMEM;
        lanes[count] = (struct lane){
            .load = load, .keys = {key, lanes[count - 1].keys.range_end}, .more = true};
        lanes[count - 1].keys.range_end = key;
        count++;
    }
    if (!error)
        error = load_lanes(lanes, count);
    for (size_t i = 0; i < LANES; i++) {
        free(lanes[i].next);
        free(splits[i]);
    }
    return error;
}

/* --- the whole --- */

/* What the first page has left: first all but the assignments, which tells where to split those. */
static int load_rest(struct load *load, struct span assignments, struct store_keys left)
{
    char *end = malloc(assignments.size);
    if (!end)
        return ALLOT_ENOMEM;
    struct span assignments_end = store_range_end_of_prefix(assignments, end);
    bool before = span_compare(left.key, assignments_end) < 0;
    struct lane others = {.load = load,
                          .keys = {before ? assignments_end : left.key, left.range_end},
                          .more = true,
                          .samples = true};
    int error = load_lanes(&others, 1);
    if (!error && before)
        error = load_assignments(load, assignments, (struct store_keys){left.key, assignments_end});
    free(others.next);
    free(end);
    return error;
}

static int load_all(struct load *load, struct span assignments)
{
    const struct mirror_load_config *config = load->config;
    struct lane whole = {.load = load, .keys = config->keys, .samples = true};
    load_page(&whole, config->first_page ? config->first_page : FIRST_PAGE);
    int error = whole.error;
    if (!error && whole.more)
        error = load_rest(load, assignments, whole.keys);
    free(whole.next);
    return error;
}

int mirror_load(const struct mirror_load_config *config, struct keyspace **ret)
{
    struct load load = {.config = config};
    struct span root = keyspace_root(config->empty);
    size_t size = keys_max_size(root, (struct span){0}, (struct span){0}, (struct span){0});
    char *prefixes = malloc(2 * size);
    int error = prefixes ? keyspace_loader_create(config->empty, &load.loader) : ALLOT_ENOMEM;
    if (!error) {
        load.samples.prefix = keys_items_prefix(root, prefixes, size);
        error = load_all(&load, keys_assignments_prefix(root, prefixes + size, size));
    }
    if (!error)
        error = keyspace_loader_finish(load.loader, load.cluster_id, load.revision, ret);
    keyspace_loader_destroy(load.loader);
    release_samples(&load.samples);
    free(prefixes);
    return error;
}
