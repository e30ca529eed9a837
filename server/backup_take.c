#include "server/backup_take.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/embedded_file.h"
#include "server/store_wait.h"

enum { PAGE = 20000, TIMEOUT_MS = 30000 /* for an answer */ };

struct numbered {
    int64_t id;
    size_t number;
};

struct taking {
    struct backup *backup;
    struct span root;
    struct numbered *leases; /* of those that have been met, by id */
    size_t lease_count, lease_capacity;
    /* Of a store. */
    struct store_keys keys; /* what is left */
    char *next;             /* owned: keys.key, once a page has come */
    bool more;
    int error; /* of a page */
};

static int tell(struct error_message *why, int error, const char *what)
{
    (void)snprintf(why->text, sizeof why->text, "%s: %s", what, allot_error_text(error));
    return error;
}

static int begin(struct taking *taking, struct span root, struct backup *backup,
                 struct error_message *why)
{
    *taking = (struct taking){.backup = backup, .root = root};
    backup_init(backup);
    int error = backup_set_root(backup, root);
    backup->taken_ms = clock_wall_ms();
    return error ? tell(why, error, "the root") : 0;
}

static int end(struct taking *taking, int error)
{
    free(taking->leases);
    free(taking->next);
    if (error)
        backup_release(taking->backup);
    return error;
}

/* --- leases --- */

