/* SPDX-License-Identifier: Apache-2.0 */
/* Rank thresholds against sorting. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "method/band.h"
#include "method/selection.h"
#include "method/strip.h"
#include "straight.h"

/* A vector of T, and how it is shown to a selection. */
struct vector {
    enum ladle_real real;
    size_t n;
    void *values;
    bool resident;
    size_t sampled_from, sampled; /* elements [from, from + sampled) are the sample; 0: none */
};

static struct ladle_task task_of(const struct vector *vector)
{
    return (struct ladle_task){
        .elems = vector->n,
        .real = vector->real,
        .resident = vector->resident,
        .block_elems = LADLE_SEGMENT,
        .kernels = ladle_kernels_choose(0),
    };
}

static int descending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The keys of all values: abs(x) as bits, NaN above Inf. */
static uint64_t *sorted_keys(const struct vector *vector)
{
    uint64_t *keys = calloc(vector->n + 1, sizeof *keys);
    for (size_t i = 0; i < vector->n; i++) {
        size_t bytes = ladle_real_bytes(vector->real);
        uint64_t nan = bytes == 8 ? LADLE_KEY_NAN_F64 : LADLE_KEY_NAN_F32;
        memcpy(&keys[i], (uint8_t *)vector->values + i * bytes, bytes);
        keys[i] &= bytes == 8 ? INT64_MAX : INT32_MAX;
        keys[i] = keys[i] > nan ? nan : keys[i];
    }
    qsort(keys, vector->n, sizeof *keys, descending);
    return keys;
}

static void *scratch_of(const struct ladle_task *task)
{
    size_t bytes = ladle_selection_scratch_bytes(task);
    void *scratch = NULL;
    if (posix_memalign(&scratch, 64, bytes + 64) != 0)
        fail();
    memset(scratch, 0x77, bytes + 64);
    return scratch;
}

/* Shows part of the vector. */
static void show(const struct ladle_task *task, struct ladle_selection *selection, const struct vector *vector, size_t first,
                 size_t n, void *scratch)
{
    ladle_selection_add(task, selection, first, (uint8_t *)vector->values + first * ladle_real_bytes(vector->real), n,
                        scratch);
}

/* Finds the thresholds of up to three ranks; returns the passes that took. */
static unsigned find(const struct vector *vector, const uint64_t *ranks, unsigned count, struct ladle_threshold *thresholds)
{
    struct ladle_task task = task_of(vector);
    void *scratch = scratch_of(&task);
    struct ladle_selection *selection = calloc(1, ladle_selection_state_bytes(&task, count));
    unsigned passes = 0;
    ladle_selection_begin(selection, count);
    for (unsigned at = 0; at < count; at++)
        ladle_selection_ask(selection, at, ranks[at]);
    if (vector->sampled > 0) {
        ladle_selection_open(&task, scratch);
        show(&task, selection, vector, vector->sampled_from, vector->sampled, scratch);
        ladle_selection_estimate(&task, selection, vector->sampled, scratch);
    }
    do {
        passes++;
        for (size_t first = 0; first < vector->n; first += LADLE_SEGMENT) {
            size_t n = vector->n - first < LADLE_SEGMENT ? vector->n - first : LADLE_SEGMENT;
            ladle_selection_open(&task, scratch);
            show(&task, selection, vector, first, n, scratch);
            ladle_selection_close(&task, selection, scratch);
        }
    } while (!ladle_selection_resolve(&task, selection));
    memcpy(thresholds, selection->thresholds, sizeof selection->thresholds);
    free(selection);
    free(scratch);
    return passes;
}

