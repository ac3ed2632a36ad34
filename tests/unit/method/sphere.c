/* SPDX-License-Identifier: Apache-2.0 */
/* Expected coefficients come from the reference implementation (golden/reference.py) on the same dot products. Those without
 * sin, cos and acos are exact; the others may differ in the C library's last bits. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "method/sphere.h"

#define TOLERANCE (8 * DBL_EPSILON)

static const double two[] = {450, 371, 371, 445};
static const double three[] = {450, 383, 272, 383, 485, 283, 272, 283, 255};
static const double four[] = {411, 224, 297, 277, 224, 217, 197, 221, 297, 197, 275, 267, 277, 221, 267, 354};
static const double weights[] = {0.5, 0.3, 0.2, 0.25};

static void expect_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance * fmax(fabs(expected), 1)))
        fail_msg("%.17g (%a) where %.17g (%a) was expected", value, value, expected, expected);
}

static void expect_karcher(const double *products, size_t count, double max_iter, double tol, const double *expected)
{
    double copy[16], found[4], space[12];

    memcpy(copy, products, count * count * sizeof(*copy));
    ladle_sphere_karcher(copy, count, max_iter, tol, found, space);
    for (size_t k = 0; k < count; k++)
        expect_near(found[k], expected[k], TOLERANCE);
}

static void karcher_matches_the_reference(void **state)
{
    const double two_any[] = {0x1.0af314edf5ae2p-1, 0x1.0c71efcedce91p-1};
    const double three_ten[] = {0x1.53b9f0dadf0a7p-2, 0x1.472bcb550744cp-2, 0x1.c419a7bdc45e3p-2};
    const double three_tight[] = {0x1.53b900bc99d59p-2, 0x1.472a72c577067p-2, 0x1.c41cc6b67697dp-2};
    const double four_one[] = {0x1.e3a47bde4faa4p-3, 0x1.4cf987bad3d28p-2, 0x1.22d297c691defp-2, 0x1.041b9af622a5cp-2};
    const double four_ten[] = {0x1.e3c210e0b628fp-3, 0x1.4d06c9feb7f4fp-2, 0x1.22ac3b98be30dp-2, 0x1.0424ea1977fc6p-2};
    const double four_tight[] = {0x1.e3c3954478b6ap-3, 0x1.4d0735737e349p-2, 0x1.22aa7879a45d9p-2, 0x1.0425678ebb658p-2};

    expect_karcher(two, 2, 1, 1e-5, two_any);
    expect_karcher(two, 2, 10, 1e-5, two_any);
    expect_karcher(three, 3, 10, 1e-5, three_ten);
    expect_karcher(three, 3, 100, 1e-12, three_tight);
    expect_karcher(four, 4, 1, 1e-5, four_one);
    expect_karcher(four, 4, 10, 1e-5, four_ten);
    expect_karcher(four, 4, 100, 1e-12, four_tight);
}

/* v1 = (3, 0), v2 = (0, 0), v3 = (0, 4): the mean of two right angles is the diagonal, 7/3 long. */
static void karcher_leaves_out_what_is_zero(void **state)
{
    const double products[] = {9, 0, 0, 0, 0, 0, 0, 0, 16};
    const double expected[] = {M_SQRT1_2 / 3 * (7.0 / 3), 0, M_SQRT1_2 / 4 * (7.0 / 3)};
    const double nothing[9] = {0}, zeros[3] = {0};

    expect_karcher(products, 3, 10, 1e-5, expected);
    expect_karcher(nothing, 3, 10, 1e-5, zeros);
    expect_karcher(nothing, 3, 10, 0, zeros);
}

/* Opposite vectors cancel: the first alone is left, and no step leads away from it. */
static void karcher_of_opposites_is_the_first(void **state)
{
    const double products[] = {4, -4, -4, 4}, expected[] = {1, 0};

    expect_karcher(products, 2, 10, 1e-5, expected);
    expect_karcher(products, 2, 0, 1e-5, expected);
    expect_karcher(products, 2, 10, 0, expected);
}

static void karcher_of_equals_adds_up_to_one(void **state)
{
    const double products[] = {7, 7, 7, 7, 7, 7, 7, 7, 7}, expected[] = {1.0 / 3, 1.0 / 3, 1.0 / 3};

    expect_karcher(products, 3, 10, 1e-5, expected);
}

/* Of two unit vectors the spherical mean is slerp's middle. */
static void karcher_of_two_is_slerps_middle(void **state)
{
    const double products[] = {1, 0.25, 0.25, 1};
    struct ladle_pair middle = ladle_sphere_spherical(0.25, 0.5);
    const double expected[] = {middle.first, middle.second};

    expect_karcher(products, 2, 10, 1e-5, expected);
}

static void multislerp_matches_the_reference(void **state)
{
    const double of_two[] = {0x1.0a5bf3c0e167cp-1, 0x1.416bf3dc6877bp-2};
    const double of_four[] = {0x1.eed258d6b617ep-2, 0x1.9897d3db9eddap-2, 0x1.e3f122e4c5240p-3, 0x1.0a961e7120d65p-2};
    double found[4];

    ladle_sphere_multislerp(two, 2, weights, 1e-8, found);
    assert_memory_equal(found, of_two, sizeof(of_two));
    ladle_sphere_multislerp(four, 4, weights, 1e-8, found);
    assert_memory_equal(found, of_four, sizeof(of_four));
}

