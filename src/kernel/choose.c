/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/kernel.h"
#include "kernel/variants.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <stdatomic.h>

/* Conversions of halves; clang 14's __builtin_cpu_supports does not know their name. Asked once: virtual machines take tens
 * of microseconds for the answer, and every job of a plan chooses. */
static bool cpu_has_f16c(void)
{
    enum { UNKNOWN, NO, YES };
    static atomic_int known;
    int has = atomic_load_explicit(&known, memory_order_relaxed);
    if (has == UNKNOWN) {
        unsigned a, b, c, d;
        has = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0 ? YES : NO;
        atomic_store_explicit(&known, has, memory_order_relaxed);
    }
    return has == YES;
}
#endif

const struct ladle_kernels *ladle_kernels_choose(unsigned mask)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && cpu_has_f16c() && __builtin_cpu_supports("bmi2");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (avx512 && !(mask & (LADLE_CPU_NO_AVX512 | LADLE_CPU_NO_AVX2)))
        return &ladle_kernels_avx512;
    if (avx2 && !(mask & LADLE_CPU_NO_AVX2))
        return &ladle_kernels_avx2;
#endif
    return &ladle_kernels_generic;
}

double ladle_lanes_fold(double *lanes)
{
    for (unsigned half = LADLE_LANES / 2; half > 0; half /= 2)
        for (unsigned j = 0; j < half; j++)
            lanes[j] += lanes[j + half];
    return lanes[0];
}
