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

enum { SIZE = 70001, MODELS = 3 };

/* What spec "sce" says of one tensor, whole. */
struct straight {
    float *d[MODELS], *variance, *merged;
    size_t kept;
};

static int larger_first(const void *a, const void *b)
{
    const float *x = *(const float *const *)a, *y = *(const float *const *)b;

    if (*x != *y)
        return *x > *y ? -1 : 1;
    return x < y ? -1 : 1;
}

/* Sets to 0 what is not among the first floor(topk * count of nonzero variances), equal ones in order. */
static void select_largest(struct straight *straight, double topk)
{
    const float **order = malloc(SIZE * sizeof(*order));
    size_t nonzero = 0;

    for (size_t i = 0; i < SIZE; i++) {
        double mean = 0, squares = 0;
        for (int k = 0; k < MODELS; k++)
            mean += (double)straight->d[k][i];
        mean /= MODELS;
        for (int k = 0; k < MODELS; k++)
            squares += ((double)straight->d[k][i] - mean) * ((double)straight->d[k][i] - mean);
        straight->variance[i] = (float)(squares / MODELS);
        nonzero += straight->variance[i] != 0;
        order[i] = &straight->variance[i];
    }
    qsort(order, SIZE, sizeof(*order), larger_first);
    straight->kept = (size_t)(topk * (double)nonzero);
    for (size_t r = straight->kept; r < SIZE; r++)
        for (int k = 0; k < MODELS; k++)
            straight->d[k][order[r] - straight->variance] = 0;
    free(order);
}

static void merge(struct straight *straight, const float *base)
{
    double energy[MODELS], sum = 0;

    for (int k = 0; k < MODELS; k++) {
        energy[k] = straight_dot(straight->d[k], straight->d[k], SIZE) / SIZE;
        sum += energy[k];
    }
    for (size_t i = 0; i < SIZE; i++) {
        float total = 0, merged = 0, divisor = 0;
        for (int k = 0; k < MODELS; k++)
            total += straight->d[k][i];
        for (int k = 0; k < MODELS; k++) {
            float d = straight->d[k][i], w = (float)(sum < 1e-6 ? 1.0 / MODELS : energy[k] / sum), part = w * d;
            if (total >= 0 ? d > 0 : d < 0) {
                merged += part;
                divisor += w;
            }
        }
        straight->merged[i] = base[i] + merged / (divisor < 1e-6f ? 1e-6f : divisor);
    }
}

static void compare(float *const *x, double topk, size_t *kept)
{
    struct straight straight = {.variance = malloc(SIZE * sizeof(float)), .merged = malloc(SIZE * sizeof(float))};
    const double shared[] = {topk, 0};
    struct job job = straight_job("sce", 1, (uint64_t[]){SIZE}, true, MODELS + 1, x, NULL, shared);

    for (int k = 0; k < MODELS; k++) {
        straight.d[k] = malloc(SIZE * sizeof(float));
        for (size_t i = 0; i < SIZE; i++)
            straight.d[k][i] = x[k + 1][i] - x[0][i];
    }
    if (topk < 1)
        select_largest(&straight, topk);
    merge(&straight, x[0]);
    free(run_all_ways(&job, straight.merged, SIZE * sizeof(float)));
    *kept = straight.kept;
    for (int k = 0; k < MODELS; k++)
        free(straight.d[k]);
    free(straight.variance);
    free(straight.merged);
}

static void random_changes_match_the_formula(void **state)
{
    float *x[] = {straight_numbers(SIZE, 9, 1), straight_numbers(SIZE, 1, 1), straight_numbers(SIZE, 2, 2),
                  straight_numbers(SIZE, 3, 0.5f)};
    const double topks[] = {1, 0.5, 0.1, 0.00001, 0};
    size_t kept;

    for (size_t i = 0; i < sizeof(topks) / sizeof(*topks); i++) {
        compare(x, topks[i], &kept);
        assert_true(topks[i] == 1 || kept == (size_t)(topks[i] * SIZE));
    }
    for (int k = 0; k <= MODELS; k++)
        free(x[k]);
}

