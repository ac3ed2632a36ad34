/* SPDX-License-Identifier: Apache-2.0 */
/* What the generic kernels compute, against the specification written down element by element. That the others do the same
 * is seen in variants.c. Source: spec methods.md "Arithmetic", "Randomness", "Sign election". */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/kernel.h"

static const struct ladle_kernels *generic(void)
{
    return ladle_kernels_choose(LADLE_CPU_NO_AVX512 | LADLE_CPU_NO_AVX2);
}
static const struct ladle_arithmetic *f32(void)
{
    return &generic()->real[LADLE_REAL_F32];
}
static const struct ladle_arithmetic *f64(void)
{
    return &generic()->real[LADLE_REAL_F64];
}

static void products_round_before_sums(void **state)
{
    /* Fused, this would be -0x1p-46. */
    float y = -1, x = 1 + 0x1p-23f;
    f32()->axpy(&y, (double)(1 - 0x1p-23f), &x, 1);
    assert_true(y == 0);
    double wide = -1, factor = 1 + 0x1p-52;
    f64()->axpy(&wide, 1 - 0x1p-52, &factor, 1);
    assert_true(wide == 0);
}

static void scalars_round_to_t_first(void **state)
{
    /* 1 + 2^-24 is 1 in float; unrounded, the product would be another number. */
    float x = 3, y;
    f32()->scale(&y, 1 + 0x1p-24, &x, 1);
    assert_true(y == 3);
    f32()->divide(&y, &x, 1 + 0x1p-24, 1);
    assert_true(y == 3);
    f32()->fill(&y, 0.1, 1);
    assert_true(y == 0.1f);
}

static void subnormals_are_kept(void **state)
{
    float x = FLT_MIN, y = FLT_MIN * 1.5f, d;
    f32()->sub(&d, &y, &x, 1);
    assert_true(d == 0x1p-127f);
    f32()->scale(&d, 0.5, &d, 1);
    assert_true(d == 0x1p-128f);
}

/* The order of spec "Reductions" for one segment: element i to accumulator i mod 16, then folded. */
static double straight_sum(const double *terms, size_t n)
{
    double a[16] = {0};
    for (size_t i = 0; i < n; i++)
        a[i % 16] += terms[i];
    for (int half = 8; half > 0; half /= 2)
        for (int j = 0; j < half; j++)
            a[j] += a[j + half];
    return a[0];
}

static void sums_have_a_fixed_order(void **state)
{
    enum { N = 1000 };
    float x[N], y[N];
    double products[N], sizes[N], plain[N];
    for (int i = 0; i < N; i++) {
        x[i] = (float)sin(i) * powf(10, (float)(i % 7));
        y[i] = (float)cos(3 * i);
        products[i] = (double)x[i] * (double)y[i];
        sizes[i] = fabs((double)x[i]);
        plain[i] = (double)x[i];
    }
    for (size_t n = 0; n <= N; n += n < 40 ? 1 : 97) {
        double lanes[3][LADLE_LANES] = {{0}};
        size_t first = n / 2 / LADLE_LANES * LADLE_LANES;
        f32()->dot(lanes[0], x, y, first);
        f32()->dot(lanes[0], x + first, y + first, n - first);
        f32()->sum_abs(lanes[1], x, n);
        f32()->sum(lanes[2], x, n);
        assert_true(ladle_lanes_fold(lanes[0]) == straight_sum(products, n));
        assert_true(ladle_lanes_fold(lanes[1]) == straight_sum(sizes, n));
        assert_true(ladle_lanes_fold(lanes[2]) == straight_sum(plain, n));
    }
}

static void the_greatest_of_some_and_nan(void **state)
{
    const float x[] = {-3, 2, -0.0f, 1}, with_nan[] = {1, -NAN, 5};
    assert_true(f32()->max_abs(0, x, 4) == 3);
    assert_true(f32()->max_abs(7, x, 4) == 7);
    assert_true(isnan(f32()->max_abs(0, with_nan, 3)));
    assert_true(isnan(f32()->max_abs(NAN, x, 4)));
    assert_true(f32()->max_abs(0, x, 0) == 0);
}

static void signs_are_elected(void **state)
{
    /* sum:            +  +  +   0  -0     -   -  NaN */
    const float sum[] = {2, 2, 2, 0, -0.0f, -1, -1, NAN}, v[] = {3, -3, 0, 1, -1, -4, 4, 5};
    const float expected[] = {6, 0, 0, 2, 0, -8, 0, 0}, weights[] = {0.5f, 0, 0, 0.5f, 0, 0.5f, 0, 0};
    float merged[8] = {0}, divisor[8] = {0};
    f32()->elect(merged, divisor, sum, v, 2, 0.5, 8);
    for (int i = 0; i < 8; i++) {
        assert_true(merged[i] == expected[i]);
        assert_true(divisor[i] == weights[i]);
    }
    f32()->settle(merged, divisor, sum, 8);
    assert_true(merged[0] == 12 && merged[1] == 0 && merged[5] == -16);
    assert_true(isnan(merged[7]));
}

