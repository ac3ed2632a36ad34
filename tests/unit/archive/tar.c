/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/tar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

#define GIB (UINT64_C(1) << 30)

static struct ladle_text header_of(const char *name, uint64_t bytes, uint64_t modified)
{
    struct ladle_text out = {0};
    ladle_tar_add_header(name, bytes, modified, &out);
    assert_false(out.failed);
    assert_int_equal(out.bytes, ladle_tar_header_bytes(name, bytes, modified));
    assert_int_equal(out.bytes % 512, 0);
    return out;
}

/* Offsets and contents as in the table of the standard. */
static void test_a_header_byte_for_byte(void **state)
{
    unsigned char expected[512] = {0};
    unsigned sum = 8 * ' ';
    memcpy(expected, "config.json", 11);
    memcpy(expected + 100, "0000644", 7);
    memcpy(expected + 108, "0000000", 7);
    memcpy(expected + 116, "0000000", 7);
    memcpy(expected + 124, "00000001750", 11); /* 1000 */
    memcpy(expected + 136, "00000000000", 11);
    expected[156] = '0';
    memcpy(expected + 257,
           "ustar\0"
           "00",
           8);
    memcpy(expected + 329, "0000000", 7);
    memcpy(expected + 337, "0000000", 7);
    for (size_t i = 0; i < sizeof expected; i++) {
        sum += expected[i];
    }
    snprintf((char *)expected + 148, 8, "%06o", sum);
    expected[155] = ' ';
    struct ladle_text out = header_of("config.json", 1000, 0);
    assert_int_equal(out.bytes, 512);
    assert_memory_equal(out.data, expected, 512);
    ladle_text_finish(&out);
}

static void test_sizes_up_to_8_gib_need_no_record(void **state)
{
    struct ladle_text out = header_of("a", 8 * GIB - 1, 0);
    assert_int_equal(out.bytes, 512);
    assert_string_equal(out.data + 124, "77777777777");
    ladle_text_finish(&out);
    out = header_of("a", 8 * GIB, 0);
    assert_int_equal(out.bytes, 3 * 512);
    assert_int_equal(out.data[156], 'x');
    assert_string_equal(out.data + 124, "00000000023"); /* 19 bytes of records */
    assert_string_equal(out.data + 512, "19 size=8589934592\n");
    assert_int_equal(out.data[1024 + 156], '0');
    ladle_text_finish(&out);
}

static void test_names_up_to_100_bytes_need_no_record(void **state)
{
    char name[102];
    memset(name, 'n', sizeof name);
    name[100] = '\0';
    struct ladle_text out = header_of(name, 0, 0);
    assert_int_equal(out.bytes, 512);
    assert_memory_equal(out.data, name, 100);
    assert_string_equal(out.data + 100, "0000644");
    ladle_text_finish(&out);
    name[100] = 'n';
    name[101] = '\0';
    out = header_of(name, 0, 0);
    assert_int_equal(out.bytes, 3 * 512);
    assert_memory_equal(out.data + 512, "111 path=nnn", 12); /* 3 + 1 + 5 + 101 + 1 */
    assert_string_equal(out.data + 100, "0000644");
    ladle_text_finish(&out);
}

/* The length of a record counts its own digits: where one digit more is needed, it counts too. */
static void test_record_lengths_where_digits_are_added(void **state)
{
    static const struct {
        size_t value_bytes, total;
    } cases[] = {{89, 98}, {90, 99}, {91, 101}, {92, 102}, {988, 998}, {989, 999}, {990, 1001}, {991, 1002}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[1024] = "", length[16];
        for (size_t j = 0; j < cases[i].value_bytes; j++) {
            name[j] = j == 0 ? '\xC3' : 'a'; /* not ASCII, so that short ones have a record too */
        }
        snprintf(length, sizeof length, "%zu path=", cases[i].total);
        struct ladle_text out = header_of(name, 0, 0);
        assert_memory_equal(out.data + 512, length, strlen(length));
        assert_int_equal(strlen(out.data + 512), cases[i].total);
        ladle_text_finish(&out);
    }
}

