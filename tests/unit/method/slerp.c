/* SPDX-License-Identifier: Apache-2.0 */
/* slerp, and the dot products it rests on. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "method/gram.h"
#include "straight.h"

enum { N = 200005 };

static void check(float *base, float *x, size_t n, double t, double first, double second)
{
    float *sources[] = {base, x}, *expected = malloc(n * sizeof *expected);
    struct job job = straight_job("slerp", 1, (uint64_t[]){n}, true, 2, sources, NULL, &t);
    for (size_t i = 0; i < n; i++) {
        float a = (float)first * base[i], b = (float)second * x[i];
        expected[i] = (0 + a) + b;
    }
    free(run_all_ways(&job, expected, n * sizeof *expected));
    free(expected);
}

static void along_the_great_circle(void **state)
{
    float *base = straight_numbers(N, 1, 1), *x = straight_numbers(N, 2, 3);
    double cosine = straight_dot(base, x, N) / (sqrt(straight_dot(base, base, N)) * sqrt(straight_dot(x, x, N)));
    double angle = acos(cosine);
    static const double amounts[] = {0.25, 0.5, 1.75, -0.5};
    for (int i = 0; i < 4; i++)
        check(base, x, N, amounts[i], sin((1 - amounts[i]) * angle) / sin(angle), sin(amounts[i] * angle) / sin(angle));
    free(base);
    free(x);
}

static void close_tensors_go_straight(void **state)
{
    float *base = straight_numbers(N, 1, 1), *x = straight_numbers(N, 1, 1);
    x[5] += 0.25f;
    check(base, x, N, 0.3, 1 - 0.3, 0.3);
    for (size_t i = 0; i < N; i++)
        x[i] = -2 * base[i];
    check(base, x, N, 0.3, 1 - 0.3, 0.3);
    free(base);
    free(x);
}

/* The norm of nothing counts as 1: the cosine is 0. */
static void a_tensor_of_zeros_is_at_a_right_angle(void **state)
{
    float *base = calloc(100, sizeof *base), *x = straight_numbers(100, 2, 1);
    double angle = acos(0);
    check(base, x, 100, 0.5, sin(0.5 * angle) / sin(angle), sin(0.5 * angle) / sin(angle));
    free(base);
    free(x);
}

static void infinity_means_straight_and_a_warning(void **state)
{
    float base[] = {1, INFINITY, 3}, x[] = {2, 4, 5};
    float *sources[] = {base, x};
    double t = 0.5;
    check(base, x, 3, t, 0.5, 0.5);
    struct job job = straight_job("slerp", 1, (uint64_t[]){3}, true, 2, sources, NULL, &t);
    struct outcome outcome;
    run(&job, &(struct manner){0}, &outcome);
    assert_non_null(strstr(outcome.warning, "a.tensor"));
    free(outcome.bytes);
}

static void a_triangle_becomes_a_symmetric_square(void **state)
{
    enum { COUNT = 5 };
    double triangle[COUNT * (COUNT + 1) / 2], square[COUNT * COUNT];
    size_t place = 0;
    for (unsigned i = 0; i < COUNT; i++)
        for (unsigned j = i; j < COUNT; j++)
            triangle[place++] = 10 * i + j;
    assert_int_equal(ladle_gram_pairs(COUNT), place);
    ladle_gram_square(COUNT, triangle, square);
    for (unsigned i = 0; i < COUNT; i++)
        for (unsigned j = i; j < COUNT; j++)
            assert_true(square[i * COUNT + j] == 10 * i + j && square[j * COUNT + i] == 10 * i + j);
}

/* Products are those of the specification, beyond a segment's length too. */
static void products_of_every_pair(void **state)
{
    const float *x[] = {straight_numbers(N, 1, 1), straight_numbers(N, 2, 1), straight_numbers(N, 3, 1)};
    static const size_t sizes[] = {1, 17, 65536, 65537, N};
    static const uint8_t dtypes[] = {LADLE_F32, LADLE_F32, LADLE_F32};
    for (unsigned s = 0; s < 5; s++) {
        struct ladle_task task = {.real = LADLE_REAL_F32,
                                  .elems = sizes[s],
                                  .block_elems = sizes[s],
                                  .sources = 3,
                                  .models = 3,
                                  .dtypes = dtypes,
                                  .kernels = ladle_kernels_choose(0)};
        struct ladle_block block = {.elems = sizes[s], .data = (const void *const *)x};
        double products[6] = {0}, *product = products;
        void *partial = malloc(ladle_gram_partial_bytes(&task, LADLE_GRAM_SOURCES));
        void *scratch = aligned_alloc(64, ladle_gram_scratch_bytes(&task, LADLE_GRAM_SOURCES));
        ladle_gram_accumulate(&task, LADLE_GRAM_SOURCES, &block, partial, scratch);
        ladle_gram_combine(&task, LADLE_GRAM_SOURCES, &block, partial, products);
        for (unsigned i = 0; i < 3; i++)
            for (unsigned j = i; j < 3; j++)
                assert_true(*product++ == straight_dot(x[i], x[j], sizes[s]));
        free(scratch);
        free(partial);
    }
    for (int k = 0; k < 3; k++)
        free((void *)(uintptr_t)x[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(along_the_great_circle),
        cmocka_unit_test(close_tensors_go_straight),
        cmocka_unit_test(a_tensor_of_zeros_is_at_a_right_angle),
        cmocka_unit_test(infinity_means_straight_and_a_warning),
        cmocka_unit_test(a_triangle_becomes_a_symmetric_square),
        cmocka_unit_test(products_of_every_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
