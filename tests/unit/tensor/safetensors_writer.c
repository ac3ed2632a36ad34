/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/text.h"
#include "file.h"
#include "tensor/safetensors.h"

static bool collect(void *self, const char *bytes, size_t count)
{
    ladle_text_add(self, bytes, count);
    return true;
}

static void write_three(struct ladle_safetensors_writer *writer)
{
    static const char *const pairs[] = {"format", "pt", "quo\"te", "line\n", NULL};
    static const uint64_t shape[] = {3, 18446744073709551615u};
    ladle_safetensors_begin(writer, pairs);
    ladle_safetensors_tensor(writer, "a.weight", LADLE_BF16, shape, 1, 0, 6);
    ladle_safetensors_tensor(writer, "\xC3\xA9\"\x01", LADLE_F32, NULL, 0, 6, 10);
    ladle_safetensors_tensor(writer, "c", LADLE_U8, shape, 2, 10, 18446744073709551615u);
    ladle_safetensors_end(writer);
}

static void the_text(void **state)
{
    struct ladle_text text = {0};
    struct ladle_safetensors_writer writer = {.emit = collect, .self = &text};
    write_three(&writer);
    assert_false(writer.failed);
    assert_string_equal(
        text.data,
        "{\"__metadata__\":{\"format\":\"pt\",\"quo\\\"te\":\"line\\n\"},"
        "\"a.weight\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[0,6]},"
        "\"\xC3\xA9\\\"\\u0001\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[6,10]},"
        "\"c\":{\"dtype\":\"U8\",\"shape\":[3,18446744073709551615],\"data_offsets\":[10,18446744073709551615]}}");
    ladle_text_finish(&text);
}

static bool refuse_third(void *self, const char *bytes, size_t count)
{
    return ++*(int *)self < 3;
}

static void it_stops_when_told(void **state)
{
    int calls = 0;
    struct ladle_safetensors_writer writer = {.emit = refuse_third, .self = &calls};
    write_three(&writer);
    assert_true(writer.failed);
    assert_int_equal(calls, 3);
}

static void what_is_written_can_be_read(void **state)
{
    static const char *const no_pairs[] = {NULL};
    static const uint64_t shape[] = {5, 2};
    struct ladle_text text = {0};
    struct ladle_safetensors_writer writer = {.emit = collect, .self = &text};
    ladle_safetensors_begin(&writer, no_pairs);
    ladle_safetensors_tensor(&writer, "x\\\"y", LADLE_F16, shape, 2, 0, 20);
    ladle_safetensors_tensor(&writer, "z", LADLE_I64, shape, 0, 20, 28);
    ladle_safetensors_end(&writer);
    struct ladle_arena arena = {0};
    struct ladle_safetensors_header header;
    int fd = make_safetensors(text.data, 28);
    assert_int_equal(read_header(fd, "m", 0, &arena, &header, NULL), LADLE_OK);
    assert_int_equal(header.count, 2);
    assert_string_equal(header.tensors[0].name, "x\\\"y");
    assert_int_equal(header.tensors[0].shape[0], 5);
    assert_int_equal(header.tensors[0].dtype, LADLE_F16);
    assert_int_equal(header.tensors[1].rank, 0);
    assert_int_equal(header.tensors[1].bytes, 8);
    close(fd);
    ladle_arena_finish(&arena);
    ladle_text_finish(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text),
        cmocka_unit_test(it_stops_when_told),
        cmocka_unit_test(what_is_written_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