static void test_names_that_are_not_ascii(void **state)
{
    struct ladle_text out = header_of("f\xC3\xBC/x", 5, 0);
    assert_string_equal(out.data + 512, "14 path=f\xC3\xBC/x\n");
    assert_string_equal(out.data, "PaxHeaders/f__/x");
    assert_string_equal(out.data + 1024, "f__/x");
    ladle_text_finish(&out);
}

static void test_times(void **state)
{
    struct ladle_text out = header_of("a", 0, 1700000000);
    assert_string_equal(out.data + 136, "14524770400");
    ladle_text_finish(&out);
    out = header_of("a", 0, 8 * GIB);
    assert_string_equal(out.data + 512, "20 mtime=8589934592\n");
    ladle_text_finish(&out);
    static const struct {
        const char *text;
        uint64_t seconds;
    } cases[] = {{"1700000000", 1700000000}, {"0", 0}, {"", 0}, {"-1", 0}, {"12x", 0}, {" 1", 0},
                 {"99999999999999999999", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setenv("SOURCE_DATE_EPOCH", cases[i].text, 1);
        assert_int_equal(ladle_tar_time(), cases[i].seconds);
    }
    unsetenv("SOURCE_DATE_EPOCH");
    assert_int_equal(ladle_tar_time(), 0);
}

static void test_padding(void **state)
{
    assert_int_equal(ladle_tar_padding(0), 0);
    assert_int_equal(ladle_tar_padding(1), 511);
    assert_int_equal(ladle_tar_padding(511), 1);
    assert_int_equal(ladle_tar_padding(512), 0);
    assert_int_equal(ladle_tar_padding(8 * GIB + 513), 511);
}

/* Writes one member that is a hole of `bytes`. */
static void put_member(FILE *archive, const char *name, uint64_t bytes, uint64_t modified)
{
    struct ladle_text out = header_of(name, bytes, modified);
    assert_int_equal(fwrite(out.data, 1, out.bytes, archive), out.bytes);
    assert_int_equal(fseeko(archive, (off_t)(bytes + ladle_tar_padding(bytes)), SEEK_CUR), 0);
    ladle_text_finish(&out);
}

/* What another program reads: sizes that no header holds, long names, and that what follows them is still found. */
static void test_gnu_tar_reads_it(void **state)
{
    if (system("tar --version > /dev/null 2>&1") != 0) {
        skip();
    }
    char name[151] = "";
    static const char end[LADLE_TAR_END_BYTES];
    memset(name, 'n', 150);
    FILE *archive = fopen("a.tar", "w");
    assert_non_null(archive);
    put_member(archive, "config.json", 700, 1700000000);
    put_member(archive, "large", 8 * GIB + 1, 0);
    put_member(archive, name, 0, 0);
    put_member(archive, "f\xC3\xBC/last", 3, 0);
    assert_int_equal(fwrite(end, 1, sizeof end, archive), sizeof end);
    assert_int_equal(fclose(archive), 0);
    assert_int_equal(system("TZ=UTC LC_ALL=C.UTF-8 tar --quoting-style=literal --full-time -tvf a.tar > list 2> errors"), 0);
    char expected[1024];
    snprintf(expected, sizeof expected,
             "-rw-r--r-- 0/0             700 2023-11-14 22:13:20 config.json\n"
             "-rw-r--r-- 0/0      8589934593 1970-01-01 00:00:00 large\n"
             "-rw-r--r-- 0/0               0 1970-01-01 00:00:00 %s\n"
             "-rw-r--r-- 0/0               3 1970-01-01 00:00:00 f\xC3\xBC/last\n",
             name);
    assert_true(scratch_holds("errors", ""));
    assert_true(scratch_holds("list", expected));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_header_byte_for_byte),
        cmocka_unit_test(test_sizes_up_to_8_gib_need_no_record),
        cmocka_unit_test(test_names_up_to_100_bytes_need_no_record),
        cmocka_unit_test(test_record_lengths_where_digits_are_added),
        cmocka_unit_test(test_names_that_are_not_ascii),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_padding),
        cmocka_unit_test_setup_teardown(test_gnu_tar_reads_it, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
