/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_LOOKUP_H
#define LADLE_MODEL_LOOKUP_H

/* Finding items of an array by their texts: a hash table that holds nothing but indices, 8 to 16 bytes an item. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/quota.h"

/* All zeros but the quota is empty. */
struct ladle_lookup {
    uint32_t *slots;     /* index + 1; 0: empty */
    uint32_t slot_count; /* a power of two, or 0 */
    uint32_t count;      /* items in it */
    uint64_t secret;     /* start of the hashes, so that no file can be made to collide */
    struct ladle_quota *quota; /* what the table counts against; NULL: none */
};

/* The text of item `at` of the caller's array, which `self` leads to; NUL-terminated unless `bytes` was set. */
typedef const char *ladle_lookup_text(const void *self, uint32_t at, size_t *bytes);

#define LADLE_LOOKUP_NONE UINT32_MAX

/* The index of the item with this text, or LADLE_LOOKUP_NONE. */
uint32_t ladle_lookup_find(const struct ladle_lookup *lookup, ladle_lookup_text *text_of, const void *self, const char *text,
                           size_t bytes);

/* Adds item `at`, whose text is not in the table yet. Returns false without memory. */
bool ladle_lookup_add(struct ladle_lookup *lookup, ladle_lookup_text *text_of, const void *self, uint32_t at);

/* Frees the table; it is empty then, with the same quota. */
void ladle_lookup_finish(struct ladle_lookup *lookup);

#endif
