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

enum { SIZE = 70001 }; /* longer than a segment */

static const double whole[] = {1, 0}, rows[] = {0, 0}, columns[] = {0, 1};

/* The two coefficients of spec "nuslerp". */
static void coefficients(double first, double mixed, double second, double t, double *c)
{
    double cosine = mixed / (fmax(sqrt(first), 1e-7) * fmax(sqrt(second), 1e-7));

    cosine = fmin(1, fmax(-1, cosine));
    c[0] = 1 - t;
    c[1] = t;
    if (!isfinite(first + mixed + second) || 1 - cosine * cosine <= 1e-16)
        return;
    double theta = acos(cosine);
    c[0] = sin((1 - t) * theta) / sin(theta);
    c[1] = sin(t * theta) / sin(theta);
}

static float mixed(const double *c, float a, float b)
{
    float first = (float)c[0] * a, second = (float)c[1] * b;

    return (0 + first) + second;
}

static void whole_tensors_match_the_formula(void **state)
{
    float *x[] = {straight_numbers(SIZE, 1, 1), straight_numbers(SIZE, 2, 1)};
    const double each[] = {0.6, 0.2};
    struct job job = straight_job("nuslerp", 1, (uint64_t[]){SIZE}, false, 2, x, each, whole);
    float *expected = malloc(SIZE * sizeof(float));
    double c[2];

    coefficients(straight_dot(x[0], x[0], SIZE), straight_dot(x[0], x[1], SIZE), straight_dot(x[1], x[1], SIZE),
                 0.2 / (0.6 + 0.2), c);
    for (size_t i = 0; i < SIZE; i++)
        expected[i] = mixed(c, x[0][i], x[1][i]);
    free(run_all_ways(&job, expected, SIZE * sizeof(float)));
    free(expected);
    free(x[0]);
    free(x[1]);
}

static void with_a_base_differences_are_turned(void **state)
{
    float *x[] = {straight_numbers(SIZE, 3, 1), straight_numbers(SIZE, 1, 1), straight_numbers(SIZE, 2, 1)};
    float *d[] = {malloc(SIZE * sizeof(float)), malloc(SIZE * sizeof(float))};
    const double each[] = {1, 3};
    struct job job = straight_job("nuslerp", 1, (uint64_t[]){SIZE}, true, 3, x, each, whole);
    float *expected = malloc(SIZE * sizeof(float));
    double c[2];

    for (size_t i = 0; i < SIZE; i++) {
        d[0][i] = x[1][i] - x[0][i];
        d[1][i] = x[2][i] - x[0][i];
    }
    coefficients(straight_dot(d[0], d[0], SIZE), straight_dot(d[0], d[1], SIZE), straight_dot(d[1], d[1], SIZE), 0.75, c);
    for (size_t i = 0; i < SIZE; i++)
        expected[i] = x[0][i] + mixed(c, d[0][i], d[1][i]);
    free(run_all_ways(&job, expected, SIZE * sizeof(float)));
    free(expected);
    for (int k = 0; k < 3; k++)
        free(x[k]);
    free(d[0]);
    free(d[1]);
}

/* A row alone, as a tensor of its own, is one vector. */
static void rows_are_tensors_of_their_own(void **state)
{
    enum { ROWS = 7, LENGTH = 10000 };
    float *x[] = {straight_numbers(ROWS * LENGTH, 1, 1), straight_numbers(ROWS * LENGTH, 2, 1)};
    const double each[] = {0.5, 0.5};
    struct job job = straight_job("nuslerp", 2, (uint64_t[]){ROWS, LENGTH}, false, 2, x, each, rows);
    float *found = run_all_ways(&job, NULL, 0);

    for (int r = 0; r < ROWS; r++) {
        float *row[] = {x[0] + r * LENGTH, x[1] + r * LENGTH};
        struct job alone = straight_job("nuslerp", 1, (uint64_t[]){LENGTH}, false, 2, row, each, whole);
        struct outcome outcome;
        run(&alone, &(struct manner){0}, &outcome);
        assert_memory_equal(outcome.bytes, found + r * LENGTH, LENGTH * sizeof(float));
        free(outcome.bytes);
    }
    free(found);
    free(x[0]);
    free(x[1]);
}

/* Every column has its own coefficients, from sums row by row; a block's edge lies within a row. */
static void columns_match_the_formula(void **state)
{
    enum { ROWS = 301, COLUMNS = 701 };
    float *x[] = {straight_numbers(ROWS * COLUMNS, 1, 1), straight_numbers(ROWS * COLUMNS, 2, 1)};
    const double each[] = {0.3, 0.7};
    struct job job = straight_job("nuslerp", 2, (uint64_t[]){ROWS, COLUMNS}, false, 2, x, each, columns);
    float *expected = malloc(ROWS * COLUMNS * sizeof(float));

    for (size_t column = 0; column < COLUMNS; column++) {
        double sums[3] = {0}, c[2];
        for (size_t i = column; i < ROWS * COLUMNS; i += COLUMNS) {
            sums[0] += (double)x[0][i] * (double)x[0][i];
            sums[1] += (double)x[0][i] * (double)x[1][i];
            sums[2] += (double)x[1][i] * (double)x[1][i];
        }
        coefficients(sums[0], sums[1], sums[2], 0.7 / (0.3 + 0.7), c);
        for (size_t i = column; i < ROWS * COLUMNS; i += COLUMNS)
            expected[i] = mixed(c, x[0][i], x[1][i]);
    }
    free(run_all_ways(&job, expected, ROWS * COLUMNS * sizeof(float)));
    free(expected);
    free(x[0]);
    free(x[1]);
}

