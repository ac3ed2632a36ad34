/* SPDX-License-Identifier: Apache-2.0 */
#include "ladle/ladle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"
#include "scratch.h"

static struct ladle_options options;

/* A model of two F32 tensors of two elements each: the fewest that make two shards. */
static void make_model(const char *folder, float value)
{
    static const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                                 "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}";
    const float data[4] = {value, value, value, value};
    const uint64_t length = sizeof header - 1;
    char path[256];
    scratch_folder(folder);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fwrite(&length, 8, 1, file);
    fwrite(header, 1, length, file);
    fwrite(data, 4, 4, file);
    assert_int_equal(fclose(file), 0);
    snprintf(path, sizeof path, "%s/config.json", folder);
    scratch_write(path, "{\"model_type\": \"x\"}");
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    scratch_write(path, folder);
}

static const char recipe[] = "merge_method: linear\nmodels:\n- model: one\n  parameters: {weight: 0.5}\n"
                             "- model: two\n  parameters: {weight: 0.5}\n";

static int setup(void **state)
{
    faults_arm(0, 0);
    faults_rename = faults_exchange = faults_fallocate = 0;
    ladle_options_init(&options);
    options.log = scratch_log();
    options.threads = 1;
    if (scratch_setup(state) != 0) {
        return -1;
    }
    make_model("one", 1);
    make_model("two", 3);
    scratch_write("recipe.yml", recipe);
    return 0;
}

/* Plans and merges; the plan must succeed. */
static int merge(const char *output, struct ladle_result *result, struct ladle_error *error)
{
    struct ladle_plan *plan = NULL;
    assert_int_equal(ladle_plan_create(&plan, "recipe.yml", NULL, 0, &options, error), LADLE_OK);
    int status = ladle_merge(plan, output, result, error);
    ladle_plan_destroy(plan);
    return status;
}

/* The inputs and nothing else. */
static void assert_nothing_left(void)
{
    assert_string_equal(scratch_list("."), "one recipe.yml two ");
}

static void assert_merged(const char *folder)
{
    struct ladle_model *model = NULL;
    float values[2] = {0, 0};
    assert_int_equal(ladle_model_open(&model, folder, NULL, NULL), LADLE_OK);
    assert_int_equal(ladle_model_tensor_count(model), 2);
    assert_int_equal(ladle_model_read_floats(model, ladle_model_find(model, "b"), 0, 2, values, NULL), LADLE_OK);
    assert_true(values[0] == 2 && values[1] == 2);
    ladle_model_close(model);
}

static void test_a_whole_model_comes_out(void **state)
{
    struct ladle_result result;
    struct stat status;
    assert_int_equal(merge("merged", &result, NULL), LADLE_OK);
    assert_string_equal(scratch_list("merged"),
                        "README.md config.json mergekit_config.yml model.safetensors tokenizer.json ");
    assert_merged("merged");
    assert_true(scratch_holds("merged/mergekit_config.yml", recipe));
    assert_true(scratch_holds("merged/tokenizer.json", "one"));
    assert_int_equal(stat("merged/model.safetensors", &status), 0);
    assert_int_equal(status.st_size, 4096 + 16); /* header, four floats, nothing behind them */
    assert_int_equal(result.bytes, 4096 + 16);
    assert_int_equal(result.tensors, 2);
    assert_int_equal(result.parameters, 4);
    assert_true(result.seconds > 0);
    assert_true(result.peak_bytes > 1000000 && result.peak_bytes < UINT64_C(100) << 30);
}

static void test_shards_come_with_their_index(void **state)
{
    options.shard_bytes = 8;
    assert_int_equal(merge("merged", NULL, NULL), LADLE_OK);
    assert_string_equal(scratch_list("merged"), "README.md config.json mergekit_config.yml model-00001-of-00002.safetensors "
                                                "model-00002-of-00002.safetensors model.safetensors.index.json "
                                                "tokenizer.json ");
    assert_merged("merged");
    assert_true(scratch_holds("merged/model.safetensors.index.json",
                              "{\n  \"metadata\": {\n    \"total_parameters\": 4,\n    \"total_size\": 16\n  },\n"
                              "  \"weight_map\": {\n    \"a\": \"model-00001-of-00002.safetensors\",\n"
                              "    \"b\": \"model-00002-of-00002.safetensors\"\n  }\n}\n"));
}

static bool stop_always(void *user)
{
    (void)user;
    return true;
}

/* Told to stop at the n-th time it is asked. */
static bool stop_later(void *user)
{
    int *left = user;
    return --*left <= 0;
}

/* What a merge that ended early leaves: nothing, or what the next run goes on with. */
static void assert_can_go_on(const struct ladle_error *error)
{
    struct ladle_result result;
    if (!scratch_exists("a/b/.merged.ladle-partial")) {
        assert_nothing_left();
        return;
    }
    assert_true(scratch_says(error, "the same command goes on"));
    assert_false(scratch_exists("a/b/merged"));
    options.stop = NULL;
    assert_int_equal(merge("a/b/merged", &result, NULL), LADLE_OK);
    options.stop = stop_later;
    assert_int_equal(result.bytes_resumed, 4096 + 16);
    assert_int_equal(result.bytes_read, 0);
    assert_merged("a/b/merged");
    assert_int_equal(scratch_remove("a"), 0);
}

