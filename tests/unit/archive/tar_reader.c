/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/tar_reader.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/tar.h"
#include "scratch.h"

#define GIB (UINT64_C(1) << 30)

/* All files of an archive on the disk: "NAME@START+BYTES ..."; or what was wrong. */
static const char *show(const char *path)
{
    static char shown[8192];
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    struct ladle_bytes bytes;
    struct ladle_error *error = ladle_error_create();
    assert_int_equal(ladle_bytes_of_file(&bytes, fd, path, NULL), LADLE_OK);
    struct ladle_tar_reader reader = {.archive = &bytes};
    int status, length = 0;
    shown[0] = '\0';
    while ((status = ladle_tar_next(&reader, error)) == LADLE_OK) {
        length += snprintf(shown + length, sizeof shown - (size_t)length, "%s@%llu+%llu ", reader.name.data,
                           (unsigned long long)reader.start, (unsigned long long)reader.bytes);
    }
    if (status != 1) {
        snprintf(shown, sizeof shown, "%s", ladle_error_message(error, 0));
    }
    ladle_tar_reader_finish(&reader);
    ladle_error_destroy(error);
    close(fd);
    return shown;
}

static void put(FILE *archive, const char *name, uint64_t bytes)
{
    struct ladle_text out = {0};
    ladle_tar_add_header(name, bytes, 0, &out);
    assert_int_equal(fwrite(out.data, 1, out.bytes, archive), out.bytes);
    assert_int_equal(fseeko(archive, (off_t)(bytes + ladle_tar_padding(bytes)), SEEK_CUR), 0);
    ladle_text_finish(&out);
}

static void test_what_ladle_writes(void **state)
{
    char name[150] = "", expected[1024];
    static const char zeros[1024];
    memset(name, 'n', sizeof name - 1);
    FILE *archive = fopen("x.tar", "w");
    put(archive, "config.json", 700);
    put(archive, "large", 8 * GIB + 1);
    put(archive, name, 0);
    put(archive, "f\xC3\xBC/last", 3);
    fwrite(zeros, 1, sizeof zeros, archive);
    assert_int_equal(fclose(archive), 0);
    snprintf(expected, sizeof expected, "config.json@512+700 large@%llu+%llu %s@%llu+0 f\xC3\xBC/last@%llu+3 ",
             512 + 1024 + 1536ull, (unsigned long long)(8 * GIB + 1), name, 512 + 1024 + 1536 + 8 * GIB + 512 + 1536ull,
             512 + 1024 + 1536 + 8 * GIB + 512 + 1536 + 1536ull);
    assert_string_equal(show("x.tar"), expected);
}

/* The names and sizes that others write: "NAME+BYTES ". */
static void assert_listed(const char *command, const char *expected)
{
    char sizes[8192] = "";
    assert_int_equal(system(command), 0);
    char *text = strdup(show("x.tar")), *state = NULL;
    for (char *part = strtok_r(text, " ", &state); part != NULL; part = strtok_r(NULL, " ", &state)) {
        strncat(sizes, part, strcspn(part, "@"));
        strcat(strcat(sizes, strchr(part, '+')), " ");
    }
    assert_string_equal(sizes, expected);
    free(text);
}

static void test_what_gnu_tar_writes(void **state)
{
    char folder[120] = "", path[300], expected[600];
    memset(folder, 'd', sizeof folder - 1);
    scratch_folder("m");
    scratch_write("m/a.json", "12345");
    snprintf(path, sizeof path, "m/%s", folder);
    scratch_folder(path);
    snprintf(path, sizeof path, "m/%s/long.json", folder);
    scratch_write(path, "x");
    scratch_link("a.json", "m/link.json");
    snprintf(expected, sizeof expected, "m/a.json+5 m/%s/long.json+1 ", folder);
    static const char *const formats[] = {"gnu", "pax", "posix"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        snprintf(path, sizeof path, "tar -c --sort=name --format=%s -f x.tar m", formats[i]);
        assert_listed(path, expected);
    }
    snprintf(expected, sizeof expected, "a.json+5 %s/long.json+1 ", folder);
    assert_listed("tar -c --sort=name -f x.tar -C m .", expected); /* ./a.json */
    scratch_sparse("m/a.json", 8 * GIB); /* too large for octal digits: GNU writes a binary number */
    snprintf(expected, sizeof expected, "m/a.json+%llu ", (unsigned long long)(8 * GIB));
    assert_listed("tar -c --format=gnu -f - m/a.json | head -c 512 > x.tar && truncate -s 8589935616 x.tar", expected);
}

