/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_KERNEL_KERNEL_H
#define LADLE_KERNEL_KERNEL_H

/* The arithmetic on arrays, built once per instruction set from the same C. Every variant gives the same bits; the generic
 * build is the definition.
 *
 * Arrays of the working type T (float or double) are passed as void pointers and are aligned to T at least (64 is faster);
 * stored elements are aligned to nothing unless said otherwise. `n` counts elements. Scalars are double and are rounded to T
 * once, where they meet elements. Each operation rounds to T by itself, in the order written: no fused multiply-add,
 * subnormals kept; which NaN comes out of one is not promised. Outputs may be the same array as an input, or not overlap it
 * at all. Source: spec methods.md "Arithmetic". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ladle/dtype.h"

/* The working type T of spec methods.md. */
enum ladle_real { LADLE_REAL_F32, LADLE_REAL_F64, LADLE_REAL_COUNT };

/* Elements that methods handle at a time, so that intermediate arrays stay in the first cache; divides LADLE_SEGMENT. */
#define LADLE_STRIP 1024u

/* Accumulators of a reduction segment (spec methods.md "Reductions"). */
#define LADLE_LANES 16u

/* What was seen while storing. */
struct ladle_nonfinite {
    uint64_t overflowed; /* finite results that became Inf (or +-448 in F8_E4M3) */
    uint64_t nan, inf;   /* results that were NaN, Inf before storing */
};

static inline size_t ladle_real_bytes(enum ladle_real real) { return real == LADLE_REAL_F64 ? 8 : 4; }

/* Keys: abs(x) as an unsigned number of T's size that orders like abs(x); every NaN is one above Inf. */
#define LADLE_KEY_NAN_F32 0x7F800001u
#define LADLE_KEY_NAN_F64 0x7FF0000000000001u

/* The key of a number, rounded to T first; a number with this key (not negative, or NaN). */
static inline uint64_t ladle_key_of(enum ladle_real real, double number)
{
    if (real == LADLE_REAL_F64) {
        uint64_t key;
        number = number < 0 ? -number : number;
        memcpy(&key, &number, sizeof key);
        return number != number ? LADLE_KEY_NAN_F64 : key;
    }
    float narrow = (float)(number < 0 ? -number : number);
    uint32_t key;
    memcpy(&key, &narrow, sizeof key);
    return narrow != narrow ? LADLE_KEY_NAN_F32 : key;
}

static inline double ladle_key_number(enum ladle_real real, uint64_t key)
{
    double wide;
    float narrow;
    uint32_t narrow_key = (uint32_t)key;
    if (real == LADLE_REAL_F64) {
        memcpy(&wide, &key, sizeof wide);
        return wide;
    }
    memcpy(&narrow, &narrow_key, sizeof narrow);
    return narrow;
}

/* Bins of a first histogram of keys: 65,536 buckets by the upper 16 bits of the key (of 31 or 63), for keys whose lower bits
 * are all zero; then the same buckets for all others. */
#define LADLE_KEY_BUCKETS 65536u
#define LADLE_KEY_BINS (2 * LADLE_KEY_BUCKETS)
#define LADLE_KEY_SHIFT_F32 15u
#define LADLE_KEY_SHIFT_F64 47u

/* What `claim` leaves where several are active; more than any number of models. */
#define LADLE_OWNED_BY_MANY 65536

/* Kernels for one T. */
struct ladle_arithmetic {
    /* Elements of a mergeable dtype to T, exactly (from F64 to float: rounded). NULL for other dtypes. */
    void (*widen[LADLE_DTYPE_COUNT])(void *out, const void *in, size_t n);
    /* T to a mergeable dtype by the rules of spec "Storing"; adds to `counts`. out: aligned to its element size. */
    void (*narrow[LADLE_DTYPE_COUNT])(void *out, const void *in, size_t n, struct ladle_nonfinite *counts);

    void (*fill)(void *y, double c, size_t n);                      /* y = c */
    void (*scale)(void *y, double c, const void *x, size_t n);      /* y = c * x */
    void (*axpy)(void *y, double c, const void *x, size_t n);       /* y = y + c * x */
    void (*divide)(void *y, const void *x, double c, size_t n);     /* y = x / c */
    void (*add)(void *y, const void *a, const void *b, size_t n);   /* y = a + b */
    void (*sub)(void *y, const void *a, const void *b, size_t n);   /* y = a - b */
    void (*mul)(void *y, const void *a, const void *b, size_t n);   /* y = a * b */
    void (*div)(void *y, const void *a, const void *b, size_t n);   /* y = a / b */
    void (*most)(void *y, const void *x, double c, size_t n);       /* y = max(x, c); NaN passes */
    void (*gap)(void *y, const void *a, const void *b, double c, size_t n); /* y = abs(a - b) * c */
    void (*choose)(void *y, const void *x, double c, const void *a, const void *b, size_t n); /* y = x >= c ? a : b */
    void (*from_f64)(void *y, const double *x, size_t n);           /* rounded to T */
    /* y = w * x + (1 - w) * b with w = clamp(t / max(abs(b - x), 1e-6), 0, 1). */
    void (*near)(void *y, const void *x, const void *b, double t, size_t n);
    /* Where not abs(d) <= epsilon: count += 1, together += d, alone += factor * d. */
    void (*active)(void *count, void *together, void *alone, const void *d, double epsilon, double factor, size_t n);
    /* Who alone is active: where not abs(d) <= epsilon: owner = number if it was 0, else LADLE_OWNED_BY_MANY. Returns at how
     * many elements that is. */
    size_t (*claim)(void *owner, const void *d, double epsilon, double number, size_t n);
    /* y = c * y, then sum = sum + y: a weighted vector and its part of the sum that elects signs. */
    void (*weigh)(void *y, void *sum, double c, size_t n);

