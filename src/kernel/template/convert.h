/* SPDX-License-Identifier: Apache-2.0 */
/* Stored elements to float and double and back: included by variant.c. Narrowing follows spec methods.md "Storing". */

static inline uint32_t bits_f32(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* A small float with its exponent and mantissa moved to where a float has them, `power` being the difference of the biases:
 * the product is exact for normal and subnormal numbers alike. */
static inline float rebias(uint32_t magnitude, uint32_t sign, float power)
{
    return float_of(bits_f32(float_of(magnitude) * power) | sign);
}

static void widen_bf16_f32(void *out_, const void *in_, size_t n)
{
    float *out = out_;
    const uint8_t *in = in_;
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, in + 2 * i, 2);
        out[i] = float_of((uint32_t)half << 16);
    }
}

/* One element of 16 bits laid out as F16. */
static inline float from_half(uint32_t half)
{
    uint32_t sign = (half & 0x8000) << 16, magnitude = (half & 0x7FFF) << 13;
    float finite = rebias(magnitude, sign, 0x1p112f);
    return magnitude >= 0x0F800000 ? float_of(0x7F800000 | (magnitude & 0x7FFFFF) | sign) : finite;
}

static void widen_f16_f32(void *out_, const void *in_, size_t n)
{
    float *out = out_;
    const uint8_t *in = in_;
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, in + 2 * i, 2);
        out[i] = from_half(half);
    }
}

static void widen_f8_e5m2_f32(void *out_, const void *in_, size_t n)
{
    float *out = out_;
    const uint8_t *in = in_;
    for (size_t i = 0; i < n; i++)
        out[i] = from_half((uint32_t)in[i] << 8);
}

static void widen_f8_e4m3_f32(void *out_, const void *in_, size_t n)
{
    float *out = out_;
    const uint8_t *in = in_;
    for (size_t i = 0; i < n; i++) {
        uint32_t byte = in[i], sign = (byte & 0x80) << 24, magnitude = (byte & 0x7F) << 20;
        float finite = rebias(magnitude, sign, 0x1p120f);
        out[i] = magnitude == 0x07F00000 ? NAN : finite;
    }
}

static void widen_f32_f32(void *out, const void *in, size_t n) { memcpy(out, in, n * sizeof(float)); }

static void widen_f64_f32(void *out_, const void *in_, size_t n)
{
    float *out = out_;
    const uint8_t *in = in_;
    for (size_t i = 0; i < n; i++) {
        double x;
        memcpy(&x, in + 8 * i, 8);
        out[i] = (float)x;
    }
}

static void widen_f64_f64(void *out, const void *in, size_t n) { memcpy(out, in, n * sizeof(double)); }

static void widen_f32_f64(void *out_, const void *in_, size_t n)
{
    double *out = out_;
    const uint8_t *in = in_;
    for (size_t i = 0; i < n; i++) {
        float x;
        memcpy(&x, in + 4 * i, 4);
        out[i] = (double)x;
    }
}

/* The small types reach double, and double the small types, by way of F32. */
#define BY_WAY 512u

static void widen_by_way(void (*widen)(void *, const void *, size_t), size_t bytes, void *out_, const void *in_, size_t n)
{
    double *out = out_;
    const uint8_t *in = in_;
    float way[BY_WAY];
    for (size_t at = 0; at < n; at += BY_WAY) {
        size_t part = n - at < BY_WAY ? n - at : BY_WAY;
        widen(way, in + at * bytes, part);
        for (size_t i = 0; i < part; i++)
            out[at + i] = (double)way[i];
    }
}

static void widen_bf16_f64(void *out, const void *in, size_t n) { widen_by_way(widen_bf16_f32, 2, out, in, n); }
static void widen_f16_f64(void *out, const void *in, size_t n) { widen_by_way(widen_f16_f32, 2, out, in, n); }
static void widen_f8_e5m2_f64(void *out, const void *in, size_t n) { widen_by_way(widen_f8_e5m2_f32, 1, out, in, n); }
static void widen_f8_e4m3_f64(void *out, const void *in, size_t n) { widen_by_way(widen_f8_e4m3_f32, 1, out, in, n); }

