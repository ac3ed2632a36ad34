/* SPDX-License-Identifier: Apache-2.0 */
#include "output/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "faults.h"
#include "output/tree.h"
#include "scratch.h"

static struct ladle_plan plan; /* without inputs */

static int setup(void **state)
{
    faults_arm(0, 0);
    faults_rename = faults_exchange = faults_fallocate = 0;
    plan = (struct ladle_plan){.options.log = scratch_log()};
    return scratch_setup(state);
}

/* Opens and begins an output and puts one file in it: what a merge does. */
static int make(struct ladle_directory *directory, const char *output, const char *text, struct ladle_error *error)
{
    int result = ladle_directory_open(directory, output, &plan, error);
    if (result == LADLE_OK) {
        result = ladle_directory_begin(directory, error);
    }
    return result == LADLE_OK ? ladle_file_create_at(directory->output, "config.json", "it", text, strlen(text), error)
                              : result;
}

static void make_old(void)
{
    scratch_folder("out");
    scratch_write("out/config.json", "old");
    scratch_folder("out/folder");
    scratch_write("out/folder/file", "old");
}

static void test_an_output_appears_when_it_is_published(void **state)
{
    struct ladle_directory directory;
    assert_int_equal(make(&directory, "out", "new", NULL), LADLE_OK);
    assert_string_equal(scratch_list("."), ".out.ladle-partial ");
    assert_string_equal(scratch_list(".out.ladle-partial"), "lock output ");
    assert_int_equal(ladle_directory_publish(&directory, &plan, NULL), LADLE_OK);
    ladle_directory_close(&directory);
    assert_string_equal(scratch_list("."), "out ");
    assert_string_equal(scratch_list("out"), "config.json ");
    assert_true(scratch_holds("out/config.json", "new"));
}

static void test_an_empty_folder_is_a_fine_place(void **state)
{
    struct ladle_directory directory;
    scratch_folder("out");
    assert_int_equal(make(&directory, "out", "new", NULL), LADLE_OK);
    assert_int_equal(ladle_directory_publish(&directory, &plan, NULL), LADLE_OK);
    ladle_directory_close(&directory);
    assert_string_equal(scratch_list("."), "out ");
    assert_true(scratch_holds("out/config.json", "new"));
}

