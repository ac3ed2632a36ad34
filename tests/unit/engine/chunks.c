/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/chunks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define CHUNK 4096u

/* Two files: the first of two and a half chunks, the second, which begins at a chunk of its own, of one and a bit. */
static struct ladle_extent extents[] = {
    {.name = "one", .position = 0, .bytes = 2 * CHUNK + CHUNK / 2},
    {.name = "two", .position = 3 * CHUNK, .bytes = CHUNK + 16},
};
static const struct ladle_plan plan = {
    .extents = extents, .extent_count = 2, .memory = {.chunk_bytes = CHUNK, .chunks = 3}};

static struct ladle_chunks chunks;
static struct ladle_piece pieces[8];

static int teardown(void **state)
{
    ladle_chunks_finish(&chunks);
    return 0;
}

static void begin(uint64_t start, uint64_t first_kept)
{
    assert_int_equal(ladle_chunks_init(&chunks, &plan, start, first_kept), LADLE_OK);
}

/* Reserves and fills a range with one byte value. */
static void fill(uint64_t position, uint64_t bytes, int value)
{
    unsigned count = ladle_chunks_reserve(&chunks, position, bytes, 1, pieces);
    assert_true(count > 0);
    for (unsigned i = 0; i < count; i++)
        memset(pieces[i].data, value, pieces[i].elems);
    ladle_chunks_filled(&chunks, position, bytes);
}

static void test_a_range_over_chunks_comes_in_pieces(void **state)
{
    begin(0, 0);
    assert_int_equal(ladle_chunks_reserve(&chunks, CHUNK - 8, CHUNK + 16, 4, pieces), 3);
    assert_int_equal(pieces[0].elems, 2);
    assert_int_equal(pieces[1].elems, CHUNK / 4);
    assert_int_equal(pieces[2].elems, 2);
}

static void test_there_is_room_for_all_or_nothing(void **state)
{
    begin(0, 0);
    assert_int_equal(ladle_chunks_reserve(&chunks, 0, 1, 1, pieces), 1);
    assert_int_equal(ladle_chunks_reserve(&chunks, CHUNK, 3 * CHUNK, 1, pieces), 0); /* three more, of which two are free */
    assert_int_equal(ladle_chunks_reserve(&chunks, 1, 2 * CHUNK + CHUNK / 2 - 1, 1, pieces), 3);
}

static void test_chunks_are_full_in_any_order_and_written_to_their_places(void **state)
{
    begin(0, 0);
    assert_int_equal(ladle_chunks_reserve(&chunks, 0, 2 * CHUNK, 1, pieces), 2);
    memset(pieces[0].data, 'a', CHUNK);
    memset(pieces[1].data, 'b', CHUNK);
    assert_null(ladle_chunks_next_full(&chunks, false));
    assert_true(ladle_chunks_filled(&chunks, CHUNK, CHUNK));
    assert_false(ladle_chunks_filled(&chunks, 0, 100));
    assert_true(ladle_chunks_filled(&chunks, 100, CHUNK - 100));
    struct ladle_chunk *second = ladle_chunks_next_full(&chunks, false), *first = ladle_chunks_next_full(&chunks, false);
    assert_null(ladle_chunks_next_full(&chunks, false));
    assert_int_equal(first->request.offset, 0);
    assert_int_equal(second->request.offset, CHUNK);
    assert_int_equal(first->request.bytes, CHUNK);
    assert_int_equal(first->request.buffer[CHUNK - 1], 'a');
    assert_int_equal(second->request.buffer[0], 'b');
}

static void test_the_end_of_a_file_ends_its_chunk(void **state)
{
    begin(0, 0);
    fill(0, 2 * CHUNK, 'x');
    fill(2 * CHUNK, CHUNK / 2, 'x');
    ladle_chunks_release(&chunks, ladle_chunks_next_full(&chunks, true));
    ladle_chunks_release(&chunks, ladle_chunks_next_full(&chunks, true));
    struct ladle_chunk *last = ladle_chunks_next_full(&chunks, true);
    assert_int_equal(last->expected, CHUNK / 2);
    assert_int_equal(last->request.bytes, CHUNK); /* past the page cache only whole pages are written: zeros behind it */
    assert_int_equal(last->request.buffer[CHUNK / 2 - 1], 'x');
    assert_int_equal(last->request.buffer[CHUNK / 2], 0);
    assert_int_equal(last->request.buffer[CHUNK - 1], 0);

    fill(3 * CHUNK, CHUNK + 16, 'y');
    struct ladle_chunk *next = ladle_chunks_next_full(&chunks, false);
    assert_int_equal(next->extent, 1);
    assert_int_equal(next->request.offset, 0);
    next = ladle_chunks_next_full(&chunks, false);
    assert_int_equal(next->extent, 1);
    assert_int_equal(next->request.offset, CHUNK);
    assert_int_equal(next->request.bytes, 16);
}

static void test_memory_is_used_again(void **state)
{
    begin(0, 0);
    for (int round = 0; round < 2; round++) {
        fill(round * (uint64_t)CHUNK, CHUNK, 'x');
        assert_int_equal(chunks.unused_count, 2);
        ladle_chunks_release(&chunks, ladle_chunks_next_full(&chunks, false));
        assert_int_equal(chunks.unused_count, 3);
    }
}

static void test_going_on_in_the_middle_of_a_chunk(void **state)
{
    begin(CHUNK + 100, 2); /* the first byte that is made again lies in the second chunk, which is on the disk already */
    fill(CHUNK + 100, CHUNK, 'x');
    assert_null(ladle_chunks_next_full(&chunks, false));
    assert_int_equal(chunks.unused_count, 2); /* its memory can be used again */
    fill(2 * CHUNK + 100, CHUNK / 2 - 100, 'x');
    assert_int_equal(ladle_chunks_next_full(&chunks, false)->number, 2);
}

static void test_a_full_chunk_can_be_taken_out_of_turn(void **state)
{
    begin(0, 0);
    fill(0, 2 * CHUNK + CHUNK / 2, 'x');
    assert_int_equal(ladle_chunks_take_full(&chunks, 2)->number, 2);
    assert_null(ladle_chunks_take_full(&chunks, 2));
    ladle_chunks_release(&chunks, ladle_chunks_take_full(&chunks, 0));
    assert_int_equal(ladle_chunks_next_full(&chunks, false)->number, 1);
    fill(3 * CHUNK, CHUNK, 'y'); /* behind the end that was taken away */
    assert_int_equal(ladle_chunks_next_full(&chunks, false)->number, 3);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_range_over_chunks_comes_in_pieces),
        TEST(test_there_is_room_for_all_or_nothing),
        TEST(test_chunks_are_full_in_any_order_and_written_to_their_places),
        TEST(test_the_end_of_a_file_ends_its_chunk),
        TEST(test_memory_is_used_again),
        TEST(test_going_on_in_the_middle_of_a_chunk),
        TEST(test_a_full_chunk_can_be_taken_out_of_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
