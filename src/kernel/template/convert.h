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

static void widen_bf16_f32(void *out_, const void *in_, size_t n)
{
    float *restrict out = out_;
    const uint8_t *restrict in = in_;
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, in + 2 * i, 2);
        out[i] = float_of((uint32_t)half << 16);
    }
}

/* A small float of `mantissa` mantissa bits and this bias, without its sign; Inf and NaN apart. Subnormal ones are counted
 * in their smallest step, since no float is subnormal on the way: processors are slow at those. */
static inline uint32_t widen_small(uint32_t magnitude, unsigned mantissa, uint32_t bias)
{
    uint32_t normal = (magnitude << (23 - mantissa)) + ((127 - bias) << 23);
    float step = float_of((127 + 1 - bias - mantissa) << 23);
    uint32_t subnormal = bits_f32((float)(int32_t)magnitude * step);
    return magnitude < 1u << mantissa ? subnormal : normal;
}

/* The types that are laid out as F16, as far as they go: 5 bits of exponent, Inf, NaN. NaN comes out quiet. */
static inline float from_half(uint32_t half)
{
    uint32_t sign = (half & 0x8000) << 16, magnitude = half & 0x7FFF;
    uint32_t finite = widen_small(magnitude, 10, 15);
    uint32_t special = magnitude == 0x7C00 ? 0x7F800000 : 0x7FC00000 | (magnitude & 0x3FF) << 13;
    return float_of((magnitude < 0x7C00 ? finite : special) | sign);
}

static void widen_f16_f32(void *out_, const void *in_, size_t n)
{
    float *restrict out = out_;
    const uint8_t *restrict in = in_;
    size_t i = 0;
#if defined(__F16C__)
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(in + 2 * i))));
#endif
    for (; i < n; i++) {
        uint16_t half;
        memcpy(&half, in + 2 * i, 2);
        out[i] = from_half(half);
    }
}

static void widen_f8_e5m2_f32(void *out_, const void *in_, size_t n)
{
    float *restrict out = out_;
    const uint8_t *restrict in = in_;
    for (size_t i = 0; i < n; i++)
        out[i] = from_half((uint32_t)in[i] << 8);
}

static void widen_f8_e4m3_f32(void *out_, const void *in_, size_t n)
{
    float *restrict out = out_;
    const uint8_t *restrict in = in_;
    for (size_t i = 0; i < n; i++) {
        uint32_t sign = (uint32_t)(in[i] & 0x80) << 24, magnitude = in[i] & 0x7F;
        uint32_t finite = widen_small(magnitude, 3, 7);
        out[i] = float_of((magnitude == 0x7F ? 0x7FC00000 : finite) | sign);
    }
}

static void widen_f32_f32(void *out, const void *in, size_t n)
{
    memcpy(out, in, n * sizeof(float));
}

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

static void widen_f64_f64(void *out, const void *in, size_t n)
{
    memcpy(out, in, n * sizeof(double));
}

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

static void widen_bf16_f64(void *out, const void *in, size_t n)
{
    widen_by_way(widen_bf16_f32, 2, out, in, n);
}
static void widen_f16_f64(void *out, const void *in, size_t n)
{
    widen_by_way(widen_f16_f32, 2, out, in, n);
}
static void widen_f8_e5m2_f64(void *out, const void *in, size_t n)
{
    widen_by_way(widen_f8_e5m2_f32, 1, out, in, n);
}
static void widen_f8_e4m3_f64(void *out, const void *in, size_t n)
{
    widen_by_way(widen_f8_e4m3_f32, 1, out, in, n);
}

/* Counts the numbers that are no longer finite once stored, in an array that has some: magnitudes from `over` on round to
 * what lies beyond the type's largest number. */
