/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_PLAN_DEMAND_H
#define LADLE_PLAN_DEMAND_H

/* Private to this room: what the jobs of a plan ask of memory, by which budget.c spends the budget. How large blocks are
 * decides how many stay in memory, and that what the methods need.
 *
 * `dtypes`: scratch of the caller, a byte for each source of the job that has the most. */

#include "plan/plan.h"

/* Room for blocks beside those that stay: what is being read, and as much again that is read and waits for a worker. */
#define LADLE_BUSY_BYTES (16ull << 20)

struct ladle_demand {
    /* From ladle_demand_cut: */
    uint64_t slot_bytes;
    uint64_t most_slots;        /* what more than these are for, nobody needs */
    uint64_t most_output_bytes; /* of one block */
    unsigned sources;           /* most of any job, at least 1 */

    /* From ladle_demand_measure: the most of any job */
    uint64_t state_bytes, partial_bytes, scratch_bytes;
    unsigned tallies;
};

/* Cuts all jobs into blocks that hold `payload_bytes` of one source, where the element type and rows allow. */
void ladle_demand_cut(struct ladle_plan *plan, uint64_t payload_bytes, uint8_t *dtypes, struct ladle_demand *demand);

/* Decides how many blocks of each job stay in so many slots, what the methods then need, how often they pass over the data,
 * and how many bytes the plan reads. */
void ladle_demand_measure(struct ladle_plan *plan, uint64_t slots, uint8_t *dtypes, struct ladle_demand *demand);

/* Blocks that can be in memory at once, however small: each has a descriptor. */
uint64_t ladle_demand_blocks(const struct ladle_demand *demand, uint64_t slots);

/* What the method needs for a merging job, if all its blocks stay in memory or not. */
void ladle_job_needs(const struct ladle_plan *plan, const struct ladle_job *job, uint8_t *dtypes, bool resident,
                     struct ladle_needs *needs);

/* Bytes of one block of the source with the widest elements. */
uint64_t ladle_job_block_bytes(const struct ladle_job *job);

#endif
