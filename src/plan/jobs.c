/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/making.h"

/* More output tensors than any model has; a recipe of many slices could ask for more than memory holds. */
#define MOST_JOBS ((size_t)2 << 20)

void ladle_making_fail(struct ladle_making *making, const char *format, ...)
{
    char text[4096];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    making->status = LADLE_BAD_INPUT;
    ladle_fail_also(making->error, LADLE_BAD_INPUT, "%s", text);
}

void ladle_making_fail_at(struct ladle_making *making, const struct ladle_node *node, const char *format, ...)
{
    const struct ladle_recipe *recipe = &making->plan->recipe;
    char text[4096], where[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    ladle_making_fail(making, "%s: %s", ladle_recipe_where(recipe, node ? node : recipe->method_node, where), text);
}

void ladle_job_list_destroy(struct ladle_job_list *list, struct ladle_quota *quota)
{
    if (!list)
        return;
    ladle_quota_free(quota, list->jobs, list->capacity, sizeof(*list->jobs));
    free(list);
}

static int append(struct ladle_making *making, const struct ladle_job *job)
{
    struct ladle_job_list *list = making->plan->unplaced;

    if (list->count == MOST_JOBS)
        return ladle_fail(making->error, LADLE_BAD_INPUT, "%s: the output would have more than %zu tensors",
                          making->plan->recipe.path, MOST_JOBS);
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 256;
        struct ladle_job *jobs =
            ladle_quota_grow(&making->plan->quota, list->jobs, list->capacity, capacity, sizeof(*jobs));
        if (!jobs)
            return ladle_fail_memory(making->error, "the tensors of the output");
        list->jobs = jobs;
        list->capacity = capacity;
    }
    list->jobs[list->count++] = *job;
    return LADLE_OK;
}

static struct ladle_source source_of(const struct ladle_plan *plan, uint16_t model, const struct ladle_tensor *tensor)
{
    return (struct ladle_source){
        .offset = tensor->offset,
        .file = plan->first_files[model] + tensor->file,
        .model = model,
        .dtype = tensor->dtype,
    };
}

/* Gives the job the sources that have the tensor. */
static int take_sources(struct ladle_making *making, const struct ladle_draft *draft, struct ladle_job *job)
{
    job->sources = ladle_arena_take_array(&making->plan->arena, draft->present, sizeof(*job->sources));
    if (!job->sources)
        return ladle_fail_memory(making->error, "the sources of a tensor");
    for (size_t i = 0; i < draft->part->source_count; i++)
        if (draft->tensors[i])
            job->sources[job->source_count++] = source_of(making->plan, draft->part->sources[i].model, draft->tensors[i]);
    job->has_base = draft->part->has_base && draft->tensors[0];
    return LADLE_OK;
}

static bool is_f8(unsigned dtype)
{
    return dtype == LADLE_F8_E4M3 || dtype == LADLE_F8_E5M2;
}

/* Quantised weights whose scales lie elsewhere may only be copied as they are. */
static bool spoils_scaled(const struct ladle_job *job)
{
    if (job->action == LADLE_ACTION_MERGE)
        return true;
    return job->action == LADLE_ACTION_COPY && is_f8(job->sources[0].dtype) && job->dtype != job->sources[0].dtype;
}

static void check_scaled(struct ladle_making *making, const struct ladle_job *job)
{
    const struct ladle_plan *plan = making->plan;

    if (!spoils_scaled(job))
        return;
    for (size_t i = 0; i < job->source_count; i++) {
        uint16_t model = job->sources[i].model;
        if (!plan->models[model]->scaled || making->scaled[model])
            continue;
        making->scaled[model] = true;
        ladle_making_fail(making,
                          "%s: %s: quantised weights with scales of their own can only be copied, which means passthrough "
                          "without scale and dtype; de-quantising is not supported yet",
                          ladle_plan_model_name(plan, model), plan->models[model]->scaled_why);
    }
}

/* passthrough without a scale is no arithmetic. */
static bool is_plain_copy(const struct ladle_plan *plan, const struct ladle_job *job)
{
    return strcmp(plan->method->info.name, "passthrough") == 0 && job->source_count == 1 && isnan(job->each[0]);
}

static void make_copy(struct ladle_job *job)
{
    job->action = LADLE_ACTION_COPY;
    job->each = job->shared = NULL;
}

static int add_copy(struct ladle_making *making, const struct ladle_draft *draft, size_t source)
{
    struct ladle_job job = {.name = draft->name, .source_count = 1};

    int status = ladle_types_copy(making, draft->tensors[source], &job);
    if (status)
        return status;
    job.sources = ladle_arena_take(&making->plan->arena, sizeof(*job.sources));
    if (!job.sources)
        return ladle_fail_memory(making->error, "the sources of a tensor");
    *job.sources = source_of(making->plan, draft->part->sources[source].model, draft->tensors[source]);
    check_scaled(making, &job);
    return append(making, &job);
}

static int add_merge(struct ladle_making *making, const struct ladle_draft *draft)
{
    struct ladle_job job = {.name = draft->name};
    bool sound;

    int status = ladle_types_settle(making, draft, &job, &sound);
    if (status || !sound)
        return status;
    status = take_sources(making, draft, &job);
    if (status)
        return status;
    if (job.action == LADLE_ACTION_MERGE && job.source_count == job.has_base) {
        make_copy(&job);
    } else if (job.action == LADLE_ACTION_MERGE) {
        status = ladle_values_settle(making, draft, &job);
        if (status)
            return status;
        if (is_plain_copy(making->plan, &job))
            make_copy(&job);
    }
    check_scaled(making, &job);
    return append(making, &job);
}

int ladle_jobs_add(struct ladle_making *making, struct ladle_draft *draft)
{
    enum ladle_missing_verdict verdict;
    size_t copy;

    if (draft->present == draft->part->source_count)
        return add_merge(making, draft);
    int status = ladle_missing_settle(making, draft, &verdict, &copy);
    if (status || verdict == LADLE_MISSING_ERROR)
        return status;
    return verdict == LADLE_MISSING_COPY ? add_copy(making, draft, copy) : add_merge(making, draft);
}

static int make(struct ladle_making *making)
{
    int status = ladle_parts_resolve(making);

    if (status || making->status)
        return status;
    making->scaled = ladle_arena_take(&making->arena, making->plan->model_count);
    if (!making->scaled)
        return ladle_fail_memory(making->error, "the list of models");
    status = ladle_regions_find(making);
    if (!status)
        status = ladle_walk(making);
    if (status)
        return status;
    ladle_types_report(making);
    ladle_missing_report(making);
    if (making->status)
        return LADLE_OK;
    return ladle_origins_find(making);
}

int ladle_plan_make_jobs(struct ladle_plan *plan, struct ladle_error *error)
{
    struct ladle_making making = {.plan = plan, .error = error, .log = &plan->options.log, .arena.quota = &plan->quota};

    plan->unplaced = calloc(1, sizeof(*plan->unplaced));
    if (!plan->unplaced)
        return ladle_fail_memory(error, "the tensors of the output");
    int status = make(&making);
    ladle_missing_finish(&making);
    ladle_types_finish(&making);
    ladle_arena_finish(&making.arena);
    return status ? status : making.status;
}
