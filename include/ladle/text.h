/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_TEXT_H
#define LADLE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "ladle/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sizes and words as people type them, for programs that take the same options as ladle's own, and names as people may see
 * them. */

/* "256M", "1GiB", "64k", "5B": a number, perhaps with a fraction, and a unit in any case, into *bytes. `decimal` says
 * whether K, M, G, T (also KB, MB ...) stand for powers of 1000 or 1024; Ki, Mi, ... (KiB ...) are always powers of 1024; B
 * alone is bytes, except that with `decimal` "5B" is five billion, as mergekit has it. Returns false for anything else or a
 * value of 2^63 and more. */
LADLE_API bool ladle_size_parse(const char *text, bool decimal, uint64_t *bytes);

/* A size for people, three digits: "1.23 GB" (decimal) into `out` of at least 16 bytes. Returns out. */
LADLE_API char *ladle_size_show(uint64_t bytes, char *out);

/* A budget that can be pasted back as --memory: the whole number of MiB that is at least `bytes`, "48M", into `out` of at
 * least 16 bytes. Returns out. */
LADLE_API char *ladle_size_budget(uint64_t bytes, char *out);

/* The word of `known` (NULL-terminated list) that `word` was most likely meant to be, by edit distance with case, '-' and
 * '_' counting little; NULL if none is near. */
LADLE_API const char *ladle_nearest(const char *word, const char *const *known);

/* Masks characters of a NUL-terminated text that do not print with '?', in place: control characters, marks that reorder or
 * break lines, broken UTF-8. Names of tensors come from files as they stand there: to be masked before they get to a
 * terminal. */
LADLE_API void ladle_mask(char *text);

#ifdef __cplusplus
}
#endif
#endif
