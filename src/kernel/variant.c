/* SPDX-License-Identifier: Apache-2.0 */
/* All kernels for one instruction set. Compiled once for each, with LADLE_VARIANT set to its name and the compiler told what
 * it may use; see meson.build. */
#include <float.h>
#include <math.h>
#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "kernel/kernel.h"
#include "kernel/variants.h"

/* Before a loop whose turns do not depend on each other although its arrays may be one and the same. */
#if defined(__clang__)
#define EACH _Pragma("clang loop vectorize(assume_safety)")
#else
#define EACH _Pragma("GCC ivdep")
#endif

/* Elements whose mean and variance are summed up at a time, in the first cache. */
#define SPREAD_PART 64u

#include "kernel/template/convert.h"
#include "kernel/template/divergence.h"
#include "kernel/template/philox.h"

/* abs(x) as a number that orders like it; -ffast-math is never on, so NaN has its place above Inf. */
static inline uint32_t key_f32(float x)
{
    uint32_t bits = bits_f32(x) & 0x7FFFFFFF;
    return bits > LADLE_KEY_NAN_F32 ? LADLE_KEY_NAN_F32 : bits;
}

static inline uint64_t key_f64(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits &= INT64_MAX;
    return bits > LADLE_KEY_NAN_F64 ? LADLE_KEY_NAN_F64 : bits;
}

/* x = x / count. By a power of two the product with the inverse is the same, and quicker: two models are the usual case. */
static inline void divide_evenly(double *restrict x, unsigned count, size_t n)
{
    double number = count, inverse = 1 / number;
    if ((count & (count - 1)) == 0)
        for (size_t i = 0; i < n; i++)
            x[i] = x[i] * inverse;
    else
        for (size_t i = 0; i < n; i++)
            x[i] = x[i] / number;
}

#define T float
#define BITS uint32_t
#define NAME(noun) noun##_f32
#define ABS fabsf
#define KEY_SHIFT LADLE_KEY_SHIFT_F32
#define EXP exp_below
#define LOG log_near
#include "kernel/template/elements.h"
#include "kernel/template/reduce.h"
#include "kernel/template/select.h"
#include "kernel/template/softmax.h"
#include "kernel/template/spread.h"
#undef T
#undef BITS
#undef NAME
#undef ABS
#undef KEY_SHIFT
#undef EXP
#undef LOG

#define T double
#define BITS uint64_t
#define NAME(noun) noun##_f64
#define ABS fabs
#define KEY_SHIFT LADLE_KEY_SHIFT_F64
#define EXP exp
#define LOG log
#include "kernel/template/elements.h"
#include "kernel/template/reduce.h"
#include "kernel/template/select.h"
#include "kernel/template/softmax.h"
#include "kernel/template/spread.h"

static void tabulate(uint32_t *table, const uint32_t *bins, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        table[4 * (size_t)bins[i]]++;
        table[4 * (size_t)bins[i + 1] + 1]++;
        table[4 * (size_t)bins[i + 2] + 2]++;
        table[4 * (size_t)bins[i + 3] + 3]++;
    }
    for (; i < n; i++)
        table[4 * (size_t)bins[i] + i % 4]++;
}

/* The kernels for one T of every template but convert.h. */
#define COMMON(t)                                                                                                           \
    .fill = fill_##t, .scale = scale_##t, .axpy = axpy_##t, .divide = divide_##t, .add = add_##t, .sub = sub_##t,           \
    .mul = mul_##t, .div = div_##t, .most = most_##t, .gap = gap_##t, .choose = choose_##t, .from_f64 = from_f64_##t,       \
    .near = near_##t, .active = active_##t, .claim = claim_##t, .variance = variance_##t, .largest = largest_##t,           \
    .power = power_##t, .divergence = divergence_##t, .weigh = weigh_##t, .dot = dot_##t, .dot_columns = dot_columns_##t,   \
    .sum = sum_##t, .sum_abs = sum_abs_##t, .max_abs = max_abs_##t, .elect = elect_##t, .settle = settle_##t,               \
    .drop = drop_##t, .drop_ranked = drop_ranked_##t, .keep = keep_##t, .mask = mask_##t, .count = count_##t,               \
    .reach = reach_##t, .keys = keys_##t, .span = span_##t, .items = items_##t, .bins = bins_##t, .within = within_##t

const struct ladle_kernels LADLE_VARIANT_TABLE(LADLE_VARIANT) = {
    .name = LADLE_VARIANT_NAME(LADLE_VARIANT),
    .philox = philox,
    .tabulate = tabulate,
    .real[LADLE_REAL_F32] = {COMMON(f32),
                             .widen = {[LADLE_F8_E4M3] = widen_f8_e4m3_f32,
                                       [LADLE_F8_E5M2] = widen_f8_e5m2_f32,
                                       [LADLE_F16] = widen_f16_f32,
                                       [LADLE_BF16] = widen_bf16_f32,
                                       [LADLE_F32] = widen_f32_f32,
                                       [LADLE_F64] = widen_f64_f32},
                             .narrow = {[LADLE_F8_E4M3] = narrow_f8_e4m3_f32,
                                        [LADLE_F8_E5M2] = narrow_f8_e5m2_f32,
                                        [LADLE_F16] = narrow_f16_f32,
                                        [LADLE_BF16] = narrow_bf16_f32,
                                        [LADLE_F32] = narrow_f32_f32,
                                        [LADLE_F64] = narrow_f64_f32}},
    .real[LADLE_REAL_F64] = {COMMON(f64),
                             .widen = {[LADLE_F8_E4M3] = widen_f8_e4m3_f64,
                                       [LADLE_F8_E5M2] = widen_f8_e5m2_f64,
                                       [LADLE_F16] = widen_f16_f64,
                                       [LADLE_BF16] = widen_bf16_f64,
                                       [LADLE_F32] = widen_f32_f64,
                                       [LADLE_F64] = widen_f64_f64},
                             .narrow = {[LADLE_F8_E4M3] = narrow_f8_e4m3_by_way,
                                        [LADLE_F8_E5M2] = narrow_f8_e5m2_by_way,
                                        [LADLE_F16] = narrow_f16_by_way,
                                        [LADLE_BF16] = narrow_bf16_by_way,
                                        [LADLE_F32] = narrow_f32_by_way,
                                        [LADLE_F64] = narrow_f64_f64}},
};
