/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/frames.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "scratch.h"

#define BYTES 10000u

/* A file in memory. */
struct memory {
    uint8_t data[4 * BYTES];
    size_t count;
};

static int read_memory(const struct ladle_bytes *bytes, void *out, size_t count, uint64_t offset, struct ladle_error *error)
{
    const struct memory *memory = bytes->self;
    assert_true(offset + count <= memory->count);
    memcpy(out, memory->data + offset, count);
    return LADLE_OK;
}

static struct ladle_bytes bytes_of(const struct memory *memory)
{
    return (struct ladle_bytes){.name = "x.zst", .count = memory->count, .read = read_memory, .self = (void *)memory};
}

static uint8_t plain[BYTES];

/* Frames of 1, 2, 3, ... times 100 bytes, and an empty skippable one, with their table. Returns how many. */
static uint32_t make(struct memory *memory)
{
    uint32_t sizes[200], packed[200], count = 0;
    memset(memory, 0, sizeof *memory);
    for (unsigned i = 0; i < BYTES; i++) {
        plain[i] = (uint8_t)(i * 7 + i / 97);
    }
    for (size_t at = 0; at < BYTES; count++) {
        size_t size = count == 3 ? 0 : (count + 1) * 100 < BYTES - at ? (count + 1) * 100 : BYTES - at;
        if (count == 3) {
            memcpy(memory->data + memory->count, "\x50\x2A\x4D\x18\x03\0\0\0abc", 11);
            packed[count] = 11;
        } else {
            packed[count] = (uint32_t)ZSTD_compress(memory->data + memory->count, 1000 + size, plain + at, size, 3);
        }
        sizes[count] = (uint32_t)size;
        memory->count += packed[count];
        at += size;
    }
    ladle_seek_table_put_start(count, memory->data + memory->count);
    memory->count += 8;
    for (uint32_t i = 0; i < count; i++, memory->count += 8) {
        ladle_seek_table_put_entry(packed[i], sizes[i], memory->data + memory->count);
    }
    ladle_seek_table_put_end(count, memory->data + memory->count);
    memory->count += 9;
    return count;
}

static void test_any_range_can_be_read(void **state)
{
    static struct memory memory;
    make(&memory);
    struct ladle_bytes file = bytes_of(&memory), bytes;
    struct ladle_frames *frames = NULL;
    assert_true(ladle_frames_is_zstd(memory.data));
    assert_int_equal(ladle_frames_open(&frames, &file, &bytes, NULL), LADLE_OK);
    assert_int_equal(bytes.count, BYTES);
    uint8_t *all = malloc(BYTES);
    assert_int_equal(ladle_bytes_read(&bytes, all, BYTES, 0, NULL), LADLE_OK);
    assert_memory_equal(all, plain, BYTES);
    for (unsigned i = 0; i < 500; i++) {
        size_t first = i * 7919u % BYTES, count = i * 104729u % (BYTES - first);
        uint8_t *part = malloc(count + 1); /* of its own, so that writing too far is seen */
        assert_int_equal(ladle_bytes_read(&bytes, part, count, first, NULL), LADLE_OK);
        assert_memory_equal(part, plain + first, count);
        free(part);
    }
    assert_int_equal(ladle_bytes_read(&bytes, all, 1, BYTES, NULL), LADLE_BAD_INPUT);
    assert_int_equal(ladle_bytes_read(&bytes, all, 2, BYTES - 1, NULL), LADLE_BAD_INPUT);
    assert_int_equal(ladle_bytes_read(&bytes, all, 1, UINT64_MAX, NULL), LADLE_BAD_INPUT);
    assert_int_equal(ladle_bytes_read(&bytes, all, 0, BYTES, NULL), LADLE_OK);
    free(all);
    ladle_frames_close(frames);
    ladle_frames_close(NULL);
}

static void test_a_damaged_frame_is_told_when_it_is_read(void **state)
{
    static struct memory memory;
    make(&memory);
    memory.data[5] ^= 0xFF; /* in the first */
    struct ladle_bytes file = bytes_of(&memory), bytes;
    struct ladle_frames *frames = NULL;
    struct ladle_error *error = ladle_error_create();
    uint8_t byte;
    assert_int_equal(ladle_frames_open(&frames, &file, &bytes, NULL), LADLE_OK);
    assert_int_equal(ladle_bytes_read(&bytes, &byte, 1, BYTES - 1, NULL), LADLE_OK);
    assert_int_equal(byte, plain[BYTES - 1]);
    assert_int_equal(ladle_bytes_read(&bytes, &byte, 1, 50, error), LADLE_BAD_INPUT);
    assert_true(scratch_says(error, "x.zst"));
    assert_true(scratch_says(error, "damaged"));
    assert_int_equal(ladle_bytes_read(&bytes, &byte, 1, 100, NULL), LADLE_OK);
    assert_int_equal(byte, plain[100]);
    ladle_frames_close(frames);
    ladle_error_destroy(error);
}

