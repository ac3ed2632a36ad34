/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_BASE_SIZE_H
#define LADLE_BASE_SIZE_H

/* Sizes as people write them, and arithmetic that cannot overflow unseen. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ladle/text.h" /* ladle_size_parse, _show, _budget */

static inline bool ladle_add(uint64_t a, uint64_t b, uint64_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}
static inline bool ladle_multiply(uint64_t a, uint64_t b, uint64_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}
static inline uint64_t ladle_round_up(uint64_t value, uint64_t step)
{
    return (value + step - 1) / step * step;
}
static inline uint64_t ladle_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}
static inline uint64_t ladle_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

#endif
