/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/gap.h"
#include "plan/making.h"

/* A slice of the recipe while it becomes a part. */
struct slicing {
    struct ladle_making *making;
    const struct ladle_recipe_slice *slice;
    struct ladle_part *part;
    const struct ladle_recipe_model *base; /* NULL: none */
};

static const char *model_name(const struct slicing *slicing, size_t source)
{
    return ladle_plan_model_name(slicing->making->plan, slicing->part->sources[source].model);
}

static bool is_sliced(const struct slicing *slicing)
{
    return slicing->making->plan->recipe.sliced;
}

/* The sources in the order of the recipe, with room for a base. */
static int take_sources(struct slicing *slicing)
{
    struct ladle_making *making = slicing->making;
    struct ladle_part *part = slicing->part;
    const struct ladle_recipe_slice *slice = slicing->slice;

    part->scopes[0] = slice->parameters;
    part->scopes[1] = making->plan->recipe.parameters;
    part->slice = slice;
    part->base = -1;
    part->sources = ladle_arena_take_array(&making->arena, slice->source_count + 1, sizeof(*part->sources));
    if (!part->sources)
        return ladle_fail_memory(making->error, "the models of the recipe");
    for (size_t i = 0; i < slice->source_count; i++) {
        const struct ladle_recipe_source *source = &slice->sources[i];
        part->sources[i] = (struct ladle_part_source){
            .model = ladle_plan_model(making->plan, &source->model),
            .first = source->range ? (uint32_t)source->first : 0,
            .node = source->model.node,
            .asked = source,
            .scopes = {source->parameters, part->scopes[0], part->scopes[1]},
        };
    }
    part->source_count = (uint16_t)slice->source_count;
    return LADLE_OK;
}

/* No model may come twice, in whatever spelling. */
static int check_twice(struct slicing *slicing)
{
    struct ladle_making *making = slicing->making;
    const struct ladle_part *part = slicing->part;
    const struct ladle_recipe_source **seen =
        ladle_arena_take_array(&making->arena, making->plan->model_count, sizeof(*seen));

    if (!seen)
        return ladle_fail_memory(making->error, "the models of the recipe");
    for (size_t i = 0; i < part->source_count; i++) {
        const struct ladle_recipe_source *source = part->sources[i].asked, **first = &seen[part->sources[i].model];
        if (*first)
            ladle_making_fail_at(making, source->model.node, "model %s comes twice%s", source->model.text,
                                 is_sliced(slicing) ? " in this slice" : "");
        if (*first && strcmp((*first)->model.text, source->model.text) != 0)
            ladle_error_help(making->error, "%s is the same model", (*first)->model.text);
        *first = source;
    }
    return LADLE_OK;
}

/* Brings the base to the front; without slices it joins where it is not listed. Returns false after a mistake. */
static bool place_base(struct slicing *slicing)
{
    struct ladle_making *making = slicing->making;
    struct ladle_part *part = slicing->part;
    uint16_t base = ladle_plan_model(making->plan, slicing->base), at = 0;

    while (at < part->source_count && part->sources[at].model != base)
        at++;
    if (making->plan->method->info.base == LADLE_BASE_IGNORED) {
        part->base = at < part->source_count ? at : -1;
        return true;
    }
    if (at == part->source_count) {
        if (is_sliced(slicing)) {
            ladle_making_fail_at(making, slicing->slice->node,
                                 "base_model %s is not among the sources of this slice; %s needs it in each",
                                 slicing->base->text, making->plan->method->info.name);
            return false;
        }
        part->sources[part->source_count++] = (struct ladle_part_source){.model = base, .node = slicing->base->node};
    }
    struct ladle_part_source found = part->sources[at];
    memmove(part->sources + 1, part->sources, at * sizeof(found));
    part->sources[0] = found;
    part->has_base = true;
    part->base = 0;
    return true;
}

/* "exactly one model", "at least 2 models". */
static void describe_count(const struct ladle_method_info *info, char *out, size_t bytes)
{
    const char *const words[] = {"no", "one", "two", "three"};
    bool exact = info->least_models == info->most_models;
    bool open = info->most_models >= LADLE_ANY_NUMBER_OF_MODELS;
    unsigned number = exact || open ? info->least_models : info->most_models;
    const char *how = exact ? "exactly" : open ? "at least" : "at most";

    if (number < 4)
        snprintf(out, bytes, "%s %s model%s", how, words[number], number == 1 ? "" : "s");
    else
        snprintf(out, bytes, "%s %u models", how, number);
}