/* Whether a file is refused when this bit of it is another. */
static bool refuses_bit(struct memory *memory, size_t at, unsigned bit)
{
    struct ladle_frames *frames = NULL;
    struct ladle_bytes file = bytes_of(memory), bytes;
    memory->data[at] ^= (uint8_t)(1u << bit);
    int status = ladle_frames_open(&frames, &file, &bytes, NULL);
    memory->data[at] ^= (uint8_t)(1u << bit);
    ladle_frames_close(frames);
    return status == LADLE_BAD_INPUT;
}

/* Every bit counts but two of the descriptor; that a frame unpacks to what the table says is seen when it is read. */
static void test_tables_that_make_no_sense(void **state)
{
    static struct memory memory;
    uint32_t count = make(&memory);
    size_t end = memory.count - 9, start = end - 8 * count;
    assert_true(count > 10);
    for (unsigned bit = 0; bit < 8; bit++) {
        for (size_t at = start - 8; at < start; at++) {
            assert_true(refuses_bit(&memory, at, bit));
        }
        for (size_t at = start; at < end; at++) {
            assert_int_equal(refuses_bit(&memory, at, bit), (at - start) % 8 < 4);
        }
        for (size_t at = end; at < memory.count; at++) {
            assert_int_equal(refuses_bit(&memory, at, bit), at != end + 4 || bit > 1);
        }
    }
}

static void test_files_without_a_table(void **state)
{
    static struct memory memory;
    struct ladle_frames *frames = NULL;
    struct ladle_bytes bytes;
    make(&memory);
    size_t whole = memory.count;
    static const size_t cuts[] = {0, 1, 9, 17, 100, 5000};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        struct ladle_error *error = ladle_error_create();
        memory.count = i == 5 ? whole - 1 : cuts[i];
        struct ladle_bytes file = bytes_of(&memory);
        assert_int_equal(ladle_frames_open(&frames, &file, &bytes, error), LADLE_BAD_INPUT);
        assert_true(scratch_says(error, "zstd -dc x.zst"));
        ladle_error_destroy(error);
    }
}

/* A table may say of a small frame that it unpacks to gigabytes. */
static void test_no_memory_is_taken_on_the_word_of_a_table(void **state)
{
    static struct memory memory;
    memset(&memory, 0, sizeof memory);
    size_t packed = ZSTD_compress(memory.data, 1000, "abc", 3, 3);
    ladle_seek_table_put_start(1, memory.data + packed);
    ladle_seek_table_put_entry((uint32_t)packed, UINT32_MAX, memory.data + packed + 8);
    ladle_seek_table_put_end(1, memory.data + packed + 16);
    memory.count = packed + 25;
    struct ladle_bytes file = bytes_of(&memory), bytes;
    struct ladle_frames *frames = NULL;
    uint8_t byte;
    assert_int_equal(ladle_frames_open(&frames, &file, &bytes, NULL), LADLE_OK);
    assert_int_equal(ladle_bytes_read(&bytes, &byte, 1, 0, NULL), LADLE_BAD_INPUT);
    ladle_frames_close(frames);
}

/* Other writers add checksums to the table. */
static void test_a_table_with_checksums(void **state)
{
    static struct memory memory;
    memset(&memory, 0, sizeof memory);
    size_t packed = ZSTD_compress(memory.data, 1000, "abc", 3, 3);
    memcpy(memory.data + packed, "\x5E\x2A\x4D\x18\x15\0\0\0", 8); /* 12 + 9 */
    ladle_seek_table_put_entry((uint32_t)packed, 3, memory.data + packed + 8);
    memcpy(memory.data + packed + 16, "\x01\x02\x03\x04\x01\0\0\0\x80\xB1\xEA\x92\x8F", 13);
    memory.count = packed + 29;
    struct ladle_bytes file = bytes_of(&memory), bytes;
    struct ladle_frames *frames = NULL;
    char text[4] = "";
    assert_int_equal(ladle_frames_open(&frames, &file, &bytes, NULL), LADLE_OK);
    assert_int_equal(ladle_bytes_read(&bytes, text, 3, 0, NULL), LADLE_OK);
    assert_string_equal(text, "abc");
    ladle_frames_close(frames);
    memory.data[memory.count - 5] = 0x84; /* a bit that must be 0 */
    assert_int_equal(ladle_frames_open(&frames, &file, &bytes, NULL), LADLE_BAD_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_range_can_be_read),
        cmocka_unit_test(test_a_damaged_frame_is_told_when_it_is_read),
        cmocka_unit_test(test_tables_that_make_no_sense),
        cmocka_unit_test(test_files_without_a_table),
        cmocka_unit_test(test_no_memory_is_taken_on_the_word_of_a_table),
        cmocka_unit_test(test_a_table_with_checksums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
