#include "tests/server/embedded_fixture.h"

#include <criterion/criterion.h>
#include <signal.h>

static void on_failure(void *context, int error, const char *why)
{
    struct embedded_fixture *fixture = context;
    (void)error;
    if (*why)
        atomic_fetch_add(&fixture->failures, 1);
}

void embedded_fixture_open(struct embedded_fixture *fixture, struct embedded_store_config config)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->config = config;
    fixture->config.data_dir = temporary_directory(fixture->directory);
    if (!config.failed) {
        fixture->config.failed = on_failure;
        fixture->config.failed_context = fixture;
    }
    cr_assert_eq(embedded_fixture_try(fixture), 0, "%s", fixture->why.text);
}

int embedded_fixture_try(struct embedded_fixture *fixture)
{
    return embedded_store_open(&fixture->config, &fixture->store, &fixture->why);
}

void embedded_fixture_close(struct embedded_fixture *fixture)
{
    if (fixture->store)
        fixture->store->operations->destroy(fixture->store);
    fixture->store = NULL;
}

void embedded_fixture_reopen(struct embedded_fixture *fixture)
{
    embedded_fixture_close(fixture);
    cr_assert_eq(embedded_fixture_try(fixture), 0, "%s", fixture->why.text);
}

void embedded_fixture_remove(struct embedded_fixture *fixture)
{
    embedded_fixture_close(fixture);
    temporary_remove(fixture->directory);
}

void embedded_fixture_break_disk(struct rlimit *ret_former)
{
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, ret_former), 0);
    struct rlimit broken = {.rlim_cur = 1, .rlim_max = ret_former->rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &broken), 0);
}

void embedded_fixture_mend_disk(const struct rlimit *former)
{
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, former), 0);
}