static void check_count(struct slicing *slicing)
{
    struct ladle_making *making = slicing->making;
    const struct ladle_part *part = slicing->part;
    const struct ladle_method_info *info = &making->plan->method->info;
    unsigned models = part->source_count - part->has_base;
    char wanted[64];

    if (models >= info->least_models && models <= info->most_models)
        return;
    describe_count(info, wanted, sizeof(wanted));
    ladle_making_fail_at(making, is_sliced(slicing) ? slicing->slice->node : making->plan->recipe.list_node,
                         "%s takes %s%s; got %u%s", info->name, wanted, part->has_base ? " besides the base" : "", models,
                         is_sliced(slicing) ? " in this slice" : "");
}

/* A model without layers has none at all, or they are numbered with a gap. */
static void refuse_no_layers(struct slicing *slicing, size_t source)
{
    const struct ladle_part_source *from = &slicing->part->sources[source];
    struct ladle_error *error = slicing->making->error;
    struct ladle_text gap = {0};

    ladle_making_fail_at(slicing->making, from->node, "layer_range: no layers are found in model %s",
                         model_name(slicing, source));
    if (ladle_gap_describe(slicing->making->plan->models[from->model], &gap)) {
        ladle_error_help(error, "layers are numbered from 0 without a gap, and %s: is a shard missing?", gap.data);
    } else {
        ladle_error_help(error, "no tensor has a number in its name, as in model.layers.0...; without slices the model can "
                                "be merged");
    }
    ladle_text_finish(&gap);
}

/* The layers of a model that can be cut into slices; NULL after a mistake. */
static const struct ladle_stack *only_stack(struct slicing *slicing, size_t source)
{
    const struct ladle_model *model = slicing->making->plan->models[slicing->part->sources[source].model];
    const struct ladle_node *node = slicing->part->sources[source].node;

    if (model->stack_count == 1)
        return &model->stacks[0];
    if (model->stack_count == 0)
        refuse_no_layers(slicing, source);
    else
        ladle_making_fail_at(slicing->making, node,
                             "model %s has %u stacks of layers (%s, %s%s); slices for them belong under "
                             "modules:, which is not supported yet",
                             model_name(slicing, source), (unsigned)model->stack_count, model->stacks[0].prefix,
                             model->stacks[1].prefix, model->stack_count > 2 ? ", ..." : "");
    return NULL;
}

/* The number of layers that a source of a slice gives; 0 after a mistake. */
static uint32_t check_range(struct slicing *slicing, size_t source)
{
    const struct ladle_recipe_source *asked = slicing->part->sources[source].asked;
    const struct ladle_stack *stack = only_stack(slicing, source);

    if (!stack)
        return 0;
    if (!asked->range)
        return stack->layers;
    if (asked->first < asked->past && asked->past <= stack->layers)
        return (uint32_t)(asked->past - asked->first);
    ladle_making_fail_at(slicing->making, asked->range,
                         "layer_range [%" PRIu64 ", %" PRIu64 "] is not within the %u layers of "
                         "model %s",
                         asked->first, asked->past, (unsigned)stack->layers, asked->model.text);
    return 0;
}

static void check_ranges(struct slicing *slicing)
{
    struct ladle_part *part = slicing->part;

    part->layers = check_range(slicing, 0);
    for (size_t i = 1; i < part->source_count; i++) {
        uint32_t layers = check_range(slicing, i);
        if (!layers || !part->layers || layers == part->layers)
            continue;
        ladle_making_fail_at(slicing->making, part->sources[i].node,
                             "the sources of a slice must have the same number of "
                             "layers: %s gives %u, %s %u",
                             model_name(slicing, 0), (unsigned)part->layers, model_name(slicing, i), (unsigned)layers);
        return;
    }
}

