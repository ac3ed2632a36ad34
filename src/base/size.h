/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_BASE_SIZE_H
#define LADLE_BASE_SIZE_H

/* Sizes as people write them, and arithmetic that cannot overflow unseen. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "256M", "1GiB", "64k", "5B": a number, perhaps with a fraction, and a unit in any case. `decimal` says whether K, M, G, T
 * (also KB, MB ...) stand for powers of 1000 or 1024; Ki, Mi, ... (KiB ...) are always powers of 1024; B alone is bytes, except
 * that with `decimal` "5B" is five billion, as mergekit has it. Returns false for anything else or a value of 2^63 and more. */
bool ladle_size_parse(const char *text, bool decimal, uint64_t *bytes);

/* A size for people, three digits: "1.23 GB" (decimal) into `out` of at least 16 bytes. Returns out. */
char *ladle_size_show(uint64_t bytes, char *out);

/* A budget that can be pasted back as --memory: the whole number of MiB that is at least `bytes`, "48M". Returns out. */
char *ladle_size_budget(uint64_t bytes, char *out);

static inline bool ladle_add(uint64_t a, uint64_t b, uint64_t *sum) { return !__builtin_add_overflow(a, b, sum); }
static inline bool ladle_multiply(uint64_t a, uint64_t b, uint64_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}
static inline uint64_t ladle_round_up(uint64_t value, uint64_t step) { return (value + step - 1) / step * step; }
static inline uint64_t ladle_min(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t ladle_max(uint64_t a, uint64_t b) { return a > b ? a : b; }

#endif
