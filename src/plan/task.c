/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan.h"

/* A job as its method sees it. */

uint64_t ladle_job_row_elems(const struct ladle_job *job)
{
    return job->rank < 2 ? job->elems : job->shape[job->rank - 1];
}

void ladle_plan_task(const struct ladle_plan *plan, const struct ladle_job *job, uint8_t *dtypes, struct ladle_task *task)
{
    for (unsigned i = 0; i < job->source_count; i++)
        dtypes[i] = job->sources[i].dtype;
    *task = (struct ladle_task){
        .tensor = job->name,
        .shape = job->shape,
        .rank = job->rank,
        .elems = job->elems,
        .row_elems = ladle_job_row_elems(job),
        .sources = job->source_count,
        .models = job->source_count - job->has_base,
        .has_base = job->has_base,
        .real = (enum ladle_real)job->real,
        .each = job->each,
        .shared = job->shared,
        .dtypes = dtypes,
        .seed = plan->seed,
        .block_elems = job->block_elems,
        .kernels = ladle_kernels_choose(plan->options.cpu_mask),
    };
    task->resident = job->block_elems > 0 && job->resident_blocks >= ladle_job_blocks(job);
}
