/* SPDX-License-Identifier: Apache-2.0 */
#include "output/archive_file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plan/plan.h"
#include "scratch.h"

/* An archive of three whole chunks and 5 bytes. */
static struct ladle_extent extents[] = {{.name = "archive", .bytes = 3 * (uint64_t)LADLE_CHUNK_BYTES + 5}};
static const struct ladle_plan plan = {.extents = extents, .extent_count = 1};

static struct ladle_directory directory;
static struct ladle_archive_file file;
static uint32_t frame_bytes[4];
static bool fits;

static int setup(void **state)
{
    if (scratch_setup(state) != 0) {
        return -1;
    }
    directory = (struct ladle_directory){.partial_path = "here", .output_path = "here/output"};
    directory.partial = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    directory.output = open("output", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    return directory.partial >= 0 && directory.output >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
    ladle_archive_file_close(&file);
    close(directory.output);
    close(directory.partial);
    return scratch_teardown(state);
}

static void open_it(uint64_t done, bool compressed)
{
    ladle_archive_file_close(&file);
    memset(frame_bytes, 0, sizeof frame_bytes);
    assert_int_equal(
        ladle_archive_file_open(&file, &directory, &plan, done, compressed ? frame_bytes : NULL, &fits, NULL), LADLE_OK);
}

static uint64_t size_of(const char *name)
{
    struct stat status;
    assert_int_equal(stat(name, &status), 0);
    return (uint64_t)status.st_size;
}

static void test_a_plain_archive_is_cut_off_behind_what_is_done(void **state)
{
    assert_int_equal(ftruncate(directory.output, 2 * LADLE_CHUNK_BYTES + 100), 0);
    open_it(2, false);
    assert_true(fits);
    assert_int_equal(file.first_byte, 2 * LADLE_CHUNK_BYTES);
    assert_int_equal(size_of("output"), 2 * LADLE_CHUNK_BYTES);
    assert_int_equal(lseek(directory.output, 0, SEEK_CUR), 2 * LADLE_CHUNK_BYTES);
    assert_string_equal(scratch_list("."), "output ");
}

static void test_the_last_chunk_ends_with_the_archive(void **state)
{
    assert_int_equal(ftruncate(directory.output, 3 * LADLE_CHUNK_BYTES + 5), 0);
    open_it(4, false);
    assert_true(fits);
    assert_int_equal(file.first_byte, 3 * LADLE_CHUNK_BYTES + 5);
}

static void test_an_archive_that_is_too_short_does_not_fit(void **state)
{
    assert_int_equal(ftruncate(directory.output, 2 * LADLE_CHUNK_BYTES - 1), 0);
    open_it(2, false);
    assert_false(fits);
    assert_int_equal(size_of("output"), 2 * LADLE_CHUNK_BYTES - 1);
}

static void test_sizes_of_frames_are_kept(void **state)
{
    open_it(0, true);
    assert_true(fits);
    frame_bytes[0] = 70;
    frame_bytes[1] = 8;
    assert_int_equal(ladle_archive_file_list(&file, 1, NULL), LADLE_OK);
    assert_int_equal(size_of("frames"), 4);
    frame_bytes[2] = 1;
    assert_int_equal(ladle_archive_file_list(&file, 3, NULL), LADLE_OK);
    assert_int_equal(ladle_archive_file_list(&file, 2, NULL), LADLE_OK); /* it knows more than that */
    assert_int_equal(size_of("frames"), 12);

    assert_int_equal(ftruncate(directory.output, 90), 0);
    open_it(2, true); /* the third was not recorded */
    assert_true(fits);
    assert_int_equal(file.first_byte, 78);
    assert_int_equal(size_of("output"), 78);
    assert_int_equal(frame_bytes[0], 70);
    assert_int_equal(frame_bytes[1], 8);
    frame_bytes[2] = 3;
    assert_int_equal(ladle_archive_file_list(&file, 3, NULL), LADLE_OK);

    assert_int_equal(ftruncate(directory.output, 81), 0);
    open_it(3, true);
    assert_true(fits);
    assert_int_equal(file.first_byte, 81);
    assert_int_equal(frame_bytes[2], 3);
}

static void test_a_list_that_is_too_short_does_not_fit(void **state)
{
    assert_int_equal(ftruncate(directory.output, LADLE_CHUNK_BYTES), 0);
    scratch_write("frames", "1234567");
    open_it(2, true);
    assert_false(fits);
    open_it(1, true); /* the first would be larger than the archive */
    assert_false(fits);
    assert_int_equal(size_of("output"), LADLE_CHUNK_BYTES);
}

static void test_what_is_no_file_is_refused(void **state)
{
    scratch_folder("frames");
    assert_int_equal(ladle_archive_file_open(&file, &directory, &plan, 0, frame_bytes, &fits, NULL), LADLE_FAILED);
    assert_int_equal(rmdir("frames"), 0);
    assert_int_equal(symlink("output", "frames"), 0);
    ladle_archive_file_close(&file);
    assert_int_equal(ladle_archive_file_open(&file, &directory, &plan, 0, frame_bytes, &fits, NULL), LADLE_FAILED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_plain_archive_is_cut_off_behind_what_is_done),
        TEST(test_the_last_chunk_ends_with_the_archive),
        TEST(test_an_archive_that_is_too_short_does_not_fit),
        TEST(test_sizes_of_frames_are_kept),
        TEST(test_a_list_that_is_too_short_does_not_fit),
        TEST(test_what_is_no_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
