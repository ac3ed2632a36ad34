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

/* softmax + 1e-8 of a row, by the C library. */
static double *softmax(const float *x, size_t n)
{
    double *p = calloc(n + 1, sizeof(*p)), most = -INFINITY;

    for (size_t i = 0; i < n; i++)
        most = (double)x[i] > most || isnan(x[i]) ? (double)x[i] : most;
    for (size_t i = 0; i < n; i++)
        p[i] = exp((double)x[i] - most);
    double sum = straight_sum(p, n);
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] / sum + 1e-8;
    return p;
}

static float divergence(const float *x, const float *b, size_t n)
{
    double *p = softmax(x, n), *q = softmax(b, n);

    for (size_t i = 0; i < n; i++)
        p[i] *= log(p[i] / q[i]);
    double sum = straight_sum(p, n);
    free(p);
    free(q);
    return (float)(sum < 0 ? 0 : sum);
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

/* Spec "arcee_fusion" of a matrix; returns how many elements come from x. */
static size_t fuse(const float *x, const float *b, size_t rows, size_t columns, float *fused)
{
    size_t n = rows * columns, taken = 0;
    float *importance = malloc(n * sizeof(*importance)), *sorted = malloc(n * sizeof(*sorted));

    for (size_t r = 0; r < rows; r++) {
        float d = divergence(x + r * columns, b + r * columns, columns);
        for (size_t i = r * columns; i < (r + 1) * columns; i++)
            sorted[i] = importance[i] = fabsf(x[i] - b[i]) * d;
    }
    qsort(sorted, n, sizeof(*sorted), ascending);
    float low = sorted[(size_t)(0.25 * (double)(n - 1))], high = sorted[(size_t)(0.75 * (double)(n - 1))];
    float more = 1.5f * (high - low), threshold = sorted[(size_t)(0.5 * (double)(n - 1))] + more;
    for (size_t i = 0; i < n; i++) {
        taken += importance[i] >= threshold;
        fused[i] = importance[i] >= threshold ? x[i] : b[i];
    }
    free(importance);
    free(sorted);
    return taken;
}

static void compare(size_t rows, size_t columns, float size, float change)
{
    size_t n = rows * columns;
    float *x[] = {straight_numbers(n, 1, size), straight_numbers(n, 2, change)}, *expected = malloc(n * sizeof(float));
    struct job job = straight_job("arcee_fusion", 2, (uint64_t[]){rows, columns}, true, 2, x, NULL, NULL);

    for (size_t i = 0; i < n; i++)
        x[1][i] = x[0][i] + x[1][i] * x[1][i] * x[1][i] * (i % 11 == 3 ? 8 : 1);
    size_t taken = fuse(x[1], x[0], rows, columns, expected);
    assert_true(taken > 0 && taken < n / 4);
    free(run_all_ways(&job, expected, n * sizeof(float)));
    free(expected);
    free(x[0]);
    free(x[1]);
}

/* Rows shorter than a strip, longer, longer than what is kept of a row, longer than a segment; few and many. */
static void matrices_match_the_formula(void **state)
{
    compare(4000, 7, 1, 1);
    compare(300, 300, 0.05f, 0.1f);
    compare(20, 3001, 1, 0.1f);
    compare(3, 20000, 2, 1);
    compare(2, 70001, 1, 0.1f);
    compare(1, 50, 1, 1);
}

/* More rows than divergences are kept of. */
static void very_many_rows(void **state)
{
    enum { ROWS = 140000, COLUMNS = 2 };
    float *x[] = {straight_numbers(ROWS * COLUMNS, 1, 1), straight_numbers(ROWS * COLUMNS, 2, 1)};
    float *expected = malloc(ROWS * COLUMNS * sizeof(float));
    struct job job = straight_job("arcee_fusion", 2, (uint64_t[]){ROWS, COLUMNS}, true, 2, x, NULL, NULL);
    const struct manner manners[] = {{.resident = true}, {.block_elems = LADLE_SEGMENT, .backwards = true}};

    fuse(x[1], x[0], ROWS, COLUMNS, expected);
    for (int i = 0; i < 2; i++) {
        struct outcome outcome;
        run(&job, &manners[i], &outcome);
        assert_memory_equal(outcome.bytes, expected, outcome.size);
        free(outcome.bytes);
    }
    free(expected);
    free(x[0]);
    free(x[1]);
}

static void the_base_stays_where_nothing_changed(void **state)
{
    float *x[] = {straight_numbers(5000, 1, 1), straight_numbers(5000, 1, 1)};
    struct job job = straight_job("arcee_fusion", 2, (uint64_t[]){50, 100}, true, 2, x, NULL, NULL);

    free(run_all_ways(&job, x[0], 5000 * sizeof(float)));
    free(x[0]);
    free(x[1]);
}

/* A row with NaN has no divergence; a NaN among the quartiles leaves no threshold, and the base. */
static void nan_leaves_the_base(void **state)
{
    float base[] = {1, 2, 3, 4}, other[] = {1, NAN, 30, 4}, *x[] = {base, other};
    struct job job = straight_job("arcee_fusion", 1, (uint64_t[]){4}, true, 2, x, NULL, NULL);

    free(run_all_ways(&job, base, sizeof(base)));
}

/* One row of many is spoilt: the others go on. */
static void a_spoilt_row_is_the_bases(void **state)
{
    enum { ROWS = 40, COLUMNS = 50 };
    float *x[] = {straight_numbers(ROWS * COLUMNS, 1, 1), straight_numbers(ROWS * COLUMNS, 2, 1)};
    struct job job = straight_job("arcee_fusion", 2, (uint64_t[]){ROWS, COLUMNS}, true, 2, x, NULL, NULL);

    x[1][3 * COLUMNS + 7] = INFINITY;
    x[1][20] = 20;
    float *found = run_all_ways(&job, NULL, 0);
    assert_memory_equal(found + 3 * COLUMNS, x[0] + 3 * COLUMNS, COLUMNS * sizeof(float));
    assert_true(found[20] == 20);
    free(found);
    free(x[0]);
    free(x[1]);
}

static void empty_and_single_elements(void **state)
{
    float base[] = {1}, other[] = {2}, *x[] = {base, other};
    struct job job = straight_job("arcee_fusion", 0, NULL, true, 2, x, NULL, NULL);

    free(run_all_ways(&job, other, sizeof(other))); /* importance and threshold are both 0 */
    job = straight_job("arcee_fusion", 2, (uint64_t[]){0, 5}, true, 2, x, NULL, NULL);
    free(run_all_ways(&job, NULL, 0));
    job = straight_job("arcee_fusion", 2, (uint64_t[]){5, 0}, true, 2, x, NULL, NULL);
    free(run_all_ways(&job, NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrices_match_the_formula),
        cmocka_unit_test(very_many_rows),
        cmocka_unit_test(the_base_stays_where_nothing_changed),
        cmocka_unit_test(nan_leaves_the_base),
        cmocka_unit_test(a_spoilt_row_is_the_bases),
        cmocka_unit_test(empty_and_single_elements),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
