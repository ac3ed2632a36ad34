/* SPDX-License-Identifier: Apache-2.0 */
/* Philox4x32-10: included by variant.c. Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11. */

static void philox(uint32_t *restrict words, uint64_t first, size_t blocks, uint32_t stream, uint64_t key)
{
    for (size_t j = 0; j < blocks; j++) {
        uint32_t c0 = (uint32_t)(first + j), c1 = (uint32_t)((first + j) >> 32), c2 = stream, c3 = 0;
        uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
        for (int round = 0; round < 10; round++) {
            uint64_t p0 = (uint64_t)c0 * 0xD2511F53u, p1 = (uint64_t)c2 * 0xCD9E8D57u;
            c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
            c1 = (uint32_t)p1;
            c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
            c3 = (uint32_t)p0;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        words[4 * j] = c0;
        words[4 * j + 1] = c1;
        words[4 * j + 2] = c2;
        words[4 * j + 3] = c3;
    }
}
