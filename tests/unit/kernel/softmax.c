/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels behind divergences, variances and sole owners: what they compute. That all variants agree is tested in
 * variants.c. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/kernel.h"

enum { COUNT = 100003 };

static const struct ladle_arithmetic *f32(void)
{
    return &ladle_kernels_choose(0)->real[LADLE_REAL_F32];
}

/* The distance of a number from an exact one, in units of the last place of that one. */
static double units(double found, long double exact)
{
    double nearest = (double)exact;
    double unit = nextafter(fabs(nearest), INFINITY) - fabs(nearest);

    return (double)fabsl(((long double)found - exact) / (long double)unit);
}

/* Spec "Arithmetic": sin cos acos exp log are right but for the last bit. */
static void exp_is_within_one_unit(void **state)
{
    float *x = calloc(COUNT, sizeof(*x));
    double *y = calloc(COUNT, sizeof(*y)), worst = 0;
    const double scales[] = {1e-12, 1e-3, 1, 30, 700};

    for (size_t s = 0; s < 5; s++) {
        for (size_t i = 0; i < COUNT; i++)
            x[i] = (float)(-scales[s] * (double)((i * 7919) % COUNT) / COUNT);
        f32()->power(y, x, 0, COUNT);
        for (size_t i = 0; i < COUNT; i++)
            worst = fmax(worst, units(y[i], expl((long double)x[i])));
    }
    assert_true(worst < 1);
    free(x);
    free(y);
}

static void exp_of_the_ends(void **state)
{
    const float x[] = {0, -INFINITY, NAN, -709, -1e30f, -708};
    double y[6];

    f32()->power(y, x, 0, 6);
    assert_true(y[0] == 1 && y[1] == 0 && isnan(y[2]) && y[3] == 0 && y[4] == 0);
    assert_true(y[5] > DBL_MIN && units(y[5], expl(-708)) < 1);
}

/* p = q * z, so that the logarithm is that of z; q is a sum away from 1e-8. */
static void divergence_is_within_few_units(void **state)
{
    double *x = calloc(COUNT, sizeof(*x)), *b = calloc(COUNT, sizeof(*b)), *y = calloc(COUNT, sizeof(*y));

    for (size_t i = 0; i < COUNT; i++) {
        x[i] = exp(-20 * (double)((i * 7919) % COUNT) / COUNT);
        b[i] = i % 2 ? x[i] * (1 + 1e-3 * (double)i / COUNT) : exp(-20 * (double)((i * 104729) % COUNT) / COUNT);
    }
    ladle_kernels_choose(0)->real[LADLE_REAL_F32].divergence(y, x, 3, b, 2, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        double p = x[i] / 3 + 1e-8, q = b[i] / 2 + 1e-8, ratio = p / q;
        assert_true(fabs(y[i] - p * log(ratio)) <= 2.5 * DBL_EPSILON * fabs(p * log(ratio)));
    }
    free(x);
    free(b);
    free(y);
}

static void divergence_of_equals_is_nothing_and_of_nan_is_nan(void **state)
{
    const double x[] = {0.5, 0, NAN, 1}, b[] = {0.5, 0, 1, NAN};
    double y[4];

    ladle_kernels_choose(0)->real[LADLE_REAL_F32].divergence(y, x, 2, b, 2, 4);
    assert_true(y[0] == 0 && y[1] == 0 && isnan(y[2]) && isnan(y[3]));
}

static void largest_passes_nan(void **state)
{
    float x[40];

    for (int i = 0; i < 40; i++)
        x[i] = (float)-i;
    assert_true(f32()->largest(-INFINITY, x, 40) == 0);
    assert_true(f32()->largest(3, x, 40) == 3);
    x[37] = 5;
    assert_true(f32()->largest(3, x, 40) == 5);
    assert_true(f32()->largest(3, x, 0) == 3);
    x[11] = NAN;
    assert_true(isnan(f32()->largest(3, x, 40)));
    x[11] = INFINITY;
    assert_true(f32()->largest(-INFINITY, x, 40) == INFINITY);
}

static void variance_is_of_the_population(void **state)
{
    float a[100], b[100], c[100], y[100];
    void *x[] = {a, b, c};

    for (int i = 0; i < 100; i++) {
        a[i] = (float)i;
        b[i] = (float)(i + 3);
        c[i] = (float)(i - 6);
    }
    b[70] = NAN;
    f32()->variance(y, x, 3, 100);
    for (int i = 0; i < 100; i++)
        assert_true(i == 70 ? isnan(y[i]) : y[i] == 14); /* deviations 1, 4, -5 */
    f32()->variance(y, x, 1, 100);
    assert_true(y[5] == 0 && y[99] == 0);
}

static void claims_are_of_one_or_of_many(void **state)
{
    const float first[] = {1, 0, 1, NAN, 1e-6f}, second[] = {0, 0, -2, 0, 0.5f};
    float owner[] = {0, 0, 0, 0, 0};

    assert_int_equal(f32()->claim(owner, first, 1e-5, 1, 5), 3);
    assert_int_equal(f32()->claim(owner, second, 1e-5, 2, 5), 2);
    assert_true(owner[0] == 1 && owner[1] == 0 && owner[2] == LADLE_OWNED_BY_MANY && owner[3] == 1 && owner[4] == 2);
    assert_int_equal(f32()->count(owner, ladle_key_of(LADLE_REAL_F32, 1), 5), 2);
}

static void keys_go_back_and_forth(void **state)
{
    const double numbers[] = {0, 1, 0.3, 1e-310, INFINITY};

    for (int i = 0; i < 5; i++) {
        assert_true(ladle_key_number(LADLE_REAL_F64, ladle_key_of(LADLE_REAL_F64, -numbers[i])) == numbers[i]);
        assert_true(ladle_key_number(LADLE_REAL_F32, ladle_key_of(LADLE_REAL_F32, numbers[i])) == (double)(float)numbers[i]);
    }
    assert_true(ladle_key_of(LADLE_REAL_F32, NAN) == LADLE_KEY_NAN_F32);
    assert_true(isnan(ladle_key_number(LADLE_REAL_F64, LADLE_KEY_NAN_F64)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_is_within_one_unit),
        cmocka_unit_test(exp_of_the_ends),
        cmocka_unit_test(divergence_is_within_few_units),
        cmocka_unit_test(divergence_of_equals_is_nothing_and_of_nan_is_nan),
        cmocka_unit_test(largest_passes_nan),
        cmocka_unit_test(variance_is_of_the_population),
        cmocka_unit_test(claims_are_of_one_or_of_many),
        cmocka_unit_test(keys_go_back_and_forth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