/* Adds what one array held before (NaN, Inf) and how many finite numbers overflowed. */
static inline void tally_nonfinite(struct ladle_nonfinite *counts, size_t overflowed, size_t nan, size_t inf)
{
    counts->overflowed += overflowed;
    counts->nan += nan;
    counts->inf += inf;
}

static void narrow_f32_f32(void *out_, const void *in_, size_t n, struct ladle_nonfinite *counts)
{
    uint32_t *out = out_, nan = 0, inf = 0;
    const float *in = in_;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = bits_f32(in[i]), magnitude = bits & 0x7FFFFFFF;
        nan += magnitude > 0x7F800000;
        inf += magnitude == 0x7F800000;
        out[i] = magnitude > 0x7F800000 ? 0x7FC00000 : bits;
    }
    tally_nonfinite(counts, 0, nan, inf);
}

static void narrow_bf16_f32(void *out_, const void *in_, size_t n, struct ladle_nonfinite *counts)
{
    uint16_t *out = out_;
    const float *in = in_;
    uint32_t nan = 0, inf = 0, over = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = bits_f32(in[i]), magnitude = bits & 0x7FFFFFFF;
        uint32_t rounded = bits + 0x7FFF + ((bits >> 16) & 1);
        nan += magnitude > 0x7F800000;
        inf += magnitude == 0x7F800000;
        over += (magnitude < 0x7F800000) & ((rounded & 0x7FFF0000) == 0x7F800000);
        out[i] = (uint16_t)(magnitude > 0x7F800000 ? 0x7FC0 : rounded >> 16);
    }
    tally_nonfinite(counts, over, nan, inf);
}

/* A float's magnitude as the pattern of a type of `mantissa` mantissa bits and this bias, nearest, ties to even; it may lie
 * beyond the type's largest pattern. */
static inline uint32_t round_small(uint32_t magnitude, unsigned mantissa, uint32_t bias)
{
    unsigned cut = 23 - mantissa;
    uint32_t normal = ((magnitude + ((1u << (cut - 1)) - 1) + ((magnitude >> cut) & 1)) >> cut) - ((127 - bias) << mantissa);
    /* Below the smallest normal number: adding a number whose last place is the type's smallest step rounds to such steps. */
    uint32_t lift = (127 + 23 - (bias - 1) - mantissa) << 23;
    uint32_t subnormal = bits_f32(float_of(magnitude) + float_of(lift)) - lift;
    return magnitude < (128 - bias) << 23 ? subnormal : normal;
}

static void narrow_f16_f32(void *out_, const void *in_, size_t n, struct ladle_nonfinite *counts)
{
    uint16_t *out = out_;
    const float *in = in_;
    uint32_t nan = 0, inf = 0, over = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = bits_f32(in[i]), magnitude = bits & 0x7FFFFFFF, sign = (bits >> 16) & 0x8000;
        uint32_t small = round_small(magnitude, 10, 15);
        nan += magnitude > 0x7F800000;
        inf += magnitude == 0x7F800000;
        over += (magnitude < 0x7F800000) & (small >= 0x7C00);
        small = small > 0x7C00 ? 0x7C00 : small;
        out[i] = (uint16_t)(magnitude > 0x7F800000 ? 0x7E00 : small | sign);
    }
    tally_nonfinite(counts, over, nan, inf);
}

/* The two types of 8 bits: `top` is the largest pattern, reached by rounding up from `over_from` patterns on. */
static inline void narrow_f8(uint8_t *out, const float *in, size_t n, struct ladle_nonfinite *counts, unsigned mantissa,
                             uint32_t bias, uint32_t top, uint32_t over_from, uint32_t nan_pattern)
{
    uint32_t nan = 0, inf = 0, over = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = bits_f32(in[i]), magnitude = bits & 0x7FFFFFFF, sign = (bits >> 24) & 0x80;
        uint32_t small = round_small(magnitude, mantissa, bias);
        nan += magnitude > 0x7F800000;
        inf += magnitude == 0x7F800000;
        over += (magnitude < 0x7F800000) & (small >= over_from);
        small = small > top ? top : small;
        out[i] = (uint8_t)(magnitude > 0x7F800000 ? nan_pattern : small | sign);
    }
    tally_nonfinite(counts, over, nan, inf);
}

