#include <criterion/criterion.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/entropy.h"

enum { COUNT = 1000, THREADS = 2 };

static void *take_numbers(void *argument)
{
    uint64_t *numbers = argument;
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(entropy_take(&numbers[i], sizeof numbers[i]), 0);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

Test(entropy, gives_no_number_twice_whichever_thread_asks)
{
    static uint64_t numbers[THREADS * COUNT];
    pthread_t other;
    cr_assert_eq(pthread_create(&other, NULL, take_numbers, numbers), 0);
    take_numbers(numbers + COUNT);
    cr_assert_eq(pthread_join(other, NULL), 0);
    qsort(numbers, sizeof numbers / sizeof numbers[0], sizeof numbers[0], compare);
    for (size_t i = 1; i < sizeof numbers / sizeof numbers[0]; i++)
        cr_expect_neq(numbers[i], numbers[i - 1]);
}

/* Each size several times, beyond what is asked of the kernel at once. A byte that is zero each
 * time was never filled. */
Test(entropy, fills_all_that_it_is_given_and_no_more)
{
    enum { MOST = 600, TIMES = 16 };
    for (size_t size = 0; size <= MOST; size++) {
        unsigned char seen[MOST + 1] = {0};
        for (int i = 0; i < TIMES; i++) {
            unsigned char bytes[MOST + 1] = {0};
            cr_assert_eq(entropy_take(bytes, size), 0);
            for (size_t k = 0; k <= MOST; k++)
                seen[k] |= bytes[k];
        }
        for (size_t k = 0; k <= MOST; k++)
            cr_assert_eq(seen[k] != 0, k < size, "byte %zu of %zu", k, size);
    }
}
