/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/quota.h"

static void what_is_taken_comes_back(void **state)
{
    struct ladle_quota quota = {.most = 100};
    assert_true(ladle_quota_take(&quota, 60));
    assert_true(ladle_quota_take(&quota, 40));
    assert_false(ladle_quota_take(&quota, 1));
    assert_true(quota.refused);
    ladle_quota_give(&quota, 50);
    assert_true(ladle_quota_take(&quota, 50));
    assert_false(ladle_quota_take(&quota, UINT64_MAX));
    ladle_quota_give(&quota, 100);
    assert_int_equal(quota.used, 0);
    assert_int_equal(quota.peak, 100);
    assert_true(ladle_quota_take(NULL, UINT64_MAX));
    ladle_quota_give(NULL, UINT64_MAX);
}

static void growing_counts_the_old_and_the_new(void **state)
{
    struct ladle_quota quota = {.most = 250};
    char *array = ladle_quota_grow(&quota, NULL, 0, 10, 10);
    assert_non_null(array);
    memset(array, 7, 100);
    assert_null(ladle_quota_grow(&quota, array, 10, 20, 10)); /* 100 and 200 */
    assert_null(ladle_quota_grow(&quota, array, 10, SIZE_MAX, 10));
    assert_int_equal(array[99], 7);
    assert_int_equal(quota.used, 100);
    array = ladle_quota_grow(&quota, array, 10, 15, 10);
    assert_non_null(array);
    assert_int_equal(array[99], 7);
    assert_int_equal(quota.used, 150);
    assert_int_equal(quota.peak, 250);
    ladle_quota_free(&quota, array, 15, 10);
    assert_int_equal(quota.used, 0);
}

/* Every kind of text that makes much of little, `count` bytes of it; to be freed. */
static char *make_text(unsigned kind, size_t count)
{
    static const char *const starts[] = {"[", "[", "{\"x\":\"", "{", "["};
    static const char *const units[] = {"1,", "{},", "xxxx", "\"%06zx\":1,", "\"\","};
    static const char *const ends[] = {"1]", "1]", "\"}", "\"y\":1}", "1]"};
    char *text = malloc(count + 64);
    assert_non_null(text);
    size_t at = (size_t)sprintf(text, "%s", starts[kind]);
    for (size_t i = 0; at < count; i++) {
        if (kind == 3) {
            at += (size_t)sprintf(text + at, "\"%06zx\":1,", i);
        } else {
            at += (size_t)sprintf(text + at, "%s", units[kind]);
        }
    }
    strcpy(text + at, ends[kind]);
    return text;
}

static void a_json_tree_stays_within_its_quota(void **state)
{
    for (unsigned kind = 0; kind < 5; kind++) {
        char *text = make_text(kind, 100000);
        uint64_t needed = UINT64_MAX / 2;
        for (uint64_t most = needed; most > 1000; most = most == needed ? needed - 1 : most / 2) {
            struct ladle_quota quota = {.most = most};
            struct ladle_arena arena = {.quota = &quota};
            struct ladle_json *root;
            struct ladle_error *error = ladle_error_create();
            int status = ladle_json_parse("config.json", text, strlen(text), &arena, &root, error);
            if (most == UINT64_MAX / 2) {
                assert_int_equal(status, LADLE_OK);
                assert_true(quota.peak >= arena.bytes);
                assert_true(quota.peak <= 64 * strlen(text)); /* the factor that json.c counts on */
                needed = most = quota.peak;
                ladle_arena_finish(&arena);
                assert_int_equal(quota.used, 0);
                quota = (struct ladle_quota){.most = most}; /* exactly that is enough */
                assert_int_equal(ladle_json_parse("config.json", text, strlen(text), &arena, &root, error), LADLE_OK);
            } else {
                assert_int_equal(status, LADLE_NO_MEMORY);
                assert_null(root);
                assert_true(quota.refused);
                assert_true(quota.peak <= most);
            }
            ladle_arena_finish(&arena);
            assert_int_equal(quota.used, 0);
            assert_ptr_equal(arena.quota, &quota);
            ladle_error_destroy(error);
        }
        free(text);
    }
}

static void a_refusal_says_what_would_do(void **state)
{
    struct ladle_quota quota = {.most = 70 << 20};
    struct ladle_error *error = ladle_error_create();
    assert_true(ladle_quota_take(&quota, 10 << 20));
    assert_int_equal(ladle_quota_explain(&quota, LADLE_NO_MEMORY, 6 << 20, "--memory", error), LADLE_NO_MEMORY);
    ladle_quota_begin(&quota, "d/config.json", 10 << 20, 10);
    assert_null(ladle_quota_grow(&quota, NULL, 0, 1, 61 << 20));
    ladle_quota_begin(&quota, NULL, 0, 0);
    ladle_fail_memory(error, "something");
    assert_int_equal(ladle_quota_explain(&quota, LADLE_BAD_INPUT, 6 << 20, "--memory", error), LADLE_BAD_INPUT);
    assert_int_equal(ladle_quota_explain(&quota, LADLE_NO_MEMORY, 6 << 20, "--memory", error), LADLE_OVER_BUDGET);
    assert_int_equal(ladle_error_status(error), LADLE_OVER_BUDGET);
    assert_int_equal(ladle_error_count(error), 1);
    assert_string_equal(ladle_error_message(error, 0),
                        "d/config.json: what must be kept of it does not fit in a memory budget of 64M\n"
                        "  if it is what its name says: --memory 104M is enough to read it"); /* 10 + 10 * 10 - 6 */
    ladle_error_destroy(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_comes_back),
        cmocka_unit_test(growing_counts_the_old_and_the_new),
        cmocka_unit_test(a_json_tree_stays_within_its_quota),
        cmocka_unit_test(a_refusal_says_what_would_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
