/* SPDX-License-Identifier: Apache-2.0 */
#include "output/identity.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ladle/ladle.h"
#include "scratch.h"

static struct ladle_options options;
static const char *beside; /* lines of an archive */

static void make_model(const char *folder)
{
    static const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                                 "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}";
    const uint64_t length = sizeof header - 1;
    char path[256];
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    scratch_folder(folder);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fwrite(&length, 8, 1, file);
    fwrite(header, 1, length, file);
    fwrite("0123456789abcdef", 1, 16, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static int setup(void **state)
{
    ladle_options_init(&options);
    options.log = scratch_log();
    if (scratch_setup(state) != 0) {
        return -1;
    }
    make_model("one");
    make_model("two");
    make_model("with\nnewline");
    return 0;
}

static const char recipe[] = "merge_method: linear\nmodels:\n- model: one\n  parameters: {weight: 0.5}\n"
                             "- model: two\n  parameters: {weight: 0.25}\n";

/* The identity of a recipe's merge with the options as they are. The caller's. */
static struct ladle_text identity_of(const char *text)
{
    struct ladle_plan *plan = NULL;
    struct ladle_text identity = {0};
    assert_int_equal(ladle_plan_create(&plan, "recipe.yml", text, strlen(text), &options, NULL), LADLE_OK);
    assert_int_equal(ladle_identity_write(plan, beside, &identity, NULL), LADLE_OK);
    ladle_plan_destroy(plan);
    return identity;
}

/* Compares with what `recipe` is with usual options, and returns what is said of a difference; NULL: the same. The caller
 * destroys the error. */
static struct ladle_error *difference(const char *text)
{
    struct ladle_options chosen = options;
    struct ladle_text now = identity_of(text);
    ladle_options_init(&options);
    options.log = scratch_log();
    struct ladle_text earlier = identity_of(recipe);
    options = chosen;
    struct ladle_error *error = NULL;
    if (!ladle_identity_is_same(earlier.data, now.data)) {
        error = ladle_error_create();
        assert_int_equal(ladle_identity_refuse(earlier.data, now.data, "out", error), LADLE_BAD_REQUEST);
        assert_true(scratch_says(error, "out: cannot go on"));
        assert_true(scratch_says(error, "--restart"));
    }
    ladle_text_finish(&now);
    ladle_text_finish(&earlier);
    return error;
}

static void assert_told(const char *text, const char *why)
{
    struct ladle_error *error = difference(text);
    assert_non_null(error);
    assert_true(scratch_says(error, why));
    ladle_error_destroy(error);
}

static void test_what_changes_no_byte_is_not_in_it(void **state)
{
    options.memory_bytes = 100 << 20;
    options.threads = 1;
    options.io = LADLE_IO_THREADS;
    options.direct = LADLE_DIRECT_OFF;
    options.block_bytes = 4096;
    options.force = options.restart = true;
    assert_null(difference(recipe));
    assert_null(difference("# the same\nmodels:\n- {parameters: {weight: 0.5}, model: ./one}\n"
                           "- {model: two/, parameters: {weight: 0.25}}\nmerge_method: linear\n"));
}

static void test_options_that_have_no_effect_do_not_matter(void **state)
{
    options.allow_missing = true;
    options.shard_bytes = 1 << 20; /* one file as before */
    assert_null(difference(recipe));
}

static void test_each_difference_is_told(void **state)
{
    assert_told("merge_method: slerp\nmodels: [{model: one}, {model: two}]\nbase_model: one\nparameters: {t: 0.5}\n",
                "the method was linear and is slerp");
    assert_told("merge_method: linear\nmodels:\n- model: one\n  parameters: {weight: 0.5}\n- model: two\n"
                "  parameters: {weight: 0.26}\n",
                "parameters");
    assert_told("merge_method: linear\nmodels:\n- model: two\n  parameters: {weight: 0.5}\n- model: one\n"
                "  parameters: {weight: 0.25}\n",
                "inputs are others");
    assert_told("merge_method: linear\nmodels:\n- model: one\n  parameters: {weight: 0.5}\n", "two/model.safetensors is no");
    options.have_seed = true;
    options.seed = 5;
    assert_told(recipe, "the seed was 0 and is 5");
    options.have_seed = false;
    options.shard_bytes = 8;
    assert_told(recipe, "--shard-size was 5000000000 and is 8");
    options.shard_bytes = 5000000000;
    options.out_dtype = "bfloat16";
    assert_told(recipe, "out_dtype was none and is bfloat16");
    options.out_dtype = NULL;
    options.dtype = "float64";
    assert_told(recipe, "dtype was none and is float64");
}

static void test_an_input_that_was_touched_is_told(void **state)
{
    struct ladle_text earlier = identity_of(recipe);
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000, .tv_nsec = 1}};
    assert_int_equal(utimensat(AT_FDCWD, "two/model.safetensors", times, 0), 0);
    struct ladle_text now = identity_of(recipe);
    struct ladle_error *error = ladle_error_create();
    assert_false(ladle_identity_is_same(earlier.data, now.data));
    ladle_identity_refuse(earlier.data, now.data, "out", error);
    assert_true(scratch_says(error, "two/model.safetensors changed"));
    ladle_error_destroy(error);
    ladle_text_finish(&earlier);
    ladle_text_finish(&now);
}

