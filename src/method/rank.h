/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_METHOD_RANK_H
#define LADLE_METHOD_RANK_H

/* The order of the elements of a row by abs(x): ascending, equal ones by ascending index, NaN last. */

#include "method/method.h"

/* Elements that a row may have. */
#define LADLE_RANK_MOST UINT32_MAX

size_t ladle_rank_scratch_bytes(const struct ladle_task *task, size_t elems);

/* The indices of n elements of T in that order: order[0] is that of the smallest. Lies in scratch. */
const uint32_t *ladle_rank_order(const struct ladle_task *task, const void *values, size_t n, void *scratch);

#endif