static void count_nonfinite(const float *in, size_t n, uint32_t over, struct ladle_nonfinite *counts)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t magnitude = bits_f32(in[i]) & 0x7FFFFFFF;
        counts->nan += magnitude > 0x7F800000;
        counts->inf += magnitude == 0x7F800000;
        counts->overflowed += magnitude >= over && magnitude < 0x7F800000;
    }
}

static void narrow_f32_f32(void *out_, const void *in_, size_t n, struct ladle_nonfinite *counts)
{
    uint32_t *restrict out = out_, most = 0;
    const float *restrict in = in_;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = bits_f32(in[i]), magnitude = bits & 0x7FFFFFFF;
        most = magnitude > most ? magnitude : most;
        out[i] = magnitude > 0x7F800000 ? 0x7FC00000 : bits;
    }
    if (most >= 0x7F800000)
        count_nonfinite(in, n, 0x7F800000, counts);
}

static void narrow_bf16_f32(void *out_, const void *in_, size_t n, struct ladle_nonfinite *counts)
{
    uint16_t *restrict out = out_;
    const float *restrict in = in_;
    uint32_t most = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = bits_f32(in[i]), magnitude = bits & 0x7FFFFFFF;
        uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
        most = magnitude > most ? magnitude : most;
        out[i] = (uint16_t)(magnitude > 0x7F800000 ? 0x7FC0 : rounded);
    }
    if (most >= 0x7F7F8000)
        count_nonfinite(in, n, 0x7F7F8000, counts);
}

/* A float's magnitude as the pattern of a type of `mantissa` mantissa bits and this bias, nearest, ties to even; it may lie
 * beyond the type's largest pattern. */
static inline uint32_t round_small(uint32_t magnitude, unsigned mantissa, uint32_t bias)
{
    unsigned cut = 23 - mantissa;
    uint32_t normal = ((magnitude + ((1u << (cut - 1)) - 1) + ((magnitude >> cut) & 1)) >> cut) - ((127 - bias) << mantissa);
    /* Below the smallest normal number: adding a number whose last place is the type's smallest step rounds to it. */
    uint32_t lift = (127 + 23 - (bias - 1) - mantissa) << 23;
    uint32_t subnormal = bits_f32(float_of(magnitude) + float_of(lift)) - lift;
    return magnitude < (128 - bias) << 23 ? subnormal : normal;
}

#if defined(__F16C__)
/* As many elements as there are in whole vectors. Returns how many; raises *most to the greatest magnitude. */
static size_t narrow_f16_vectors(uint16_t *restrict out, const float *restrict in, size_t n, uint32_t *most)
{
    const __m256i magnitude_bits = _mm256_set1_epi32(0x7FFFFFFF);
    __m256i greatest = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 x = _mm256_loadu_ps(in + i);
        __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
        __m128i nan_halves = _mm_packs_epi32(_mm256_castsi256_si128(is_nan), _mm256_extracti128_si256(is_nan, 1));
        __m128i halves = _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT);
        halves = _mm_blendv_epi8(halves, _mm_set1_epi16(0x7E00), nan_halves);
        greatest = _mm256_max_epu32(greatest, _mm256_and_si256(_mm256_castps_si256(x), magnitude_bits));
        _mm_storeu_si128((__m128i *)(void *)(out + i), halves);
    }
    uint32_t each[8];
    _mm256_storeu_si256((__m256i *)(void *)each, greatest);
    for (int j = 0; j < 8; j++)
        *most = each[j] > *most ? each[j] : *most;
    return i;
}
#endif

static void narrow_f16_f32(void *out_, const void *in_, size_t n, struct ladle_nonfinite *counts)
{
    uint16_t *restrict out = out_;
    const float *restrict in = in_;
    uint32_t most = 0;
    size_t i = 0;
#if defined(__F16C__)
    i = narrow_f16_vectors(out, in, n, &most);
#endif
    for (; i < n; i++) {
        uint32_t bits = bits_f32(in[i]), magnitude = bits & 0x7FFFFFFF, sign = (bits >> 16) & 0x8000;
        uint32_t small = round_small(magnitude, 10, 15);
        small = small > 0x7C00 ? 0x7C00 : small;
        most = magnitude > most ? magnitude : most;
        out[i] = (uint16_t)(magnitude > 0x7F800000 ? 0x7E00 : small | sign);
    }
    if (most >= 0x477FF000)
        count_nonfinite(in, n, 0x477FF000, counts);
}

