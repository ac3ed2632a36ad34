/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_PLAN_HEADER_H
#define LADLE_PLAN_HEADER_H

/* Private to this room: the safetensors header of a shard, which is never held whole. */

#include "plan/plan.h"

/* Data of a file begins at a multiple of this. Source: spec formats.md "What ladle writes". */
#define LADLE_HEADER_ALIGNMENT 4096u

/* Fills header_bytes and marks of a shard whose tensors are in their places. Returns LADLE_OK; LADLE_BAD_REQUEST if the
 * header would exceed what readers accept; LADLE_NO_MEMORY. */
int ladle_header_measure(struct ladle_plan *plan, struct ladle_shard *shard, struct ladle_error *error);

#endif