/* Nearly all variances are equal to some others, so that places in the tensor decide which are kept. */
static void equal_changes_match_the_formula(void **state)
{
    float *x[] = {straight_ticks(SIZE, 9, 1), straight_ticks(SIZE, 1, 0.25f), straight_ticks(SIZE, 2, 0.25f),
                  straight_ticks(SIZE, 3, 0.25f)};
    const double topks[] = {1, 0.9, 0.5, 0.25, 0.01};
    size_t kept;

    for (int k = 1; k <= MODELS; k++)
        for (size_t i = 0; i < SIZE; i++)
            x[k][i] += x[0][i];
    for (size_t i = 0; i < sizeof(topks) / sizeof(*topks); i++)
        compare(x, topks[i], &kept);
    assert_true(kept > 100 && kept < SIZE / 100);
    for (int k = 0; k <= MODELS; k++)
        free(x[k]);
}

/* Changes too small for their energies to count, where all models weigh the same; and some that just count. */
static void small_changes_match_the_formula(void **state)
{
    for (float scale = 1; scale < 100; scale *= 10) {
        float *x[] = {straight_numbers(SIZE, 9, 0.01f), straight_numbers(SIZE, 1, 1e-4f * scale),
                      straight_numbers(SIZE, 2, 2e-4f * scale), straight_numbers(SIZE, 3, 5e-4f * scale)};
        size_t kept;

        for (int k = 1; k <= MODELS; k++)
            for (size_t i = 0; i < SIZE; i++)
                x[k][i] += x[0][i];
        compare(x, 1, &kept);
        compare(x, 0.3, &kept);
        for (int k = 0; k <= MODELS; k++)
            free(x[k]);
    }
}

static void one_model_is_that_model(void **state)
{
    float base[] = {1, 2, 3, -4}, model[] = {1.5f, 2, -3, -4.25f}, *x[] = {base, model};
    const double shared[] = {1, 0};
    struct job job = straight_job("sce", 1, (uint64_t[]){4}, true, 2, x, NULL, shared);

    free(run_all_ways(&job, model, sizeof(model)));
}

/* Where all models agree there is no variance, and nothing to select. */
static void agreement_is_not_selected(void **state)
{
    float base[] = {1, 1, 1}, model[] = {2, 3, 4}, *x[] = {base, model, model};
    const double shared[] = {0.9, 0};
    struct job job = straight_job("sce", 1, (uint64_t[]){3}, true, 3, x, NULL, shared);

    free(run_all_ways(&job, base, sizeof(base)));
}

static void nan_spoils_its_element_only(void **state)
{
    float base[] = {1, 1, 1}, first[] = {2, NAN, 1}, second[] = {2, 1, 3}, *x[] = {base, first, second};
    const double shared[] = {1, 0};
    struct job job = straight_job("sce", 1, (uint64_t[]){3}, true, 3, x, NULL, shared);
    float *found = run_all_ways(&job, NULL, 0);

    assert_true(found[0] == 2 && isnan(found[1]) && found[2] == 3);
    free(found);
}

/* Its energy is infinite, its weight therefore no number. */
static void infinity_spoils_the_tensor(void **state)
{
    float base[] = {1, 1}, first[] = {2, INFINITY}, second[] = {2, 1}, *x[] = {base, first, second};
    const double shared[] = {1, 0};
    struct job job = straight_job("sce", 1, (uint64_t[]){2}, true, 3, x, NULL, shared);
    float *found = run_all_ways(&job, NULL, 0);

    assert_true(isnan(found[0]) && isnan(found[1]));
    free(found);
}

static void without_models_it_is_the_base(void **state)
{
    float base[] = {-0.0f, 1}, *x[] = {base};
    const double shared[] = {0.5, 0};
    struct job job = straight_job("sce", 1, (uint64_t[]){2}, true, 1, x, NULL, shared);

    free(run_all_ways(&job, base, sizeof(base)));
}

static void empty_tensors(void **state)
{
    float *x[] = {NULL, NULL, NULL};
    const double shared[] = {0.5, 0};
    struct job job = straight_job("sce", 1, (uint64_t[]){0}, true, 3, x, NULL, shared);

    free(run_all_ways(&job, NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_match_the_formula),
        cmocka_unit_test(equal_changes_match_the_formula),
        cmocka_unit_test(small_changes_match_the_formula),
        cmocka_unit_test(one_model_is_that_model),
        cmocka_unit_test(agreement_is_not_selected),
        cmocka_unit_test(nan_spoils_its_element_only),
        cmocka_unit_test(infinity_spoils_the_tensor),
        cmocka_unit_test(without_models_it_is_the_base),
        cmocka_unit_test(empty_tensors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
