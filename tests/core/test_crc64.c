#include <criterion/criterion.h>

#include "core/crc64.h"
#include "core/network_hash.h"
#include "tests/support/random.h"

/* One bit at a time, straight from the definition. */
static uint64_t by_bits(uint64_t crc, const unsigned char *bytes, size_t size)
{
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ UINT64_C(0xC96C5795D7870F42) : crc >> 1;
    }
    return ~crc;
}

Test(crc64, gives_the_published_check_value)
{
    cr_assert_eq(crc64_update(0, SPAN("123456789")), UINT64_C(0x995DC9BBDF1939FA));
}

Test(crc64, of_nothing_is_what_it_was)
{
    cr_assert_eq(crc64_update(0, (struct span){0}), 0);
    cr_assert_eq(crc64_update(UINT64_MAX, (struct span){0}), UINT64_MAX);
    cr_assert_eq(crc64_update(77, SPAN("")), 77);
}

Test(crc64, agrees_with_the_definition_and_splits_anywhere)
{
    enum { SIZE = 100 };
    struct random random = {.state = 64};
    unsigned char bytes[SIZE];
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (unsigned char)random_next(&random);
    for (size_t size = 0; size <= SIZE; size++) {
        uint64_t former = random_next(&random);
        uint64_t expected = by_bits(former, bytes, size);
        for (size_t at = 0; at <= size; at++) {
            uint64_t crc = crc64_update(former, (struct span){(char *)bytes, at});
            crc = crc64_update(crc, (struct span){(char *)bytes + at, size - at});
            cr_assert_eq(crc, expected, "size %zu split at %zu", size, at);
        }
    }
}

/* Each single byte at each of eight distances: every number of the tables. */
Test(crc64, has_no_wrong_number_in_its_tables)
{
    for (size_t position = 0; position < 8; position++)
        for (unsigned byte = 0; byte < 256; byte++) {
            unsigned char bytes[8] = {0};
            bytes[position] = (unsigned char)byte;
            cr_assert_eq(crc64_update(0, (struct span){(char *)bytes, 8}), by_bits(0, bytes, 8),
                         "byte %u at %zu", byte, position);
        }
}

/* The network's: of keys and decimal numbers run together, however long they are. */
Test(crc64, of_a_network)
{
    static char key[600];
    static const struct {
        int64_t number;
        const char *digits;
    } numbers[] = {{0, "0"}, {7, "7"}, {INT64_MAX, "9223372036854775807"}};
    uint64_t hash = 0;
    uint64_t crc = 0;
    for (size_t size = 0; size < sizeof key; size++) {
        key[size] = (char)('a' + size % 23);
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            hash = network_crc_add(hash, (struct span){key, size}, numbers[i].number);
            crc = crc64_update(crc, (struct span){key, size});
            crc = crc64_update(crc, span_of(numbers[i].digits));
            cr_assert_eq(hash, crc, "%zu", size);
        }
    }
}