/* Without slices all models must have the same layers. */
static void check_layers(struct slicing *slicing)
{
    struct ladle_making *making = slicing->making;
    const struct ladle_part *part = slicing->part;
    const struct ladle_model *first = making->plan->models[part->sources[0].model];

    for (size_t i = 1; i < part->source_count; i++) {
        const struct ladle_model *model = making->plan->models[part->sources[i].model];
        for (uint32_t k = 0; k < first->stack_count; k++) {
            int64_t at = ladle_stack_named(model, first->stacks[k].prefix);
            if (at < 0 || model->stacks[at].layers == first->stacks[k].layers)
                continue;
            ladle_making_fail_at(making, part->sources[i].node,
                                 "the models have different numbers of layers (%s): %s has %u, "
                                 "%s has %u",
                                 first->stacks[k].prefix, model_name(slicing, 0), (unsigned)first->stacks[k].layers,
                                 model_name(slicing, i), (unsigned)model->stacks[at].layers);
            ladle_error_help(making->error, "slices: with a layer_range for each model says which layers belong together");
            break;
        }
    }
}

static int resolve_slice(struct slicing *slicing)
{
    struct ladle_making *making = slicing->making;

    if (slicing->slice->source_count == 0) {
        ladle_making_fail_at(making, slicing->slice->node, "a slice without sources");
        return LADLE_OK;
    }
    int status = take_sources(slicing);
    if (!status)
        status = check_twice(slicing);
    if (status)
        return status;
    if (is_sliced(slicing))
        check_ranges(slicing);
    if (!slicing->base && making->plan->method->info.base == LADLE_BASE_REQUIRED) {
        ladle_making_fail_at(making, NULL, "%s needs a base_model, and none is given", making->plan->method->info.name);
        return LADLE_OK;
    }
    if (slicing->base && !place_base(slicing))
        return LADLE_OK;
    check_count(slicing);
    if (!is_sliced(slicing))
        check_layers(slicing);
    return LADLE_OK;
}

/* The layers of all slices must have one name, so that they can follow each other. */
static void check_prefixes(struct ladle_making *making)
{
    const struct ladle_plan *plan = making->plan;
    uint16_t first = making->parts[0].sources[0].model;

    for (size_t i = 0; i < making->part_count; i++) {
        const struct ladle_part *part = &making->parts[i];
        for (size_t k = 0; k < part->source_count; k++) {
            uint16_t model = part->sources[k].model;
            if (strcmp(plan->models[model]->stacks[0].prefix, plan->models[first]->stacks[0].prefix) == 0)
                continue;
            ladle_making_fail_at(making, part->sources[k].node,
                                 "the layers of model %s are called %s.N, those of %s %s.N: "
                                 "they do not fit together",
                                 ladle_plan_model_name(plan, model), plan->models[model]->stacks[0].prefix,
                                 ladle_plan_model_name(plan, first), plan->models[first]->stacks[0].prefix);
            return;
        }
    }
}

/* Says once that there is nothing to merge into the base. */
static void warn_lonely_base(const struct ladle_making *making)
{
    for (size_t i = 0; i < making->part_count; i++) {
        const struct ladle_part *part = &making->parts[i];
        if (part->has_base && part->source_count == 1) {
            ladle_warn(making->log, "%s: no model besides the base_model %s%s: it is only copied", making->plan->recipe.path,
                       ladle_plan_model_name(making->plan, part->sources[0].model),
                       making->part_count > 1 ? " in some of the slices" : "");
            return;
        }
    }
}

int ladle_parts_resolve(struct ladle_making *making)
{
    const struct ladle_recipe *recipe = &making->plan->recipe;
    uint32_t layer = 0;

    making->part_count = recipe->slice_count;
    making->parts = ladle_arena_take_array(&making->arena, making->part_count, sizeof(*making->parts));
    if (!making->parts)
        return ladle_fail_memory(making->error, "the slices of the recipe");
    for (size_t i = 0; i < making->part_count; i++) {
        struct slicing slicing = {.making = making, .slice = &recipe->slices[i], .part = &making->parts[i]};
        slicing.base = slicing.slice->base.text ? &slicing.slice->base : recipe->base.text ? &recipe->base : NULL;
        slicing.part->first = layer;
        int status = resolve_slice(&slicing);
        if (status)
            return status;
        if (slicing.part->layers > INT32_MAX - layer) {
            ladle_making_fail_at(making, slicing.slice->node, "more layers than can be numbered");
            return LADLE_OK;
        }
        layer += slicing.part->layers;
        if (slicing.part->source_count > making->most_sources)
            making->most_sources = slicing.part->source_count;
    }
    if (making->status)
        return LADLE_OK;
    if (recipe->sliced)
        check_prefixes(making);
    warn_lonely_base(making);
    return LADLE_OK;
}
