/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_METHOD_MIX_H
#define LADLE_METHOD_MIX_H

/* Weighted sums of vectors, written to the output: what every method of the Gram class does once it has its coefficients. */

#include "method/gram.h"
#include "method/strip.h"

/* Scratch of the functions below. */
size_t ladle_mix_scratch_bytes(const struct ladle_task *task);

/* Elements [at, at + n) of a block: factor * sum c_k v_k, added to the base if the v_k are task vectors. The sum starts at
 * +0 and adds in the order of the vectors; coefficients and factor are rounded to T.
 *   vectors       which v_k
 *   coefficients  one for each; NULL: all 1
 *   cursor        where they go; moves on by n
 *   scratch       ladle_mix_scratch_bytes */
void ladle_mix_range(const struct ladle_task *task, const struct ladle_block *block, size_t at, size_t n,
                     enum ladle_gram_vectors vectors, const double *coefficients, double factor, struct ladle_cursor *cursor,
                     void *scratch);

/* A whole block of ladle_mix_range, with factor 1. */
void ladle_mix_block(const struct ladle_task *task, const struct ladle_block *block, enum ladle_gram_vectors vectors,
                     const double *coefficients, const struct ladle_output *output, void *scratch);

/* A whole block of one source, converted. */
void ladle_mix_copy(const struct ladle_task *task, const struct ladle_block *block, unsigned source,
                    const struct ladle_output *output, void *scratch);

/* A row (along the last axis) of a block that holds whole rows, as a block of its own with index 0.
 *   data  [sources], what row->data points to afterwards */
void ladle_mix_row(const struct ladle_task *task, const struct ladle_block *block, size_t at, const void **data,
                   struct ladle_block *row);

/* The sum of the weights of all models, of methods whose models have this one parameter. */
double ladle_mix_weights(const struct ladle_task *task);

/* Whether weights that are to be divided by their sum add up to nothing, which is a mistake.
 *   otherwise  what can be done about it: "normalize: false adds them as they are" */
bool ladle_mix_cancel(const struct ladle_task *task, const char *otherwise, struct ladle_mistake *mistake);

/* Says that a tensor's coefficients are the linear ones because an input holds NaN or Inf. */
void ladle_mix_warn_linear(const struct ladle_task *task, const struct ladle_log *log);

#endif
