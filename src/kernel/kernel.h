/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_KERNEL_KERNEL_H
#define LADLE_KERNEL_KERNEL_H

/* The arithmetic on arrays, built once per instruction set and chosen when first asked for. Every variant gives the same bits;
 * the plain C build is the definition. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ladle/dtype.h"

/* The working type T of spec methods.md. */
enum ladle_real { LADLE_REAL_F32, LADLE_REAL_F64, LADLE_REAL_COUNT };

/* Elements that methods handle at a time, so that intermediate arrays stay in the first cache; divides LADLE_SEGMENT. */
#define LADLE_STRIP 4096u

/* What was seen while storing. */
struct ladle_nonfinite {
    uint64_t overflowed; /* finite results that became Inf (or +-448 in F8_E4M3) */
    uint64_t nan, inf;   /* results that were NaN, Inf before storing */
};

static inline size_t ladle_real_bytes(enum ladle_real real) { return real == LADLE_REAL_F64 ? 8 : 4; }

#endif