static void check_sorted(const struct vector *vector, const uint64_t *keys, const uint64_t *ranks, unsigned count,
                         unsigned most_passes)
{
    struct ladle_threshold found[LADLE_SELECTION_RANKS];
    unsigned passes = find(vector, ranks, count, found);
    for (unsigned at = 0; at < count; at++) {
        uint64_t key = keys[ranks[at] - 1], above = ranks[at] - 1, past = ranks[at];
        while (above > 0 && keys[above - 1] == key)
            above--;
        while (past < vector->n && keys[past] == key)
            past++;
        assert_int_equal(found[at].rank, ranks[at]);
        assert_int_equal(found[at].key, key);
        assert_int_equal(found[at].above, above);
        assert_int_equal(found[at].equal, past - above);
    }
    if (passes > most_passes)
        fail_msg("%u passes, not %u", passes, most_passes);
}

static void check(const struct vector *vector, const uint64_t *ranks, unsigned count, unsigned most_passes)
{
    uint64_t *keys = sorted_keys(vector);
    check_sorted(vector, keys, ranks, count, most_passes);
    free(keys);
}

/* Both ends, the middle, and around. */
static void check_places(const struct vector *vector, unsigned most_passes)
{
    const uint64_t places[][3] = {{1, 2, vector->n}, {vector->n / 2, vector->n / 2 + 1, vector->n / 100 + 1}};
    uint64_t *keys = sorted_keys(vector);
    for (unsigned i = 0; i < 2; i++)
        check_sorted(vector, keys, places[i], 3, most_passes);
    check_sorted(vector, keys, &(uint64_t){vector->n - 1}, 1, most_passes);
    free(keys);
}

static double *widened(const float *x, size_t n)
{
    double *wide = malloc(n * sizeof *wide);
    for (size_t i = 0; i < n; i++)
        wide[i] = (double)x[i] * (1 + (double)i * 1e-12);
    return wide;
}

static void small_vectors_take_one_pass(void **state)
{
    static const size_t sizes[] = {2, 3, 100, 4097, LADLE_SELECTION_SMALL};
    for (unsigned s = 0; s < 5; s++) {
        float *x = straight_numbers(sizes[s], s, 1), *ticks = straight_ticks(sizes[s], s, 0.25f);
        double *wide = widened(x, sizes[s]);
        check_places(&(struct vector){.real = LADLE_REAL_F32, .n = sizes[s], .values = x}, 1);
        check_places(&(struct vector){.real = LADLE_REAL_F32, .n = sizes[s], .values = ticks}, 1);
        check_places(&(struct vector){.real = LADLE_REAL_F64, .n = sizes[s], .values = wide}, 1);
        free(x);
        free(ticks);
        free(wide);
    }
}

static void few_different_numbers_take_one_pass(void **state)
{
    size_t n = 200001;
    float *ticks = straight_ticks(n, 1, 0.0078125f);
    check_places(&(struct vector){.real = LADLE_REAL_F32, .n = n, .values = ticks, .resident = true}, 1);
    check_places(&(struct vector){.real = LADLE_REAL_F32, .n = n, .values = ticks}, 1);
    double *wide = malloc(n * sizeof *wide);
    for (size_t i = 0; i < n; i++)
        wide[i] = (double)ticks[i];
    check_places(&(struct vector){.real = LADLE_REAL_F64, .n = n, .values = wide}, 1);
    free(wide);
    free(ticks);
}

static void any_numbers_take_two_passes_in_float_and_four_in_double(void **state)
{
    size_t n = 200001;
    float *x = straight_numbers(n, 5, 0.01f);
    double *wide = widened(x, n);
    check_places(&(struct vector){.real = LADLE_REAL_F32, .n = n, .values = x, .resident = true}, 2);
    check_places(&(struct vector){.real = LADLE_REAL_F64, .n = n, .values = wide, .resident = true}, 4);
    free(wide);
    free(x);
}

static void a_sample_saves_the_second_pass(void **state)
{
    size_t n = 300000;
    float *x = straight_numbers(n, 6, 0.01f);
    struct vector vector = {.real = LADLE_REAL_F32, .n = n, .values = x, .sampled_from = 50000, .sampled = 100000};
    check(&vector, (uint64_t[]){n / 2, n / 3, n / 5}, 3, 1);
    free(x);
}

