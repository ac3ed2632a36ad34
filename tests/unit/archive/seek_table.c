/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/seek_table.h"

#include <string.h>

#include "scratch.h"

/* The bytes as the format's description has them, for two frames. */
static void test_a_table_byte_for_byte(void **state)
{
    static const uint8_t expected[] = {0x5E, 0x2A, 0x4D, 0x18, 25,   0,    0,    0,           /* 2 * 8 + 9 follow */
                                       0x44, 0x33, 0x22, 0x11, 0,    0,    0x10, 0,           /* 1 MiB */
                                       7,    0,    0,    0,    0xFF, 0,    0,    0,           /* the last */
                                       2,    0,    0,    0,    0,    0xB1, 0xEA, 0x92, 0x8F}; /* no checksums */
    uint8_t made[sizeof expected];
    ladle_seek_table_put_start(2, made);
    ladle_seek_table_put_entry(0x11223344, 1 << 20, made + 8);
    ladle_seek_table_put_entry(7, 255, made + 16);
    ladle_seek_table_put_end(2, made + 24);
    assert_int_equal(sizeof expected,
                     LADLE_SEEK_TABLE_START_BYTES + 2 * LADLE_SEEK_TABLE_ENTRY_BYTES + LADLE_SEEK_TABLE_END_BYTES);
    assert_memory_equal(made, expected, sizeof expected);
}

static void test_the_largest_table_fits_its_frame(void **state)
{
    uint64_t bytes = (uint64_t)LADLE_SEEK_TABLE_MOST_FRAMES * LADLE_SEEK_TABLE_ENTRY_BYTES + LADLE_SEEK_TABLE_END_BYTES;
    assert_true(bytes <= UINT32_MAX && bytes + LADLE_SEEK_TABLE_ENTRY_BYTES > UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_table_byte_for_byte),
        cmocka_unit_test(test_the_largest_table_fits_its_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
