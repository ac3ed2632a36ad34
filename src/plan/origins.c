/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "plan/making.h"

/* The model whose config describes the layers of a part: the base, else the first source. */
static const struct ladle_part_source *describing(const struct ladle_part *part)
{
    return &part->sources[part->base >= 0 ? part->base : 0];
}

static struct ladle_layer_origin *take_origins(struct ladle_making *making, uint32_t layers)
{
    return ladle_arena_take_array(&making->plan->arena, layers, sizeof(struct ladle_layer_origin));
}

/* Whether these are the donor's own layers, all of them, in order. */
static bool is_unchanged(const struct ladle_model *donor, uint32_t stack, const struct ladle_layer_origin *origins,
                         uint32_t layers)
{
    if (layers != donor->stacks[stack].layers)
        return false;
    for (uint32_t i = 0; i < layers; i++)
        if (origins[i].model != donor || origins[i].layer != i)
            return false;
    return true;
}

/* The donor's stack that the slices are about: the one of their name, else its only one; -1: none. */
static int64_t sliced_stack(const struct ladle_making *making, const struct ladle_model *donor)
{
    const struct ladle_plan *plan = making->plan;
    int64_t stack = ladle_stack_named(donor, plan->models[making->parts[0].sources[0].model]->stacks[0].prefix);

    return stack < 0 && donor->stack_count == 1 ? 0 : stack;
}

static int trace_slices(struct ladle_making *making, const struct ladle_model *donor)
{
    struct ladle_plan *plan = making->plan;
    const struct ladle_part *last = &making->parts[making->part_count - 1];
    int64_t stack = sliced_stack(making, donor);
    uint32_t layers = last->first + last->layers;

    if (stack < 0)
        return LADLE_OK;
    struct ladle_layer_origin *origins = take_origins(making, layers);
    if (!origins)
        return ladle_fail_memory(making->error, "the layers of the output");
    for (size_t i = 0; i < making->part_count; i++) {
        const struct ladle_part *part = &making->parts[i];
        const struct ladle_part_source *source = describing(part);
        for (uint32_t k = 0; k < part->layers; k++)
            origins[part->first + k] =
                (struct ladle_layer_origin){.model = plan->models[source->model], .layer = source->first + k};
    }
    if (is_unchanged(donor, (uint32_t)stack, origins, layers))
        return LADLE_OK;
    plan->layer_origins[stack] = origins;
    plan->layer_counts[stack] = layers;
    return LADLE_OK;
}

/* Without slices the layers are the donor's, unless it is a base that takes no part and has another number of them. */
static int trace_models(struct ladle_making *making, const struct ladle_model *donor, uint32_t stack)
{
    struct ladle_plan *plan = making->plan;
    const struct ladle_model *model = plan->models[making->parts[0].sources[0].model];

    for (size_t i = 0; i < making->parts[0].source_count; i++)
        if (plan->models[making->parts[0].sources[i].model] == donor)
            return LADLE_OK;
    int64_t own = ladle_stack_named(model, donor->stacks[stack].prefix);
    if (own < 0 || model->stacks[own].layers == donor->stacks[stack].layers)
        return LADLE_OK;
    uint32_t layers = model->stacks[own].layers;
    struct ladle_layer_origin *origins = take_origins(making, layers);
    if (!origins)
        return ladle_fail_memory(making->error, "the layers of the output");
    for (uint32_t k = 0; k < layers; k++)
        origins[k] = (struct ladle_layer_origin){.model = model, .layer = k};
    plan->layer_origins[stack] = origins;
    plan->layer_counts[stack] = layers;
    return LADLE_OK;
}

static int trace_layers(struct ladle_making *making, const struct ladle_model *donor)
{
    struct ladle_plan *plan = making->plan;
    int status = LADLE_OK;

    plan->layer_origins = ladle_arena_take_array(&plan->arena, donor->stack_count, sizeof(*plan->layer_origins));
    plan->layer_counts = ladle_arena_take_array(&plan->arena, donor->stack_count, sizeof(*plan->layer_counts));
    if (!plan->layer_origins || !plan->layer_counts)
        return ladle_fail_memory(making->error, "the layers of the output");
    for (uint32_t i = 0; i < donor->stack_count; i++)
        plan->layer_counts[i] = donor->stacks[i].layers;
    if (plan->recipe.sliced)
        return trace_slices(making, donor);
    for (uint32_t i = 0; i < donor->stack_count && !status; i++)
        status = trace_models(making, donor, i);
    return status;
}

