/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/io.h"
#include "engine/pool.h"
#include "ladle/error.h"

#define SLOT (64u * 1024)

static void test_large_pieces_take_a_slot_each(void **state)
{
    (void)state;
    struct ladle_pool pool;
    assert_int_equal(ladle_pool_init(&pool, SLOT, 3), LADLE_OK);
    uint8_t *pieces[3];
    for (int i = 0; i < 3; i++) {
        pieces[i] = ladle_pool_take(&pool, SLOT);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % LADLE_IO_ALIGNMENT, 0);
        memset(pieces[i], i, SLOT);
    }
    assert_null(ladle_pool_take(&pool, SLOT));
    assert_null(ladle_pool_take(&pool, 1));
    for (int i = 0; i < 3; i++)
        assert_int_equal(pieces[i][SLOT - 1], i);
    ladle_pool_give(&pool, pieces[1]);
    assert_ptr_equal(ladle_pool_take(&pool, SLOT / 2 + 1), pieces[1]);
    ladle_pool_finish(&pool);
}

static void test_small_pieces_share_slots_and_all_come_home(void **state)
{
    (void)state;
    struct ladle_pool pool;
    assert_int_equal(ladle_pool_init(&pool, SLOT, 2), LADLE_OK);
    uint8_t *pieces[32];
    for (int i = 0; i < 32; i++) {
        pieces[i] = ladle_pool_take(&pool, 4096);
        assert_non_null(pieces[i]);
        memset(pieces[i], i, 4096);
    }
    assert_null(ladle_pool_take(&pool, 4096));
    for (int i = 0; i < 32; i++)
        assert_int_equal(pieces[i][4095], i);
    /* What is given back out of order comes back when its whole slot is unused. */
    for (int i = 31; i >= 0; i--)
        ladle_pool_give(&pool, pieces[i]);
    assert_non_null(ladle_pool_take(&pool, SLOT));
    assert_non_null(ladle_pool_take(&pool, SLOT));
    assert_null(ladle_pool_take(&pool, SLOT));
    ladle_pool_finish(&pool);
}

static void test_a_shared_piece_is_free_when_its_last_user_gives_it(void **state)
{
    (void)state;
    for (size_t bytes = 4096; bytes <= SLOT; bytes += SLOT - 4096) {
        struct ladle_pool pool;
        assert_int_equal(ladle_pool_init(&pool, SLOT, 1), LADLE_OK);
        uint8_t *piece = ladle_pool_take(&pool, bytes);
        ladle_pool_share(&pool, piece);
        ladle_pool_share(&pool, piece);
        for (int users = 3; users > 0; users--) {
            assert_null(ladle_pool_take(&pool, SLOT));
            ladle_pool_give(&pool, piece);
        }
        assert_non_null(ladle_pool_take(&pool, SLOT));
        ladle_pool_finish(&pool);
    }
}

static void test_what_cannot_be_had_whole_leaves_no_trace(void **state)
{
    (void)state;
    struct ladle_pool pool;
    assert_int_equal(ladle_pool_init(&pool, SLOT, 1), LADLE_OK);
    uint8_t *held = ladle_pool_take(&pool, 4096);
    for (int i = 0; i < 100; i++) {
        struct ladle_pool_mark mark = ladle_pool_mark(&pool);
        uint8_t *first = ladle_pool_take(&pool, SLOT / 2);
        assert_non_null(first);
        assert_null(ladle_pool_take(&pool, SLOT / 2));
        ladle_pool_give(&pool, first);
        ladle_pool_rewind(&pool, mark);
    }
    ladle_pool_give(&pool, held);
    assert_non_null(ladle_pool_take(&pool, SLOT));
    ladle_pool_finish(&pool);
}

static bool is_resident(uint8_t *part, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t at = 0; at < bytes; at += page) {
        unsigned char in_memory = 0;
        assert_int_equal(mincore(part + at, page, &in_memory), 0);
        if (!(in_memory & 1))
            return false;
    }
    return true;
}

static void test_parts_to_touch_are_expected_and_new(void **state)
{
    (void)state;
    struct ladle_pool pool;
    uint8_t *part, *last = NULL;
    size_t bytes, sum = 0;
    bool able = true;
    assert_int_equal(ladle_pool_init(&pool, SLOT, 160), LADLE_OK);
    assert_false(ladle_pool_next_untouched(&pool, &part, &bytes));
    assert_true(ladle_pool_expect(&pool, 150));
    assert_false(ladle_pool_expect(&pool, 150));
    assert_false(ladle_pool_expect(&pool, 3));
    for (int i = 0; i < 40; i++)
        assert_non_null(ladle_pool_take(&pool, SLOT));
    while (ladle_pool_next_untouched(&pool, &part, &bytes)) {
        assert_true(part >= pool.base + 40 * SLOT && part + bytes <= pool.base + 150 * SLOT);
        assert_true(last == NULL || part > last);
        assert_false(is_resident(part, bytes));
        ladle_pool_touch(part, bytes);
        able = able && is_resident(part, bytes);
        last = part + bytes - 1;
        sum += bytes;
    }
    assert_true(sum >= 110 * SLOT - (4u << 20)); /* but for the ends of it */
    if (!able)
        print_message("NOT TESTED: this kernel makes no memory ready before it is used\n");
    ladle_pool_finish(&pool);
}

static void test_no_more_is_touched_than_there_is(void **state)
{
    (void)state;
    struct ladle_pool pool;
    uint8_t *part;
    size_t bytes;
    assert_int_equal(ladle_pool_init(&pool, SLOT, 100), LADLE_OK);
    ladle_pool_expect(&pool, UINT64_MAX);
    while (ladle_pool_next_untouched(&pool, &part, &bytes))
        assert_true(part >= pool.base && part + bytes <= pool.base + 100 * SLOT);
    for (int i = 0; i < 100; i++)
        assert_non_null(ladle_pool_take(&pool, SLOT));
    assert_false(ladle_pool_next_untouched(&pool, &part, &bytes));
    ladle_pool_finish(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_pieces_take_a_slot_each),
        cmocka_unit_test(test_small_pieces_share_slots_and_all_come_home),
        cmocka_unit_test(test_a_shared_piece_is_free_when_its_last_user_gives_it),
        cmocka_unit_test(test_what_cannot_be_had_whole_leaves_no_trace),
        cmocka_unit_test(test_parts_to_touch_are_expected_and_new),
        cmocka_unit_test(test_no_more_is_touched_than_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