static void a_sample_unlike_the_rest_costs_a_pass(void **state)
{
    size_t n = 300000;
    float *x = straight_numbers(n, 7, 0.01f);
    for (size_t i = 0; i < 50000; i++)
        x[i] *= 1000;
    check_places(&(struct vector){.real = LADLE_REAL_F32, .n = n, .values = x, .sampled_from = 0, .sampled = 50000}, 2);
    memset(x, 0, 1000 * sizeof *x);
    check_places(&(struct vector){.real = LADLE_REAL_F32, .n = n, .values = x, .sampled_from = 0, .sampled = 1000}, 2);
    free(x);
}

static void numbers_of_any_kind(void **state)
{
    size_t n = 150000;
    float *x = malloc(n * sizeof *x);
    uint32_t bits = 12345;
    for (size_t i = 0; i < n; i++) {
        bits = bits * 1664525 + 1013904223;
        memcpy(&x[i], &bits, sizeof bits); /* NaN, Inf, subnormals, 0 */
    }
    check_places(&(struct vector){.real = LADLE_REAL_F32, .n = n, .values = x, .sampled_from = 7, .sampled = 70000}, 2);
    for (size_t i = 0; i < n; i++)
        x[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? 0 : INFINITY;
    check_places(&(struct vector){.real = LADLE_REAL_F32, .n = n, .values = x, .resident = true}, 2);
    for (size_t i = 0; i < n; i++)
        x[i] = 0.1f; /* lower bits set, and all the same */
    check_places(&(struct vector){.real = LADLE_REAL_F32, .n = n, .values = x, .sampled_from = 7, .sampled = 70000}, 1);
    memset(x, 0, n * sizeof *x);
    check_places(&(struct vector){.real = LADLE_REAL_F32, .n = n, .values = x, .resident = true}, 1);
    free(x);
}

static void a_place_may_depend_on_the_first_pass(void **state)
{
    size_t n = 100000;
    float *x = straight_ticks(n, 3, 0.5f);
    struct vector vector = {.real = LADLE_REAL_F32, .n = n, .values = x, .resident = true};
    struct ladle_task task = task_of(&vector);
    void *scratch = scratch_of(&task);
    struct ladle_selection *selection = calloc(1, ladle_selection_state_bytes(&task, 1));
    uint64_t nonzero = 0, *keys = sorted_keys(&vector);
    for (size_t i = 0; i < n; i++)
        nonzero += x[i] != 0;
    ladle_selection_begin(selection, 1);
    ladle_selection_open(&task, scratch);
    show(&task, selection, &vector, 0, n, scratch);
    ladle_selection_close(&task, selection, scratch);
    assert_int_equal(ladle_selection_nonzero(&task, selection), nonzero);
    ladle_selection_ask(selection, 0, nonzero / 2);
    assert_true(ladle_selection_resolve(&task, selection));
    assert_int_equal(selection->thresholds[0].key, keys[nonzero / 2 - 1]);
    free(keys);
    free(selection);
    free(scratch);
    free(x);
}

/* Two threads, each with its own scratch, show every other block. */
struct shower {
    const struct ladle_task *task;
    const struct vector *vector;
    struct ladle_selection *selection;
    size_t first;
};

static void *show_half(void *argument)
{
    struct shower *shower = argument;
    void *scratch = scratch_of(shower->task);
    for (size_t first = shower->first; first < shower->vector->n; first += 2 * (size_t)LADLE_SEGMENT) {
        ladle_selection_open(shower->task, scratch);
        show(shower->task, shower->selection, shower->vector, first, LADLE_SEGMENT, scratch);
        ladle_selection_close(shower->task, shower->selection, scratch);
    }
    free(scratch);
    return NULL;
}

static void threads_may_show_blocks_at_once(void **state)
{
    size_t n = 8 * (size_t)LADLE_SEGMENT;
    float *x = straight_numbers(n, 9, 1);
    struct vector vector = {.real = LADLE_REAL_F32, .n = n, .values = x, .resident = true};
    struct ladle_task task = task_of(&vector);
    struct ladle_selection *selection = calloc(1, ladle_selection_state_bytes(&task, 1));
    uint64_t *keys = sorted_keys(&vector);
    ladle_selection_begin(selection, 1);
    ladle_selection_ask(selection, 0, n / 2);
    do {
        pthread_t threads[2];
        struct shower showers[2];
        for (unsigned i = 0; i < 2; i++) {
            showers[i] = (struct shower){&task, &vector, selection, i * (size_t)LADLE_SEGMENT};
            pthread_create(&threads[i], NULL, show_half, &showers[i]);
        }
        for (unsigned i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
    } while (!ladle_selection_resolve(&task, selection));
    assert_int_equal(selection->thresholds[0].key, keys[n / 2 - 1]);
    free(keys);
    free(selection);
    free(x);
}

/* What a band keeps, shown in pieces with running counts, is top(kept) without top(skipped) of a stable order. */
static void bands_settle_equal_elements_by_index(void **state)
{
    enum { N = 10 };
    const float x[N] = {2, -1, 1, 3, 1, -2, 0, 1, 2, -1};
    /* Their order: element 3; 0, 5, 8; 1, 2, 4, 7, 9; 6. */
    static const uint64_t ranks[][2] = {{6, 2}, {1, 0}, {10, 0}, {5, 3}, {9, 4}, {4, 1}, {8, 8}};
    static const char expected[][N + 1] = {".11..1..1.", "...1......", "1111111111", ".1......1.",
                                           ".11.1..1.1", "1....1..1.", ".........."};
    for (unsigned c = 0; c < sizeof ranks / sizeof *ranks; c++)
        for (size_t piece = 1; piece <= N; piece++) {
            struct vector vector = {.real = LADLE_REAL_F32, .n = N, .values = (void *)x};
            struct ladle_task task = task_of(&vector);
            struct ladle_threshold found[LADLE_SELECTION_RANKS];
            struct ladle_band band = ladle_band_all();
            float y[N];
            uint64_t counts[LADLE_BAND_TALLIES] = {0}, tallied[LADLE_BAND_TALLIES] = {0};
            find(&vector, ranks[c], 2, found);
            ladle_band_keep_top(&band, &found[0]);
            if (ranks[c][1] > 0)
                ladle_band_skip_top(&band, &found[1]);
            memcpy(y, x, sizeof y);
            for (size_t at = 0; at < N; at += piece) {
                size_t n = N - at < piece ? N - at : piece;
                ladle_band_tally(&task, &band, y + at, n, tallied);
                ladle_band_apply(&task, &band, 1, y + at, n, counts);
                assert_memory_equal(counts, tallied, sizeof counts);
            }
            for (size_t i = 0; i < N; i++)
                if (y[i] != (expected[c][i] == '1' ? x[i] : 0))
                    fail_msg("case %u, pieces of %zu, element %zu", c, piece, i);
        }
}

static void a_band_may_hold_nothing(void **state)
{
    float y[] = {0, 1, NAN, INFINITY};
    struct vector vector = {.real = LADLE_REAL_F32, .n = 4, .values = y};
    struct ladle_task task = task_of(&vector);
    struct ladle_band band = ladle_band_none();
    uint64_t counts[LADLE_BAND_TALLIES] = {0};
    ladle_band_apply(&task, &band, 1, y, 4, counts);
    for (int i = 0; i < 4; i++)
        assert_true(y[i] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_vectors_take_one_pass),
        cmocka_unit_test(few_different_numbers_take_one_pass),
        cmocka_unit_test(any_numbers_take_two_passes_in_float_and_four_in_double),
        cmocka_unit_test(a_sample_saves_the_second_pass),
        cmocka_unit_test(a_sample_unlike_the_rest_costs_a_pass),
        cmocka_unit_test(numbers_of_any_kind),
        cmocka_unit_test(a_place_may_depend_on_the_first_pass),
        cmocka_unit_test(threads_may_show_blocks_at_once),
        cmocka_unit_test(bands_settle_equal_elements_by_index),
        cmocka_unit_test(a_band_may_hold_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