/* Fewer columns than a strip has elements, of three axes. */
static void narrow_columns(void **state)
{
    float *x[] = {straight_numbers(90000, 1, 1), straight_numbers(90000, 2, 1)};
    const double each[] = {1, 1};
    struct job job = straight_job("nuslerp", 3, (uint64_t[]){15000, 3, 2}, false, 2, x, each, columns);

    free(run_all_ways(&job, NULL, 0));
    free(x[0]);
    free(x[1]);
}

static void a_share_of_nothing_leaves_the_other(void **state)
{
    float *x[] = {straight_numbers(SIZE, 1, 1), straight_numbers(SIZE, 2, 1)};
    const double first[] = {1, 0}, second[] = {0, 2};
    struct job job = straight_job("nuslerp", 1, (uint64_t[]){SIZE}, false, 2, x, first, whole);

    free(run_all_ways(&job, x[0], SIZE * sizeof(float)));
    job.each = second;
    free(run_all_ways(&job, x[1], SIZE * sizeof(float)));
    free(x[0]);
    free(x[1]);
}

static void infinity_means_linear_and_a_warning(void **state)
{
    float first[] = {1, INFINITY, 2, 0}, second[] = {3, 1, 2, 0};
    float *x[] = {first, second};
    const float expected[] = {2, INFINITY, 2, 0};
    const double each[] = {1, 1};
    struct job job = straight_job("nuslerp", 1, (uint64_t[]){4}, false, 2, x, each, whole);
    struct outcome outcome;

    free(run_all_ways(&job, expected, sizeof(expected)));
    run(&job, &(struct manner){0}, &outcome);
    assert_non_null(strstr(outcome.warning, "a.tensor"));
    free(outcome.bytes);

    job = straight_job("nuslerp", 2, (uint64_t[]){1, 4}, false, 2, x, each, columns);
    run(&job, &(struct manner){0}, &outcome);
    assert_non_null(strstr(outcome.warning, "a.tensor"));
    assert_memory_equal(outcome.bytes, expected, sizeof(expected));
    free(outcome.bytes);
}

/* Each row by itself: two of the three fall back. */
static void rows_that_are_not_finite_are_counted(void **state)
{
    float first[] = {1, INFINITY, 3, 0, NAN, 2}, second[] = {3, 1, 0, 3, 5, 4};
    float *x[] = {first, second};
    const double each[] = {1, 1};
    struct job job = straight_job("nuslerp", 2, (uint64_t[]){3, 2}, false, 2, x, each, rows);
    struct outcome outcome;

    free(run_all_ways(&job, NULL, 0));
    run(&job, &(struct manner){0}, &outcome);
    const float *found = outcome.bytes;
    assert_true(found[0] == 2 && isinf(found[1]) && isnan(found[4]) && found[5] == 3);
    assert_int_equal(outcome.fallbacks, 2);
    assert_string_equal(outcome.warning, "");
    free(outcome.bytes);
}

static void nothing_and_next_to_nothing(void **state)
{
    float first[] = {2}, second[] = {4};
    float *x[] = {first, second};
    const float expected[] = {3};
    const double each[] = {1, 1};
    const double *const shapes[] = {whole, rows, columns};

    for (int i = 0; i < 3; i++) {
        struct job job = straight_job("nuslerp", 0, NULL, false, 2, x, each, shapes[i]);
        free(run_all_ways(&job, expected, sizeof(expected)));
        job = straight_job("nuslerp", 2, (uint64_t[]){1, 1}, false, 2, x, each, shapes[i]);
        free(run_all_ways(&job, expected, sizeof(expected)));
        job = straight_job("nuslerp", 2, (uint64_t[]){0, 6}, false, 2, x, each, shapes[i]);
        free(run_all_ways(&job, NULL, 0));
        job = straight_job("nuslerp", 2, (uint64_t[]){6, 0}, false, 2, x, each, shapes[i]);
        free(run_all_ways(&job, NULL, 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_tensors_match_the_formula),
        cmocka_unit_test(with_a_base_differences_are_turned),
        cmocka_unit_test(rows_are_tensors_of_their_own),
        cmocka_unit_test(columns_match_the_formula),
        cmocka_unit_test(narrow_columns),
        cmocka_unit_test(a_share_of_nothing_leaves_the_other),
        cmocka_unit_test(infinity_means_linear_and_a_warning),
        cmocka_unit_test(rows_that_are_not_finite_are_counted),
        cmocka_unit_test(nothing_and_next_to_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
