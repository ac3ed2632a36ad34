/* SPDX-License-Identifier: Apache-2.0 */
#include "output/archive_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

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

/* Writes a chunk's frame behind what the archive holds, and returns its bytes. */
static uint32_t write_frame(size_t unpacked)
{
    size_t most = ZSTD_compressBound(unpacked);
    void *chunk = calloc(1, unpacked), *frame = malloc(most);
    assert_true(chunk != NULL && frame != NULL);
    size_t bytes = ZSTD_compress(frame, most, chunk, unpacked, 3);
    assert_false(ZSTD_isError(bytes));
    assert_int_equal(pwrite(directory.output, frame, bytes, (off_t)size_of("output")), bytes);
    free(chunk);
    free(frame);
    return (uint32_t)bytes;
}

/* Leaves an archive of two chunks and their list. Returns its bytes. */
static uint64_t leave_two_frames(void)
{
    open_it(0, true);
    assert_true(fits);
    frame_bytes[0] = write_frame(LADLE_CHUNK_BYTES);
    frame_bytes[1] = write_frame(LADLE_CHUNK_BYTES);
    assert_int_equal(ladle_archive_file_list(&file, 2, NULL), LADLE_OK);
    return frame_bytes[0] + (uint64_t)frame_bytes[1];
}

static void test_sizes_of_frames_are_kept(void **state)
{
    open_it(0, true);
    assert_true(fits);
    uint32_t one = write_frame(LADLE_CHUNK_BYTES), last = write_frame(LADLE_CHUNK_BYTES);
    frame_bytes[0] = one;
    frame_bytes[1] = last;
    assert_int_equal(ladle_archive_file_list(&file, 1, NULL), LADLE_OK);
    assert_int_equal(size_of("frames"), 4);
    frame_bytes[2] = 1;
    assert_int_equal(ladle_archive_file_list(&file, 3, NULL), LADLE_OK);
    assert_int_equal(ladle_archive_file_list(&file, 2, NULL), LADLE_OK); /* it knows more than that */
    assert_int_equal(size_of("frames"), 12);

    assert_int_equal(ftruncate(directory.output, one + last + 12), 0);
    open_it(2, true); /* the third was not recorded */
    assert_true(fits);
    assert_int_equal(file.first_byte, one + last);
    assert_int_equal(size_of("output"), one + last);
    assert_int_equal(frame_bytes[0], one);
    assert_int_equal(frame_bytes[1], last);
    frame_bytes[2] = write_frame(LADLE_CHUNK_BYTES);
    frame_bytes[3] = write_frame(5);
    assert_int_equal(ladle_archive_file_list(&file, 4, NULL), LADLE_OK);
    uint64_t whole = size_of("output");

    open_it(4, true); /* the last one is shorter */
    assert_true(fits);
    assert_int_equal(file.first_byte, whole);
}

static void put_sizes(const char *name, uint32_t first, uint32_t second)
{
    const uint32_t sizes[] = {first, second};
    int fd = open(name, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, sizes, sizeof sizes, 0), sizeof sizes);
    close(fd);
}

static void test_a_list_of_other_frames_does_not_fit(void **state)
{
    uint64_t bytes = leave_two_frames();
    uint32_t one = frame_bytes[0], two = frame_bytes[1];
    const uint32_t others[][2] = {{one - 1, two}, {one, two - 1}, {one - 1, two + 1}, {one + two, 0}, {0, one + two},
                                  {UINT32_MAX, UINT32_MAX}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        put_sizes("frames", others[i][0], others[i][1]);
        open_it(2, true);
        assert_false(fits);
        assert_int_equal(size_of("output"), bytes); /* untouched */
    }
    put_sizes("frames", one, two);
    open_it(2, true);
    assert_true(fits);
}

static void test_an_archive_of_other_bytes_does_not_fit(void **state)
{
    uint64_t bytes = leave_two_frames();
    assert_int_equal(ftruncate(directory.output, 0), 0);
    assert_int_equal(ftruncate(directory.output, (off_t)bytes), 0);
    open_it(2, true);
    assert_false(fits);
}

/* Whoever gave it a second name would find other bytes there. */
static void test_what_is_somebody_elses_too_does_not_fit(void **state)
{
    leave_two_frames();
    const char *const names[] = {"output", "frames"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(link(names[i], "second"), 0);
        open_it(2, true);
        assert_false(fits);
        assert_int_equal(unlink("second"), 0);
    }
    open_it(2, true);
    assert_true(fits);
}

static void test_a_list_that_is_no_file_does_not_fit(void **state)
{
    leave_two_frames();
    assert_int_equal(rename("frames", "elsewhere"), 0);
    assert_int_equal(symlink("elsewhere", "frames"), 0);
    open_it(2, true);
    assert_false(fits);
    assert_int_equal(unlink("frames"), 0);
    assert_int_equal(mkfifo("frames", 0666), 0);
    open_it(2, true);
    assert_false(fits);
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
        TEST(test_a_list_of_other_frames_does_not_fit),
        TEST(test_an_archive_of_other_bytes_does_not_fit),
        TEST(test_what_is_somebody_elses_too_does_not_fit),
        TEST(test_a_list_that_is_no_file_does_not_fit),
        TEST(test_a_list_that_is_too_short_does_not_fit),
        TEST(test_what_is_no_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
