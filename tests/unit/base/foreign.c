/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/foreign.h"
#include "base/json.h"

static const char *name_of(const char *start, size_t count, bool cut)
{
    char *exact = malloc(count + (count == 0)); /* of its own, so that reading beyond it is noticed */
    memcpy(exact, start, count);
    const struct ladle_foreign *kind = ladle_foreign_find(exact, count, cut);
    free(exact);
    return kind == NULL ? "" : kind->name;
}

static void a_start_is_enough_where_more_may_come(void **state)
{
    static const char pointer[] = "  version https://git-lfs.github.com/spec/v1";
    for (size_t count = 0; count < sizeof pointer; count++) {
        bool known = strstr(name_of(pointer, count, true), "Git LFS") != NULL;
        assert_int_equal(known, count > 2);
        known = strstr(name_of(pointer, count, false), "Git LFS") != NULL;
        assert_int_equal(known, count >= 2 + strlen("version https://git-lfs"));
    }
    assert_string_equal(name_of("<", 1, true), "an HTML page");
    assert_string_equal(name_of("<", 1, false), "");
    assert_string_equal(name_of("<svg", 4, true), "");
    assert_string_equal(name_of("P", 1, true), ""); /* of a zip archive, or of "Please log in" */
    assert_string_equal(name_of("\0<html", 6, true), "");
    assert_string_equal(name_of("<HTML>", 6, false), "an HTML page");
    assert_string_equal(name_of("{", 1, true), "");
}

/* The same file is known for what it is under the name of a config and under that of weights. */
static void json_and_weights_know_the_same(void **state)
{
    static const struct {
        const char *start;
        size_t bytes;
        const char *name;
    } files[] = {{"version https://git-lfs.github.com", 34, "Git LFS"},
                 {"<!DOCTYPE HTML>", 15, "HTML"},
                 {"\xEF\xBB\xBF{}", 5, "byte order mark"},
                 {"\x1f\x8b\x08", 3, "gzip"},
                 {"<?xml version", 13, "XML"},
                 {"PK\x03\x04", 4, "zip"}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct ladle_arena arena = {0};
        struct ladle_json *root;
        struct ladle_error *error = ladle_error_create();
        assert_non_null(strstr(name_of(files[i].start, files[i].bytes, false), files[i].name));
        assert_int_equal(ladle_json_parse("config.json", files[i].start, files[i].bytes, &arena, &root, error),
                         LADLE_BAD_INPUT);
        assert_non_null(strstr(ladle_error_message(error, 0), files[i].name));
        ladle_arena_finish(&arena);
        ladle_error_destroy(error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_is_enough_where_more_may_come),
        cmocka_unit_test(json_and_weights_know_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
