/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_BASE_ARENA_H
#define LADLE_BASE_ARENA_H

/* Memory for metadata: many small things that live and die together. What an arena holds is counted, so that the plan can
 * charge the metadata of huge models to the budget. Not thread-safe. */

#include <stddef.h>
#include <stdint.h>

#include "base/quota.h"

struct ladle_arena_block;

struct ladle_arena {
    struct ladle_arena_block *last;
    size_t bytes;              /* taken from the system so far */
    struct ladle_quota *quota; /* what they count against; NULL: none */
};

/* An empty arena is all zeros but for its quota. Frees everything and makes it empty again. */
void ladle_arena_finish(struct ladle_arena *arena);

/* `bytes` zeroed bytes aligned for any type, valid until ladle_arena_finish; NULL without memory. 0 bytes give a pointer
 * too. */
void *ladle_arena_take(struct ladle_arena *arena, size_t bytes);

/* As above for `count` items; NULL also if the product overflows. */
void *ladle_arena_take_array(struct ladle_arena *arena, size_t count, size_t item_bytes);

/* A NUL-terminated copy of a text. */
char *ladle_arena_copy(struct ladle_arena *arena, const char *text, size_t bytes);
char *ladle_arena_printf(struct ladle_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
