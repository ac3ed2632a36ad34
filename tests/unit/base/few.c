/* SPDX-License-Identifier: Apache-2.0 */
/* The first few of many: src/base/few.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/few.h"

static void shows(const char *expected, size_t count)
{
    struct ladle_few few = {.most = 3};
    for (size_t i = 0; i < count; i++)
        ladle_few_add(&few, "%c%zu", 'n', i);
    assert_int_equal(few.count, count);
    assert_string_equal(ladle_few_show(&few), expected);
    ladle_few_finish(&few);
    assert_int_equal(few.count, 0);
    assert_int_equal(few.most, 3);
}

static void the_first_are_shown_and_the_others_counted(void **state)
{
    shows("", 0);
    shows("n0", 1);
    shows("n0, n1", 2);
    shows("n0, n1, n2", 3);
    shows("n0, n1, n2 and 1 more", 4);
    shows("n0, n1, n2 and 97 more", 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_are_shown_and_the_others_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