static void narrow_f8_e5m2_f32(void *out, const void *in, size_t n, struct ladle_nonfinite *counts)
{
    narrow_f8(out, in, n, counts, 2, 15, 0x7C, 0x7C, 0x7E);
}

static void narrow_f8_e4m3_f32(void *out, const void *in, size_t n, struct ladle_nonfinite *counts)
{
    narrow_f8(out, in, n, counts, 3, 7, 0x7E, 0x7F, 0x7F);
}

static void narrow_f64_f32(void *out_, const void *in_, size_t n, struct ladle_nonfinite *counts)
{
    double *out = out_;
    const float *in = in_;
    uint32_t nan = 0, inf = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t magnitude = bits_f32(in[i]) & 0x7FFFFFFF;
        nan += magnitude > 0x7F800000;
        inf += magnitude == 0x7F800000;
        out[i] = magnitude > 0x7F800000 ? (double)NAN : (double)in[i];
    }
    tally_nonfinite(counts, 0, nan, inf);
}

static void narrow_f64_f64(void *out_, const void *in_, size_t n, struct ladle_nonfinite *counts)
{
    uint64_t *out = out_, nan = 0, inf = 0;
    const uint8_t *in = in_;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, in + 8 * i, 8);
        uint64_t magnitude = bits & INT64_MAX;
        nan += magnitude > 0x7FF0000000000000;
        inf += magnitude == 0x7FF0000000000000;
        out[i] = magnitude > 0x7FF0000000000000 ? 0x7FF8000000000000 : bits;
    }
    tally_nonfinite(counts, 0, nan, inf);
}

/* From double by way of F32. What became Inf on the way overflowed, and is counted once. */
static void narrow_by_way(void (*narrow)(void *, const void *, size_t, struct ladle_nonfinite *), size_t bytes, void *out_,
                          const void *in_, size_t n, struct ladle_nonfinite *counts)
{
    uint8_t *out = out_;
    const double *in = in_;
    float way[BY_WAY];
    for (size_t at = 0; at < n; at += BY_WAY) {
        size_t part = n - at < BY_WAY ? n - at : BY_WAY, over = 0;
        for (size_t i = 0; i < part; i++) {
            way[i] = (float)in[at + i];
            over += (in[at + i] - in[at + i] == 0) & ((bits_f32(way[i]) & 0x7FFFFFFF) == 0x7F800000);
        }
        narrow(out + at * bytes, way, part, counts);
        counts->overflowed += over;
        counts->inf -= over;
    }
}

static void narrow_f32_by_way(void *out, const void *in, size_t n, struct ladle_nonfinite *counts)
{
    narrow_by_way(narrow_f32_f32, 4, out, in, n, counts);
}

static void narrow_bf16_by_way(void *out, const void *in, size_t n, struct ladle_nonfinite *counts)
{
    narrow_by_way(narrow_bf16_f32, 2, out, in, n, counts);
}

static void narrow_f16_by_way(void *out, const void *in, size_t n, struct ladle_nonfinite *counts)
{
    narrow_by_way(narrow_f16_f32, 2, out, in, n, counts);
}

static void narrow_f8_e5m2_by_way(void *out, const void *in, size_t n, struct ladle_nonfinite *counts)
{
    narrow_by_way(narrow_f8_e5m2_f32, 1, out, in, n, counts);
}

static void narrow_f8_e4m3_by_way(void *out, const void *in, size_t n, struct ladle_nonfinite *counts)
{
    narrow_by_way(narrow_f8_e4m3_f32, 1, out, in, n, counts);
}
