/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_METHOD_RANK_H
#define LADLE_METHOD_RANK_H

/* The ranks of the elements of a row by abs(x): ascending, equal ones by ascending index, NaN last. */

#include "method/method.h"

/* Elements that a row may have. */
#define LADLE_RANK_MOST UINT32_MAX

size_t ladle_rank_scratch_bytes(const struct ladle_task *task, size_t elems);

/* The ranks of n elements of T, 0 for the smallest, into `ranks`. */
void ladle_rank_find(const struct ladle_task *task, const void *values, size_t n, uint32_t *ranks, void *scratch);

#endif