/* As assert_told, of an archive that had `before` and has `after`. */
static void assert_told_beside(const char *before, const char *after, const char *why)
{
    beside = before;
    struct ladle_text earlier = identity_of(recipe);
    beside = after;
    struct ladle_text now = identity_of(recipe);
    beside = NULL;
    struct ladle_error *error = ladle_error_create();
    assert_true(ladle_identity_is_same(now.data, now.data));
    assert_false(ladle_identity_is_same(earlier.data, now.data));
    assert_int_equal(ladle_identity_refuse(earlier.data, now.data, "out", error), LADLE_BAD_REQUEST);
    assert_true(scratch_says(error, why));
    ladle_error_destroy(error);
    ladle_text_finish(&earlier);
    ladle_text_finish(&now);
}

static void test_what_lies_beside_the_tensors_is_told(void **state)
{
    static const char whole[] = "time 0\ntext 1\nbeside 2 a b.json\nbeside 3 c\nmade 4 README.md\n";
    assert_told_beside(whole, "time 5\ntext 1\nbeside 2 a b.json\nbeside 3 c\nmade 4 README.md\n",
                       "SOURCE_DATE_EPOCH was 0 and is 5");
    assert_told_beside(whole, "time 0\ntext 7\nbeside 2 a b.json\nbeside 3 c\nmade 9 README.md\n",
                       "the recipe's text is another");
    assert_told_beside(whole, "time 0\ntext 1\nbeside 9 a b.json\nbeside 3 c\nmade 4 README.md\n",
                       "the file a b.json changed");
    assert_told_beside(whole, "time 0\ntext 1\nbeside 2 a b.json\nmade 4 README.md\n", "nothing is in the place of c");
    assert_told_beside(whole, "time 0\ntext 1\nbeside 2 a b.json\nbeside 3 c\nbeside 3 d\nmade 4 README.md\n",
                       "d is in the place of nothing");
    assert_told_beside(whole, "time 0\ntext 1\nbeside 2 a b.json\nbeside 3 c\nmade 9 README.md\n",
                       "the file README.md changed");
}

static void test_a_path_stays_one_line(void **state)
{
    struct ladle_text identity = identity_of("merge_method: passthrough\nmodels:\n- model: \"with\\nnewline\"\n");
    assert_non_null(strstr(identity.data, "/with%0Anewline/model.safetensors\n"));
    ladle_text_finish(&identity);
}

static void test_an_identity_of_nothing_is_no_other(void **state)
{
    struct ladle_text now = identity_of(recipe);
    assert_false(ladle_identity_is_same("", now.data));
    assert_false(ladle_identity_is_same(now.data, ""));
    assert_false(ladle_identity_is_same("", ""));
    struct ladle_error *error = ladle_error_create();
    assert_int_equal(ladle_identity_refuse("", now.data, "out", error), LADLE_BAD_REQUEST);
    assert_int_equal(ladle_error_count(error), 1);
    ladle_error_destroy(error);
    ladle_text_finish(&now);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_changes_no_byte_is_not_in_it),
        TEST(test_options_that_have_no_effect_do_not_matter),
        TEST(test_each_difference_is_told),
        TEST(test_an_input_that_was_touched_is_told),
        TEST(test_what_lies_beside_the_tensors_is_told),
        TEST(test_a_path_stays_one_line),
        TEST(test_an_identity_of_nothing_is_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
