/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_pieces_take_a_slot_each),
        cmocka_unit_test(test_small_pieces_share_slots_and_all_come_home),
        cmocka_unit_test(test_a_shared_piece_is_free_when_its_last_user_gives_it),
        cmocka_unit_test(test_what_cannot_be_had_whole_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
