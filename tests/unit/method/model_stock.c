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

enum { SIZE = 70001 };

static const double whole[] = {0}, rows[] = {1};

/* t / 3 of spec "model_stock". */
static double factor(double g[3][3])
{
    double sum = 0;

    for (int i = 0; i < 3; i++)
        for (int j = i + 1; j < 3; j++)
            sum += fmin(1, fmax(-1, g[i][j] / fmax(sqrt(g[i][i]) * sqrt(g[j][j]), 1e-6)));
    double c = sum / 3, d = 1 + 2 * c;
    return (fabs(d) < 1e-6 ? 0 : 3 * c / d) / 3;
}

static void three_models_match_the_formula(void **state)
{
    float *x[] = {straight_numbers(SIZE, 9, 1), straight_numbers(SIZE, 1, 1), straight_numbers(SIZE, 2, 2),
                  straight_numbers(SIZE, 3, 0.5f)};
    float *d[3], *expected = malloc(SIZE * sizeof(float));
    struct job job = straight_job("model_stock", 1, (uint64_t[]){SIZE}, true, 4, x, NULL, whole);
    double g[3][3];

    for (int k = 0; k < 3; k++) {
        d[k] = malloc(SIZE * sizeof(float));
        for (size_t i = 0; i < SIZE; i++)
            d[k][i] = x[k + 1][i] - x[0][i];
    }
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            g[i][j] = straight_dot(d[i], d[j], SIZE);
    for (size_t i = 0; i < SIZE; i++) {
        float total = 0 + d[0][i];
        total += d[1][i];
        total += d[2][i];
        float part = (float)factor(g) * total;
        expected[i] = x[0][i] + part;
    }
    free(run_all_ways(&job, expected, SIZE * sizeof(float)));
    free(expected);
    for (int k = 0; k < 4; k++)
        free(x[k]);
    for (int k = 0; k < 3; k++)
        free(d[k]);
}

static void rows_are_tensors_of_their_own(void **state)
{
    enum { ROWS = 9, LENGTH = 9000 };
    float *x[] = {straight_numbers(ROWS * LENGTH, 9, 1), straight_numbers(ROWS * LENGTH, 1, 1),
                  straight_numbers(ROWS * LENGTH, 2, 1)};
    struct job job = straight_job("model_stock", 2, (uint64_t[]){ROWS, LENGTH}, true, 3, x, NULL, rows);
    float *found = run_all_ways(&job, NULL, 0);

    for (int r = 0; r < ROWS; r++) {
        float *row[] = {x[0] + r * LENGTH, x[1] + r * LENGTH, x[2] + r * LENGTH};
        struct job alone = straight_job("model_stock", 1, (uint64_t[]){LENGTH}, true, 3, row, NULL, r % 2 ? whole : rows);
        struct outcome outcome;
        run(&alone, &(struct manner){0}, &outcome);
        assert_memory_equal(outcome.bytes, found + r * LENGTH, LENGTH * sizeof(float));
        free(outcome.bytes);
    }
    free(found);
    for (int k = 0; k < 3; k++)
        free(x[k]);
}

/* Models that agree are trusted wholly, models at right angles not at all, models that contradict have no answer. */
static void agreement_decides(void **state)
{
    float base[] = {1, 1, 1, 1}, up[] = {2, 3, 1, 1}, down[] = {0, -1, 1, 1}, across[] = {-1, 2, 1, 1};
    float *same[] = {base, up, up}, *square[] = {base, up, across}, *opposite[] = {base, up, down};
    float *untouched[] = {base, base, base};

    struct job job = straight_job("model_stock", 1, (uint64_t[]){4}, true, 3, same, NULL, whole);
    free(run_all_ways(&job, up, sizeof(up)));
    job = straight_job("model_stock", 1, (uint64_t[]){4}, true, 3, square, NULL, whole);
    free(run_all_ways(&job, base, sizeof(base)));
    job = straight_job("model_stock", 1, (uint64_t[]){4}, true, 3, opposite, NULL, whole);
    free(run_all_ways(&job, base, sizeof(base)));
    job = straight_job("model_stock", 1, (uint64_t[]){4}, true, 3, untouched, NULL, whole);
    free(run_all_ways(&job, base, sizeof(base)));
}

static void infinity_leaves_the_base_and_warns(void **state)
{
    float base[] = {1, 1}, first[] = {2, INFINITY}, second[] = {3, 3}, *x[] = {base, first, second};
    struct job job = straight_job("model_stock", 1, (uint64_t[]){2}, true, 3, x, NULL, whole);
    const float expected[] = {1, NAN}; /* 0 times infinity */
    struct outcome outcome;

    free(run_all_ways(&job, expected, sizeof(expected)));
    run(&job, &(struct manner){0}, &outcome);
    assert_non_null(strstr(outcome.warning, "a.tensor"));
    assert_int_equal(outcome.counts.nan, 1);
    free(outcome.bytes);
    const double by_rows[] = {1};
    job = straight_job("model_stock", 2, (uint64_t[]){2, 1}, true, 3, x, NULL, by_rows);
    free(run_all_ways(&job, NULL, 0));
    run(&job, &(struct manner){0}, &outcome);
    const float *found = outcome.bytes;
    assert_true(found[0] == 2.5f && isnan(found[1]));
    assert_int_equal(outcome.fallbacks, 1);
    free(outcome.bytes);
}

static void empty_tensors(void **state)
{
    float *x[] = {NULL, NULL, NULL};
    struct job job = straight_job("model_stock", 2, (uint64_t[]){4, 0}, true, 3, x, NULL, rows);

    free(run_all_ways(&job, NULL, 0));
    job = straight_job("model_stock", 2, (uint64_t[]){0, 4}, true, 3, x, NULL, whole);
    free(run_all_ways(&job, NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_models_match_the_formula),
        cmocka_unit_test(rows_are_tensors_of_their_own),
        cmocka_unit_test(agreement_decides),
        cmocka_unit_test(infinity_leaves_the_base_and_warns),
        cmocka_unit_test(empty_tensors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