static void multislerp_of_cancelling_directions_is_linear(void **state)
{
    const double opposite[] = {4, -4, -4, 4}, half[] = {0.5, 0.5}, nothing[4] = {0}, some[] = {0.7, 0.3};
    double found[2];

    ladle_sphere_multislerp(opposite, 2, half, 1e-8, found);
    assert_memory_equal(found, half, sizeof(half));
    ladle_sphere_multislerp(nothing, 2, some, 1e-8, found);
    assert_memory_equal(found, some, sizeof(some));
    ladle_sphere_multislerp(nothing, 2, some, 0, found);
    assert_memory_equal(found, some, sizeof(some));
}

static void nuslerp_matches_the_reference(void **state)
{
    struct ladle_pair found = ladle_sphere_nuslerp(450, 371, 445, 0.3);

    expect_near(found.first, 0x1.717c88063442fp-1, TOLERANCE);
    expect_near(found.second, 0x1.4446d6c4df744p-2, TOLERANCE);
    found = ladle_sphere_nuslerp(411, 224, 217, 0.3);
    expect_near(found.first, 0x1.771da9ade7d5ap-1, TOLERANCE);
    expect_near(found.second, 0x1.4d09a699ebe76p-2, TOLERANCE);
}

static void nuslerp_falls_back_to_linear(void **state)
{
    const double cases[][3] = {
        {4, 8, 16}, {4, -8, 16}, {INFINITY, 1, 1}, {1, NAN, 1}, {1, -INFINITY, 1}, {1, 1, NAN}, {INFINITY, -INFINITY, 1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct ladle_pair found = ladle_sphere_nuslerp(cases[i][0], cases[i][1], cases[i][2], 0.25);
        assert_true(found.first == 0.75 && found.second == 0.25);
    }
}

/* Both vectors zero: at right angles to everything. */
static void nuslerp_of_zeros_is_finite(void **state)
{
    struct ladle_pair found = ladle_sphere_nuslerp(0, 0, 0, 0.5);

    expect_near(found.first, M_SQRT1_2, TOLERANCE);
    expect_near(found.second, M_SQRT1_2, TOLERANCE);
}

static void spherical_ends_are_the_ends(void **state)
{
    struct ladle_pair start = ladle_sphere_spherical(0.3, 0), end = ladle_sphere_spherical(0.3, 1);

    assert_true(start.first == 1 && start.second == 0);
    assert_true(end.first == 0 && end.second == 1);
}

/* Between unit vectors the result is a unit vector, and its angle to the first is t times the whole. */
static void spherical_keeps_norm_and_angle(void **state)
{
    for (double cosine = -0.9; cosine < 0.95; cosine += 0.3) {
        struct ladle_pair found = ladle_sphere_spherical(cosine, 0.375);
        const double coefficients[] = {found.first, found.second}, products[] = {1, cosine, cosine, 1};
        expect_near(ladle_sphere_length(coefficients, products, 2), 1, 1e-14);
        expect_near(acos(found.first + cosine * found.second), 0.375 * acos(cosine), 1e-13);
    }
}

static void share_of_the_second(void **state)
{
    assert_true(ladle_sphere_share(3, 1) == 0.25);
    assert_true(ladle_sphere_share(-1, 3) == 1.5);
    assert_true(ladle_sphere_share(1, -1) == 0.5);
    assert_true(ladle_sphere_share(0, 0) == 0.5);
}

static void stock_matches_the_reference(void **state)
{
    assert_true(ladle_sphere_stock(two, 2) == 0x1.d0268bbc654d1p-1);
    assert_true(ladle_sphere_stock(three, 3) == 0x1.daaf1a04355e9p-1);
    assert_true(ladle_sphere_stock(four, 4) == 0x1.e272e4f3bea42p-1);
}

/* Equal deltas agree wholly, unrelated ones not at all; opposite ones have no answer. */
static void stock_of_extremes(void **state)
{
    const double equal[] = {9, 9, 9, 9}, square[] = {9, 0, 0, 4}, opposite[] = {9, -9, -9, 9}, nothing[4] = {0};

    assert_true(ladle_sphere_stock(equal, 2) == 1);
    assert_true(ladle_sphere_stock(square, 2) == 0);
    assert_true(ladle_sphere_stock(opposite, 2) == 0);
    assert_true(ladle_sphere_stock(nothing, 2) == 0);
}

static void finite_sees_every_product(void **state)
{
    double products[] = {1, 2, 2, 1};

    assert_true(ladle_sphere_finite(products, 2));
    products[3] = INFINITY;
    assert_false(ladle_sphere_finite(products, 2));
    products[3] = 1;
    products[1] = NAN;
    assert_false(ladle_sphere_finite(products, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(karcher_matches_the_reference),
        cmocka_unit_test(karcher_leaves_out_what_is_zero),
        cmocka_unit_test(karcher_of_opposites_is_the_first),
        cmocka_unit_test(karcher_of_equals_adds_up_to_one),
        cmocka_unit_test(karcher_of_two_is_slerps_middle),
        cmocka_unit_test(multislerp_matches_the_reference),
        cmocka_unit_test(multislerp_of_cancelling_directions_is_linear),
        cmocka_unit_test(nuslerp_matches_the_reference),
        cmocka_unit_test(nuslerp_falls_back_to_linear),
        cmocka_unit_test(nuslerp_of_zeros_is_finite),
        cmocka_unit_test(spherical_ends_are_the_ends),
        cmocka_unit_test(spherical_keeps_norm_and_angle),
        cmocka_unit_test(share_of_the_second),
        cmocka_unit_test(stock_matches_the_reference),
        cmocka_unit_test(stock_of_extremes),
        cmocka_unit_test(finite_sees_every_product),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
