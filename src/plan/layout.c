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

/* Where each job of a shard comes from: wider types first, else in the order they had. False if none has to move. */
static bool find_order(const struct ladle_job *jobs, uint64_t count, uint32_t *from)
{
    uint64_t at = 0;
    bool moved = false;

    for (unsigned rank = 0; rank < RANKS; rank++) {
        for (uint64_t i = 0; i < count; i++) {
            if (rank_of(&jobs[i]) != rank)
                continue;
            moved |= i != at;
            from[at++] = (uint32_t)i;
        }
    }
    return moved;
}

/* Sorts the jobs of a shard in place: there may be very many, and this is when planning takes the most memory. */
static int sort(struct ladle_job *jobs, uint64_t count, struct ladle_quota *quota, struct ladle_error *error)
{
    uint32_t *from = ladle_quota_grow(quota, NULL, 0, count + 1, sizeof(*from));

    if (!from)
        return ladle_fail_memory(error, "the files of the output");
    bool moved = find_order(jobs, count, from);
    for (uint64_t start = 0; moved && start < count; start++) {
        struct ladle_job first = jobs[start];
        uint64_t to = start;
        while (from[to] != start) { /* along one cycle; a place that is done points at itself */
            uint64_t next = from[to];
            jobs[to] = jobs[next];
            from[to] = (uint32_t)to;
            to = next;
        }
        jobs[to] = first;
        from[to] = (uint32_t)to;
    }
    ladle_quota_free(quota, from, count + 1, sizeof(*from));
    return LADLE_OK;
}

static const char *shard_name(struct ladle_plan *plan, uint32_t at)
{
    if (plan->shard_count == 1)
        return ladle_arena_printf(&plan->arena, "model.safetensors");
    return ladle_arena_printf(&plan->arena, "model-%05u-of-%05u.safetensors", (unsigned)at + 1, (unsigned)plan->shard_count);
}

/* One shard: its tensors in order, its header and the header's job in front of them. */
static int fill_shard(struct ladle_plan *plan, uint32_t at, struct ladle_error *error)
{
    struct ladle_shard *shard = &plan->shards[at];
    struct ladle_job *header = &plan->jobs[shard->first_job - 1];

    shard->name = shard_name(plan, at);
    if (!shard->name)
        return ladle_fail_memory(error, "the files of the output");
    int status = sort(header + 1, shard->job_count, &plan->quota, error);
    if (!status)
        status = ladle_header_measure(plan, shard, error);
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

/* Counts the tensors of each shard. */
static void count_shards(struct ladle_plan *plan)
{
    uint64_t from = 0;

    for (uint64_t i = 0; i < plan->tensor_count; i++)
        plan->shards[plan->jobs[i].shard].job_count++;
    for (uint32_t i = 0; i < plan->shard_count; i++) {
        plan->shards[i].first_tensor = from;
        plan->shards[i].first_job = from + i + 1;
        from += plan->shards[i].job_count;
    }
}

static int fill_shards(struct ladle_plan *plan, struct ladle_error *error)
{
    int status = LADLE_OK;

    count_shards(plan);
    for (uint32_t i = plan->shard_count; i-- > 0;) { /* from the last one on, so that each has room to move back */
        const struct ladle_shard *shard = &plan->shards[i];
        memmove(&plan->jobs[shard->first_job], &plan->jobs[shard->first_tensor], shard->job_count * sizeof(*plan->jobs));
    }
    for (uint32_t i = 0; i < plan->shard_count && !status; i++)
        status = fill_shard(plan, i, error);
    return status;
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

/* Takes the array of the jobs over, with room for the headers, and for the gaps of a stream: one before each shard and one
 * behind the last. */
static int take_arrays(struct ladle_plan *plan, struct ladle_error *error)
{
    struct ladle_job_list *list = plan->unplaced;

    plan->job_count = list->count + plan->shard_count;
    plan->job_capacity = plan->job_count + plan->shard_count + 1;
    plan->jobs = ladle_quota_grow(&plan->quota, list->jobs, list->capacity, plan->job_capacity, sizeof(*plan->jobs));
    if (!plan->jobs)
        return ladle_fail_memory(error, "the files of the output");
    list->jobs = NULL;
    ladle_job_list_destroy(list, &plan->quota);
    plan->unplaced = NULL;
    plan->shards = ladle_arena_take_array(&plan->arena, plan->shard_count, sizeof(*plan->shards));
    plan->extents = ladle_arena_take_array(&plan->arena, plan->shard_count, sizeof(*plan->extents));
    return plan->shards && plan->extents ? LADLE_OK : ladle_fail_memory(error, "the files of the output");
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
    }
    place(plan, chunk_bytes);
    return LADLE_OK;
}
