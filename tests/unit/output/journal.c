/* SPDX-License-Identifier: Apache-2.0 */
#include "output/journal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

static int folder;

static int setup(void **state)
{
    if (scratch_setup(state) != 0) {
        return -1;
    }
    folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
    close(folder);
    return scratch_teardown(state);
}

static const char identity[] = "ladle 1.2.3\nmethod linear\n";

/* FNV-1a 64 as its authors publish it (draft-eastlake-fnv). */
static uint64_t fnv(uint64_t hash, const void *bytes, size_t count)
{
    const uint8_t *byte = bytes;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ byte[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

/* A journal as journal.h describes it, with these records; written to the file. */
static void write_reference(const char *const *records)
{
    char text[2000];
    int length = snprintf(text, sizeof text, "ladle journal 1\n%s", identity);
    uint64_t start = fnv(UINT64_C(14695981039346656037), text, (size_t)length);
    length += snprintf(text + length, sizeof text - (size_t)length, "end %016" PRIx64 "\n", start);
    for (; *records != NULL; records++) {
        uint64_t checksum = fnv(fnv(UINT64_C(14695981039346656037), &start, sizeof start), *records, strlen(*records));
        length += snprintf(text + length, sizeof text - (size_t)length, "%s %016" PRIx64 "\n", *records, checksum);
    }
    scratch_write(LADLE_JOURNAL_NAME, text);
}

static void append(const char *text)
{
    FILE *file = fopen(LADLE_JOURNAL_NAME, "a");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static struct ladle_journal_contents read_it(void)
{
    struct ladle_journal_contents contents;
    assert_int_equal(ladle_journal_read(folder, "here", &contents, NULL), LADLE_OK);
    return contents;
}

static void test_it_is_written_as_described(void **state)
{
    struct ladle_journal journal;
    assert_int_equal(ladle_journal_create(&journal, folder, "here", identity, 77, NULL), LADLE_OK);
    assert_int_equal(ladle_journal_add_done(&journal, 3, NULL), LADLE_OK);
    assert_int_equal(ladle_journal_add_done(&journal, 12, NULL), LADLE_OK);
    assert_int_equal(ladle_journal_add_publishing(&journal, NULL), LADLE_OK);
    ladle_journal_close(&journal);
    assert_string_equal(scratch_list("."), "journal ");
    assert_int_equal(rename(LADLE_JOURNAL_NAME, "written"), 0);

    write_reference((const char *const[]){"folder 77", "done 3", "done 12", "publishing", NULL});
    char one[2000] = "", other[2000] = "";
    FILE *a = fopen("written", "r"), *b = fopen(LADLE_JOURNAL_NAME, "r");
    assert_true(fread(one, 1, sizeof one - 1, a) > 0 && fread(other, 1, sizeof other - 1, b) > 0);
    fclose(a);
    fclose(b);
    assert_string_equal(one, other);
}

static void test_it_is_read_as_it_was_written(void **state)
{
    write_reference((const char *const[]){"folder 77", "done 3", "done 12", "publishing", NULL});
    struct ladle_journal_contents contents = read_it();
    assert_int_equal(contents.state, LADLE_JOURNAL_GOOD);
    assert_string_equal(contents.identity, identity);
    assert_int_equal(contents.done_chunks, 12);
    assert_int_equal(contents.inode, 77);
    assert_true(contents.publishing);
    ladle_journal_contents_finish(&contents);
}

static void test_none_is_no_error(void **state)
{
    assert_int_equal(read_it().state, LADLE_JOURNAL_NONE);
    assert_int_equal(ladle_journal_remove(folder, "here", NULL), LADLE_OK);
}

static void test_it_ends_before_the_first_record_that_does_not_hold(void **state)
{
    static const char *const bad[] = {
        "done 13 0123456789abcdef\n", "done 13", "done 13 ", "\n", " \n", "done\n", "garbage garbage garbage garbage\n",
        "done 13 0123456789ABCDEF\n", "done 99999999999999999999999 0123456789abcdef\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_reference((const char *const[]){"folder 1", "done 12", NULL});
        append(bad[i]);
        struct ladle_journal_contents contents = read_it();
        assert_int_equal(contents.state, LADLE_JOURNAL_GOOD);
        assert_int_equal(contents.done_chunks, 12);
        ladle_journal_contents_finish(&contents);
    }
}

static void test_records_with_a_checksum_must_make_sense(void **state)
{
    static const char *const bad[] = {"done 11", "done", "done x", "done -1", "done 18446744073709551616", "something else",
                                      "publishing now", "folder"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_reference((const char *const[]){"folder 1", "done 12", bad[i], "done 20", NULL});
        struct ladle_journal_contents contents = read_it();
        assert_int_equal(contents.done_chunks, 12); /* and nothing behind it */
        assert_false(contents.publishing);
        ladle_journal_contents_finish(&contents);
    }
}

static void test_what_is_torn_is_cut_off_before_more_is_written(void **state)
{
    struct ladle_journal journal;
    write_reference((const char *const[]){"folder 1", "done 12", NULL});
    append("done 13 0123");
    struct ladle_journal_contents contents = read_it();
    assert_int_equal(ladle_journal_reopen(&journal, folder, "here", &contents, NULL), LADLE_OK);
    assert_int_equal(ladle_journal_add_done(&journal, 14, NULL), LADLE_OK);
    ladle_journal_close(&journal);
    ladle_journal_contents_finish(&contents);
    contents = read_it();
    assert_int_equal(contents.done_chunks, 14);
    assert_int_equal(contents.inode, 1);
    ladle_journal_contents_finish(&contents);
}

static void test_a_record_of_another_journal_does_not_count(void **state)
{
    struct ladle_journal journal;
    char line[200] = "";
    assert_int_equal(ladle_journal_create(&journal, folder, "here", "another merge\n", 1, NULL), LADLE_OK);
    assert_int_equal(ladle_journal_add_done(&journal, 99, NULL), LADLE_OK);
    ladle_journal_close(&journal);
    FILE *file = fopen(LADLE_JOURNAL_NAME, "r");
    while (fgets(line, sizeof line, file) != NULL) { /* to the last */
    }
    fclose(file);
    assert_true(strncmp(line, "done 99 ", 8) == 0);

    write_reference((const char *const[]){"folder 1", "done 12", NULL});
    append(line);
    struct ladle_journal_contents contents = read_it();
    assert_int_equal(contents.done_chunks, 12);
    ladle_journal_contents_finish(&contents);
}

static void test_other_files_are_told_apart(void **state)
{
    scratch_write(LADLE_JOURNAL_NAME, "ladle journal 2\nwhatever\n");
    assert_int_equal(read_it().state, LADLE_JOURNAL_FOREIGN);
    static const char *const damaged[] = {"", "ladle journal 1\n", "ladle journal 1\nmethod x\nend 0123456789abcdef\n",
                                          "ladle journal 1\nmethod x\nend 0123", "something else\n"};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        scratch_write(LADLE_JOURNAL_NAME, damaged[i]);
        assert_int_equal(read_it().state, LADLE_JOURNAL_DAMAGED);
    }
    scratch_sparse(LADLE_JOURNAL_NAME, UINT64_C(1) << 40); /* nobody reads that into memory */
    assert_int_equal(read_it().state, LADLE_JOURNAL_DAMAGED);
}

static void test_it_is_removed_whatever_it_is(void **state)
{
    write_reference((const char *const[]){"folder 1", NULL});
    assert_int_equal(ladle_journal_remove(folder, "here", NULL), LADLE_OK);
    scratch_folder(LADLE_JOURNAL_NAME);
    scratch_write(LADLE_JOURNAL_NAME "/file", "");
    assert_int_equal(read_it().state, LADLE_JOURNAL_DAMAGED);
    assert_int_equal(ladle_journal_remove(folder, "here", NULL), LADLE_OK);
    assert_string_equal(scratch_list("."), "");
}

static void test_a_link_is_not_followed(void **state)
{
    struct ladle_journal journal;
    write_reference((const char *const[]){"folder 1", NULL});
    assert_int_equal(rename(LADLE_JOURNAL_NAME, "elsewhere"), 0);
    scratch_link("elsewhere", LADLE_JOURNAL_NAME);
    struct ladle_journal_contents contents = read_it();
    assert_int_equal(contents.state, LADLE_JOURNAL_DAMAGED);
    assert_int_equal(ladle_journal_create(&journal, folder, "here", identity, 5, NULL), LADLE_OK); /* takes its place */
    ladle_journal_close(&journal);
    contents = read_it();
    assert_int_equal(contents.inode, 5);
    ladle_journal_contents_finish(&contents);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_it_is_written_as_described),
        TEST(test_it_is_read_as_it_was_written),
        TEST(test_none_is_no_error),
        TEST(test_it_ends_before_the_first_record_that_does_not_hold),
        TEST(test_records_with_a_checksum_must_make_sense),
        TEST(test_what_is_torn_is_cut_off_before_more_is_written),
        TEST(test_a_record_of_another_journal_does_not_count),
        TEST(test_other_files_are_told_apart),
        TEST(test_it_is_removed_whatever_it_is),
        TEST(test_a_link_is_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
