/* SPDX-License-Identifier: Apache-2.0 */
#include "output/public_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const known[] = {"/data/my models/base model", "/data/my"};

static void assert_public(const char *text, const char *expected)
{
    struct ladle_text out = {0};
    ladle_public_text(text, strlen(text), known, sizeof known / sizeof *known, &out);
    ladle_text_add(&out, "", 0);
    assert_false(out.failed);
    assert_string_equal(out.data, expected);
    ladle_text_finish(&out);
}

static void test_absolute_paths_keep_their_last_component(void **state)
{
    assert_public("/home/me/models/base", "base");
    assert_public("model: /home/me/base/\n", "model: base\n");
    assert_public("- model: '/home/me/a b/c d'  # from /srv/x\n", "- model: 'c d'  # from x\n");
    assert_public("{model: {path: /a/b}, x: [/c/d,/e/f]}", "{model: {path: b}, x: [d,f]}");
    assert_public("G:/models/x and C:\\models\\y.safetensors", "x and y.safetensors");
}

static void test_adapters_are_two_paths(void **state)
{
    assert_public("/a/base+/b/adapter", "base+adapter");
    assert_public("org/name+/b/adapter", "org/name+adapter");
    assert_public("\"/a/base+/b/c/+/d/e\"", "\"base+c+e\"");
    assert_public("/a/c++/x", "c++x"); /* could be either; nothing of the path is told */
}

static void test_known_names_may_hold_blanks(void **state)
{
    assert_public("model: /data/my models/base model", "model: base model");
    assert_public("model: /data/my models/base models\n", "model: base models\n");
}

static void test_all_else_stays(void **state)
{
    static const char *const texts[] = {
        "",       "org/name",         "./a/b", "../a", "https://huggingface.co/org/name", "1/2 and / or //",
        "a: b/c", "weight: [0, 0.5]", "/",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_public(texts[i], texts[i]);
    }
}

/* Recursion here could be driven as deep as a recipe is long. */
static void test_a_long_chain_of_adapters_needs_no_stack(void **state)
{
    const size_t links = 300000;
    char *text = malloc(3 * links + 1);
    struct ladle_text out = {0};
    for (size_t i = 0; i < links; i++) {
        memcpy(text + 3 * i, "/a+", 3);
    }
    ladle_public_text(text, 3 * links, NULL, 0, &out);
    assert_false(out.failed);
    assert_int_equal(out.bytes, 2 * links);
    assert_memory_equal(out.data, "a+a+", 4);
    ladle_text_finish(&out);
    free(text);
}

static void test_hub_ids(void **state)
{
    static const char *const good[] = {"gpt2", "org/name", "a-b/C_d.e-1", "0x/1", "_a/b_"};
    static const char *const bad[] = {"",   "/a",   "a/",   "a/b/c",   "../a",   "./a",        "a b", "a/.b",
                                      "-a", "a--b", "a..b", "a/b.git", "g:/a/b", "\xC3\xA4/b", "a/b-"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(ladle_public_is_hub_id(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(ladle_public_is_hub_id(bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absolute_paths_keep_their_last_component),
        cmocka_unit_test(test_adapters_are_two_paths),
        cmocka_unit_test(test_known_names_may_hold_blanks),
        cmocka_unit_test(test_all_else_stays),
        cmocka_unit_test(test_a_long_chain_of_adapters_needs_no_stack),
        cmocka_unit_test(test_hub_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