static void narrow_f8_e5m2_f32(void *out_, const void *in_, size_t n, struct ladle_nonfinite *counts)
{
    uint8_t *restrict out = out_;
    const float *restrict in = in_;
    uint32_t most = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = bits_f32(in[i]), magnitude = bits & 0x7FFFFFFF, sign = (bits >> 24) & 0x80;
        uint32_t small = round_small(magnitude, 2, 15);
        small = small > 0x7C ? 0x7C : small;
        most = magnitude > most ? magnitude : most;
        out[i] = (uint8_t)(magnitude > 0x7F800000 ? 0x7E : small | sign);
    }
    if (most >= 0x47700000)
        count_nonfinite(in, n, 0x47700000, counts);
}

/* There is no Inf: everything beyond 448 becomes 448; 464 is half-way to the next number and still rounds to it. */
static void narrow_f8_e4m3_f32(void *out_, const void *in_, size_t n, struct ladle_nonfinite *counts)
{
    uint8_t *restrict out = out_;
    const float *restrict in = in_;
    uint32_t most = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = bits_f32(in[i]), magnitude = bits & 0x7FFFFFFF, sign = (bits >> 24) & 0x80;
        uint32_t small = round_small(magnitude, 3, 7);
        small = small > 0x7E ? 0x7E : small;
        most = magnitude > most ? magnitude : most;
        out[i] = (uint8_t)(magnitude > 0x7F800000 ? 0x7F : small | sign);
    }
    if (most > 0x43E80000)
        count_nonfinite(in, n, 0x43E80001, counts);
}

static void narrow_f64_f32(void *out_, const void *in_, size_t n, struct ladle_nonfinite *counts)
{
    double *restrict out = out_;
    const float *restrict in = in_;
    for (size_t i = 0; i < n; i++)
        out[i] = in[i] == in[i] ? (double)in[i] : (double)NAN;
    count_nonfinite(in, n, 0x7F800000, counts);
}

static void narrow_f64_f64(void *out_, const void *in_, size_t n, struct ladle_nonfinite *counts)
{
    double *restrict out = out_;
    const double *restrict in = in_;
    uint64_t nan = 0, inf = 0;
    for (size_t i = 0; i < n; i++) {
        double magnitude = fabs(in[i]);
        nan += magnitude != magnitude ? 1 : 0;
        inf += magnitude > DBL_MAX ? 1 : 0;
        out[i] = magnitude != magnitude ? (double)NAN : in[i];
    }
    counts->nan += nan;
    counts->inf += inf;
}

/* From double by way of F32. What became Inf on the way overflowed, and is counted once. */
static void narrow_by_way(void (*narrow)(void *, const void *, size_t, struct ladle_nonfinite *), size_t bytes, void *out_,
                          const void *in_, size_t n, struct ladle_nonfinite *counts)
{
    uint8_t *out = out_;
    const double *in = in_;
    float way[BY_WAY];
    for (size_t at = 0; at < n; at += BY_WAY) {
        size_t part = n - at < BY_WAY ? n - at : BY_WAY;
        uint64_t inf = counts->inf;
        for (size_t i = 0; i < part; i++)
            way[i] = (float)in[at + i];
        narrow(out + at * bytes, way, part, counts);
        for (size_t i = 0; i < part && counts->inf > inf; i++) {
            if (fabs(in[at + i]) <= DBL_MAX && fabsf(way[i]) > FLT_MAX) {
                counts->overflowed++;
                counts->inf--;
            }
        }
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
