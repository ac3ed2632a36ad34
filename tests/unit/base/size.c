/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "base/size.h"

static void sizes_as_people_write_them(void **state)
{
    static const struct {
        const char *text;
        uint64_t binary, decimal;
    } sizes[] = {
        {"0", 0, 0},
        {"4096", 4096, 4096},
        {"256M", 268435456, 256000000},
        {"256m", 268435456, 256000000},
        {"256MB", 268435456, 256000000},
        {"256 mb", 268435456, 256000000},
        {"1GiB", 1073741824, 1073741824},
        {"1gib", 1073741824, 1073741824},
        {"1Gi", 1073741824, 1073741824},
        {"64k", 65536, 64000},
        {"2T", 2199023255552, 2000000000000},
        {"5B", 5, 5000000000},
        {"1.5G", 1610612736, 1500000000},
        {"0.25KiB", 256, 256},
        {"0.0000000001T", 0, 0}, /* only six places count */
        {"1.000001G", 1073742897, 1000001000},
        {"9223372036854775807", INT64_MAX, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t binary = 1, decimal = 1;
        assert_true(ladle_size_parse(sizes[i].text, false, &binary));
        assert_true(ladle_size_parse(sizes[i].text, true, &decimal));
        assert_true(binary == sizes[i].binary);
        assert_true(decimal == sizes[i].decimal);
    }
}

static void texts_that_are_no_sizes(void **state)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "M",
                                        "-1",
                                        "+1",
                                        "1X",
                                        "1KK",
                                        "1KiBs",
                                        "1iB",
                                        "1MM",
                                        "1.",
                                        ".5G",
                                        "1.M",
                                        "1,5G",
                                        "1e9",
                                        "0x10",
                                        "1.5",
                                        "1G ",
                                        " 1G",
                                        "9223372036854775808",
                                        "18446744073709551616",
                                        "99999999999999999999999",
                                        "8388608T",
                                        "8388608TiB",
                                        "1bk",
                                        "1Bi",
                                        "1kbb",
                                        "nan"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint64_t bytes;
        if (ladle_size_parse(texts[i], false, &bytes)) {
            fail_msg("'%s' is taken for a size", texts[i]);
        }
    }
}

static void sizes_for_people(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } sizes[] = {
        {0, "0 B"},
        {999, "999 B"},
        {1000, "1.00 KB"},
        {1234567890, "1.23 GB"},
        {9994, "9.99 KB"},
        {9995, "10.0 KB"},
        {99949, "99.9 KB"},
        {99950, "100 KB"},
        {999499, "999 KB"},
        {999500, "1.00 MB"},
        {999500000, "1.00 GB"},
        {15000000000, "15.0 GB"},
        {105000000, "105 MB"},
        {1010000, "1.01 MB"},
        {10100000, "10.1 MB"},
        {UINT64_MAX, "18.4 EB"},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char out[16];
        assert_ptr_equal(ladle_size_show(sizes[i].bytes, out), out);
        assert_string_equal(out, sizes[i].text);
    }
}

static void budgets_can_be_pasted_back(void **state)
{
    static const uint64_t sizes[] = {0, 1, 1048575, 1048576, 1048577, 50331648, 50331649, (uint64_t)INT64_MAX - 1048576};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char out[16];
        uint64_t bytes;
        assert_true(ladle_size_parse(ladle_size_budget(sizes[i], out), false, &bytes));
        assert_true(bytes >= sizes[i] && bytes - sizes[i] < 1048576);
    }
    char out[16];
    assert_string_equal(ladle_size_budget(48u << 20, out), "48M");
    assert_string_equal(ladle_size_budget(UINT64_MAX, out), "17592186044416M");
}

static void arithmetic(void **state)
{
    uint64_t out;
    assert_true(ladle_add(UINT64_MAX - 1, 1, &out) && out == UINT64_MAX);
    assert_false(ladle_add(UINT64_MAX, 1, &out));
    assert_true(ladle_multiply(UINT64_MAX / 2, 2, &out) && out == UINT64_MAX - 1);
    assert_false(ladle_multiply(UINT64_MAX / 2 + 1, 2, &out));
    assert_int_equal(ladle_round_up(0, 4096), 0);
    assert_int_equal(ladle_round_up(1, 4096), 4096);
    assert_int_equal(ladle_round_up(4096, 4096), 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_as_people_write_them),
        cmocka_unit_test(texts_that_are_no_sizes),
        cmocka_unit_test(sizes_for_people),
        cmocka_unit_test(budgets_can_be_pasted_back),
        cmocka_unit_test(arithmetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
