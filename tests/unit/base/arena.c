/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdalign.h>
#include <string.h>

#include "base/arena.h"

static void items_are_zeroed_aligned_and_apart(void **state)
{
    struct ladle_arena arena = {0};
    unsigned char *items[2000];
    size_t total = 0;
    for (size_t i = 0; i < 2000; i++) {
        size_t bytes = i * 7 % 3000;
        items[i] = ladle_arena_take(&arena, bytes);
        assert_non_null(items[i]);
        assert_int_equal((uintptr_t)items[i] % alignof(max_align_t), 0);
        for (size_t b = 0; b < bytes; b++) {
            assert_int_equal(items[i][b], 0);
        }
        memset(items[i], (int)(i & 0xFF), bytes);
        total += bytes;
    }
    for (size_t i = 0; i < 2000; i++) {
        for (size_t b = 0; b < i * 7 % 3000; b++) {
            assert_int_equal(items[i][b], i & 0xFF);
        }
    }
    assert_true(arena.bytes >= total);
    assert_true(arena.bytes <= total + total / 2); /* generous: sanitizers put guards between items */
    ladle_arena_finish(&arena);
    assert_int_equal(arena.bytes, 0);
    assert_null(arena.last);
    ladle_arena_finish(&arena);
}

static void a_large_item_wastes_no_block(void **state)
{
    struct ladle_arena arena = {0};
    char *before = ladle_arena_take(&arena, 16);
    size_t bytes = arena.bytes;
    char *large = ladle_arena_take(&arena, 1 << 20);
    assert_non_null(large);
    large[(1 << 20) - 1] = 1;
    assert_true(arena.bytes - bytes < (1 << 20) + 256);
    bytes = arena.bytes;
    assert_non_null(ladle_arena_take(&arena, 16));
    assert_int_equal(arena.bytes, bytes); /* taken from the block of `before` */
    assert_int_equal(before[0], 0);
    ladle_arena_finish(&arena);
}

static void sizes_that_cannot_be(void **state)
{
    struct ladle_arena arena = {0};
    assert_null(ladle_arena_take(&arena, SIZE_MAX));
    assert_null(ladle_arena_take(&arena, SIZE_MAX - 8));
    assert_null(ladle_arena_take_array(&arena, SIZE_MAX / 2, 4));
    assert_null(ladle_arena_take_array(&arena, (size_t)1 << 32, (size_t)1 << 32));
    assert_null(ladle_arena_copy(&arena, "", SIZE_MAX));
    assert_int_equal(arena.bytes, 0);
    assert_non_null(ladle_arena_take_array(&arena, 0, 8));
    ladle_arena_finish(&arena);
}

static void texts(void **state)
{
    struct ladle_arena arena = {0};
    char *copy = ladle_arena_copy(&arena, "abcdef", 3);
    char *empty = ladle_arena_copy(&arena, NULL, 0);
    char *printed = ladle_arena_printf(&arena, "%s-%05d", "shard", 7);
    assert_string_equal(copy, "abc");
    assert_string_equal(empty, "");
    assert_string_equal(printed, "shard-00007");
    ladle_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_zeroed_aligned_and_apart),
        cmocka_unit_test(a_large_item_wastes_no_block),
        cmocka_unit_test(sizes_that_cannot_be),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
