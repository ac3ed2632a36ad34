/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_INDEX_H
#define LADLE_OUTPUT_INDEX_H

/* model.safetensors.index.json: which shard holds which tensor. For 100,000 tensors it has 10 MB, so an archive gets it in
 * pieces, made when they are due. */

#include "plan/plan.h"

/* Writes the whole of it into an empty text. Returns LADLE_OK or LADLE_NO_MEMORY. */
int ladle_index_write(const struct ladle_plan *plan, struct ladle_text *out, struct ladle_error *error);

struct ladle_index_pieces {
    const struct ladle_plan *plan;
    uint64_t bytes;  /* of the whole text */
    uint64_t *marks; /* where in it some tensors begin */
};

/* Measures the text. `pieces` is filled with memory of the arena; plan and arena must outlive it. Returns LADLE_OK or
 * LADLE_NO_MEMORY. */
int ladle_index_measure(struct ladle_index_pieces *pieces, const struct ladle_plan *plan, struct ladle_arena *arena,
                        struct ladle_error *error);

/* Makes the bytes [first, first + count), which must lie within the text. From any thread. Returns LADLE_OK or
 * LADLE_NO_MEMORY. */
int ladle_index_make(const struct ladle_index_pieces *pieces, uint64_t first, size_t count, uint8_t *out,
                     struct ladle_error *error);

#endif
