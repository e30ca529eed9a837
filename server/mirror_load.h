/* Loads everything under a root as of one revision, in large pages, several ranges at a time. */
#ifndef ALLOT_SERVER_MIRROR_LOAD_H
#define ALLOT_SERVER_MIRROR_LOAD_H

#include "core/keyspace.h"
#include "core/store.h"

enum { MIRROR_LOAD_PAGE_MS = 30000 }; /* that a page may take */

struct mirror_load_config {
    struct store *store;          /* borrowed */
    const struct keyspace *empty; /* to begin from; borrowed */
    struct store_keys keys;       /* all under its root; borrowed */
    /* Asked between pages, from several threads: true ends the load. */
    bool (*stopping)(void *context);
    void *context;
    /* Keys of the first page, which pins the revision, and of the others; 0: the usual. */
    int64_t first_page;
    int64_t page;
};

/* ALLOT_ECANCELED: it was to stop. Else as the store's range and keyspace_loader_finish. */
int mirror_load(const struct mirror_load_config *config, struct keyspace **ret);

#endif
