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

static const double usual[] = {10, 1e-5}, tight[] = {100, 1e-12};

static double norm(const float *x, size_t n)
{
    return sqrt(straight_dot(x, x, n));
}

/* Two vectors at right angles, one three times as long: the diagonal, twice as long as the shorter one. */
static void of_a_right_angle_it_is_the_diagonal(void **state)
{
    float first[] = {2, 0, 0}, second[] = {0, 6, 0}, *x[] = {first, second};
    const float expected[] = {2.82842708f, 2.82842708f, 0};
    struct job job = straight_job("karcher", 1, (uint64_t[]){3}, false, 2, x, NULL, usual);
    float *found = run_all_ways(&job, NULL, 0);

    for (int i = 0; i < 3; i++)
        assert_true(fabsf(found[i] - expected[i]) < 1e-6f);
    free(found);
}

/* The mean is the point from which the unit tangents towards all models, each as long as its angle, add up to nothing. */
static void no_direction_is_left_to_go(void **state)
{
    enum { SIZE = 70001, MODELS = 4 };
    float *x[MODELS];
    double pull = 0;

    for (int k = 0; k < MODELS; k++)
        x[k] = straight_numbers(SIZE, k + 1, (float)(k + 1));
    struct job job = straight_job("karcher", 1, (uint64_t[]){SIZE}, false, MODELS, x, NULL, tight);
    float *mean = run_all_ways(&job, NULL, 0);

    double length = norm(mean, SIZE), lengths = 0;
    for (int k = 0; k < MODELS; k++)
        lengths += norm(x[k], SIZE) / MODELS;
    assert_true(fabs(length / lengths - 1) < 1e-6);

    for (int j = 0; j < MODELS; j++) {
        double along = 0; /* the sum of tangents, seen along model j */
        for (int k = 0; k < MODELS; k++) {
            double cosine = straight_dot(mean, x[k], SIZE) / (length * norm(x[k], SIZE)), theta = acos(cosine);
            double towards = straight_dot(x[k], x[j], SIZE) / (norm(x[k], SIZE) * norm(x[j], SIZE));
            double from = straight_dot(mean, x[j], SIZE) / (length * norm(x[j], SIZE));
            along += theta / sin(theta) * (towards - cosine * from);
        }
        pull = fmax(pull, fabs(along));
    }
    assert_true(pull < 1e-5);
    free(mean);
    for (int k = 0; k < MODELS; k++)
        free(x[k]);
}

static void order_does_not_matter_much(void **state)
{
    enum { SIZE = 3000 };
    float *x[] = {straight_numbers(SIZE, 1, 1), straight_numbers(SIZE, 2, 2), straight_numbers(SIZE, 3, 3)};
    float *y[] = {x[2], x[0], x[1]};
    struct job job = straight_job("karcher", 1, (uint64_t[]){SIZE}, false, 3, x, NULL, tight);
    float *found = run_all_ways(&job, NULL, 0);

    job = straight_job("karcher", 1, (uint64_t[]){SIZE}, false, 3, y, NULL, tight);
    float *again = run_all_ways(&job, NULL, 0);
    for (size_t i = 0; i < SIZE; i++)
        assert_true(fabsf(found[i] - again[i]) < 1e-5f);
    free(found);
    free(again);
    for (int k = 0; k < 3; k++)
        free(x[k]);
}

static void one_model_is_that_model(void **state)
{
    float only[] = {-0.0f, INFINITY, -NAN, 1e-45f}, *x[] = {only};
    const uint32_t expected[] = {0x80000000, 0x7F800000, 0x7FC00000, 1};
    struct job job = straight_job("karcher", 1, (uint64_t[]){4}, false, 1, x, NULL, usual);

    free(run_all_ways(&job, expected, sizeof(expected)));
}

static void zero_tensors_take_no_part(void **state)
{
    float zero[] = {0, 0}, some[] = {3, 4}, *both[] = {zero, some}, *none[] = {zero, zero};
    const float half[] = {1.5f, 2};
    struct job job = straight_job("karcher", 1, (uint64_t[]){2}, false, 2, both, NULL, usual);

    free(run_all_ways(&job, half, sizeof(half)));
    job = straight_job("karcher", 1, (uint64_t[]){2}, false, 2, none, NULL, usual);
    free(run_all_ways(&job, zero, sizeof(zero)));
}

static void infinity_means_the_plain_mean_and_a_warning(void **state)
{
    float first[] = {1, INFINITY}, second[] = {3, 1}, *x[] = {first, second};
    const float expected[] = {2, INFINITY};
    struct job job = straight_job("karcher", 1, (uint64_t[]){2}, false, 2, x, NULL, usual);
    struct outcome outcome;

    free(run_all_ways(&job, expected, sizeof(expected)));
    run(&job, &(struct manner){0}, &outcome);
    assert_non_null(strstr(outcome.warning, "a.tensor"));
    free(outcome.bytes);
}

static void empty_and_single_elements(void **state)
{
    float first[] = {2}, second[] = {4}, *x[] = {first, second};
    const float expected[] = {3};
    struct job job = straight_job("karcher", 0, NULL, false, 2, x, NULL, usual);

    free(run_all_ways(&job, expected, sizeof(expected)));
    job = straight_job("karcher", 1, (uint64_t[]){0}, false, 2, x, NULL, usual);
    free(run_all_ways(&job, NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_right_angle_it_is_the_diagonal), cmocka_unit_test(no_direction_is_left_to_go),
        cmocka_unit_test(order_does_not_matter_much),          cmocka_unit_test(one_model_is_that_model),
        cmocka_unit_test(zero_tensors_take_no_part),           cmocka_unit_test(infinity_means_the_plain_mean_and_a_warning),
        cmocka_unit_test(empty_and_single_elements),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
