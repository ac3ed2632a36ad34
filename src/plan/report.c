/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

static unsigned passes_of(const struct ladle_job *job)
{
    return job->elems ? job->passes + 1u : 0;
}

void ladle_plan_summarize(const struct ladle_plan *plan, struct ladle_plan_summary *summary)
{
    *summary = (struct ladle_plan_summary){
        .method = plan->method->info.name,
        .tensors = plan->tensor_count,
        .parameters = plan->parameter_count,
        .shards = plan->shard_count,
        .read_bytes = plan->read_bytes,
        .input_bytes = plan->input_bytes,
        .memory_bytes = plan->options.memory_bytes,
        .used_bytes = plan->memory.total_bytes,
        .least_bytes = plan->least_bytes,
        .metadata_bytes = plan->memory.metadata_bytes,
        .threads = plan->threads,
        .seed = plan->seed,
    };
    for (uint32_t i = 0; i < plan->shard_count; i++)
        summary->output_bytes += plan->shards[i].bytes;
    for (uint64_t i = 0; i < plan->job_count; i++) {
        const struct ladle_job *job = &plan->jobs[i];
        if (job->action != LADLE_ACTION_TEXT && passes_of(job) > summary->most_passes)
            summary->most_passes = passes_of(job);
    }
}

/* The job that makes tensor `at`; NULL beyond the last. */
static const struct ladle_job *job_at(const struct ladle_plan *plan, uint64_t at)
{
    uint32_t low = 0, high = plan->shard_count;

    if (at >= plan->tensor_count)
        return NULL;
    /* The last shard that begins at or before the tensor. */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (plan->shards[middle].first_tensor <= at)
            low = middle;
        else
            high = middle;
    }
    return &plan->jobs[plan->shards[low].first_job + (at - plan->shards[low].first_tensor)];
}

static const char *action_name(const struct ladle_plan *plan, const struct ladle_job *job)
{
    switch (job->action) {
    case LADLE_ACTION_COPY:
        return "copy";
    case LADLE_ACTION_COPY_IF_EQUAL:
        return "copy if equal";
    default:
        return plan->method->info.name;
    }
}

bool ladle_plan_tensor_at(const struct ladle_plan *plan, uint64_t at, struct ladle_plan_tensor *tensor)
{
    const struct ladle_job *job = job_at(plan, at);

    if (!job)
        return false;
    *tensor = (struct ladle_plan_tensor){
        .name = job->name,
        .shape = job->shape,
        .rank = job->rank,
        .dtype = (enum ladle_dtype)job->dtype,
        .bytes = job->bytes,
        .shard = plan->shards[job->shard].name,
        .action = action_name(plan, job),
        .inputs = job->source_count,
        .passes = passes_of(job),
        .read_bytes = ladle_job_read_bytes(job),
    };
    return true;
}

/* The shortest text that reads back as the same number. */
static void show_number(double value, char *out, size_t bytes)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, bytes, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            return;
    }
}

static void show_value(const struct ladle_parameter *parameter, double value, char *out, size_t bytes)
{
    if (isnan(value))
        snprintf(out, bytes, "none");
    else if (parameter->type == LADLE_BOOLEAN)
        snprintf(out, bytes, "%s", value != 0 ? "true" : "false");
    else if (parameter->type == LADLE_CHOICE)
        snprintf(out, bytes, "%s", parameter->choices[(size_t)value]);
    else
        show_number(value, out, bytes);
}

/* Parameter `*at` of the `count` that have an effect; counts *at down to where it is. NULL: not among them. */
static const struct ladle_parameter *pick(const struct ladle_parameter *list, size_t count, unsigned *at, size_t *index)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].unused)
            continue;
        if (*at == 0) {
            *index = i;
            return &list[i];
        }
        --*at;
    }
    return NULL;
}

bool ladle_plan_parameter_at(const struct ladle_plan *plan, uint64_t tensor, unsigned at,
                             struct ladle_plan_parameter *parameter)
{
    const struct ladle_job *job = job_at(plan, tensor);
    const struct ladle_method_info *info = &plan->method->info;
    size_t index;

    if (!job || job->action != LADLE_ACTION_MERGE)
        return false;
    *parameter = (struct ladle_plan_parameter){0};
    const struct ladle_parameter *found = pick(info->shared, info->shared_count, &at, &index);
    if (found)
        parameter->value = job->shared[index];
    for (unsigned i = job->has_base; !found && i < job->source_count; i++) {
        found = pick(info->each, info->each_count, &at, &index);
        if (found) {
            parameter->value = job->each[(i - job->has_base) * info->each_count + index];
            parameter->model = ladle_plan_model_name(plan, job->sources[i].model);
        }
    }
    if (!found)
        return false;
    parameter->name = found->name;
    show_value(found, parameter->value, parameter->text, sizeof(parameter->text));
    return true;
}
