#include "tests/core/allocator_stage.h"

#include <criterion/criterion.h>
#include <stdio.h>

struct stage stage;

struct span stage_key(const char *name)
{
    static char buffers[4][128];
    static size_t next;
    char *buffer = buffers[next++ % 4];
    int size = snprintf(buffer, sizeof buffers[0], "%s/%s", SCHEDULER_ROOT, name);
    return (struct span){buffer, (size_t)size};
}

void stage_put(const char *name, const char *value)
{
    model_store_put(stage.store, stage_key(name), span_of(value), 0);
}

const struct store_kv *stage_find(const char *name)
{
    return model_table_find(model_store_table(stage.store), stage_key(name));
}

void stage_put_many(const char *format, int count, const char *value)
{
    for (int i = 0; i < count; i++) {
        char name[64];
        cr_assert_lt(snprintf(name, sizeof name, format, i), (int)sizeof name);
        stage_put(name, value);
    }
}

struct allocator_step stage_expect(int64_t now_ms, enum allocator_action action)
{
    struct allocator_step step = allocator_step(stage.scheduler.allocator, now_ms);
    cr_assert_eq(step.action, action, "%d instead of %d", (int)step.action, (int)action);
    return step;
}

void stage_expect_stop(int64_t now_ms, int error)
{
    struct allocator_step step = stage_expect(now_ms, ALLOCATOR_STOP);
    cr_assert_eq(step.error, error, "%s", allot_error_name(step.error));
    step = stage_expect(now_ms + 100000, ALLOCATOR_STOP);
    cr_assert_eq(step.error, error);
}

void stage_solve(int64_t now_ms)
{
    scheduler_solve(&stage.scheduler, stage_expect(now_ms, ALLOCATOR_SOLVE).state, now_ms);
}

bool stage_execute(const struct store_txn *txn, int64_t now_ms)
{
    struct store_txn_result result;
    cr_assert_eq(model_store_txn(stage.store, txn, &result), 0);
    bool succeeded = result.succeeded;
    allocator_done(stage.scheduler.allocator, now_ms, 0, &result);
    return succeeded;
}

struct allocator_step stage_settle(int64_t now_ms)
{
    for (;;) {
        struct allocator_step step = allocator_step(stage.scheduler.allocator, now_ms);
        if (step.action == ALLOCATOR_SOLVE)
            scheduler_solve(&stage.scheduler, step.state, now_ms);
        else if (step.action == ALLOCATOR_TXN)
            (void)stage_execute(step.txn, now_ms);
        else
            return step;
    }
}

void stage_settle_all(int64_t now_ms)
{
    int64_t revision;
    do {
        revision = model_store_revision(stage.store);
        scheduler_catch_up(&stage.scheduler);
        cr_assert_eq(stage_settle(now_ms).action, ALLOCATOR_WAIT);
    } while (revision != model_store_revision(stage.store));
}

struct allocator_status stage_status(void)
{
    return allocator_status(stage.scheduler.allocator);
}

struct span stage_actor(int64_t round)
{
    static char text[128];
    int size = snprintf(text, sizeof text, "%s round %lld fence %lld", stage.scheduler.key,
                        (long long)round, (long long)stage.scheduler.state->own->mod_revision);
    return (struct span){text, (size_t)size};
}

void stage_set_up(void)
{
    stage.store = model_store_create();
    scheduler_start(&stage.scheduler, stage.store, "one", NULL, 1);
    stage.own_lease = scheduler_announce(&stage.scheduler);
    stage_put("members/a#1", "2");
    stage_settle_all(0);
    stage_put("items/x", "1");
    scheduler_catch_up(&stage.scheduler);
}

void stage_tear_down(void)
{
    scheduler_stop(&stage.scheduler);
    model_store_destroy(stage.store);
}