    /* Sums in f64 for a reduction segment: element i is added to lanes[i mod 16]. Call with consecutive pieces of a segment,
     * all but the last a multiple of 16 long; lanes start at 0. Products are f64. */
    void (*dot)(double *lanes, const void *x, const void *y, size_t n);
    void (*sum)(double *lanes, const void *x, size_t n);
    /* Sums along columns, one element of each: first += x * x, mixed += x * y, second += y * y, in f64. */
    void (*dot_columns)(double *first, double *mixed, double *second, const void *x, const void *y, size_t n);
    void (*sum_abs)(double *lanes, const void *x, size_t n);
    /* The largest abs(x) and `so_far`; NaN if there is one. */
    double (*max_abs)(double so_far, const void *x, size_t n);

    /* The population variance at each element over `count` arrays x: mean, then squares, in f64; y may be none of the x. */
    void (*variance)(void *y, void *const *x, unsigned count, size_t n);
    /* The largest x and `so_far`; NaN if there is one among x. Then y = exp(x - most) of x <= most, in f64. */
    double (*largest)(double so_far, const void *x, size_t n);
    void (*power)(double *y, const void *x, double most, size_t n);
    /* y = p * log(p / q) with p = x / x_sum + 1e-8, q = b / b_sum + 1e-8; x and b from 0 to their sums, or NaN. Here and in
     * power exp and log are the C library's where T is double, and our own, within one unit in the last place, where it is
     * float. */
    void (*divergence)(double *y, const double *x, double x_sum, const double *b, double b_sum, size_t n);

    /* Sign election: where v agrees with the sign of `sum` (sum >= 0: v > 0, else v < 0): merged += c * v, den += w;
     * elsewhere both += 0. den may be NULL. */
    void (*elect)(void *merged, void *den, const void *sum, const void *v, double c, double w, size_t n);
    /* merged = merged / (den == 0 ? 1 : den), or merged if den is NULL; NaN where sum is NaN. */
    void (*settle)(void *merged, const void *den, const void *sum, size_t n);

    /* y = words < limit ? c * y : +0. */
    void (*drop)(void *y, double c, const uint32_t *words, uint32_t limit, size_t n);
    /* The same with the limit and the factor (T) of each element's rank; without factors, c for all. */
    void (*drop_ranked)(void *y, double c, const void *factors, const uint32_t *ranks, const uint32_t *words,
                        const uint32_t *limits, size_t n);
    /* y = least <= key(y) <= most ? c * y : +0. */
    void (*keep)(void *y, double c, uint64_t least, uint64_t most, size_t n);
    /* y = x != 0 ? y : +0; NaN is not 0. */
    void (*mask)(void *y, const void *x, size_t n);
    /* How many elements have this key. */
    size_t (*count)(const void *x, uint64_t key, size_t n);
    /* How many elements from the start hold the first `equals` elements of this key; n if there are fewer. */
    size_t (*reach)(const void *x, uint64_t key, size_t equals, size_t n);
    /* Keys (uint32_t or uint64_t, as T). May overwrite x. */
    void (*keys)(void *keys, const void *x, size_t n);
    /* Of keys: all or-ed together, the largest, and the smallest one that is not 0, less 1 (all ones if there is none). */
    void (*span)(const void *keys, size_t n, uint64_t *any, uint64_t *most, uint64_t *least);
    /* items[i] = the lower 32 bits of (max(keys[i], base) - base) >> zeros, above the 32 bits of i. */
    void (*items)(uint64_t *items, const void *keys, uint64_t base, unsigned zeros, size_t n);
    /* Histogram bins of keys, see LADLE_KEY_BINS; lowers *least, raises *most to the buckets that occur, bucket 0 apart. */
    void (*bins)(uint32_t *bins, const void *x, size_t n, uint32_t *least, uint32_t *most);
    /* Of the elements with 0 <= key - first < width and a bit of `mask` set in key - first: (key - first) >> shift, plus
     * LADLE_KEY_BUCKETS if one of the bits below is set. hits: room for n. Returns how many there are. */
    size_t (*within)(uint32_t *hits, const void *x, uint64_t first, uint64_t width, uint64_t mask, unsigned shift, size_t n);
};

struct ladle_kernels {
    const char *name; /* "generic", "avx2", "avx512" */
    struct ladle_arithmetic real[LADLE_REAL_COUNT];

    /* Philox4x32-10 words: 4 * blocks of them, for counters (low32(j), high32(j), stream, 0), j = first, first + 1, ... */
    void (*philox)(uint32_t *words, uint64_t first, size_t blocks, uint32_t stream, uint64_t key);
    /* table[4 * bins[i] + (i mod 4)] += 1: four interleaved tables, so that runs of one bin do not wait for themselves. */
    void (*tabulate)(uint32_t *table, const uint32_t *bins, size_t n);
};

/* Bits of the mask of ladle_kernels_choose (and of ladle_options.cpu_mask): instruction sets not to use. */
#define LADLE_CPU_NO_AVX512 1u
#define LADLE_CPU_NO_AVX2 2u

/* The best variant that this CPU has and the mask allows. Static. */
const struct ladle_kernels *ladle_kernels_choose(unsigned mask);

/* lanes[0] = the sum of all lanes in the order of spec "Reductions": halves folded onto halves. Returns it. */
double ladle_lanes_fold(double *lanes);

#endif
