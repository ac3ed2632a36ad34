/* SPDX-License-Identifier: Apache-2.0 */
#include "ladle/ladle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"
#include "scratch.h"

static struct ladle_options options;

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
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    scratch_write(path, folder);
}

static int setup(void **state)
{
    faults_arm(0, 0);
    faults_rename = faults_exchange = faults_fallocate = 0;
    ladle_options_init(&options);
    options.log = scratch_log();
    options.threads = 1;
    options.io = LADLE_IO_THREADS;
    if (scratch_setup(state) != 0) {
        return -1;
    }
    make_model("one", 1);
    make_model("two", 3);
    scratch_write("recipe.yml", "merge_method: linear\nmodels:\n- model: one\n  parameters: {weight: 0.5}\n"
                                "- model: two\n  parameters: {weight: 0.5}\n");
    return 0;
}

/* Plans and merges, and lets the n-th call of the merge fail; 0: none. */
static int merge(const char *output, int nth, struct ladle_result *result, struct ladle_error *error)
{
    struct ladle_plan *plan = NULL;
    assert_int_equal(ladle_plan_create(&plan, "recipe.yml", NULL, 0, &options, error), LADLE_OK);
    faults_arm(nth, EIO);
    int status = ladle_merge(plan, output, result, error);
    faults_arm(0, 0);
    ladle_plan_destroy(plan);
    return status;
}

static off_t size_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? status.st_size : -1;
}

/* The other unpacks it, and it holds what a folder would. */
static void assert_whole(const char *archive)
{
    char command[200];
    scratch_remove("unpacked");
    scratch_folder("unpacked");
    snprintf(command, sizeof command, "tar xf %s -C unpacked", archive);
    assert_int_equal(system(command), 0);
    assert_string_equal(scratch_list("unpacked"), "README.md mergekit_config.yml model.safetensors tokenizer.json ");
    struct ladle_model *model = NULL;
    float values[2] = {0, 0};
    assert_int_equal(ladle_model_open(&model, "unpacked", NULL, NULL), LADLE_OK);
    assert_int_equal(ladle_model_read_floats(model, ladle_model_find(model, "b"), 0, 2, values, NULL), LADLE_OK);
    assert_true(values[0] == 2 && values[1] == 2);
    ladle_model_close(model);
    scratch_remove("unpacked");
}

static void test_an_archive_is_made_whole(void **state)
{
    struct ladle_result result;
    assert_int_equal(merge("merged.tar", 0, &result, NULL), LADLE_OK);
    assert_whole("merged.tar");
    assert_int_equal(result.bytes, size_of("merged.tar"));
    assert_int_equal(result.bytes_written, result.bytes);
    assert_int_equal(result.tensors, 2);
    assert_string_equal(scratch_list("."), "merged.tar one recipe.yml two ");
}

static void test_forms(void **state)
{
    static const struct {
        const char *name;
        enum ladle_format asked, given;
    } cases[] = {
        {"x", LADLE_FORMAT_AUTO, LADLE_FORMAT_DIRECTORY},
        {"x.tar", LADLE_FORMAT_AUTO, LADLE_FORMAT_TAR},
        {"x.tar.zst", LADLE_FORMAT_AUTO, LADLE_FORMAT_TAR_ZST},
        {"-", LADLE_FORMAT_AUTO, LADLE_FORMAT_TAR_ZST},
        {"x.tar/", LADLE_FORMAT_AUTO, LADLE_FORMAT_DIRECTORY},
        {"x.tar", LADLE_FORMAT_DIRECTORY, LADLE_FORMAT_DIRECTORY},
        {"-", LADLE_FORMAT_TAR, LADLE_FORMAT_TAR},
        {"x", LADLE_FORMAT_TAR_ZST, LADLE_FORMAT_TAR_ZST},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ladle_format_of(cases[i].name, cases[i].asked), cases[i].given);
    }
}

static void test_requests_that_cannot_be(void **state)
{
    static const int levels[] = {0, -1, 20};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        options.zstd_level = levels[i];
        assert_int_equal(merge("merged.tar.zst", 0, NULL, NULL), LADLE_BAD_REQUEST);
        assert_int_equal(merge("merged.tar", 0, NULL, NULL), LADLE_OK);
        assert_int_equal(unlink("merged.tar"), 0);
    }
    ladle_options_init(&options);
    assert_int_equal(merge("", 0, NULL, NULL), LADLE_BAD_REQUEST);
    options.format = LADLE_FORMAT_TAR;
    assert_int_equal(merge("", 0, NULL, NULL), LADLE_BAD_REQUEST);
    assert_string_equal(scratch_list("."), "one recipe.yml two ");
}

/* Planned without a word of compression, the budget is divided anew; and if it is too small, nothing is made. */
static void test_a_plan_for_a_folder_can_become_an_archive(void **state)
{
    struct ladle_error *error = ladle_error_create();
    struct ladle_plan_summary summary;
    struct ladle_plan *plan = NULL;
    assert_int_equal(ladle_plan_create(&plan, "recipe.yml", NULL, 0, &options, NULL), LADLE_OK);
    ladle_plan_summarize(plan, &summary);
    ladle_plan_destroy(plan);
    options.memory_bytes = summary.least_bytes;
    assert_int_equal(merge("merged.tar.zst", 0, NULL, error), LADLE_OVER_BUDGET);
    assert_true(scratch_says(error, "--memory"));
    assert_string_equal(scratch_list("."), "one recipe.yml two ");
    options.memory_bytes = 0;
    assert_int_equal(merge("merged.tar.zst", 0, NULL, NULL), LADLE_OK);
    ladle_error_destroy(error);
}

