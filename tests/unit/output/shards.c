/* SPDX-License-Identifier: Apache-2.0 */
#include "output/shards.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"
#include "scratch.h"

static struct ladle_shard files[2];
static struct ladle_plan plan;
static int folder;

static int setup(void **state)
{
    faults_arm(0, 0);
    faults_rename = faults_exchange = faults_fallocate = 0;
    files[0] = (struct ladle_shard){.name = "first", .bytes = 10000};
    files[1] = (struct ladle_shard){.name = "second", .bytes = 4096};
    plan = (struct ladle_plan){.shards = files, .shard_count = 2, .options.log = scratch_log()};
    plan.options.direct = LADLE_DIRECT_OFF;
    if (scratch_setup(state) != 0) {
        return -1;
    }
    folder = open(".", O_RDONLY | O_DIRECTORY);
    return folder >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
    close(folder);
    return scratch_teardown(state);
}

static uint64_t size_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return (uint64_t)status.st_size;
}

static void test_files_have_their_size_and_space_beforehand(void **state)
{
    struct ladle_shards shards;
    struct stat status;
    assert_int_equal(ladle_shards_create(&shards, &plan, folder, folder, false, "out", NULL), LADLE_OK);
    assert_false(shards.direct);
    assert_int_equal(size_of("first"), 10000);
    assert_int_equal(stat("first", &status), 0);
    assert_true(status.st_blocks * 512 >= 10000);
    assert_int_equal(ladle_shards_complete(&shards, &plan, "out", NULL), LADLE_OK);
    ladle_shards_close(&shards);
    assert_int_equal(size_of("first"), 10000);
    assert_int_equal(size_of("second"), 4096);
    assert_string_equal(scratch_list("."), "first second ");
}

/* Direct writes come in whole pages; what they wrote behind the end is cut off. */
static void test_the_padding_of_direct_writes_is_cut_off(void **state)
{
    struct ladle_shards shards;
    plan.options.direct = LADLE_DIRECT_AUTO;
    assert_int_equal(ladle_shards_create(&shards, &plan, folder, folder, false, "out", NULL), LADLE_OK);
    if (!shards.direct) {
        ladle_shards_close(&shards);
        skip();
    }
    char *memory = aligned_alloc(4096, 12288);
    memset(memory, 'x', 12288);
    assert_int_equal(size_of("first"), 12288);
    assert_int_equal(pwrite(shards.fds[0], memory, 12288, 0), 12288);
    assert_int_equal(pwrite(shards.fds[1], memory, 4096, 0), 4096);
    free(memory);
    assert_int_equal(ladle_shards_complete(&shards, &plan, "out", NULL), LADLE_OK);
    ladle_shards_close(&shards);
    assert_int_equal(size_of("first"), 10000);
    assert_int_equal(size_of("second"), 4096);
    assert_string_equal(scratch_list("."), "first second "); /* and nothing is left of trying it out */
}

/* Creating fails, and the message says all of these. */
static void assert_create_fails(int expected, const char *says, const char *also)
{
    struct ladle_shards shards;
    struct ladle_error *error = ladle_error_create();
    assert_int_equal(ladle_shards_create(&shards, &plan, folder, folder, false, "out", error), expected);
    assert_true(scratch_says(error, says));
    assert_true(scratch_says(error, also));
    ladle_shards_close(&shards);
    ladle_error_destroy(error);
}

static void test_a_full_disk_is_told_with_figures(void **state)
{
    files[0].bytes = UINT64_C(1) << 60;
    assert_create_fails(LADLE_FAILED, "(1152921504606851072 bytes) are needed", "are free");
    assert_string_equal(scratch_list("."), ""); /* nothing was made for it */
}

static void test_space_that_cannot_be_taken(void **state)
{
    faults_fallocate = ENOSPC;
    assert_create_fails(LADLE_FAILED, "(14096 bytes) are needed", "are free");
}

static void test_a_quota_is_called_by_its_name(void **state)
{
    faults_fallocate = EDQUOT;
    assert_create_fails(LADLE_FAILED, "quota", "(14096 bytes) are needed");
}

static void test_a_file_system_without_reservation_will_do(void **state)
{
    struct ladle_shards shards;
    faults_fallocate = EOPNOTSUPP;
    assert_int_equal(ladle_shards_create(&shards, &plan, folder, folder, false, "out", NULL), LADLE_OK);
    assert_int_equal(ftruncate(shards.fds[0], 10000), 0);
    assert_int_equal(ftruncate(shards.fds[1], 4096), 0);
    assert_int_equal(ladle_shards_complete(&shards, &plan, "out", NULL), LADLE_OK);
    ladle_shards_close(&shards);
}

static void test_files_too_large_for_the_file_system(void **state)
{
    faults_fallocate = EFBIG;
    assert_create_fails(LADLE_FAILED, "first", "--shard-size");
}

/* Writing beyond this limit would end the process with a signal in the middle of a merge. */
static void test_files_too_large_for_this_process(void **state)
{
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 8192;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_create_fails(LADLE_FAILED, "ulimit -f", "--shard-size");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

static void test_a_file_that_came_out_short_is_noticed(void **state)
{
    struct ladle_shards shards;
    struct ladle_error *error = ladle_error_create();
    assert_int_equal(ladle_shards_create(&shards, &plan, folder, folder, false, "out", NULL), LADLE_OK);
    assert_int_equal(truncate("second", 4095), 0);
    assert_int_equal(ladle_shards_complete(&shards, &plan, "out", error), LADLE_FAILED);
    assert_true(scratch_says(error, "out/second"));
    ladle_shards_close(&shards);
    ladle_error_destroy(error);
}

static bool say_stop(void *user)
{
    (void)user;
    return true;
}

static void test_a_signal_while_space_is_taken_is_not_lost(void **state)
{
    faults_fallocate = EINTR;
    plan.options.stop = say_stop;
    assert_create_fails(LADLE_STOPPED, "stopped", "");
}

/* Creating and completing with each call failing once: an error that names a file, and no descriptor lost. */
static void test_every_call_may_fail_once(void **state)
{
    int nth = 0, calls = 0;
    do {
        struct ladle_shards shards;
        struct ladle_error *error = ladle_error_create();
        faults_arm(++nth, EIO);
        int result = ladle_shards_create(&shards, &plan, folder, folder, false, "out", error);
        if (result == LADLE_OK) {
            result = ladle_shards_complete(&shards, &plan, "out", error);
        }
        calls = faults_count();
        faults_arm(0, 0);
        assert_int_equal(result, nth <= calls ? LADLE_FAILED : LADLE_OK);
        assert_true(result == LADLE_OK || scratch_says(error, "out/"));
        ladle_shards_close(&shards);
        ladle_error_destroy(error);
        unlink("first");
        unlink("second");
    } while (nth <= calls);
    assert_int_equal(calls, 6); /* open, reserve and sync of two files */
    int next = dup(folder);
    assert_int_equal(next, folder + 1);
    close(next);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(test_files_have_their_size_and_space_beforehand),
        TEST(test_the_padding_of_direct_writes_is_cut_off),
        TEST(test_a_full_disk_is_told_with_figures),
        TEST(test_space_that_cannot_be_taken),
        TEST(test_a_quota_is_called_by_its_name),
        TEST(test_a_file_system_without_reservation_will_do),
        TEST(test_files_too_large_for_the_file_system),
        TEST(test_files_too_large_for_this_process),
        TEST(test_a_file_that_came_out_short_is_noticed),
        TEST(test_a_signal_while_space_is_taken_is_not_lost),
        TEST(test_every_call_may_fail_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
