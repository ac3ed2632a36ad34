/* SPDX-License-Identifier: Apache-2.0 */
/* What is found by the way is told once, at the end, by tensor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/notes.h"

/* Warnings, one after another, a bar behind each. */
struct heard {
    char text[4096];
};

static void hear(void *user, enum ladle_level level, const char *text)
{
    struct heard *heard = user;
    size_t length = strlen(heard->text);
    assert_int_equal(level, LADLE_WARNING);
    snprintf(heard->text + length, sizeof heard->text - length, "%s|", text);
}

static const char *tell(struct ladle_notes *notes)
{
    static struct heard heard;
    struct ladle_log log = {.message = hear, .user = &heard};
    heard.text[0] = '\0';
    ladle_notes_tell(notes, &log);
    ladle_notes_finish(notes);
    return heard.text;
}

static void nothing_found_nothing_told(void **state)
{
    struct ladle_notes notes = {0};
    ladle_notes_add(&notes, "a", LADLE_BF16, &(struct ladle_findings){0});
    assert_string_equal(tell(&notes), "");
}

static void blocks_add_up(void **state)
{
    struct ladle_findings sum = {.nonfinite = {1, 2, 3}, .fallbacks = 4};
    const struct ladle_findings more = {.nonfinite = {10, 20, 30}, .fallbacks = 40};
    ladle_findings_add(&sum, &more);
    assert_int_equal(sum.nonfinite.overflowed, 11);
    assert_int_equal(sum.nonfinite.nan, 22);
    assert_int_equal(sum.nonfinite.inf, 33);
    assert_int_equal(sum.fallbacks, 44);
}

static void each_kind_has_its_tensors(void **state)
{
    struct ladle_notes notes = {0};
    ladle_notes_add(&notes, "a", LADLE_BF16, &(struct ladle_findings){.nonfinite = {.overflowed = 7}});
    ladle_notes_add(&notes, "b", LADLE_BF16, &(struct ladle_findings){.nonfinite = {.nan = 1}, .fallbacks = 5});
    const char *told = tell(&notes);
    assert_non_null(strstr(told, "linear coefficients, in 1 tensor:\n  b: 5 rows|"));
    assert_non_null(strstr(told, "no finite numbers in 2 tensors:\n  a: 0 NaN, 0 Inf, 7 too large for BF16\n"
                                 "  b: 1 NaN, 0 Inf, 0 too large for BF16|"));
}

static void a_name_stays_on_its_line(void **state)
{
    struct ladle_notes notes = {0};
    ladle_notes_add(&notes, "a\nladle: error: %s", LADLE_F32, &(struct ladle_findings){.fallbacks = 1});
    assert_non_null(strstr(tell(&notes), "in 1 tensor:\n  a?ladle: error: %s: 1 row|"));
}

static void ten_are_named(void **state)
{
    struct ladle_notes notes = {0};
    char name[8];
    for (int i = 0; i < 13; i++) {
        snprintf(name, sizeof name, "t%02d", i);
        ladle_notes_add(&notes, name, LADLE_F32, &(struct ladle_findings){.fallbacks = 1});
    }
    const char *told = tell(&notes);
    assert_non_null(strstr(told, "in 13 tensors:\n  t00: 1 row\n"));
    assert_non_null(strstr(told, "t09: 1 row\n  and 3 more|"));
    assert_null(strstr(told, "t10"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_found_nothing_told),
        cmocka_unit_test(blocks_add_up),
        cmocka_unit_test(each_kind_has_its_tensors),
        cmocka_unit_test(a_name_stays_on_its_line),
        cmocka_unit_test(ten_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