static void test_a_plan_is_carried_out_once(void **state)
{
    struct ladle_plan *plan = NULL;
    scratch_write("exists.tar", "");
    assert_int_equal(ladle_plan_create(&plan, "recipe.yml", NULL, 0, &options, NULL), LADLE_OK);
    assert_int_equal(ladle_merge(plan, "exists.tar", NULL, NULL), LADLE_BAD_REQUEST);
    assert_int_equal(ladle_merge(plan, "other.tar", NULL, NULL), LADLE_BAD_REQUEST);
    assert_int_equal(ladle_merge(plan, "other", NULL, NULL), LADLE_BAD_REQUEST);
    ladle_plan_destroy(plan);
    assert_string_equal(scratch_list("."), "exists.tar one recipe.yml two ");

    /* Else the second would be a folder, too. */
    assert_int_equal(ladle_plan_create(&plan, "recipe.yml", NULL, 0, &options, NULL), LADLE_OK);
    assert_int_equal(ladle_merge(plan, "folder", NULL, NULL), LADLE_OK);
    assert_int_equal(ladle_merge(plan, "other.tar", NULL, NULL), LADLE_BAD_REQUEST);
    ladle_plan_destroy(plan);
    assert_false(scratch_exists("other.tar"));
}

static void test_an_unfinished_folder_of_this_name_is_not_lost(void **state)
{
    struct ladle_error *error = ladle_error_create();
    scratch_folder(".merged.tar.ladle-partial");
    scratch_folder(".merged.tar.ladle-partial/output");
    scratch_write(".merged.tar.ladle-partial/journal", "ladle journal 999\n");
    assert_int_equal(merge("merged.tar", 0, NULL, error), LADLE_BAD_REQUEST);
    assert_true(scratch_says(error, "--restart"));
    assert_true(scratch_exists(".merged.tar.ladle-partial/output"));
    options.restart = true;
    assert_int_equal(merge("merged.tar", 0, NULL, NULL), LADLE_OK);
    assert_string_equal(scratch_list("."), "merged.tar one recipe.yml two ");
    ladle_error_destroy(error);
}

static bool stop_later(void *user)
{
    int *left = user;
    return --*left <= 0;
}

static void test_a_stopped_merge_leaves_nothing(void **state)
{
    int times = 1, status;
    options.stop = stop_later;
    do {
        int left = times++;
        options.stop_user = &left;
        status = merge("a/merged.tar.zst", 0, NULL, NULL);
        if (status != LADLE_OK) {
            assert_int_equal(status, LADLE_STOPPED);
            assert_string_equal(scratch_list("."), "one recipe.yml two ");
        }
    } while (status != LADLE_OK);
    assert_true(times > 3);
    assert_true(size_of("a/merged.tar.zst") > 0);
}

/* File systems that cannot exchange names or refuse to replace. */
static void test_old_archives_are_replaced_in_other_ways(void **state)
{
    options.force = true;
    static const int codes[] = {EINVAL, ENOSYS};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        faults_exchange = codes[i];
        assert_int_equal(merge("merged.tar", 0, NULL, NULL), LADLE_OK); /* new, then over the old */
        assert_whole("merged.tar");
        assert_string_equal(scratch_list("."), "merged.tar one recipe.yml two ");
    }
}

/* Whatever fails, there is no archive or a whole one; and then the next run succeeds. */
static void test_every_call_may_fail_once(void **state)
{
    int nth = 0, calls, failures = 0;
    do {
        struct ladle_error *error = ladle_error_create();
        int status = merge("merged.tar", ++nth, NULL, error);
        struct ladle_plan *plan = NULL;
        if (status != LADLE_OK) {
            failures++;
            assert_int_equal(ladle_error_status(error), status);
            assert_false(scratch_exists("merged.tar"));
            assert_int_equal(merge("merged.tar", 0, NULL, NULL), LADLE_OK);
        }
        assert_whole("merged.tar");
        assert_int_equal(unlink("merged.tar"), 0);
        scratch_remove(".merged.tar.ladle-partial"); /* what could not be removed, with a warning */
        assert_int_equal(ladle_plan_create(&plan, "recipe.yml", NULL, 0, &options, NULL), LADLE_OK);
        faults_arm(0, 0);
        assert_int_equal(ladle_merge(plan, "merged.tar", NULL, NULL), LADLE_OK);
        calls = faults_count();
        ladle_plan_destroy(plan);
        assert_int_equal(unlink("merged.tar"), 0);
        ladle_error_destroy(error);
    } while (nth <= calls);
    assert_true(failures > 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_archive_is_made_whole),       TEST(test_forms),
        TEST(test_requests_that_cannot_be),        TEST(test_a_plan_for_a_folder_can_become_an_archive),
        TEST(test_a_plan_is_carried_out_once),        TEST(test_an_unfinished_folder_of_this_name_is_not_lost),
        TEST(test_a_stopped_merge_leaves_nothing), TEST(test_old_archives_are_replaced_in_other_ways),
        TEST(test_every_call_may_fail_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