static void test_modes_are_those_of_the_umask(void **state)
{
    struct ladle_directory directory;
    struct stat status;
    mode_t before = umask(027);
    assert_int_equal(make(&directory, "a/out", "new", NULL), LADLE_OK);
    assert_int_equal(ladle_directory_publish(&directory, &plan, NULL), LADLE_OK);
    ladle_directory_close(&directory);
    umask(before);
    assert_int_equal(stat("a/out", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0750);
    assert_int_equal(stat("a/out/config.json", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
}

static void test_folders_above_are_made_and_removed_again(void **state)
{
    struct ladle_directory directory;
    scratch_folder("a");
    assert_int_equal(make(&directory, "a/b/c/out", "new", NULL), LADLE_OK);
    assert_true(scratch_exists("a/b/c/.out.ladle-partial/output/config.json"));
    assert_int_equal(ladle_directory_abandon(&directory), LADLE_REMAINS_REMOVED);
    ladle_directory_close(&directory);
    assert_string_equal(scratch_list("."), "a ");
    assert_string_equal(scratch_list("a"), "");
}

static void test_folders_above_stay_if_somebody_uses_them(void **state)
{
    struct ladle_directory directory;
    assert_int_equal(make(&directory, "a/b/out", "new", NULL), LADLE_OK);
    scratch_write("a/note", "mine");
    ladle_directory_abandon(&directory);
    ladle_directory_close(&directory);
    assert_string_equal(scratch_list("a"), "note ");
}

static void test_a_second_run_is_refused(void **state)
{
    struct ladle_directory first, second;
    struct ladle_error *error = ladle_error_create();
    char process[32];
    snprintf(process, sizeof process, "process %ld", (long)getpid());
    assert_int_equal(make(&first, "out", "new", NULL), LADLE_OK);
    assert_int_equal(ladle_directory_open(&second, "./out/", &plan, error), LADLE_FAILED);
    assert_true(scratch_says(error, "another run"));
    assert_true(scratch_says(error, process));
    assert_int_equal(ladle_directory_abandon(&second), LADLE_REMAINS_NONE);
    ladle_directory_close(&second);
    assert_int_equal(ladle_directory_publish(&first, &plan, NULL), LADLE_OK); /* nothing of the first was touched */
    ladle_directory_close(&first);
    assert_true(scratch_holds("out/config.json", "new"));
    ladle_error_destroy(error);
}

static void test_the_lock_of_a_dead_run_is_no_obstacle(void **state)
{
    struct ladle_directory directory;
    pid_t child = fork();
    if (child == 0) {
        _exit(make(&directory, "out", "half", NULL) == LADLE_OK ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(scratch_holds(".out.ladle-partial/output/config.json", "half"));
    assert_int_equal(ladle_directory_open(&directory, "out", &plan, NULL), LADLE_OK);
    assert_true(ladle_directory_has_remains(&directory));
    assert_int_equal(ladle_directory_begin(&directory, NULL), LADLE_OK);
    assert_string_equal(scratch_list(".out.ladle-partial/output"),
                        ""); /* nothing of the dead run gets into the new output */
    ladle_directory_abandon(&directory);
    ladle_directory_close(&directory);
    assert_string_equal(scratch_list("."), "");
}

static void test_what_was_tried_out_by_a_dead_run_is_no_obstacle(void **state)
{
    struct ladle_directory directory;
    scratch_folder(".out.ladle-partial");
    scratch_folder(".out.ladle-partial/trial");
    scratch_write(".out.ladle-partial/trial/file", "x");
    assert_int_equal(ladle_directory_open(&directory, "out", &plan, NULL), LADLE_OK);
    assert_int_equal(ladle_directory_abandon(&directory), LADLE_REMAINS_REMOVED);
    ladle_directory_close(&directory);
    assert_string_equal(scratch_list("."), "");
    scratch_folder(".out.ladle-partial");
    scratch_folder(".out.ladle-partial/trial");
    assert_int_equal(make(&directory, "out", "new", NULL), LADLE_OK);
    assert_int_equal(ladle_directory_publish(&directory, &plan, NULL), LADLE_OK);
    ladle_directory_close(&directory);
    assert_string_equal(scratch_list("."), "out ");
}

static void test_an_old_output_stays_until_the_new_one_is_complete(void **state)
{
    struct ladle_directory directory;
    make_old();
    plan.options.force = true;
    for (int publish = 0; publish < 2; publish++) {
        assert_int_equal(make(&directory, "out", "new", NULL), LADLE_OK);
        assert_true(scratch_holds("out/config.json", "old"));
        assert_true(scratch_holds("out/folder/file", "old"));
        if (publish == 0) {
            ladle_directory_abandon(&directory);
            assert_true(scratch_holds("out/config.json", "old"));
        } else {
            assert_int_equal(ladle_directory_publish(&directory, &plan, NULL), LADLE_OK);
        }
        ladle_directory_close(&directory);
        assert_string_equal(scratch_list("."), "out ");
    }
    assert_string_equal(scratch_list("out"), "config.json ");
    assert_true(scratch_holds("out/config.json", "new"));
}

static void test_replacing_without_exchange_of_names(void **state)
{
    struct ladle_directory directory;
    make_old();
    plan.options.force = true;
    faults_exchange = EINVAL;
    assert_int_equal(make(&directory, "out", "new", NULL), LADLE_OK);
    assert_int_equal(ladle_directory_publish(&directory, &plan, NULL), LADLE_OK);
    ladle_directory_close(&directory);
    assert_string_equal(scratch_list("."), "out ");
    assert_string_equal(scratch_list("out"), "config.json ");
}

static void test_what_appears_meanwhile_is_not_replaced(void **state)
{
    struct ladle_directory directory;
    struct ladle_error *error = ladle_error_create();
    assert_int_equal(make(&directory, "out", "new", NULL), LADLE_OK);
    make_old();
    assert_int_equal(ladle_directory_publish(&directory, &plan, error), LADLE_BAD_REQUEST);
    assert_true(scratch_says(error, "exists and is not empty"));
    ladle_directory_abandon(&directory);
    ladle_directory_close(&directory);
    assert_string_equal(scratch_list("."), "out ");
    assert_true(scratch_holds("out/config.json", "old"));
    ladle_error_destroy(error);
}

static void test_an_old_output_moved_aside_by_a_dead_run_comes_back(void **state)
{
    struct ladle_directory directory;
    scratch_folder(".out.ladle-partial");
    scratch_folder(".out.ladle-partial/replaced");
    scratch_write(".out.ladle-partial/replaced/config.json", "old");
    scratch_folder(".out.ladle-partial/output");
    assert_int_equal(ladle_directory_open(&directory, "out", &plan, NULL),
                     LADLE_BAD_REQUEST); /* it is there again: no --force */
    assert_non_null(strstr(scratch_messages(), "back in its place"));
    ladle_directory_abandon(&directory);
    ladle_directory_close(&directory);
    assert_string_equal(scratch_list("."), "out ");
    assert_true(scratch_holds("out/config.json", "old"));
}

static void test_a_file_system_that_cannot_rename_is_refused_at_once(void **state)
{
    struct ladle_directory directory;
    struct ladle_error *error = ladle_error_create();
    faults_rename = ENOSYS;
    assert_int_equal(make(&directory, "out", "new", error), LADLE_FAILED);
    assert_true(scratch_says(error, "rename"));
    assert_true(scratch_says(error, "local disk"));
    ladle_directory_abandon(&directory);
    ladle_directory_close(&directory);
    assert_string_equal(scratch_list("."), "");
    ladle_error_destroy(error);
}

static void test_a_folder_of_a_lower_layer_is_replaced(void **state)
{
    struct ladle_directory directory;
    make_old();
    plan.options.force = true;
    assert_int_equal(make(&directory, "out", "new", NULL), LADLE_OK);
    faults_exchange = EXDEV;
    faults_arm(4, EXDEV); /* two syncs, the exchange, and now the old folder cannot be moved aside either */
    assert_int_equal(ladle_directory_publish(&directory, &plan, NULL), LADLE_OK);
    assert_true(faults_count() > 4);
    ladle_directory_close(&directory);
    assert_string_equal(scratch_list("."), "out ");
    assert_string_equal(scratch_list("out"), "config.json ");
    assert_true(scratch_holds("out/config.json", "new"));
}

/* A whole run in which the n-th call fails. Returns the calls it made. */
static int run_with_fault(int nth, bool old, bool exchange)
{
    struct ladle_directory directory;
    struct ladle_error *error = ladle_error_create();
    faults_exchange = exchange ? 0 : EINVAL;
    faults_arm(nth, EIO);
    int result = make(&directory, "out", "new", error);
    if (result == LADLE_OK) {
        result = ladle_directory_publish(&directory, &plan, error);
    }
    int count = faults_count();
    if (result != LADLE_OK) {
        assert_int_equal(ladle_error_status(error), result);
        ladle_directory_abandon(&directory);
    }
    faults_arm(0, 0);
    ladle_directory_close(&directory);
    if (result == LADLE_OK) {
        assert_true(scratch_holds("out/config.json", "new"));
        assert_string_equal(scratch_list("out"), "config.json ");
    } else if (old) {
        assert_true(scratch_holds("out/config.json", "old"));
        assert_true(scratch_holds("out/folder/file", "old"));
    } else {
        assert_false(scratch_exists("out"));
    }
    ladle_error_destroy(error);
    return count;
}

static void fail_each_call(bool old, bool exchange)
{
    plan.options.force = old;
    int calls = 0, nth = 0;
    do {
        nth++;
        ladle_tree_remove(AT_FDCWD, "out", "out", NULL);
        if (old) {
            make_old();
        }
        calls = run_with_fault(nth, old, exchange);
        ladle_tree_remove(AT_FDCWD, ".out.ladle-partial", "partial", NULL); /* what could not be removed, with a warning */
    } while (nth <= calls);                                                 /* else the fault never came */
    assert_true(calls > 10);
}

static void test_every_call_may_fail_once(void **state)
{
    fail_each_call(false, true);
}

static void test_every_call_may_fail_once_when_replacing(void **state)
{
    fail_each_call(true, true);
}

static void test_every_call_may_fail_once_when_replacing_without_exchange(void **state)
{
    fail_each_call(true, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_output_appears_when_it_is_published),
        TEST(test_an_empty_folder_is_a_fine_place),
        TEST(test_modes_are_those_of_the_umask),
        TEST(test_folders_above_are_made_and_removed_again),
        TEST(test_folders_above_stay_if_somebody_uses_them),
        TEST(test_a_second_run_is_refused),
        TEST(test_the_lock_of_a_dead_run_is_no_obstacle),
        TEST(test_what_was_tried_out_by_a_dead_run_is_no_obstacle),
        TEST(test_an_old_output_stays_until_the_new_one_is_complete),
        TEST(test_replacing_without_exchange_of_names),
        TEST(test_what_appears_meanwhile_is_not_replaced),
        TEST(test_an_old_output_moved_aside_by_a_dead_run_comes_back),
        TEST(test_a_file_system_that_cannot_rename_is_refused_at_once),
        TEST(test_a_folder_of_a_lower_layer_is_replaced),
        TEST(test_every_call_may_fail_once),
        TEST(test_every_call_may_fail_once_when_replacing),
        TEST(test_every_call_may_fail_once_when_replacing_without_exchange),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
