/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/demand.h"

#include "base/size.h"

/* Slack of a slot: reads begin and end at multiples of the alignment of O_DIRECT. */
#define SLOT_SLACK_BYTES 8192u

/* Bytes of a source that are worth a request. */
#define TOGETHER_BYTES (256u << 10)

/* Room for blocks of what comes next, beyond which reading further ahead gains nothing. */
#define AHEAD_BYTES (256ull << 20)

static uint64_t stored_bytes(unsigned dtype, uint64_t elems)
{
    return (elems * ladle_dtype_bits(dtype) + 7) / 8;
}

static unsigned widest_dtype(const struct ladle_job *job)
{
    unsigned widest = job->dtype;
    for (unsigned i = 0; i < job->source_count; i++)
        if (i == 0 || ladle_dtype_bits(job->sources[i].dtype) > ladle_dtype_bits(widest))
            widest = job->sources[i].dtype;
    return widest;
}

uint64_t ladle_job_blocks(const struct ladle_job *job)
{
    return job->elems == 0 ? 0 : (job->elems + job->block_elems - 1) / job->block_elems;
}

uint64_t ladle_job_block_bytes(const struct ladle_job *job)
{
    return stored_bytes(widest_dtype(job), ladle_min(job->block_elems, job->elems));
}

/* Bytes that all sources of a job store for so many of its elements. */
static uint64_t source_bytes(const struct ladle_job *job, uint64_t elems)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < job->source_count; i++)
        bytes += stored_bytes(job->sources[i].dtype, elems);
    return bytes;
}

uint64_t ladle_job_read_bytes(const struct ladle_job *job)
{
    uint64_t kept = ladle_min(job->resident_blocks * job->block_elems, job->elems);
    return source_bytes(job, job->elems) + source_bytes(job, job->elems - kept) * job->passes;
}

void ladle_job_needs(const struct ladle_plan *plan, const struct ladle_job *job, uint8_t *dtypes, bool resident,
                     struct ladle_needs *needs)
{
    struct ladle_task task;
    ladle_plan_task(plan, job, dtypes, &task);
    task.resident = resident;
    *needs = (struct ladle_needs){0};
    plan->method->needs(&task, needs);
}

/* Elements of a block: as many as the payload holds, in whole segments, so that reductions are cut where the spec cuts them,
 * or in whole rows. */
static void choose_block(const struct ladle_plan *plan, struct ladle_job *job, uint64_t payload_bytes, uint8_t *dtypes)
{
    uint64_t fits = payload_bytes * 8 / ladle_dtype_bits(widest_dtype(job));
    job->block_elems = ladle_max(fits / LADLE_SEGMENT, 1) * LADLE_SEGMENT;
    if (job->action != LADLE_ACTION_MERGE)
        return;
    struct ladle_needs needs;
    ladle_job_needs(plan, job, dtypes, false, &needs);
    if (needs.rows) {
        uint64_t row = ladle_max(ladle_job_row_elems(job), 1);
        job->block_elems = ladle_max(fits / row, 1) * row;
    }
    job->block_elems = ladle_max(ladle_min(job->block_elems, job->elems), 1);
}

void ladle_demand_cut(struct ladle_plan *plan, uint64_t payload_bytes, uint8_t *dtypes, struct ladle_demand *demand)
{
    *demand = (struct ladle_demand){.sources = 1};
    /* Where all tensors are small, several are read at once. */
    demand->slot_bytes = ladle_max(ladle_min(payload_bytes, TOGETHER_BYTES), LADLE_SEGMENT);
    for (uint64_t i = 0; i < plan->job_count; i++) {
        struct ladle_job *job = &plan->jobs[i];
        if (job->action == LADLE_ACTION_TEXT) {
            job->block_elems = LADLE_CHUNK_BYTES;
            continue;
        }
        choose_block(plan, job, payload_bytes, dtypes);
        if (job->elems == 0)
            continue;
        demand->slot_bytes = ladle_max(demand->slot_bytes, ladle_job_block_bytes(job));
        demand->most_slots = ladle_max(demand->most_slots, ladle_job_blocks(job) * job->source_count);
        demand->sources = (unsigned)ladle_max(demand->sources, job->source_count);
        demand->most_output_bytes =
            ladle_max(demand->most_output_bytes, stored_bytes(job->dtype, ladle_min(job->block_elems, job->elems)));
    }
    demand->slot_bytes = ladle_round_up(demand->slot_bytes, LADLE_SEGMENT) + SLOT_SLACK_BYTES;
    /* The largest tensor between its passes, another that is being read, and some more. */
    demand->most_slots = 2 * demand->most_slots + AHEAD_BYTES / demand->slot_bytes;
}

uint64_t ladle_demand_blocks(const struct ladle_demand *demand, uint64_t slots)
{
    return ladle_max(slots + 32, ladle_min(512, (1 << 16) / demand->sources));
}

/* Blocks of this job that stay in memory between its passes: all, or what is left beside a stream of the others. Pieces of
 * half a slot or less share one. */
static uint64_t resident_blocks(const struct ladle_job *job, const struct ladle_demand *demand, uint64_t slots)
{
    uint64_t blocks = ladle_job_blocks(job), piece_bytes = ladle_job_block_bytes(job) + SLOT_SLACK_BYTES;
    uint64_t pieces_a_slot = piece_bytes <= demand->slot_bytes / 2 ? demand->slot_bytes / piece_bytes : 1;
    uint64_t usable = slots - 1 - (pieces_a_slot > 1 && slots > 2); /* one may be open for small pieces */
    uint64_t fits = ladle_min(usable * pieces_a_slot / job->source_count, ladle_demand_blocks(demand, slots));
    if (blocks <= fits)
        return blocks;
    uint64_t stream = ladle_max(LADLE_BUSY_BYTES / (job->source_count * piece_bytes) + 2, 3);
    stream = ladle_min(stream, ladle_max(fits / 2, 1));
    return fits > stream ? fits - stream : 0;
}

static void measure_merge(const struct ladle_plan *plan, struct ladle_job *job, uint64_t slots, uint8_t *dtypes,
                          struct ladle_demand *demand)
{
    struct ladle_needs needs;
    job->resident_blocks = resident_blocks(job, demand, slots);
    ladle_job_needs(plan, job, dtypes, job->resident_blocks == ladle_job_blocks(job), &needs);
    job->passes = (uint16_t)needs.passes;
    demand->state_bytes = ladle_max(demand->state_bytes, needs.state_bytes);
    demand->partial_bytes = ladle_max(demand->partial_bytes, needs.partial_bytes);
    demand->scratch_bytes = ladle_max(demand->scratch_bytes, needs.scratch_bytes);
    demand->tallies = (unsigned)ladle_max(demand->tallies, needs.tallies);
}

void ladle_demand_measure(struct ladle_plan *plan, uint64_t slots, uint8_t *dtypes, struct ladle_demand *demand)
{
    demand->state_bytes = demand->partial_bytes = 0;
    demand->scratch_bytes = LADLE_STRIP * sizeof(double);
    demand->tallies = 0;
    plan->read_bytes = plan->input_bytes = 0;
    for (uint64_t i = 0; i < plan->job_count; i++) {
        struct ladle_job *job = &plan->jobs[i];
        job->passes = 0;
        job->resident_blocks = 0;
        if (job->action == LADLE_ACTION_MERGE && job->elems > 0)
            measure_merge(plan, job, slots, dtypes, demand);
        plan->input_bytes += source_bytes(job, job->elems);
        plan->read_bytes += ladle_job_read_bytes(job);
    }
}
