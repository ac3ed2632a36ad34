/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_PLAN_HEADER_H
#define LADLE_PLAN_HEADER_H

/* Private to this room: the safetensors header of a shard, which is never held whole. */

#include "plan/plan.h"

/* Data of a file begins at a multiple of this. Source: spec formats.md "What ladle writes". */
#define LADLE_HEADER_ALIGNMENT 4096u

/* Bytes that the header of a shard takes, its length field and padding included, from the tensors' names, types and shapes
 * (their positions do not matter). 0 if it would exceed what readers accept. */
uint64_t ladle_header_bytes(const struct ladle_plan *plan, const struct ladle_shard *shard);

#endif