/* Whether a model stores the matrix that a tied head would share with the token embedding. Heads of other shapes (classes,
 * biases, layers in front of the head) are never tied. */
static bool stores_head(const struct ladle_making *making, uint16_t index)
{
    const struct ladle_model *model = making->plan->models[index];
    struct ladle_range after = making->regions[index].after;

    if (model->embedding < 0)
        return false;
    const struct ladle_tensor *embedding = &model->tensors[model->embedding];
    for (uint32_t i = after.begin; i < after.end; i++) {
        const struct ladle_tensor *tensor = &model->tensors[i];
        if (!model->positions[i].extra && ladle_name_is_head(tensor->name) && tensor->rank == embedding->rank &&
            memcmp(tensor->shape, embedding->shape, tensor->rank * sizeof(*tensor->shape)) == 0)
            return true;
    }
    return false;
}

/* Source: spec recipe.md "Which tensors": a stored head unties. */
static void find_tied(struct ladle_making *making, const struct ladle_model *donor)
{
    const struct ladle_part *last = &making->parts[making->part_count - 1];

    making->plan->tied = -1;
    for (size_t i = 0; donor->tied && i < last->source_count; i++)
        if (stores_head(making, last->sources[i].model))
            making->plan->tied = 0;
}

/* The first slice gives the token embedding and the last one the head: they should speak of the same tokens. */
static void warn_of_tokens(const struct ladle_making *making)
{
    const struct ladle_plan *plan = making->plan;
    uint16_t first = making->parts[0].sources[0].model, last = making->parts[making->part_count - 1].sources[0].model;
    const struct ladle_model *one = plan->models[first], *other = plan->models[last];

    if (one->embedding < 0 || !stores_head(making, last) || plan->options.truncate_embeddings)
        return;
    uint64_t tokens = one->tensors[one->embedding].shape[0], other_tokens = other->tensors[other->embedding].shape[0];
    if (tokens != other_tokens)
        ladle_warn(making->log,
                   "%s: the token embedding is that of %s, of %" PRIu64 " tokens, and the output head that of %s, of "
                   "%" PRIu64 ": programs that load the model may refuse it",
                   plan->recipe.path, ladle_plan_model_name(plan, first), tokens, ladle_plan_model_name(plan, last),
                   other_tokens);
}

static void find_vocabulary(struct ladle_making *making, const struct ladle_model *donor)
{
    const struct ladle_job_list *list = making->plan->unplaced;

    if (donor->embedding < 0)
        return;
    const struct ladle_tensor *embedding = &donor->tensors[donor->embedding];
    for (size_t i = 0; i < list->count; i++) {
        const struct ladle_job *job = &list->jobs[i];
        if (strcmp(job->name, embedding->name) != 0)
            continue;
        if (job->rank > 0 && embedding->rank > 0 && job->shape[0] != embedding->shape[0])
            making->plan->vocabulary = job->shape[0];
        return;
    }
}

static void find_dtype(struct ladle_plan *plan)
{
    const struct ladle_job_list *list = plan->unplaced;
    bool found = false;

    plan->one_dtype = true;
    for (size_t i = 0; i < list->count; i++) {
        enum ladle_dtype dtype = (enum ladle_dtype)list->jobs[i].dtype;
        if (!ladle_dtype_mergeable(dtype))
            continue;
        plan->one_dtype &= !found || dtype == plan->dtype;
        plan->dtype = dtype;
        found = true;
    }
    plan->one_dtype &= found;
}

int ladle_origins_find(struct ladle_making *making)
{
    const struct ladle_model *donor = making->plan->models[making->plan->donor];

    find_tied(making, donor);
    warn_of_tokens(making);
    find_vocabulary(making, donor);
    find_dtype(making->plan);
    return trace_layers(making, donor);
}
