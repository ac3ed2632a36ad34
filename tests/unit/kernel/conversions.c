/* SPDX-License-Identifier: Apache-2.0 */
/* Widening and narrowing against what the formats mean: a number is worked out with ldexp, the nearest one by trying.
 * Source: spec methods.md "Storing"; OCP 8-bit floating point formats. */
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

struct format {
    enum ladle_dtype dtype;
    unsigned bytes, exponent_bits, mantissa_bits;
    int bias;
    bool has_infinity;
    uint16_t nan; /* how NaN is stored */
};

static const struct format formats[] = {
    {LADLE_BF16, 2, 8, 7, 127, true, 0x7FC0},
    {LADLE_F16, 2, 5, 10, 15, true, 0x7E00},
    {LADLE_F8_E5M2, 1, 5, 2, 15, true, 0x7E},
    {LADLE_F8_E4M3, 1, 4, 3, 7, false, 0x7F},
};
enum { FORMATS = sizeof formats / sizeof *formats };

static unsigned sign_bit(const struct format *format)
{
    return 1u << (format->exponent_bits + format->mantissa_bits);
}

/* What a pattern means; NAN, INFINITY where it means that. */
static double meaning(const struct format *format, unsigned pattern)
{
    unsigned top = (1u << format->exponent_bits) - 1, mantissa = pattern & ((1u << format->mantissa_bits) - 1);
    unsigned exponent = pattern >> format->mantissa_bits & top;
    double value;
    if (format->has_infinity && exponent == top)
        value = mantissa == 0 ? INFINITY : NAN;
    else if (!format->has_infinity && exponent == top && mantissa == (1u << format->mantissa_bits) - 1)
        value = NAN;
    else if (exponent == 0)
        value = ldexp(mantissa, 1 - format->bias - (int)format->mantissa_bits);
    else
        value = ldexp((1u << format->mantissa_bits) + mantissa, (int)exponent - format->bias - (int)format->mantissa_bits);
    return pattern & sign_bit(format) ? -value : value;
}

/* The largest finite pattern. */
static unsigned largest(const struct format *format)
{
    unsigned infinity = ((1u << format->exponent_bits) - 1) << format->mantissa_bits;
    return format->has_infinity ? infinity - 1 : infinity + (1u << format->mantissa_bits) - 2;
}

/* The nearest pattern of a number, by bisection over patterns in order of magnitude. */
static unsigned nearest(const struct format *format, double x)
{
    unsigned sign = signbit(x) ? sign_bit(format) : 0, low = 0, high = largest(format) + 1;
    double magnitude = fabs(x);
    /* Beyond the largest number, rounding is as if there were one more. */
    double beyond = 2 * meaning(format, largest(format)) - meaning(format, largest(format) - 1);
    if (isnan(x))
        return format->nan;
    if (magnitude >= beyond)
        return sign | (format->has_infinity ? high : largest(format));
    while (high - low > 1) {
        unsigned middle = (low + high) / 2;
        if (meaning(format, middle) <= magnitude)
            low = middle;
        else
            high = middle;
    }
    double above = high > largest(format) ? beyond : meaning(format, high), below = meaning(format, low);
    bool up = magnitude - below > above - magnitude || (magnitude - below == above - magnitude && low % 2 == 1);
    unsigned pattern = up ? high : low;
    if (pattern > largest(format) && !format->has_infinity)
        pattern = largest(format);
    return sign | pattern;
}

static bool overflows(const struct format *format, double x)
{
    double beyond = 2 * meaning(format, largest(format)) - meaning(format, largest(format) - 1);
    double middle = (beyond + meaning(format, largest(format))) / 2;
    return isfinite(x) && (fabs(x) > middle || (fabs(x) == middle && largest(format) % 2 == 1));
}

static const unsigned masks[] = {0, LADLE_CPU_NO_AVX512, LADLE_CPU_NO_AVX512 | LADLE_CPU_NO_AVX2};
enum { MASKS = sizeof masks / sizeof *masks };

/* A NaN of any kind equals another. */
static bool same_number(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b && signbit(a) == signbit(b);
}

