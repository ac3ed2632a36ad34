/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "plan/header.h"
#include "plan/making.h"

/* Names of shards have five digits. */
#define MOST_SHARDS 99999u

/* Whether a tensor of this size begins a new shard. A tensor larger than a shard has one of its own. */
static bool begins_shard(const struct ladle_plan *plan, uint64_t in_shard, uint64_t bytes)
{
    uint64_t most = plan->options.shard_bytes;

    return most > 0 && in_shard > 0 && (in_shard >= most || bytes > most - in_shard);
}

/* Cuts the jobs, in model order, and gives each its shard. *count receives how many shards there are. */
static int cut(struct ladle_plan *plan, uint32_t *count, struct ladle_error *error)
{
    struct ladle_job_list *list = plan->unplaced;
    uint64_t in_shard = 0;

    *count = 1;
    for (size_t i = 0; i < list->count; i++) {
        struct ladle_job *job = &list->jobs[i];
        if (begins_shard(plan, in_shard, job->bytes)) {
            if (*count == MOST_SHARDS)
                return ladle_fail(error, LADLE_BAD_REQUEST, "more than %u files: the shard size is too small for this model",
                                  MOST_SHARDS);
            ++*count;
            in_shard = 0;
        }
        job->shard = *count - 1;
        if (!ladle_add(in_shard, job->bytes, &in_shard) || !ladle_add(plan->tensor_bytes, job->bytes, &plan->tensor_bytes) ||
            !ladle_add(plan->parameter_count, job->elems, &plan->parameter_count) || plan->tensor_bytes > INT64_MAX / 2)
            return ladle_fail(error, LADLE_BAD_INPUT, "%s: the output is larger than any file can be", job->name);
    }
    plan->tensor_count = list->count;
    return LADLE_OK;
}

/* Wider elements come first, so that each tensor is aligned to its element size. */
static unsigned rank_of(const struct ladle_job *job)
{
    switch (ladle_dtype_bits((enum ladle_dtype)job->dtype)) {
    case 64:
        return 0;
    case 32:
        return 1;
    case 16:
        return 2;
    case 8:
        return 3;
    default:
        return 4;
    }
}
#define RANKS 5u

/* Moves the jobs of a shard to their places in the plan, wider types first, else in the order they had. */
static void sort_into(const struct ladle_job *from, uint64_t count, struct ladle_job *to)
{
    for (unsigned rank = 0; rank < RANKS; rank++)
        for (uint64_t i = 0; i < count; i++)
            if (rank_of(&from[i]) == rank)
                *to++ = from[i];
}

static const char *shard_name(struct ladle_plan *plan, uint32_t at)
{
    if (plan->shard_count == 1)
        return ladle_arena_printf(&plan->arena, "model.safetensors");
    return ladle_arena_printf(&plan->arena, "model-%05u-of-%05u.safetensors", (unsigned)at + 1, (unsigned)plan->shard_count);
}

/* One shard: its tensors, its header and the header's job in front of them. */
static int fill_shard(struct ladle_plan *plan, uint32_t at, const struct ladle_job *from, struct ladle_error *error)
{
    struct ladle_shard *shard = &plan->shards[at];
    struct ladle_job *header = &plan->jobs[shard->first_job - 1];

    sort_into(from, shard->job_count, header + 1);
    shard->name = shard_name(plan, at);
    if (!shard->name)
        return ladle_fail_memory(error, "the files of the output");
    int status = ladle_header_measure(plan, shard, error);
    if (status)
        return status;
    shard->bytes = shard->header_bytes;
    for (uint64_t i = 0; i < shard->job_count; i++)
        shard->bytes += header[1 + i].bytes;
    *header = (struct ladle_job){
        .name = ladle_arena_printf(&plan->arena, "header of %s", shard->name),
        .elems = shard->header_bytes,
        .bytes = shard->header_bytes,
        .shard = at,
        .dtype = LADLE_U8,
        .action = LADLE_ACTION_TEXT,
    };
    return header->name ? LADLE_OK : ladle_fail_memory(error, "the files of the output");
}

static int fill_shards(struct ladle_plan *plan, struct ladle_error *error)
{
    const struct ladle_job_list *list = plan->unplaced;
    uint64_t from = 0;

    for (uint32_t i = 0; i < plan->shard_count; i++) {
        struct ladle_shard *shard = &plan->shards[i];
        shard->first_tensor = from;
        shard->first_job = from + i + 1;
        while (from + shard->job_count < list->count && list->jobs[from + shard->job_count].shard == i)
            shard->job_count++;
        int status = fill_shard(plan, i, list->jobs + from, error);
        if (status)
            return status;
        from += shard->job_count;
    }
    return LADLE_OK;
}

/* Gives every shard and every job its position in the output space; every shard is an extent. */
static void place(struct ladle_plan *plan, uint64_t chunk_bytes)
{
    uint64_t position = 0;

    for (uint32_t i = 0; i < plan->shard_count; i++) {
        struct ladle_shard *shard = &plan->shards[i];
        position = ladle_round_up(position, chunk_bytes);
        shard->position = position;
        for (uint64_t k = 0; k <= shard->job_count; k++) {
            struct ladle_job *job = &plan->jobs[shard->first_job - 1 + k];
            job->position = position;
            position += job->bytes;
        }
        plan->extents[i] = (struct ladle_extent){.name = shard->name, .position = shard->position, .bytes = shard->bytes};
    }
    plan->extent_count = plan->shard_count;
}

/* With room for the gaps of a stream: one before each shard and one behind the last. */
static int take_arrays(struct ladle_plan *plan, struct ladle_error *error)
{
    plan->job_count = plan->unplaced->count + plan->shard_count;
    plan->shards = ladle_arena_take_array(&plan->arena, plan->shard_count, sizeof(*plan->shards));
    plan->extents = ladle_arena_take_array(&plan->arena, plan->shard_count, sizeof(*plan->extents));
    plan->jobs = ladle_arena_take_array(&plan->arena, plan->job_count + plan->shard_count + 1, sizeof(*plan->jobs));
    return plan->shards && plan->extents && plan->jobs ? LADLE_OK : ladle_fail_memory(error, "the files of the output");
}

int ladle_plan_lay_out(struct ladle_plan *plan, uint64_t chunk_bytes, struct ladle_error *error)
{
    if (plan->unplaced) {
        int status = cut(plan, &plan->shard_count, error);
        if (!status)
            status = take_arrays(plan, error);
        if (!status)
            status = fill_shards(plan, error);
        if (status)
            return status;
        ladle_job_list_destroy(plan->unplaced);
        plan->unplaced = NULL;
    }
    place(plan, chunk_bytes);
    return LADLE_OK;
}
