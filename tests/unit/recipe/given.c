/* SPDX-License-Identifier: Apache-2.0 */
#include "given.h"

#include <string.h>

static void keep(void *user, enum ladle_level level, const char *text)
{
    struct given *given = user;
    assert_int_equal(level, LADLE_WARNING);
    ladle_text_printf(&given->warnings, "%s\n", text);
    given->warning_count++;
}

void given_recipe(struct given *given, const char *text)
{
    memset(given, 0, sizeof *given);
    given->error = ladle_error_create();
    assert_non_null(given->error);
    struct ladle_log log = {.message = keep, .user = given};
    /* A copy without the NUL behind it, so that reading too far is seen. */
    size_t bytes = strlen(text);
    char *exact = test_malloc(bytes + 1);
    memcpy(exact + 1, text, bytes);
    given->status = ladle_recipe_parse(&given->recipe, "r.yml", exact + 1, bytes, NULL, &log, given->error);
    test_free(exact);
}

void given_finish(struct given *given)
{
    ladle_recipe_finish(&given->recipe);
    ladle_error_destroy(given->error);
    ladle_text_finish(&given->warnings);
}

void given_is_accepted(const struct given *given)
{
    if (given->status != LADLE_OK)
        fail_msg("refused: %s", ladle_error_message(given->error, 0));
}

void given_is_refused(const struct given *given, size_t messages)
{
    assert_int_equal(given->status, LADLE_BAD_INPUT);
    for (size_t i = messages; i < ladle_error_count(given->error); i++)
        print_error("not expected: %s\n", ladle_error_message(given->error, i));
    assert_int_equal(ladle_error_count(given->error), messages);
}

void given_has_error(const struct given *given, const char *part)
{
    for (size_t i = 0; i < ladle_error_count(given->error); i++) {
        if (strstr(ladle_error_message(given->error, i), part) != NULL)
            return;
    }
    for (size_t i = 0; i < ladle_error_count(given->error); i++)
        print_error("%s\n", ladle_error_message(given->error, i));
    fail_msg("no error holds: %s", part);
}

void given_has_warning(const struct given *given, const char *part)
{
    if (given->warnings.data == NULL || strstr(given->warnings.data, part) == NULL)
        fail_msg("no warning holds: %s\n%s", part, given->warnings.data != NULL ? given->warnings.data : "(none)");
}

void given_has_warnings(const struct given *given, size_t count)
{
    if (given->warning_count != count)
        fail_msg("%zu warnings, expected %zu:\n%s", given->warning_count, count,
                 given->warnings.data != NULL ? given->warnings.data : "");
}

void refused(const char *text, const char *part)
{
    struct given given;
    given_recipe(&given, text);
    if (given.status != LADLE_BAD_INPUT)
        fail_msg("accepted:\n%s", text);
    given_has_error(&given, part);
    given_is_refused(&given, 1);
    given_finish(&given);
}

void accepted(const char *text, const char *part)
{
    struct given given;
    given_recipe(&given, text);
    given_is_accepted(&given);
    given_has_warnings(&given, part != NULL);
    if (part != NULL)
        given_has_warning(&given, part);
    given_finish(&given);
}
