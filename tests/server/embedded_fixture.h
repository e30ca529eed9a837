/* An embedded store in a directory of its own, for tests. */
#ifndef ALLOT_TESTS_SERVER_EMBEDDED_FIXTURE_H
#define ALLOT_TESTS_SERVER_EMBEDDED_FIXTURE_H

#include <stdatomic.h>
#include <sys/resource.h>

#include "server/embedded_store.h"
#include "tests/support/temporary.h"

struct embedded_fixture {
    char directory[TEMPORARY_SIZE];
    struct embedded_store_config config;
    struct store *store;
    struct error_message why;
    atomic_int failures; /* told to `failed`, unless the config has one */
};

/* Makes a directory, and opens a store in it, which must succeed. */
void embedded_fixture_open(struct embedded_fixture *fixture, struct embedded_store_config config);
/* Closes the store, and opens it again. */
void embedded_fixture_reopen(struct embedded_fixture *fixture);
/* Closes it. */
void embedded_fixture_close(struct embedded_fixture *fixture);
/* Opens it again; what embedded_store_open returns. */
int embedded_fixture_try(struct embedded_fixture *fixture);
/* Closes it, if it is open, and removes the directory. */
void embedded_fixture_remove(struct embedded_fixture *fixture);

/* From here on no file may grow, or be written beyond its first byte; until it is mended. */
void embedded_fixture_break_disk(struct rlimit *ret_former);
void embedded_fixture_mend_disk(const struct rlimit *former);

#endif
