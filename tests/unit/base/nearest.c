/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/text.h"

static const char *const known[] = {
    "merge_method", "base_model", "models",  "slices",  "parameters", "dtype",       "out_dtype",       "tokenizer_source",
    "weight",       "density",    "gamma",   "epsilon", "lambda",     "normalize",   "rescale",         "t",
    "linear",       "slerp",      "nuslerp", "ties",    "dare_ties",  "dare_linear", "task_arithmetic", "passthrough",
    NULL,
};

static void slips_find_their_word(void **state)
{
    static const char *const pairs[][2] = {{"merge_metod", "merge_method"},
                                           {"mergemethod", "merge_method"},
                                           {"merge-method", "merge_method"},
                                           {"Merge_Method", "merge_method"},
                                           {"dare-ties", "dare_ties"},
                                           {"DARE_TIES", "dare_ties"},
                                           {"dareties", "dare_ties"},
                                           {"weigth", "weight"},
                                           {"wieght", "weight"},
                                           {"weights", "weight"},
                                           {"dype", "dtype"},
                                           {"dtpye", "dtype"},
                                           {"out_dtyp", "out_dtype"},
                                           {"basemodel", "base_model"},
                                           {"base model", "base_model"},
                                           {"model", "models"},
                                           {"normalise", "normalize"},
                                           {"tokeniser_source", "tokenizer_source"},
                                           {"densty", "density"},
                                           {"epsilonn", "epsilon"},
                                           {"T", "t"},
                                           {"tie", "ties"},
                                           {"slurp", "slerp"},
                                           {"task-arithmatic", "task_arithmetic"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const char *nearest = ladle_nearest(pairs[i][0], known);
        assert_non_null(nearest);
        assert_string_equal(nearest, pairs[i][1]);
    }
}

static void other_words_find_nothing(void **state)
{
    static const char *const words[] = {
        "",     "x",      "foo",         "banana", "chat_template", "layer_range", "name",
        "seed", "author", "description", "hello",  "filter",        "int8_mask",   "q",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (ladle_nearest(words[i], known) != NULL) {
            fail_msg("%s is taken for %s", words[i], ladle_nearest(words[i], known));
        }
    }
}

static void distances(void **state)
{
    assert_int_equal(ladle_distance("weight", "weight"), 0);
    assert_int_equal(ladle_distance("", ""), 0);
    assert_true(ladle_distance("dare-ties", "dare_ties") < ladle_distance("dare_tie", "dare_ties"));
    assert_true(ladle_distance("weigth", "weight") < SIZE_MAX);
    assert_int_equal(ladle_distance("weigth", "weight"), ladle_distance("weight", "weigth"));
    assert_int_equal(ladle_distance("ties", "linear"), SIZE_MAX);
}

static void long_words_are_never_near(void **state)
{
    char one[70], other[70];
    memset(one, 'a', sizeof one);
    memset(other, 'a', sizeof other);
    one[64] = other[64] = '\0';
    assert_int_equal(ladle_distance(one, other), 0);
    one[64] = 'a';
    one[65] = '\0';
    assert_int_equal(ladle_distance(one, other), SIZE_MAX);
    assert_int_equal(ladle_distance(other, one), SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slips_find_their_word),
        cmocka_unit_test(other_words_find_nothing),
        cmocka_unit_test(distances),
        cmocka_unit_test(long_words_are_never_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
