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

static const double normalized[] = {1, 1e-8}, as_given[] = {0, 1e-8};

/* The three coefficients of spec "multislerp", from weights as they count. */
static void coefficients(float *const *v, const double *w, double *c)
{
    double g[3][3], norms[3], a[3], length = 0, size = 0;

    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            g[i][j] = straight_dot(v[i], v[j], SIZE);
    for (int k = 0; k < 3; k++) {
        norms[k] = sqrt(g[k][k]);
        a[k] = w[k] / (norms[k] + 1e-8);
        size += w[k] * norms[k];
    }
    for (int i = 0; i < 3; i++) {
        double row = 0;
        for (int j = 0; j < 3; j++)
            row += a[j] * g[i][j];
        length += a[i] * row;
    }
    for (int k = 0; k < 3; k++)
        c[k] = a[k] / sqrt(length) * size;
}

static void three_models_match_the_formula(void **state)
{
    float *x[] = {straight_numbers(SIZE, 1, 1), straight_numbers(SIZE, 2, 2), straight_numbers(SIZE, 3, 0.5f)};
    const double each[] = {0.5, 0.25, 0.5}, sum = 0.5 + 0.25 + 0.5;
    const double weights[] = {0.5 / sum, 0.25 / sum, 0.5 / sum};
    struct job job = straight_job("multislerp", 1, (uint64_t[]){SIZE}, false, 3, x, each, normalized);
    float *expected = malloc(SIZE * sizeof(float));
    double c[3];

    coefficients(x, weights, c);
    for (size_t i = 0; i < SIZE; i++) {
        float total = 0;
        for (int k = 0; k < 3; k++) {
            float part = (float)c[k] * x[k][i];
            total += part;
        }
        expected[i] = total;
    }
    free(run_all_ways(&job, expected, SIZE * sizeof(float)));
    free(expected);
    for (int k = 0; k < 3; k++)
        free(x[k]);
}

static void with_a_base_differences_are_averaged(void **state)
{
    float *x[] = {straight_numbers(SIZE, 9, 1), straight_numbers(SIZE, 1, 1), straight_numbers(SIZE, 2, 2),
                  straight_numbers(SIZE, 3, 0.5f)};
    float *d[3], *expected = malloc(SIZE * sizeof(float));
    const double each[] = {0.5, 0.25, 0.5};
    struct job job = straight_job("multislerp", 1, (uint64_t[]){SIZE}, true, 4, x, each, as_given);
    double c[3];

    for (int k = 0; k < 3; k++) {
        d[k] = malloc(SIZE * sizeof(float));
        for (size_t i = 0; i < SIZE; i++)
            d[k][i] = x[k + 1][i] - x[0][i];
    }
    coefficients(d, each, c);
    for (size_t i = 0; i < SIZE; i++) {
        float total = 0;
        for (int k = 0; k < 3; k++) {
            float part = (float)c[k] * d[k][i];
            total += part;
        }
        expected[i] = x[0][i] + total;
    }
    free(run_all_ways(&job, expected, SIZE * sizeof(float)));
    free(expected);
    for (int k = 0; k < 4; k++)
        free(x[k]);
    for (int k = 0; k < 3; k++)
        free(d[k]);
}

/* Even -0 and without a sum over models; a NaN is stored as the positive quiet one. */
static void one_model_is_that_model(void **state)
{
    float base[] = {5, 6, 7, 8}, only[] = {-0.0f, INFINITY, -NAN, 1e-45f}, *x[] = {base, only};
    const uint32_t expected[] = {0x80000000, 0x7F800000, 0x7FC00000, 1};
    const double each[] = {0.3};
    struct job job = straight_job("multislerp", 1, (uint64_t[]){4}, true, 2, x, each, normalized);

    free(run_all_ways(&job, expected, sizeof(expected)));
    job = straight_job("multislerp", 1, (uint64_t[]){4}, false, 1, x + 1, each, normalized);
    free(run_all_ways(&job, expected, sizeof(expected)));
}

static void equal_models_are_that_model(void **state)
{
    float numbers[] = {1, 2, 2, -4}, *x[] = {numbers, numbers, numbers};
    const double each[] = {0.2, 0.5, 0.3};
    struct job job = straight_job("multislerp", 1, (uint64_t[]){4}, false, 3, x, each, normalized);
    float *found = run_all_ways(&job, NULL, 0);

    for (int i = 0; i < 4; i++)
        assert_true(fabsf(found[i] - numbers[i]) < 1e-6f);
    free(found);
}

/* What all models left as in the base has no direction. */
static void untouched_tensors_stay(void **state)
{
    float numbers[] = {1, 2, 2, -4}, *x[] = {numbers, numbers, numbers};
    const double each[] = {0.2, 0.5};
    struct job job = straight_job("multislerp", 1, (uint64_t[]){4}, true, 3, x, each, normalized);

    free(run_all_ways(&job, numbers, sizeof(numbers)));
}

static void infinity_means_linear_and_a_warning(void **state)
{
    float first[] = {1, INFINITY}, second[] = {3, 1}, *x[] = {first, second};
    const float expected[] = {2.5f, INFINITY};
    const double each[] = {1, 3};
    struct job job = straight_job("multislerp", 1, (uint64_t[]){2}, false, 2, x, each, normalized);
    struct outcome outcome;

    free(run_all_ways(&job, expected, sizeof(expected)));
    run(&job, &(struct manner){0}, &outcome);
    assert_non_null(strstr(outcome.warning, "a.tensor"));
    free(outcome.bytes);
}

static void weights_that_cancel_cannot_be_normalized(void **state)
{
    float numbers[] = {1, 2}, *x[] = {numbers, numbers};
    const double each[] = {1, -1};
    struct job job = straight_job("multislerp", 1, (uint64_t[]){2}, false, 2, x, each, normalized);
    struct outcome outcome;

    run(&job, &(struct manner){0}, &outcome);
    assert_non_null(strstr(outcome.mistake.text, "weight:"));
    assert_string_equal(outcome.mistake.parameter, "weight");
    assert_int_equal(outcome.mistake.model, -1);
    job.shared = as_given;
    run(&job, &(struct manner){0}, &outcome);
    assert_string_equal(outcome.mistake.text, "");
    free(outcome.bytes);
}

static void empty_tensors(void **state)
{
    float *x[] = {NULL, NULL};
    const double each[] = {1, 1};
    struct job job = straight_job("multislerp", 2, (uint64_t[]){0, 3}, false, 2, x, each, normalized);

    free(run_all_ways(&job, NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_models_match_the_formula),
        cmocka_unit_test(with_a_base_differences_are_averaged),
        cmocka_unit_test(one_model_is_that_model),
        cmocka_unit_test(equal_models_are_that_model),
        cmocka_unit_test(untouched_tensors_stay),
        cmocka_unit_test(infinity_means_linear_and_a_warning),
        cmocka_unit_test(weights_that_cancel_cannot_be_normalized),
        cmocka_unit_test(empty_tensors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
