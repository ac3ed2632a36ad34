/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "straight.h"

/* The formula of spec "nearswap", where NaN passes every min and max. */
static float near(float x, float b, float t)
{
    float distance = fabsf(b - x);
    float w = t / (distance < 1e-6f ? 1e-6f : distance);

    if (w < 0)
        w = 0;
    if (w > 1)
        w = 1;
    float of_x = w * x, of_b = (1 - w) * b;
    return of_x + of_b;
}

static void numbers_match_the_formula(void **state)
{
    enum { SIZE = 70001 };
    float *x[] = {straight_numbers(SIZE, 1, 1), straight_numbers(SIZE, 2, 0.01f)};
    const double ts[] = {0.001, 0.3, -1, 1e-7, 0};

    for (size_t i = 0; i < SIZE; i++)
        x[1][i] += x[0][i] * (i % 3 ? 1 : 0);
    for (size_t i = 0; i < sizeof(ts) / sizeof(*ts); i++) {
        struct job job = straight_job("nearswap", 1, (uint64_t[]){SIZE}, true, 2, x, NULL, &ts[i]);
        float *expected = malloc(SIZE * sizeof(float));
        for (size_t k = 0; k < SIZE; k++)
            expected[k] = near(x[1][k], x[0][k], (float)ts[i]);
        free(run_all_ways(&job, expected, SIZE * sizeof(float)));
        free(expected);
    }
    free(x[0]);
    free(x[1]);
}

static void t_of_nothing_is_the_base_and_a_large_one_the_other(void **state)
{
    float base[] = {1, -2, 3, 1e-40f}, other[] = {1.5f, -2, -30, 7}, *x[] = {base, other};
    const double nothing[] = {0}, all[] = {1000};
    struct job job = straight_job("nearswap", 1, (uint64_t[]){4}, true, 2, x, NULL, nothing);

    free(run_all_ways(&job, base, sizeof(base)));
    job.shared = all;
    free(run_all_ways(&job, other, sizeof(other)));
}

static void nan_and_infinity_are_not_hidden(void **state)
{
    float base[] = {1, NAN, 1, INFINITY, INFINITY}, other[] = {NAN, 1, INFINITY, 1, INFINITY}, *x[] = {base, other};
    const double t[] = {0.5};
    struct job job = straight_job("nearswap", 1, (uint64_t[]){5}, true, 2, x, NULL, t);
    float *found = run_all_ways(&job, NULL, 0);

    for (int i = 0; i < 5; i++) {
        float expected = near(other[i], base[i], 0.5f);
        assert_true(isnan(expected) ? isnan(found[i]) : found[i] == expected);
    }
    free(found);
}

static void doubles_are_kept_apart(void **state)
{
    double base[] = {1, 1}, other[] = {1 + 1e-12, 3}, expected[] = {1 + 1e-12, 0.125 * 3 + 0.875 * 1};
    const double t[] = {0.25};
    struct job job = straight_job("nearswap", 1, (uint64_t[]){2}, true, 0, NULL, NULL, t);

    job.sources = 2;
    for (int i = 0; i < 2; i++)
        job.dtypes[i] = LADLE_F64;
    job.data[0] = base;
    job.data[1] = other;
    job.real = LADLE_REAL_F64;
    job.stored = LADLE_F64;
    free(run_all_ways(&job, expected, sizeof(expected)));
}

static void empty_tensors(void **state)
{
    float *x[] = {NULL, NULL};
    const double t[] = {0.5};
    struct job job = straight_job("nearswap", 1, (uint64_t[]){0}, true, 2, x, NULL, t);

    free(run_all_ways(&job, NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_match_the_formula),
        cmocka_unit_test(t_of_nothing_is_the_base_and_a_large_one_the_other),
        cmocka_unit_test(nan_and_infinity_are_not_hidden),
        cmocka_unit_test(doubles_are_kept_apart),
        cmocka_unit_test(empty_tensors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
