/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "file.h"
#include "tensor/safetensors.h"

static void assert_refused(int fd, const char *part, const char *other_part)
{
    struct ladle_arena arena = {0};
    struct ladle_error *error = ladle_error_create();
    struct ladle_safetensors_header header = {.count = 12345};
    int status = read_header(fd, "m.safetensors", 0, &arena, &header, error);
    const char *message = ladle_error_message(error, 0);
    if (status != LADLE_BAD_INPUT || strncmp(message, "m.safetensors: ", 15) != 0 || strstr(message, part) == NULL ||
        strstr(message, other_part) == NULL) {
        fail_msg("'%s' '%s': %d '%s'", part, other_part, status, message);
    }
    assert_int_equal(header.count, 12345);
    assert_int_equal(read_header(fd, "m.safetensors", 0, &arena, &header, NULL), LADLE_BAD_INPUT);
    ladle_arena_finish(&arena);
    ladle_error_destroy(error);
    close(fd);
}

static void a_file_with_everything(void **state)
{
    static const char text[] =
        "{\"__metadata__\":{\"format\":\"pt\",\"n\":\"1\"},"
        "\"b\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[4,16]},"
        "\"scalar\":{\"data_offsets\":[0,4],\"shape\":[],\"dtype\":\"F32\"},"
        "\"empty\":{\"dtype\":\"F64\",\"shape\":[7,0],\"data_offsets\":[16,16]},"
        "\"half \\u00e9\":{\"dtype\":\"F4\",\"shape\":[2,3],\"data_offsets\":[16,19],\"more\":{\"x\":[1,{\"y\":null}]}},"
        "\"empty too\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[4,4]},"
        "\"six\":{\"dtype\":\"F6_E2M3\",\"shape\":[4],\"data_offsets\":[19,22]}}   ";
    static const struct {
        const char *name;
        uint64_t elems, bytes, offset;
        uint8_t rank, dtype;
    } expected[] = {
        {"scalar", 1, 4, 0, 0, LADLE_F32}, {"empty too", 0, 0, 4, 1, LADLE_U8},      {"b", 6, 12, 4, 2, LADLE_BF16},
        {"empty", 0, 0, 16, 2, LADLE_F64}, {"half \xC3\xA9", 6, 3, 16, 2, LADLE_F4}, {"six", 4, 3, 19, 1, LADLE_F6_E2M3},
    };
    struct ladle_arena arena = {0};
    struct ladle_safetensors_header header;
    struct ladle_error *error = ladle_error_create();
    int fd = make_safetensors(text, 22);
    if (read_header(fd, "m", 9, &arena, &header, error) != LADLE_OK) {
        fail_msg("%s", ladle_error_message(error, 0));
    }
    assert_int_equal(header.count, 6);
    assert_int_equal(header.file_bytes, 8 + strlen(text) + 22);
    assert_true(header.hash == ladle_fnv(LADLE_FNV_START, text, strlen(text)));
    for (size_t i = 0; i < 6; i++) {
        const struct ladle_tensor *tensor = &header.tensors[i];
        assert_string_equal(tensor->name, expected[i].name);
        assert_int_equal(tensor->elems, expected[i].elems);
        assert_int_equal(tensor->bytes, expected[i].bytes);
        assert_int_equal(tensor->offset, 8 + strlen(text) + expected[i].offset);
        assert_int_equal(tensor->rank, expected[i].rank);
        assert_int_equal(tensor->dtype, expected[i].dtype);
        assert_int_equal(tensor->file, 9);
    }
    assert_int_equal(header.tensors[2].shape[0], 2);
    assert_int_equal(header.tensors[2].shape[1], 3);
    close(fd);
    ladle_arena_finish(&arena);
    ladle_error_destroy(error);
}

static void a_file_with_nothing(void **state)
{
    static const char *const texts[] = {"{}", "{\"__metadata__\":{}}", "{ }  \n"};
    for (size_t i = 0; i < 3; i++) {
        struct ladle_arena arena = {0};
        struct ladle_safetensors_header header;
        int fd = make_safetensors(texts[i], 0);
        assert_int_equal(read_header(fd, "m", 0, &arena, &header, NULL), LADLE_OK);
        assert_int_equal(header.count, 0);
        close(fd);
        ladle_arena_finish(&arena);
    }
}