/* How many have a smaller id. */
static size_t leases_before(const struct taking *taking, int64_t id)
{
    size_t low = 0, high = taking->lease_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (taking->leases[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int insert_lease(struct taking *taking, size_t place, int64_t id)
{
    if (taking->lease_count == taking->lease_capacity) {
        size_t capacity = taking->lease_capacity ? 2 * taking->lease_capacity : 64;
        struct numbered *leases = realloc(taking->leases, capacity * sizeof *leases);
        if (!leases)
            return ALLOT_ENOMEM;
        taking->leases = leases;
        taking->lease_capacity = capacity;
    }
    struct numbered *at = taking->leases + place;
    memmove(at + 1, at, (taking->lease_count - place) * sizeof *at);
    *at = (struct numbered){id, taking->backup->lease_count};
    taking->lease_count++;
    return 0;
}

/* The number of lease @id, which is given one when it is met first; its TTL is then @ttl. */
static int number_lease(struct taking *taking, int64_t id, int64_t ttl, size_t *ret)
{
    size_t place = leases_before(taking, id);
    int error = 0;
    if (place == taking->lease_count || taking->leases[place].id != id) {
        error = backup_add_lease(taking->backup, ttl);
        if (!error)
            error = insert_lease(taking, place, id);
    }
    if (!error)
        *ret = taking->leases[place].number;
    return error;
}

static int take_key(struct taking *taking, const struct store_kv *kv, int64_t ttl)
{
    struct span root = taking->root;
    size_t lease = 0;
    int error = kv->lease ? number_lease(taking, kv->lease, ttl, &lease) : 0;
    const struct backup_key key = {
        .name = {kv->key.data + root.size, kv->key.size - root.size},
        .value = kv->value,
        .create_revision = kv->create_revision,
        .mod_revision = kv->mod_revision,
        .version = kv->version,
        .lease = lease,
    };
    return error ? error : backup_add_key(taking->backup, &key);
}

/* --- from a store --- */

static int advance(struct taking *taking, struct span last)
{
    char *next = realloc(taking->next, last.size + 1);
    if (!next)
        return ALLOT_ENOMEM;
    memcpy(next, last.data, last.size);
    next[last.size] = 0;
    taking->next = next;
    taking->keys.key = (struct span){next, last.size + 1};
    return 0;
}

/* On the store's thread. */
static void read_page(void *context, const struct store_range_result *result)
{
    struct taking *taking = context;
    taking->backup->revision = result->revision;
    taking->more = result->more && result->kv_count > 0;
    for (size_t i = 0; i < result->kv_count && !taking->error; i++)
        taking->error = take_key(taking, &result->kvs[i], 0);
    if (!taking->error && taking->more)
        taking->error = advance(taking, result->kvs[result->kv_count - 1].key);
}

static int take_pages(struct taking *taking, struct store *store)
{
    int error = 0;
    taking->more = true;
    while (taking->more && !error) {
        const struct store_range range = {
            .keys = taking->keys, .revision = taking->backup->revision, .limit = PAGE};
        error = store_wait_range(store, &range, TIMEOUT_MS, read_page, taking);
        if (!error)
            error = taking->error;
    }
    return error;
}

/* Leaves the TTL of those that have expired at 0. */
static int ask_for_ttls(struct taking *taking, struct store *store, bool *ret_some_expired)
{
    int error = 0;
    for (size_t i = 0; i < taking->lease_count && !error; i++) {
        const struct numbered *lease = &taking->leases[i];
        struct store_lease_result result;
        error = store_wait_lease_time_to_live(store, lease->id, TIMEOUT_MS, &result);
        if (!error)
            taking->backup->ttls[lease->number - 1] = result.granted_ttl;
        if (error == ALLOT_ELEASE) {
            *ret_some_expired = true;
            error = 0;
        }
    }
    return error;
}

/* Leaves out the leases without a TTL, and their keys: as they are gone from the store. */
static int drop_expired(struct backup *backup)
{
    size_t *numbers = calloc(backup->lease_count + 1, sizeof *numbers); /* 0: it has expired */
    size_t leases = 0, keys = 0;
    if (!numbers)
        return ALLOT_ENOMEM;
    for (size_t i = 0; i < backup->lease_count; i++) {
        if (backup->ttls[i] == 0)
            continue;
        backup->ttls[leases++] = backup->ttls[i];
        numbers[i + 1] = leases;
    }
    for (size_t i = 0; i < backup->key_count; i++) {
        struct backup_key key = backup->keys[i];
        if (key.lease > 0 && numbers[key.lease] == 0)
            continue;
        key.lease = numbers[key.lease];
        backup->keys[keys++] = key;
    }
    backup->lease_count = leases;
    backup->key_count = keys;
    free(numbers);
    return 0;
}

/* A lease may be anybody's. */
static int check_ttls(const struct backup *backup, struct error_message *why)
{
    for (size_t i = 0; i < backup->key_count; i++) {
        const struct backup_key *key = &backup->keys[i];
        int64_t ttl = key->lease > 0 ? backup->ttls[key->lease - 1] : 0;
        if (ttl <= STORE_MAX_TTL)
            continue;
        (void)snprintf(why->text, sizeof why->text,
                       "%.*s%.*s: its lease has a TTL of %" PRId64 " s; expected at most %d s",
                       (int)backup->root.size, backup->root.data,
                       key->name.size > 100 ? 100 : (int)key->name.size, key->name.data, ttl,
                       STORE_MAX_TTL);
        return ALLOT_ELIMIT;
    }
    return 0;
}

int backup_take_store(struct store *store, struct span root, struct backup *ret,
                      struct error_message *why)
{
    struct taking taking;
    bool some_expired = false;
    char first[BACKUP_MAX_ROOT + 1], behind[BACKUP_MAX_ROOT + 1];
    int error = begin(&taking, root, ret, why);
    if (error)
        return end(&taking, error);
    memcpy(first, root.data, root.size);
    first[root.size] = '/';
    taking.keys.key = (struct span){first, root.size + 1};
    taking.keys.range_end = store_range_end_of_prefix(taking.keys.key, behind);
    error = take_pages(&taking, store);
    if (error)
        return end(&taking, tell(why, error, "reading the store"));
    error = ask_for_ttls(&taking, store, &some_expired);
    if (!error && some_expired)
        error = drop_expired(ret);
    if (error)
        return end(&taking, tell(why, error, "reading the store's leases"));
    return end(&taking, check_ttls(ret, why));
}

/* --- from the file of an embedded store --- */

static int take_state(struct taking *taking, const struct embedded_state *state)
{
    struct embedded_node *node = state->map.first[0];
    int error = 0;
    taking->backup->revision = state->revision;
    for (; node && !error; node = embedded_node_next(node)) {
        const struct store_kv *kv = &node->version->kv;
        bool is_ours = span_has_prefix(kv->key, taking->root) && kv->key.size > taking->root.size &&
                       kv->key.data[taking->root.size] == '/';
        if (is_ours)
            error = take_key(taking, kv, node->lease ? node->lease->ttl : 0);
    }
    return error;
}

/* SQLite says no more than that it is unable to. */
static int check_access(const char *path, struct error_message *why)
{
    if (access(path, R_OK) == 0)
        return 0;
    (void)snprintf(why->text, sizeof why->text,
                   "%.120s: %s: expected the file of an embedded store", path,
                   strerrordesc_np(errno));
    return ALLOT_EIO;
}

int backup_take_file(const char *path, struct span root, struct backup *ret,
                     struct error_message *why)
{
    struct taking taking;
    struct embedded_file *file = NULL;
    struct embedded_state state;
    int error = begin(&taking, root, ret, why);
    if (!error)
        error = check_access(path, why);
    if (!error)
        error = embedded_file_open_to_read(path, &file, why);
    if (error)
        return end(&taking, error);
    embedded_state_init(&state);
    error = embedded_file_load(file, 0, &state);
    if (error) {
        (void)snprintf(why->text, sizeof why->text, "%s", embedded_file_message(file));
    } else {
        error = take_state(&taking, &state);
        if (error)
            (void)tell(why, error, path);
    }
    embedded_state_release(&state);
    embedded_file_close(file);
    return end(&taking, error);
}
