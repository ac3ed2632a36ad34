/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_METHOD_GRAM_H
#define LADLE_METHOD_GRAM_H

/* Dot products of every pair of a few vectors, block by block, in the fixed order of spec methods.md "Reductions": one
 * statistics pass, and memory for the products only.
 *
 * A triangle of products: of v_i and v_j with i <= j, in the order (0,0) (0,1) ... (0,count-1) (1,1) ... */

#include "method/method.h"

/* Which vectors: all sources of the task (the base first), its models, or its task vectors x_k - b. */
enum ladle_gram_vectors { LADLE_GRAM_SOURCES, LADLE_GRAM_MODELS, LADLE_GRAM_DELTAS };

/* How many vectors, products of a triangle. */
unsigned ladle_gram_count(const struct ladle_task *task, enum ladle_gram_vectors vectors);
size_t ladle_gram_pairs(unsigned count);

/* Bytes of the totals (a triangle, zeroed before the first combine), of a partial, of scratch. */
size_t ladle_gram_state_bytes(const struct ladle_task *task, enum ladle_gram_vectors vectors);
size_t ladle_gram_partial_bytes(const struct ladle_task *task, enum ladle_gram_vectors vectors);
size_t ladle_gram_scratch_bytes(const struct ladle_task *task, enum ladle_gram_vectors vectors);

/* One block: a triangle for each segment into `partial`. */
void ladle_gram_accumulate(const struct ladle_task *task, enum ladle_gram_vectors vectors, const struct ladle_block *block,
                           void *partial, void *scratch);

/* Adds a block's segments to the totals; in block order. */
void ladle_gram_combine(const struct ladle_task *task, enum ladle_gram_vectors vectors, const struct ladle_block *block,
                        const void *partial, double *totals);

/* A triangle as a symmetric matrix, count x count. */
void ladle_gram_square(unsigned count, const double *triangle, double *square);

#endif