#define TENSOR(dtype, shape, offsets) "{\"t\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void headers_that_lie(void **state)
{
    static const struct {
        const char *header;
        uint64_t data_bytes;
        const char *part, *other_part;
    } files[] = {
        {TENSOR("\"F32\"", "[2]", "[4,12]"), 12, "t: ", "hole of 4 bytes"},
        {TENSOR("\"F32\"", "[2]", "[0,8]"), 9, "no tensor", "1"},
        {TENSOR("\"F32\"", "[2]", "[0,8]"), 7, "t: truncated", "download"},
        {TENSOR("\"F32\"", "[2]", "[8,0]"), 8, "t: ", "ends (0) before it begins (8)"},
        {TENSOR("\"F32\"", "[2]", "[-8,0]"), 8, "t: data_offsets", "-8"},
        {TENSOR("\"F32\"", "[2]", "[0,8.0]"), 8, "t: data_offsets", "8.0"},
        {TENSOR("\"F32\"", "[2]", "[0,8e0]"), 8, "t: data_offsets", "8e0"},
        {TENSOR("\"F32\"", "[2]", "[0,NaN]"), 8, "t: data_offsets", "NaN"},
        {TENSOR("\"F32\"", "[2]", "[0]"), 8, "t: data_offsets", "one"},
        {TENSOR("\"F32\"", "[2]", "[]"), 8, "t: data_offsets", "none"},
        {TENSOR("\"F32\"", "[2]", "[0,8,8]"), 8, "t: data_offsets", "three"},
        {TENSOR("\"F32\"", "[2]", "8"), 8, "t: data_offsets", "found 8"},
        {TENSOR("\"F32\"", "[2]", "[[0,8]]"), 8, "t: data_offsets", "a list"},
        {TENSOR("\"F32\"", "[2]", "{\"begin\":0,\"end\":8}"), 8, "t: data_offsets", "an object"},
        {TENSOR("\"F32\"", "[2]", "[\"0\",\"8\"]"), 8, "t: data_offsets", "a text"},
        {TENSOR("\"F32\"", "[2]", "[18446744073709551616,8]"), 8, "t: data_offsets", "18446744073709551616"},
        {TENSOR("\"F32\"", "[2]", "[18446744073709551608,18446744073709551615]"), 8, "t: ", "need 8 bytes"},
        {TENSOR("\"U8\"", "[7]", "[18446744073709551608,18446744073709551615]"), 8, "t: ", "hole"},
        {TENSOR("\"U8\"", "[18446744073709551615]", "[0,18446744073709551615]"), 8, "t: truncated", "18446744073709551615"},
        {TENSOR("\"F32\"", "[3]", "[0,8]"), 8, "t: ", "need 12 bytes, its data has 8"},
        {TENSOR("\"F32\"", "[]", "[0,8]"), 8, "t: ", "need 4 bytes, its data has 8"},
        {TENSOR("\"F32\"", "[4294967296,4294967296]", "[0,0]"), 0, "t: ", "more elements"},
        {TENSOR("\"F64\"", "[4611686018427387904]", "[0,0]"), 0, "t: ", "no number of bytes"},
        {TENSOR("\"F4\"", "[3]", "[0,2]"), 2, "t: ", "no number of bytes"},
        {TENSOR("\"F6_E3M2\"", "[2]", "[0,2]"), 2, "t: ", "no number of bytes"},
        {TENSOR("\"F32\"", "[-2]", "[0,8]"), 8, "t: shape", "-2"},
        {TENSOR("\"F32\"", "2", "[0,8]"), 8, "t: shape", "found 2"},
        {TENSOR("\"F32\"", "[true]", "[0,8]"), 8, "t: shape", "truth"},
        {TENSOR("\"F32\"", "[null]", "[0,8]"), 8, "t: shape", "null"},
        {TENSOR("\"F32\"", "null", "[0,8]"), 8, "t: shape", "null"},
        {TENSOR("\"F32\"", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2]", "[0,8]"), 8,
         "t: ", "32 axes"},
        {TENSOR("\"C64\"", "[1]", "[0,8]"), 8, "t: ", "'C64' is not known"},
        {TENSOR("\"f32\"", "[2]", "[0,8]"), 8, "t: ", "'f32' is not known"},
        {TENSOR("\"\"", "[2]", "[0,8]"), 8, "t: ", "'' is not known"},
        {TENSOR("32", "[2]", "[0,8]"), 8, "t: dtype", "found 32"},
        {TENSOR("[\"F32\"]", "[2]", "[0,8]"), 8, "t: dtype", "a list"},
        {"{\"t\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "t: ", "no data_offsets"},
        {"{\"t\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "t: ", "no shape"},
        {"{\"t\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "t: ", "no dtype"},
        {"{\"t\":{}}", 0, "t: ", "no dtype"},
        {"{\"t\":[[[[[[]]]]]]}", 0, "t: ", "a list"},
        {"{\"t\":1}", 0, "t: ", "found 1"},
        {"{\"t\":null}", 0, "t: ", "null"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__", "1"},
        {"{\"__metadata__\":[]}", 0, "__metadata__", "a list"},
        {"{\"__metadata__\":\"x\"}", 0, "__metadata__", "a text"},
        {"{\"__metadata__\":{\"a\":{}}}", 0, "__metadata__", "an object"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "duplicate key", "__metadata__"},
        {"{\"t\":{\"dtype\":\"U8\",\"dtype\":\"I8\"}}", 0, "duplicate key", "dtype"},
        {"{\"t\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},\"t\":{\"dtype\":\"U8\",\"shape\":[0],\"data_"
         "offsets\":"
         "[0,0]}}",
         0, "duplicate key", "'t'"},
        {"{\"s\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"t\":{\"dtype\":\"U8\",\"shape\":[4],\"data_"
         "offsets\":"
         "[3,7]}}",
         7, "t: ", "overlaps that of s"},
        {"{\"s\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"t\":{\"dtype\":\"U8\",\"shape\":[4],\"data_"
         "offsets\":"
         "[0,4]}}",
         4, "t: ", "overlaps that of s"},
        {"{\"s\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"t\":{\"dtype\":\"U8\",\"shape\":[0],\"data_"
         "offsets\":"
         "[2,2]}}",
         4, "t: ", "overlaps that of s"},
        {"{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}", 1, "header:1:", "premature EOF"},
        {"{}{}", 0, "header:1:3:", "garbage"},
        {"{\"t\\u0000\":1}", 0, "header:1:", "NUL"},
        {"{\"\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "a tensor has no name", ""},
        {"{\"a\033[31m\":1}", 0, "header:1:", "invalid"},
        {" {}", 0, "begin", "'{'"},
        {"[]", 0, "not", "'{'"},
        {"", 0, "not", "'{'"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_refused(make_safetensors(files[i].header, files[i].data_bytes), files[i].part, files[i].other_part);
    }
}

static void names_are_masked_in_messages(void **state)
{
    assert_refused(make_safetensors("{\"a\\n\\u001b[31m\":1}", 0), "a??[31m: ", "found 1");
}

static void lengths_that_lie(void **state)
{
    static const char over[] = "\xE1\xF5\x05\x06\0\0\0\0{\"t\":"; /* 100,000,001 with another digit in front */
    static const char most[] = "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{\"t\":";
    static const char beyond[] = "\x40\0\0\0\0\0\0\0{\"t\":";
    assert_refused(make_file("", 0, 0), "empty", "download");
    assert_refused(make_file("\x02\0\0", 3, 3), "truncated", "header");
    assert_refused(make_file("\x02\0\0\0\0\0\0\0", 8, 8), "truncated", "2 bytes");
    assert_refused(make_file(over, sizeof over - 1, 4096), "header", "100000000");
    assert_refused(make_file(most, sizeof most - 1, 4096), "header", "18446744073709551615");
    assert_refused(make_file(beyond, sizeof beyond - 1, 71), "truncated", "64 bytes");
    assert_refused(make_file("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8, 8), "header", "18446744073709551615");
}

#define START(bytes) bytes, sizeof bytes - 1

static void files_that_are_something_else(void **state)
{
    static const struct {
        const char *start;
        size_t bytes;
        const char *part, *other_part;
    } files[] = {
        {START("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 4976698672\n"), "Git LFS pointer",
         "git lfs pull"},
        {START("<!DOCTYPE html>\n<html>"), "HTML page", "download it again"},
        {START("\n  <html lang=\"en\">"), "HTML page", "download it again"},
        {START("<?xml version=\"1.0\"?><Error>"), "XML", "download it again"},
        {START("PK\x03\x04\0\0\x08\x08\0\0\0\0\0\0\0\0"), "zip archive", "PyTorch"},
        {START("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19."), "pickle", "convert"},
        {START("\x80\x04\x95"), "pickle", "convert"},
        {START("GGUF\x03\0\0\0\0\0\0\0"), "GGUF", "safetensors"},
        {START("Entry not found"), "a text", "'Entry not found'"},
        {START("{\"error\":\"Invalid username or password.\"}"), "a text", "Invalid username"},
        {START("two\nlines"), "'two'", "download it again"},
        {START("       a line of more than the sixty-four bytes that are looked at, behind blanks"), "a text",
         "'a line of more"},
        {START("                                                                                "), "a text", "''"},
        {START("\x89HDF\r\n\x1a\n\0\0"), "HDF5", "safetensors"},
        {START("\x1f\x8b\x08\0\0\0\0\0\0\0"), "gzip", "unpack"},
        {START("\x28\xb5\x2f\xfd\x04\0\0\0\0\0"), "zstd", "unpack"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_refused(make_file(files[i].start, files[i].bytes, files[i].bytes), files[i].part, files[i].other_part);
    }
}

/* 640 is 0x280: the length's bytes are those a pickle begins with. */
static void a_length_that_looks_like_a_pickle(void **state)
{
    char text[641];
    struct ladle_arena arena = {0};
    struct ladle_safetensors_header header;
    memset(text, ' ', 640);
    text[640] = '\0';
    memcpy(text, "{}", 2);
    int fd = make_safetensors(text, 0);
    assert_int_equal(read_header(fd, "m", 0, &arena, &header, NULL), LADLE_OK);
    close(fd);
    ladle_arena_finish(&arena);
}

static void what_is_no_regular_file(void **state)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_refused(ends[0], "regular file", "");
    close(ends[1]);
}

static void many_tensors_in_little_memory(void **state)
{
    size_t count = 20000;
    struct ladle_text text = {0};
    ladle_text_add(&text, "\0\0\0\0\0\0\0", 8);
    for (size_t i = 0; i < count; i++) { /* from the last to the first, so that they must be sorted */
        size_t begin = (count - 1 - i) * 8;
        ladle_text_printf(&text,
                          "%c\"model.layers.%zu.mlp.weight\":{\"dtype\":\"F16\",\"shape\":[2,2],\"data_offsets\":[%zu,%zu]}",
                          i == 0 ? '{' : ',', i, begin, begin + 8);
    }
    ladle_text_add_string(&text, "}");
    uint64_t length = text.bytes - 8;
    for (unsigned i = 0; i < 8; i++) {
        text.data[i] = (char)(length >> 8 * i);
    }
    int fd = make_file(text.data, text.bytes, text.bytes + count * 8);
    struct ladle_arena arena = {0};
    struct ladle_safetensors_header header;
    assert_int_equal(read_header(fd, "m", 0, &arena, &header, NULL), LADLE_OK);
    assert_int_equal(header.count, count);
    for (size_t i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof name, "model.layers.%zu.mlp.weight", count - 1 - i);
        assert_string_equal(header.tensors[i].name, name);
        assert_int_equal(header.tensors[i].offset, text.bytes + i * 8);
    }
    assert_true(arena.bytes < count * 200);
    ladle_arena_finish(&arena);
    ladle_text_finish(&text);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_with_everything),
        cmocka_unit_test(a_file_with_nothing),
        cmocka_unit_test(headers_that_lie),
        cmocka_unit_test(names_are_masked_in_messages),
        cmocka_unit_test(lengths_that_lie),
        cmocka_unit_test(files_that_are_something_else),
        cmocka_unit_test(a_length_that_looks_like_a_pickle),
        cmocka_unit_test(what_is_no_regular_file),
        cmocka_unit_test(many_tensors_in_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
