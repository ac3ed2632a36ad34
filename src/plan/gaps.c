/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/size.h"
#include "plan/plan.h"

/* Moves every shard's jobs back by the gaps before it; the array has room for that. */
static void make_room(struct ladle_plan *plan)
{
    for (uint32_t i = plan->shard_count; i-- > 0;) {
        struct ladle_shard *shard = &plan->shards[i];
        struct ladle_job *header = &plan->jobs[shard->first_job - 1];
        memmove(header + i + 1, header, (shard->job_count + 1) * sizeof(*header));
        shard->first_job += i + 1;
    }
    plan->job_count += plan->shard_count + 1;
}

static int place_job(struct ladle_job *job, uint64_t *position, struct ladle_error *error)
{
    job->position = *position;
    if (!ladle_add(*position, job->bytes, position) || *position > INT64_MAX / 2)
        return ladle_fail(error, LADLE_BAD_INPUT, "%s: the output is larger than any file can be", job->name);
    return LADLE_OK;
}

static void fill_gap(struct ladle_plan *plan, uint32_t at, struct ladle_job *job)
{
    *job = (struct ladle_job){
        .name = at < plan->shard_count ? plan->shards[at].name : plan->gaps->name,
        .elems = plan->gaps->bytes[at],
        .bytes = plan->gaps->bytes[at],
        .block_elems = LADLE_CHUNK_BYTES,
        .shard = at,
        .dtype = LADLE_U8,
        .action = LADLE_ACTION_TEXT,
        .gap = true,
    };
}

int ladle_plan_lay_out_stream(struct ladle_plan *plan, const struct ladle_gaps *gaps, struct ladle_error *error)
{
    uint64_t position = 0, job = 0;
    int status = LADLE_OK;

    plan->gaps = gaps;
    make_room(plan);
    for (uint32_t i = 0; i <= plan->shard_count && !status; i++) {
        fill_gap(plan, i, &plan->jobs[job]);
        status = place_job(&plan->jobs[job++], &position, error);
        if (i == plan->shard_count)
            break;
        plan->shards[i].position = position;
        for (uint64_t k = 0; k <= plan->shards[i].job_count && !status; k++)
            status = place_job(&plan->jobs[job++], &position, error);
    }
    plan->extents[0] = (struct ladle_extent){.name = gaps->name, .bytes = position};
    plan->extent_count = 1;
    return status;
}

uint64_t ladle_plan_space_bytes(const struct ladle_plan *plan)
{
    const struct ladle_extent *last = plan->extent_count ? &plan->extents[plan->extent_count - 1] : NULL;

    return last ? last->position + last->bytes : 0;
}

uint64_t ladle_plan_chunks(const struct ladle_plan *plan)
{
    return (ladle_plan_space_bytes(plan) + LADLE_CHUNK_BYTES - 1) / LADLE_CHUNK_BYTES;
}