static void words_below_the_limit_keep(void **state)
{
    const uint32_t words[] = {0, 99, 100, 101, UINT32_MAX}, ranks[] = {3, 0, 0, 1, 2};
    const uint32_t limits[] = {100, 102, UINT32_MAX, 0};
    const float factors[] = {2, 5, 7, INFINITY};
    float y[] = {1, 2, NAN, INFINITY, -5};
    f32()->drop(y, 3, words, 100, 5);
    assert_true(y[0] == 3 && y[1] == 6 && y[2] == 0 && y[3] == 0 && y[4] == 0);
    assert_false(signbit(y[4]));
    float z[] = {1, 2, 3, 4, 5}, alike[] = {1, 2, 3, 4, 5};
    f32()->drop_ranked(z, 11, factors, ranks, words, limits, 5);
    assert_true(z[0] == 0 && z[1] == 4 && z[2] == 0 && z[3] == 20 && z[4] == 0);
    f32()->drop_ranked(alike, 3, NULL, ranks, words, limits, 5);
    assert_true(alike[0] == 0 && alike[1] == 6 && alike[2] == 0 && alike[3] == 12 && alike[4] == 0);
}

static uint32_t pattern(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static void keys_order_like_magnitudes(void **state)
{
    const float x[] = {0, -0.0f, 1e-45f, -1, 1.5f, -INFINITY, NAN, -NAN};
    const uint32_t expected[] = {0, 0, 1, 0x3F800000, 0x3FC00000, 0x7F800000, LADLE_KEY_NAN_F32, LADLE_KEY_NAN_F32};
    uint32_t keys[8];
    f32()->keys(keys, x, 8);
    assert_memory_equal(keys, expected, sizeof keys);
    const double wide[] = {-2, NAN};
    uint64_t wide_keys[2];
    f64()->keys(wide_keys, wide, 2);
    assert_true(wide_keys[0] == 0x4000000000000000 && wide_keys[1] == LADLE_KEY_NAN_F64);
}

static void keys_are_coded_between_their_bounds(void **state)
{
    const uint32_t keys[] = {0x3F800000, 0, 0x3FA00000, 0x40000000};
    const uint64_t wide[] = {0x4000000000000000, 0x4000000100000000};
    uint64_t any, most, least, items[4];
    f32()->span(keys, 4, &any, &most, &least);
    assert_true(any == 0x7FA00000 && most == 0x40000000 && least == 0x3F7FFFFF);
    f32()->span(keys + 1, 1, &any, &most, &least);
    assert_true(any == 0 && most == 0 && least == UINT32_MAX);
    f64()->span(wide, 2, &any, &most, &least);
    assert_true(any == 0x4000000100000000 && most == 0x4000000100000000 && least == 0x3FFFFFFFFFFFFFFF);
    f32()->items(items, keys, 0x3F600000, 21, 4);
    assert_true(items[0] == 1ull << 32 && items[1] == 1 && items[2] == (2ull << 32 | 2) && items[3] == (5ull << 32 | 3));
    f64()->items(items, wide, 0x3FFFFFFF00000000, 4, 2);
    assert_true(items[0] == 0x10000000ull << 32 && items[1] == (0x20000000ull << 32 | 1));
}

static void elements_are_kept_by_key(void **state)
{
    float y[] = {0.5f, -1, 1, 2, -3, INFINITY, NAN};
    f32()->keep(y, 3, pattern(1), pattern(2), 7);
    assert_true(y[0] == 0 && y[1] == -3 && y[2] == 3 && y[3] == 6 && y[4] == 0 && y[5] == 0 && y[6] == 0);
    f32()->keep(y, INFINITY, pattern(3), pattern(6), 7);
    assert_true(y[0] == 0 && isinf(y[1]) && isinf(y[2]) && isinf(y[3]) && y[4] == 0 && y[5] == 0 && y[6] == 0);
    const float x[] = {1, -1, 2, 1, 1};
    assert_int_equal(f32()->count(x, pattern(1), 5), 4);
    assert_int_equal(f32()->reach(x, pattern(1), 0, 5), 0);
    assert_int_equal(f32()->reach(x, pattern(1), 2, 5), 2);
    assert_int_equal(f32()->reach(x, pattern(1), 3, 5), 4);
    assert_int_equal(f32()->reach(x, pattern(1), 9, 5), 5);
    float masked[] = {1, 2, 3, 4, 5};
    const float by[] = {0, -0.0f, NAN, 1e-45f, 1};
    f32()->mask(masked, by, 5);
    assert_true(masked[0] == 0 && masked[1] == 0 && masked[2] == 3 && masked[3] == 4 && masked[4] == 5);
}

static void bins_are_the_upper_bits(void **state)
{
    const float x[] = {0, 1, -1, 1 + 0x1p-23f, 2, 1e-45f};
    uint32_t bins[6], least = UINT32_MAX, most = 0;
    f32()->bins(bins, x, 6, &least, &most);
    assert_int_equal(bins[0], 0);
    assert_int_equal(bins[1], 0x3F800000 >> 15);
    assert_int_equal(bins[2], 0x3F800000 >> 15);
    assert_int_equal(bins[3], (0x3F800000 >> 15) + LADLE_KEY_BUCKETS);
    assert_int_equal(bins[4], 0x40000000 >> 15);
    assert_int_equal(bins[5], LADLE_KEY_BUCKETS);
    assert_int_equal(least, 0x3F800000 >> 15);
    assert_int_equal(most, 0x40000000 >> 15);
    uint32_t table[4 * 8] = {0};
    const uint32_t few[] = {1, 1, 1, 1, 1, 7, 0};
    generic()->tabulate(table, few, 7);
    assert_int_equal(table[4] + table[5] + table[6] + table[7], 5);
    assert_int_equal(table[28] + table[29] + table[30] + table[31], 1);
    assert_int_equal(table[0] + table[1] + table[2] + table[3], 1);
}

static void keys_within_a_range_are_found(void **state)
{
    float x[70];
    uint32_t hits[70], base = pattern(1);
    for (int i = 0; i < 70; i++)
        x[i] = 3;
    memcpy(&x[2], &(uint32_t){base + 5}, 4);
    memcpy(&x[40], &(uint32_t){base}, 4);         /* no bit of the mask */
    memcpy(&x[41], &(uint32_t){base + 32768}, 4); /* just outside */
    memcpy(&x[69], &(uint32_t){base + 32767}, 4);
    assert_int_equal(f32()->within(hits, x, base, 32768, 32767, 0, 70), 2);
    assert_int_equal(hits[0], 5);
    assert_int_equal(hits[1], 32767);
    assert_int_equal(f32()->within(hits, x, base, 32768, 32767, 4, 70), 2);
    assert_int_equal(hits[0], LADLE_KEY_BUCKETS);
    assert_int_equal(hits[1], 2047 + LADLE_KEY_BUCKETS);
}

/* The words that the specification lists for seed 0 and model.norm.weight, whose key is 2f74bf39ac392223. */
static void random_words_are_the_published_ones(void **state)
{
    static const uint32_t first[] = {0xee246d33, 0x267e11fa, 0x7b491e75, 0xe4c05060,
                                     0x1e74956a, 0x8f53ae0c, 0xd75bc953, 0xab23a472};
    static const uint32_t second[] = {0xae0c1a7c, 0x6e805834, 0xff1fc3d1, 0x23da616f,
                                      0xc17d3b51, 0x3437e40a, 0x9f464edb, 0x4aba512e};
    static const uint32_t zeros[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    const uint64_t key = 0x2f74bf39ac392223;
    static const unsigned masks[] = {0, LADLE_CPU_NO_AVX512, LADLE_CPU_NO_AVX512 | LADLE_CPU_NO_AVX2};
    for (int m = 0; m < 3; m++) {
        const struct ladle_kernels *kernels = ladle_kernels_choose(masks[m]);
        uint32_t words[64];
        kernels->philox(words, 0, 16, 0, key);
        assert_memory_equal(words, first, sizeof first);
        kernels->philox(words, 0, 16, 1, key);
        assert_memory_equal(words, second, sizeof second);
        kernels->philox(words, ((1ull << 33) + 5) / 4 - 8, 16, 0, key);
        assert_int_equal(words[4 * 8 + 1], 0xd69116a8);
        kernels->philox(words, 0, 1, 0, 0);
        assert_memory_equal(words, zeros, sizeof zeros);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_round_before_sums),    cmocka_unit_test(scalars_round_to_t_first),
        cmocka_unit_test(subnormals_are_kept),           cmocka_unit_test(sums_have_a_fixed_order),
        cmocka_unit_test(the_greatest_of_some_and_nan),  cmocka_unit_test(signs_are_elected),
        cmocka_unit_test(words_below_the_limit_keep),    cmocka_unit_test(keys_order_like_magnitudes),
        cmocka_unit_test(keys_are_coded_between_their_bounds),
        cmocka_unit_test(elements_are_kept_by_key),      cmocka_unit_test(bins_are_the_upper_bits),
        cmocka_unit_test(keys_within_a_range_are_found), cmocka_unit_test(random_words_are_the_published_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