/* Whether a stop comes before or after the tensors are written is a matter of time; tests/stress/resume.py makes sure. */
static void test_a_stopped_merge_leaves_nothing_or_what_to_go_on_with(void **state)
{
    struct ladle_error *error = ladle_error_create();
    options.stop = stop_always;
    assert_int_equal(merge("a/b/merged", NULL, error), LADLE_STOPPED);
    assert_nothing_left();
    options.stop = stop_later;
    int times = 1, status;
    do {
        int left = times++;
        options.stop_user = &left;
        ladle_error_clear(error);
        status = merge("a/b/merged", NULL, error);
        if (status != LADLE_OK) {
            assert_int_equal(status, LADLE_STOPPED);
            assert_int_equal(ladle_error_status(error), LADLE_STOPPED);
            assert_can_go_on(error);
        }
    } while (status != LADLE_OK);
    assert_true(times > 3);
    assert_merged("a/b/merged");
    ladle_error_destroy(error);
}

/* Each time it is asked whether to stop, the merge is under way: then an input is touched. */
static bool touch_input(void *user)
{
    (void)user;
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    utimensat(AT_FDCWD, "two/model.safetensors", times, 0);
    return false;
}

static void test_an_input_that_changes_is_noticed(void **state)
{
    struct ladle_error *error = ladle_error_create();
    options.stop = touch_input;
    assert_int_equal(merge("merged", NULL, error), LADLE_FAILED);
    assert_true(scratch_says(error, "two/model.safetensors"));
    assert_true(scratch_says(error, "changed"));
    assert_true(scratch_says(error, "nothing is left"));
    assert_nothing_left();
    ladle_error_destroy(error);
}

static void test_no_space_is_told_before_the_first_tensor(void **state)
{
    struct ladle_error *error = ladle_error_create();
    faults_fallocate = ENOSPC;
    assert_int_equal(merge("merged", NULL, error), LADLE_FAILED);
    assert_true(scratch_says(error, "not enough space"));
    assert_nothing_left();
    ladle_error_destroy(error);
}

static void test_refusals_leave_everything_as_it_was(void **state)
{
    static const char *const outputs[] = {"one", "two/merged", "recipe.yml", ""};
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        struct ladle_error *error = ladle_error_create();
        assert_int_equal(merge(outputs[i], NULL, error), LADLE_BAD_REQUEST);
        assert_int_equal(ladle_error_count(error), 1);
        assert_nothing_left();
        assert_string_equal(scratch_list("one"), "config.json model.safetensors tokenizer.json ");
        ladle_error_destroy(error);
    }
    options.format = LADLE_FORMAT_DIRECTORY;
    assert_int_equal(merge("-", NULL, NULL), LADLE_BAD_REQUEST);
    /* Said so, any other name will do. */
    assert_int_equal(merge("x.tar", NULL, NULL), LADLE_OK);
    assert_merged("x.tar");
}

/* Whatever fails, there is no output or a whole one; and then the next run succeeds. */
static void test_every_call_may_fail_once(void **state)
{
    int nth = 0, calls, failures = 0;
    options.shard_bytes = 8;
    do {
        struct ladle_error *error = ladle_error_create();
        struct ladle_plan *plan = NULL;
        assert_int_equal(ladle_plan_create(&plan, "recipe.yml", NULL, 0, &options, error), LADLE_OK);
        faults_arm(++nth, EIO);
        int status = ladle_merge(plan, "merged", NULL, error);
        calls = faults_count();
        faults_arm(0, 0);
        ladle_plan_destroy(plan);
        if (status != LADLE_OK) {
            failures++;
            assert_int_equal(ladle_error_status(error), status);
            assert_false(scratch_exists("merged"));
            assert_int_equal(merge("merged", NULL, NULL), LADLE_OK);
        }
        assert_merged("merged");
        bool left = scratch_exists(".merged.ladle-partial/journal"); /* what could not be removed, with a warning */
        assert_int_equal(merge("merged", NULL, NULL), left ? LADLE_OK : LADLE_BAD_REQUEST); /* for it is there */
        assert_false(scratch_exists(".merged.ladle-partial"));
        assert_merged("merged");
        assert_int_equal(rename("merged", "done"), 0);
        assert_int_equal(scratch_remove("done"), 0);
        ladle_error_destroy(error);
    } while (nth <= calls);
    assert_true(failures > 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_whole_model_comes_out),
        TEST(test_shards_come_with_their_index),
        TEST(test_a_stopped_merge_leaves_nothing_or_what_to_go_on_with),
        TEST(test_an_input_that_changes_is_noticed),
        TEST(test_no_space_is_told_before_the_first_tensor),
        TEST(test_refusals_leave_everything_as_it_was),
        TEST(test_every_call_may_fail_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