static void every_pattern_widens_to_what_it_means(void **state)
{
    static uint16_t halves[65536];
    static uint8_t bytes[256];
    static float narrow[65536];
    static double wide[65536];
    for (unsigned i = 0; i < 65536; i++)
        halves[i] = (uint16_t)i;
    for (unsigned i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    for (unsigned m = 0; m < MASKS; m++)
        for (unsigned f = 0; f < FORMATS; f++) {
            const struct ladle_kernels *kernels = ladle_kernels_choose(masks[m]);
            const void *in = formats[f].bytes == 2 ? (void *)halves : (void *)bytes;
            size_t count = formats[f].bytes == 2 ? 65536 : 256;
            kernels->real[LADLE_REAL_F32].widen[formats[f].dtype](narrow, in, count);
            kernels->real[LADLE_REAL_F64].widen[formats[f].dtype](wide, in, count);
            for (unsigned i = 0; i < count; i++) {
                double expected = meaning(&formats[f], i);
                if (!same_number((double)narrow[i], expected) || !same_number(wide[i], expected))
                    fail_msg("%s: format %u, pattern %04x: %g and %g, should be %g", kernels->name, f, i, (double)narrow[i],
                             wide[i], expected);
            }
        }
}

/* Narrows n numbers with every variant, from float and from double, and compares patterns and counts. */
static void check_narrowing(const struct format *format, const double *numbers, size_t n, bool as_double)
{
    float *narrow = malloc(n * sizeof *narrow);
    uint16_t *out = malloc(n * 2);
    struct ladle_nonfinite expected = {0};
    for (size_t i = 0; i < n; i++) {
        narrow[i] = (float)numbers[i];
        double x = as_double ? numbers[i] : (double)narrow[i];
        expected.nan += isnan(x);
        expected.inf += isinf(x) != 0;
        expected.overflowed += isfinite(x) && (isinf(narrow[i]) || overflows(format, (double)narrow[i]));
    }
    for (unsigned m = 0; m < MASKS; m++) {
        const struct ladle_kernels *kernels = ladle_kernels_choose(masks[m]);
        struct ladle_nonfinite counts = {0};
        enum ladle_real real = as_double ? LADLE_REAL_F64 : LADLE_REAL_F32;
        kernels->real[real].narrow[format->dtype](out, as_double ? (const void *)numbers : narrow, n, &counts);
        for (size_t i = 0; i < n; i++) {
            unsigned pattern = format->bytes == 2 ? out[i] : ((uint8_t *)out)[i];
            if (pattern != nearest(format, (double)narrow[i]))
                fail_msg("%s: %a to format %d: %04x, should be %04x", kernels->name, numbers[i], format->dtype, pattern,
                         nearest(format, (double)narrow[i]));
        }
        assert_int_equal(counts.nan, expected.nan);
        assert_int_equal(counts.inf, expected.inf);
        assert_int_equal(counts.overflowed, expected.overflowed);
    }
    free(narrow);
    free(out);
}

/* Every number of a format, the middles between neighbours, and their neighbours among floats. */
static void numbers_round_to_the_nearest_even(void **state)
{
    for (unsigned f = 0; f < FORMATS; f++) {
        const struct format *format = &formats[f];
        size_t n = 0, most = 8 * (size_t)(largest(format) + 2);
        double *numbers = malloc(most * sizeof *numbers);
        for (unsigned pattern = 0; pattern <= largest(format); pattern++) {
            double x = meaning(format, pattern),
                   next = pattern < largest(format) ? meaning(format, pattern + 1) : 2 * x - meaning(format, pattern - 1);
            float middle = (float)((x + next) / 2);
            double sign = pattern % 2 ? -1 : 1;
            numbers[n++] = sign * x;
            numbers[n++] = sign * (double)middle;
            numbers[n++] = sign * (double)nextafterf(middle, INFINITY);
            numbers[n++] = sign * (double)nextafterf(middle, 0);
            numbers[n++] = sign * (double)nextafterf((float)x, INFINITY);
        }
        check_narrowing(format, numbers, n, false);
        check_narrowing(format, numbers, n, true);
        free(numbers);
    }
}

static void special_numbers_are_stored_and_counted(void **state)
{
    static const double numbers[] = {NAN,   -NAN,   INFINITY, -INFINITY, 0,      -0.0,      FLT_MAX, -FLT_MAX, FLT_MIN,
                                     1e-45, -1e-42, 1e300,    -1e300,    1e-320, 448,       464,     465,      -480,
                                     57344, 61440,  61439,    65504,     65520,  65519.996, 3.39e38, DBL_MAX,  DBL_MIN};
    for (unsigned f = 0; f < FORMATS; f++) {
        check_narrowing(&formats[f], numbers, sizeof numbers / sizeof *numbers, true);
        check_narrowing(&formats[f], numbers, sizeof numbers / sizeof *numbers, false);
    }
}

static void from_double_rounds_to_float_first(void **state)
{
    /* Just above the middle between 1 and the next BF16: a float rounds it to the middle, and from there it goes to even. */
    const double x = 1 + 0x1p-8 + 0x1p-40;
    uint16_t stored;
    struct ladle_nonfinite counts = {0};
    ladle_kernels_choose(0)->real[LADLE_REAL_F64].narrow[LADLE_BF16](&stored, &x, 1, &counts);
    assert_int_equal(stored, 0x3F80);
}

static void wide_types_keep_numbers_and_make_nan_canonical(void **state)
{
    const uint32_t floats[] = {0x3F800001, 0x80000001, 0xFF800000, 0xFFC01234, 0x7F800001, 0x80000000};
    const uint32_t stored_floats[] = {0x3F800001, 0x80000001, 0xFF800000, 0x7FC00000, 0x7FC00000, 0x80000000};
    const uint64_t doubles[] = {0x3FF0000000000001, 0xFFF0000000000000, 0xFFF8000000000001, 0x7FF0000000000001, 1};
    const uint64_t stored_doubles[] = {0x3FF0000000000001, 0xFFF0000000000000, 0x7FF8000000000000, 0x7FF8000000000000, 1};
    for (unsigned m = 0; m < MASKS; m++) {
        const struct ladle_kernels *kernels = ladle_kernels_choose(masks[m]);
        struct ladle_nonfinite counts = {0};
        uint32_t out[6];
        uint64_t wide[5];
        kernels->real[LADLE_REAL_F32].narrow[LADLE_F32](out, floats, 6, &counts);
        assert_memory_equal(out, stored_floats, sizeof out);
        kernels->real[LADLE_REAL_F64].narrow[LADLE_F64](wide, doubles, 5, &counts);
        assert_memory_equal(wide, stored_doubles, sizeof wide);
        assert_int_equal(counts.nan, 4);
        assert_int_equal(counts.inf, 2);
        assert_int_equal(counts.overflowed, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pattern_widens_to_what_it_means),
        cmocka_unit_test(numbers_round_to_the_nearest_even),
        cmocka_unit_test(special_numbers_are_stored_and_counted),
        cmocka_unit_test(from_double_rounds_to_float_first),
        cmocka_unit_test(wide_types_keep_numbers_and_make_nan_canonical),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
