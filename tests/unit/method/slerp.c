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

static void triangles_name_every_pair_once(void **state)
{
    enum { COUNT = 5 };
    bool seen[COUNT * (COUNT + 1) / 2] = {false};
    double triangle[COUNT * (COUNT + 1) / 2], square[COUNT * COUNT];
    assert_int_equal(ladle_gram_pairs(COUNT), COUNT * (COUNT + 1) / 2);
    for (unsigned i = 0; i < COUNT; i++)
        for (unsigned j = i; j < COUNT; j++) {
            size_t place = ladle_gram_place(COUNT, i, j);
            assert_true(place < COUNT * (COUNT + 1) / 2 && !seen[place]);
            assert_int_equal(ladle_gram_place(COUNT, j, i), place);
            seen[place] = true;
            triangle[place] = 10 * i + j;
        }
    ladle_gram_square(COUNT, triangle, square);
    assert_true(square[1 * COUNT + 3] == 13 && square[3 * COUNT + 1] == 13 && square[4 * COUNT + 4] == 44);
}

/* Products of arrays in memory are those of the specification, beyond a segment's length too. */
static void products_of_rows(void **state)
{
    float *x[] = {straight_numbers(N, 1, 1), straight_numbers(N, 2, 1), straight_numbers(N, 3, 1)};
    static const size_t sizes[] = {1, 17, 65536, 65537, N};
    struct ladle_task task = {.real = LADLE_REAL_F32, .kernels = ladle_kernels_choose(0)};
    for (unsigned s = 0; s < 5; s++) {
        double products[6], lanes[LADLE_LANES];
        ladle_gram_arrays(&task, (const void *const *)x, 3, sizes[s], products, lanes);
        for (unsigned i = 0; i < 3; i++)
            for (unsigned j = i; j < 3; j++)
                assert_true(products[ladle_gram_place(3, i, j)] == straight_dot(x[i], x[j], sizes[s]));
    }
    for (int k = 0; k < 3; k++)
        free(x[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(along_the_great_circle),
        cmocka_unit_test(close_tensors_go_straight),
        cmocka_unit_test(a_tensor_of_zeros_is_at_a_right_angle),
        cmocka_unit_test(infinity_means_straight_and_a_warning),
        cmocka_unit_test(triangles_name_every_pair_once),
        cmocka_unit_test(products_of_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