static void test_what_is_no_tar_or_damaged(void **state)
{
    scratch_write("x.tar", "");
    assert_string_equal(show("x.tar"), "");
    scratch_write("x.tar", "no tar");
    assert_non_null(strstr(show("x.tar"), "x.tar: ends at byte 6"));
    FILE *archive = fopen("x.tar", "w");
    put(archive, "a", 700);
    put(archive, "b", 10);
    fwrite("", 1, 1, archive);
    assert_int_equal(fclose(archive), 0);
    static const struct {
        off_t bytes;
        const char *says;
    } cuts[] = {{511, "ends at byte"}, {512, "cut off"}, {1535, "cut off"}, {1537, "ends at byte"}, {2048, "cut off"}};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        assert_int_equal(system("cp x.tar y.tar"), 0);
        assert_int_equal(truncate("y.tar", cuts[i].bytes), 0);
        assert_non_null(strstr(show("y.tar"), cuts[i].says));
    }
    int fd = open("x.tar", O_RDWR);
    assert_int_equal(pwrite(fd, "x", 1, 1536 + 3), 1); /* in the name of b */
    close(fd);
    assert_non_null(strstr(show("x.tar"), "the tar header at byte 1536 makes no sense"));
}

/* Puts records in front of an empty file "a". */
static const char *show_records(const char *records, size_t bytes)
{
    static const char zeros[1024];
    struct ladle_text out = {0};
    FILE *archive = fopen("x.tar", "w");
    ladle_tar_add_header("x", bytes, 0, &out);
    out.data[156] = 'x';
    unsigned sum = 0;
    for (unsigned i = 0; i < 512; i++) {
        sum += i >= 148 && i < 156 ? ' ' : (unsigned char)out.data[i];
    }
    snprintf(out.data + 148, 8, "%06o", sum);
    fwrite(out.data, 1, out.bytes, archive);
    fwrite(records, 1, bytes, archive);
    fwrite(zeros, 1, ladle_tar_padding(bytes), archive);
    put(archive, "a", 0);
    fwrite(zeros, 1, sizeof zeros, archive);
    assert_int_equal(fclose(archive), 0);
    ladle_text_finish(&out);
    return show("x.tar");
}

static void test_records(void **state)
{
    static const char *const bad[] = {"x",         "0 a=b\n",     "7 a=b\n",      "6 a=b\n6",
                                      "5 a=b\n",   "6 a_b\n",     "6a=b\n",       "99999999 a=b\n",
                                      "9 size=\n", "10 size=x\n", "11 size=-1\n", "29 size=99999999999999999999\n",
                                      "7 path=b"};
    assert_string_equal(show_records("10 path=b\n", 10), "b@1536+0 ");
    assert_string_equal(show_records("6 a=b\n10 path=c\n6 =\n\n\n", 22), "c@1536+0 ");
    assert_string_equal(show_records("10 size=0\n", 10), "a@1536+0 ");
    assert_non_null(strstr(show_records("10 size=9\n16 size=1000000\n", 26), "cut off"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_non_null(strstr(show_records(bad[i], strlen(bad[i])), "records that make no sense"));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_ladle_writes),
        TEST(test_what_gnu_tar_writes),
        TEST(test_what_is_no_tar_or_damaged),
        TEST(test_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
