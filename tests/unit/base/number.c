/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as texts spell them: src/base/number.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/number.h"

static void digits_alone_are_a_whole_number(void **state)
{
    static const struct {
        const char *text;
        uint64_t number;
    } known[] = {{"0", 0}, {"007", 7}, {"1234567890", 1234567890}, {"18446744073709551615", UINT64_MAX}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint64_t number = 1;
        assert_true(ladle_number_whole(known[i].text, strlen(known[i].text), &number));
        assert_int_equal(number, known[i].number);
    }
}

static void all_else_is_none_and_leaves_the_number(void **state)
{
    static const char *const texts[] = {"", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "18446744073709551616",
                                        "184467440737095516150", "99999999999999999999999"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint64_t number = 5;
        assert_false(ladle_number_whole(texts[i], strlen(texts[i]), &number));
        assert_int_equal(number, 5);
    }
}

static void no_byte_behind_the_length_is_read(void **state)
{
    uint64_t number;
    assert_true(ladle_number_whole("123456", 3, &number));
    assert_int_equal(number, 123);
}

static void decimals_are_rounded_correctly(void **state)
{
    double number;
    assert_true(ladle_number_decimal("0.1", &number) && number == 0.1);
    assert_true(ladle_number_decimal("-2.5e-3", &number) && number == -0.0025);
    assert_true(ladle_number_decimal("9007199254740993", &number) && number == 9007199254740992.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_alone_are_a_whole_number),
        cmocka_unit_test(all_else_is_none_and_leaves_the_number),
        cmocka_unit_test(no_byte_behind_the_length_is_read),
        cmocka_unit_test(decimals_are_rounded_correctly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
