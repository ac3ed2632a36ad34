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

static const double usual[] = {1e-5}, plus[] = {0.001, 0.5, 0.8};

/* A base, and models that moved some elements of it, alone or together. */
static void make_models(float **x)
{
    x[0] = straight_numbers(SIZE, 9, 1);
    for (unsigned k = 1; k <= MODELS; k++) {
        x[k] = straight_ticks(SIZE, k, 0.25f);
        for (size_t i = 0; i < SIZE; i++)
            x[k][i] = i % 7 == k ? x[0][i] : x[0][i] + x[k][i];
    }
}

static void free_models(float **x)
{
    for (unsigned k = 0; k <= MODELS; k++)
        free(x[k]);
}

/* Spec "ram" and "ramplus_tl" at one element; factors NULL: ram. */
static float merged(float *const *x, size_t i, float epsilon, const float *factors)
{
    float sum = 0, sole = 0;
    int count = 0;

    for (unsigned k = 0; k < MODELS; k++) {
        float d = x[k + 1][i] - x[0][i];
        if (fabsf(d) <= epsilon)
            continue;
        count++;
        sum += d;
        sole = factors ? factors[k] * d : d;
    }
    if (count == 1)
        return x[0][i] + sole;
    return x[0][i] + (count ? sum / (float)count : 0);
}

static void ram_matches_the_formula(void **state)
{
    float *x[MODELS + 1], *expected = malloc(SIZE * sizeof(float));

    make_models(x);
    struct job job = straight_job("ram", 1, (uint64_t[]){SIZE}, true, MODELS + 1, x, NULL, usual);
    for (size_t i = 0; i < SIZE; i++)
        expected[i] = merged(x, i, 1e-5f, NULL);
    free(run_all_ways(&job, expected, SIZE * sizeof(float)));
    free(expected);
    free_models(x);
}

static void ramplus_matches_the_formula(void **state)
{
    float *x[MODELS + 1], *expected = malloc(SIZE * sizeof(float)), factors[MODELS];
    uint64_t together[MODELS] = {0}, alone[MODELS] = {0};

    make_models(x);
    struct job job = straight_job("ramplus_tl", 1, (uint64_t[]){SIZE}, true, MODELS + 1, x, NULL, plus);
    for (size_t i = 0; i < SIZE; i++) {
        bool active[MODELS];
        int count = 0;
        for (unsigned k = 0; k < MODELS; k++)
            count += active[k] = fabsf(x[k + 1][i] - x[0][i]) > 0.001f;
        for (unsigned k = 0; k < MODELS; k++) {
            together[k] += active[k] && count > 1;
            alone[k] += active[k] && count == 1;
        }
    }
    for (unsigned k = 0; k < MODELS; k++) {
        assert_true(together[k] > 1000 && alone[k] > 1000);
        factors[k] = (float)(1 + 0.5 * fmin(0.8, (double)together[k] / (double)alone[k]));
    }
    for (size_t i = 0; i < SIZE; i++)
        expected[i] = merged(x, i, 0.001f, factors);
    free(run_all_ways(&job, expected, SIZE * sizeof(float)));
    free(expected);
    free_models(x);
}

/* With no two models at one element nothing is averaged: the result holds every model's change whole. */
static void changes_that_do_not_meet_stay_whole(void **state)
{
    float base[] = {1, 1, 1, 1}, first[] = {3, 1, 1, 1}, second[] = {1, -1, 1, 1}, third[] = {1, 1, 1, 1.5f};
    float *x[] = {base, first, second, third};
    const float expected[] = {3, -1, 1, 1.5f};
    const double still[] = {1e-5, 0.1, 0.2};
    struct job job = straight_job("ram", 1, (uint64_t[]){4}, true, 4, x, NULL, usual);

    free(run_all_ways(&job, expected, sizeof(expected)));
    job = straight_job("ramplus_tl", 1, (uint64_t[]){4}, true, 4, x, NULL, still);
    free(run_all_ways(&job, expected, sizeof(expected)));
}

static void one_model_is_that_model(void **state)
{
    float base[] = {1, 2, 3, -4}, model[] = {1.5f, 2, -3, -4.25f}, *x[] = {base, model};
    struct job job = straight_job("ram", 1, (uint64_t[]){4}, true, 2, x, NULL, usual);

    free(run_all_ways(&job, model, sizeof(model)));
}

/* 2 of its 3 changes are shared: ratio 2/1, of which at most alpha counts. */
static void alpha_limits_the_ratio(void **state)
{
    float base[] = {0, 0, 0, 0}, first[] = {2, 2, 2, 0}, second[] = {2, 2, 0, 0}, *x[] = {base, first, second};
    const double limited[] = {1e-5, 0.5, 0.5}, free_of_it[] = {1e-5, 0.5, 100};
    const float of_limited[] = {2, 2, 2 * 1.25f, 0}, of_free[] = {2, 2, 2 * 2, 0};
    struct job job = straight_job("ramplus_tl", 1, (uint64_t[]){4}, true, 3, x, NULL, limited);

    free(run_all_ways(&job, of_limited, sizeof(of_limited)));
    job.shared = free_of_it;
    free(run_all_ways(&job, of_free, sizeof(of_free)));
}

static void nan_is_a_change(void **state)
{
    float base[] = {1, 1, INFINITY}, first[] = {NAN, 1, INFINITY}, second[] = {1, 1, 1}, *x[] = {base, first, second};
    struct job job = straight_job("ram", 1, (uint64_t[]){3}, true, 3, x, NULL, usual);
    float *found = run_all_ways(&job, NULL, 0);

    assert_true(isnan(found[0]) && found[1] == 1 && isnan(found[2]));
    free(found);
}

static void without_models_it_is_the_base(void **state)
{
    float base[] = {-0.0f, 1, NAN, 2}, *x[] = {base};
    const uint32_t expected[] = {0x80000000, 0x3F800000, 0x7FC00000, 0x40000000};
    struct job job = straight_job("ram", 1, (uint64_t[]){4}, true, 1, x, NULL, usual);

    free(run_all_ways(&job, expected, sizeof(expected)));
    job = straight_job("ramplus_tl", 1, (uint64_t[]){4}, true, 1, x, NULL, plus);
    free(run_all_ways(&job, expected, sizeof(expected)));
}

static void empty_tensors(void **state)
{
    float *x[] = {NULL, NULL};
    struct job job = straight_job("ramplus_tl", 1, (uint64_t[]){0}, true, 2, x, NULL, plus);

    free(run_all_ways(&job, NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ram_matches_the_formula),
        cmocka_unit_test(ramplus_matches_the_formula),
        cmocka_unit_test(changes_that_do_not_meet_stay_whole),
        cmocka_unit_test(one_model_is_that_model),
        cmocka_unit_test(alpha_limits_the_ratio),
        cmocka_unit_test(nan_is_a_change),
        cmocka_unit_test(without_models_it_is_the_base),
        cmocka_unit_test(empty_tensors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
