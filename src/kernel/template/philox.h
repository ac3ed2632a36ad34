/* SPDX-License-Identifier: Apache-2.0 */
/* Philox4x32-10: included by variant.c. Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11. */

#define PHILOX_ROUNDS 10
#define PHILOX_MULTIPLIER_0 0xD2511F53u
#define PHILOX_MULTIPLIER_1 0xCD9E8D57u
#define PHILOX_STEP_0 0x9E3779B9u
#define PHILOX_STEP_1 0xBB67AE85u

static void philox_plainly(uint32_t *words, uint64_t first, size_t blocks, uint32_t stream, uint64_t key)
{
    for (size_t j = 0; j < blocks; j++) {
        uint32_t c0 = (uint32_t)(first + j), c1 = (uint32_t)((first + j) >> 32), c2 = stream, c3 = 0;
        uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
        for (int round = 0; round < PHILOX_ROUNDS; round++) {
            uint64_t p0 = (uint64_t)c0 * PHILOX_MULTIPLIER_0, p1 = (uint64_t)c2 * PHILOX_MULTIPLIER_1;
            c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
            c1 = (uint32_t)p1;
            c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
            c3 = (uint32_t)p0;
            k0 += PHILOX_STEP_0;
            k1 += PHILOX_STEP_1;
        }
        words[4 * j] = c0;
        words[4 * j + 1] = c1;
        words[4 * j + 2] = c2;
        words[4 * j + 3] = c3;
    }
}

/* The same with one counter in each 64-bit lane, whose lower half is a word of it; upper halves hold what multiplication,
 * which looks at lower halves only, has left there. Compilers do not find this by themselves. Lanes are numbered so that the
 * interleaving at the end gives counters in order. */
#if defined(__AVX512F__)
#define PHILOX_LANES 8
typedef __m512i philox_lanes;
#define LANES_NUMBERS _mm512_set_epi64(7, 3, 6, 2, 5, 1, 4, 0)
#define LANES_OF(word) _mm512_set1_epi64((long long)(word))
#define LANES_ADD _mm512_add_epi64
#define LANES_MULTIPLY _mm512_mul_epu32
#define LANES_UPPER(x) _mm512_srli_epi64(x, 32)
#define LANES_RAISE(x) _mm512_slli_epi64(x, 32)
#define LANES_XOR(a, b, c) _mm512_ternarylogic_epi64(a, b, c, 0x96)
#define LANES_JOIN(lower, upper) _mm512_mask_blend_epi32(0xAAAA, lower, upper)
#define LANES_EVEN _mm512_unpacklo_epi64
#define LANES_ODD _mm512_unpackhi_epi64
#define LANES_STORE(to, x) _mm512_storeu_si512((void *)(to), x)
#elif defined(__AVX2__)
#define PHILOX_LANES 4
typedef __m256i philox_lanes;
#define LANES_NUMBERS _mm256_set_epi64x(3, 1, 2, 0)
#define LANES_OF(word) _mm256_set1_epi64x((long long)(word))
#define LANES_ADD _mm256_add_epi64
#define LANES_MULTIPLY _mm256_mul_epu32
#define LANES_UPPER(x) _mm256_srli_epi64(x, 32)
#define LANES_RAISE(x) _mm256_slli_epi64(x, 32)
#define LANES_XOR(a, b, c) _mm256_xor_si256(_mm256_xor_si256(a, b), c)
#define LANES_JOIN(lower, upper) _mm256_blend_epi32(lower, upper, 0xAA)
#define LANES_EVEN _mm256_unpacklo_epi64
#define LANES_ODD _mm256_unpackhi_epi64
#define LANES_STORE(to, x) _mm256_storeu_si256((__m256i *)(void *)(to), x)
#endif

#if defined(PHILOX_LANES)
static inline void philox_step(uint32_t *words, philox_lanes counter, uint32_t stream, uint64_t key)
{
    philox_lanes c0 = counter, c1 = LANES_UPPER(counter), c2 = LANES_OF(stream), c3 = LANES_OF(0);
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        philox_lanes p0 = LANES_MULTIPLY(c0, LANES_OF(PHILOX_MULTIPLIER_0));
        philox_lanes p1 = LANES_MULTIPLY(c2, LANES_OF(PHILOX_MULTIPLIER_1));
        c0 = LANES_XOR(LANES_UPPER(p1), c1, LANES_OF(k0));
        c1 = p1;
        c2 = LANES_XOR(LANES_UPPER(p0), c3, LANES_OF(k1));
        c3 = p0;
        k0 += PHILOX_STEP_0;
        k1 += PHILOX_STEP_1;
    }
    philox_lanes c01 = LANES_JOIN(c0, LANES_RAISE(c1)), c23 = LANES_JOIN(c2, LANES_RAISE(c3));
    LANES_STORE(words, LANES_EVEN(c01, c23));
    LANES_STORE(words + 2 * PHILOX_LANES, LANES_ODD(c01, c23));
}
#endif

static void philox(uint32_t *words, uint64_t first, size_t blocks, uint32_t stream, uint64_t key)
{
    size_t j = 0;
#if defined(PHILOX_LANES)
    for (; j + PHILOX_LANES <= blocks; j += PHILOX_LANES)
        philox_step(words + 4 * j, LANES_ADD(LANES_OF(first + j), LANES_NUMBERS), stream, key);
#endif
    philox_plainly(words + 4 * j, first + j, blocks - j, stream, key);
}
