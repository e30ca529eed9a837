#include "tests/support/fail_alloc.h"

#include <stdatomic.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t number, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t number, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static atomic_long failing;
static atomic_long count;
static _Thread_local bool is_paused;

void fail_alloc_set(long nth)
{
    atomic_store(&failing, nth);
    atomic_store(&count, 0);
}

long fail_alloc_count(void)
{
    return atomic_load(&count);
}

void fail_alloc_pause(bool paused)
{
    is_paused = paused;
}

static bool fails(void)
{
    return !is_paused && atomic_fetch_add(&count, 1) + 1 == atomic_load(&failing);
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t number, size_t size)
{
    return fails() ? NULL : __real_calloc(number, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}
