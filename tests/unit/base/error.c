/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static int setup(void **state)
{
    *state = ladle_error_create();
    return *state == NULL;
}

static int teardown(void **state)
{
    ladle_error_destroy(*state);
    return 0;
}

static void first_failure_is_kept(void **state)
{
    struct ladle_error *error = *state;
    assert_int_equal(ladle_error_status(error), LADLE_OK);
    assert_int_equal(ladle_error_count(error), 0);
    assert_string_equal(ladle_error_message(error, 0), "");
    assert_int_equal(ladle_fail(error, LADLE_BAD_INPUT, "%s: %d", "a", 1), LADLE_BAD_INPUT);
    assert_int_equal(ladle_fail(error, LADLE_FAILED, "b"), LADLE_FAILED);
    assert_int_equal(ladle_fail_errno(error, LADLE_FAILED, ENOENT, "c"), LADLE_FAILED);
    assert_int_equal(ladle_fail_memory(error, "d"), LADLE_NO_MEMORY);
    assert_int_equal(ladle_error_status(error), LADLE_BAD_INPUT);
    assert_int_equal(ladle_error_count(error), 1);
    assert_string_equal(ladle_error_message(error, 0), "a: 1");
    ladle_error_clear(error);
    assert_int_equal(ladle_error_status(error), LADLE_OK);
    assert_int_equal(ladle_error_count(error), 0);
    ladle_fail_memory(error, "the list");
    assert_int_equal(ladle_error_status(error), LADLE_NO_MEMORY);
    assert_string_equal(ladle_error_message(error, 0), "no memory for the list");
}

static void errno_is_told(void **state)
{
    struct ladle_error *error = *state;
    ladle_fail_errno(error, LADLE_FAILED, ENOENT, "%s: cannot open it", "x");
    assert_string_equal(ladle_error_message(error, 0), "x: cannot open it: No such file or directory");
}

static void several_messages_but_no_more_than_20(void **state)
{
    struct ladle_error *error = *state;
    for (int i = 0; i < 25; i++) {
        assert_int_equal(ladle_fail_also(error, i == 0 ? LADLE_BAD_INPUT : LADLE_FAILED, "mistake %d", i),
                         i == 0 ? LADLE_BAD_INPUT : LADLE_FAILED);
        ladle_error_help(error, "help %d", i);
    }
    assert_int_equal(ladle_error_status(error), LADLE_BAD_INPUT);
    assert_int_equal(ladle_error_count(error), 20);
    assert_string_equal(ladle_error_message(error, 1), "mistake 1\n  help 1");
    assert_string_equal(ladle_error_message(error, 19), "mistake 19\n  help 19");
    assert_string_equal(ladle_error_message(error, 20), "");
}

static void help_goes_to_what_was_recorded(void **state)
{
    struct ladle_error *error = *state;
    ladle_error_help(error, "nothing to help with");
    ladle_fail(error, LADLE_BAD_INPUT, "one");
    ladle_error_help(error, "help %s", "for one");
    ladle_fail(error, LADLE_BAD_INPUT, "two, dropped");
    ladle_error_help(error, "help for two, dropped");
    assert_string_equal(ladle_error_message(error, 0), "one\n  help for one");
}

static void what_does_not_print_is_masked(void **state)
{
    struct ladle_error *error = *state;
    ladle_fail_also(error, LADLE_BAD_INPUT, "%s: x\ny", "a\nb\033[31m\x7f\t");
    ladle_fail_also(error, LADLE_BAD_INPUT, "%s",
                    "h\xC3\xA9 \xF0\x9F\x98\x80 \xC2\x9B \xFF \xC0\x80 \xED\xA0\x80 \xE2\x80\xAE \xC3");
    ladle_fail_also(error, LADLE_BAD_INPUT, "end\n%s", "\1\2");
    assert_string_equal(ladle_error_message(error, 0), "a?b?[31m??: x\n  y");
    assert_string_equal(ladle_error_message(error, 1), "h\xC3\xA9 \xF0\x9F\x98\x80 ? ? ?? ??? ? ?");
    assert_string_equal(ladle_error_message(error, 2), "end\n  ??");
}

static void a_name_of_megabytes_is_cut(void **state)
{
    struct ladle_error *error = *state;
    size_t bytes = 5 << 20;
    char *name = malloc(bytes + 1);
    memset(name, 'x', bytes);
    name[bytes] = '\0';
    ladle_fail(error, LADLE_BAD_INPUT, "m: %s: truncated", name);
    ladle_error_help(error, "help");
    const char *message = ladle_error_message(error, 0);
    assert_int_equal(strlen(message), 4000 + strlen("\n  help"));
    assert_string_equal(message + 3996, "x...\n  help");
    free(name);
}

static void without_an_error_object(void **state)
{
    assert_int_equal(ladle_fail(NULL, LADLE_BAD_INPUT, "a"), LADLE_BAD_INPUT);
    assert_int_equal(ladle_fail_also(NULL, LADLE_BAD_INPUT, "a"), LADLE_BAD_INPUT);
    assert_int_equal(ladle_fail_errno(NULL, LADLE_FAILED, EIO, "a"), LADLE_FAILED);
    assert_int_equal(ladle_fail_memory(NULL, "a"), LADLE_NO_MEMORY);
    ladle_error_help(NULL, "a");
    ladle_error_destroy(NULL);
}

struct seen {
    char text[256];
    enum ladle_level level;
    int count;
};

static void see(void *user, enum ladle_level level, const char *text)
{
    struct seen *seen = user;
    seen->level = level;
    seen->count++;
    strncpy(seen->text, text, sizeof seen->text - 1);
}

static void log_messages(void **state)
{
    struct seen seen = {0};
    struct ladle_log log = {.message = see, .user = &seen}, silent = {0};
    ladle_warn(&log, "%s\nhelp\n  more", "a\nb");
    assert_string_equal(seen.text, "a?b\n  help\n  more");
    assert_int_equal(seen.level, LADLE_WARNING);
    ladle_detail(&log, "%d", 5);
    assert_string_equal(seen.text, "5");
    assert_int_equal(seen.level, LADLE_DETAIL);
    ladle_warn(NULL, "a");
    ladle_warn(&silent, "a");
    assert_int_equal(seen.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(first_failure_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(errno_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(several_messages_but_no_more_than_20, setup, teardown),
        cmocka_unit_test_setup_teardown(help_goes_to_what_was_recorded, setup, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_print_is_masked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_of_megabytes_is_cut, setup, teardown),
        cmocka_unit_test(without_an_error_object),
        cmocka_unit_test(log_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
