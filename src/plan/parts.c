/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "plan/making.h"

/* A slice of the recipe while it becomes a part. */
struct slicing {
    struct ladle_making *making;
    const struct ladle_recipe_slice *slice;
    struct ladle_part *part;
    const struct ladle_recipe_model *base; /* NULL: none */
};

/* Records a mistake at a node of the recipe. */
static void fail_at(struct ladle_making *making, const struct ladle_node *node, const char *text)
{
    char where[512];

    ladle_making_fail(making, "%s: %s", ladle_recipe_where(&making->plan->recipe, node, where), text);
}

static const char *model_name(const struct slicing *slicing, size_t source)
{
    return ladle_plan_model_name(slicing->making->plan, slicing->part->sources[source].model);
}

static bool method_uses_base(const struct ladle_making *making)
{
    return making->plan->method->info.base != LADLE_BASE_IGNORED;
}

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
            .first = (uint32_t)source->first,
            .node = source->model.node,
            .asked = source,
            .scopes = {source->parameters, part->scopes[0], part->scopes[1]},
        };
    }
    part->source_count = (uint16_t)slice->source_count;
    return LADLE_OK;
}

static void check_twice(struct slicing *slicing)
{
    const struct ladle_part *part = slicing->part;
    char text[1024];

    for (size_t i = 1; i < part->source_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (part->sources[k].model != part->sources[i].model)
                continue;
            snprintf(text, sizeof(text), "model %s comes twice%s", slicing->slice->sources[i].model.text,
                     slicing->making->plan->recipe.sliced ? " in this slice" : "");
            fail_at(slicing->making, part->sources[i].node, text);
            if (strcmp(slicing->slice->sources[i].model.text, slicing->slice->sources[k].model.text) != 0)
                ladle_error_help(slicing->making->error, "%s is the same", slicing->slice->sources[k].model.text);
            break;
        }
    }
}

/* Brings the base to the front; without slices it joins where it is not listed. */
static void place_base(struct slicing *slicing)
{
    struct ladle_making *making = slicing->making;
    struct ladle_part *part = slicing->part;
    uint16_t base = ladle_plan_model(making->plan, slicing->base);
    uint16_t at = 0;
    char text[1024];

    while (at < part->source_count && part->sources[at].model != base)
        at++;
    if (!method_uses_base(making)) {
        part->base = at < part->source_count ? at : -1;
        return;
    }
    if (at == part->source_count) {
        if (making->plan->recipe.sliced) {
            snprintf(text, sizeof(text), "base_model %s is not among the sources of this slice; %s needs it in each, with the "
                     "layers to be used", slicing->base->text, making->plan->method->info.name);
            fail_at(making, slicing->slice->node, text);
            return;
        }
        part->sources[part->source_count++] = (struct ladle_part_source){.model = base, .node = slicing->base->node};
    }
    struct ladle_part_source found = part->sources[at];
    memmove(part->sources + 1, part->sources, at * sizeof(found));
    part->sources[0] = found;
    part->has_base = true;
    part->base = 0;
}

/* "exactly one model", "at least 2 models". */
static void describe_count(const struct ladle_method_info *info, char *out, size_t bytes)
{
    const char *const words[] = {"no", "one", "two", "three"};
    bool exact = info->least_models == info->most_models;
    unsigned number = exact || info->least_models ? info->least_models : info->most_models;
    const char *how = exact ? "exactly" : info->most_models >= LADLE_ANY_NUMBER_OF_MODELS ? "at least" : "at most";

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
    char text[1024], wanted[64];

    if (models >= info->least_models && models <= info->most_models)
        return;
    describe_count(info, wanted, sizeof(wanted));
    snprintf(text, sizeof(text), "%s takes %s%s; got %u", info->name, wanted, part->has_base ? " besides the base" : "", models);
    if (making->plan->recipe.sliced)
        strncat(text, " in this slice", sizeof(text) - strlen(text) - 1);
    fail_at(making, slicing->slice->node ? slicing->slice->node : making->plan->recipe.list_node, text);
}

/* Whether a model can be cut into slices, and what its layers are. */
static const struct ladle_stack *only_stack(struct slicing *slicing, size_t source)
{
    struct ladle_making *making = slicing->making;
    const struct ladle_model *model = making->plan->models[slicing->part->sources[source].model];
    char text[1024];

    if (model->stack_count == 1)
        return &model->stacks[0];
    if (model->stack_count == 0)
        snprintf(text, sizeof(text), "layer_range: model %s has 0 layers", model_name(slicing, source));
    else
        snprintf(text, sizeof(text), "model %s has %" PRIu32 " stacks of layers (%s, %s%s): slices for them belong under modules:, "
                 "which is not supported yet", model_name(slicing, source), model->stack_count, model->stacks[0].prefix,
                 model->stacks[1].prefix, model->stack_count > 2 ? ", ..." : "");
    fail_at(making, slicing->part->sources[source].node, text);
    return NULL;
}

/* The number of layers that a source of a slice gives; 0 after a mistake. */
static uint32_t check_range(struct slicing *slicing, size_t source)
{
    const struct ladle_recipe_source *asked = &slicing->slice->sources[source];
    const struct ladle_stack *stack = only_stack(slicing, source);
    char text[1024];

    if (!stack)
        return 0;
    if (!asked->range)
        return stack->layers;
    if (asked->first < asked->past && asked->past <= stack->layers)
        return (uint32_t)(asked->past - asked->first);
    snprintf(text, sizeof(text), "layer_range [%" PRIu64 ", %" PRIu64 "] reaches beyond the layers of model %s, which has %" PRIu32,
             asked->first, asked->past, asked->model.text, stack->layers);
    fail_at(slicing->making, asked->range, text);
    return 0;
}

/* Sources before the base is moved stand as in the recipe. */
static void check_ranges(struct slicing *slicing)
{
    struct ladle_making *making = slicing->making;
    struct ladle_part *part = slicing->part;
    char text[1024];

    part->layers = check_range(slicing, 0);
    for (size_t i = 1; i < part->source_count; i++) {
        uint32_t layers = check_range(slicing, i);
        if (!layers || !part->layers || layers == part->layers)
            continue;
        snprintf(text, sizeof(text), "the sources of this slice have different numbers of layers: layer_range of %s covers %" PRIu32
                 ", of %s %" PRIu32, model_name(slicing, 0), part->layers, model_name(slicing, i), layers);
        fail_at(making, part->sources[i].node, text);
        return;
    }
}

static const struct ladle_stack *find_stack(const struct ladle_model *model, const char *prefix)
{
    for (uint32_t i = 0; i < model->stack_count; i++)
        if (strcmp(model->stacks[i].prefix, prefix) == 0)
            return &model->stacks[i];
    return NULL;
}

/* Without slices all models must have the same layers. */
static void check_layers(struct slicing *slicing)
{
    struct ladle_making *making = slicing->making;
    const struct ladle_part *part = slicing->part;
    const struct ladle_model *first = making->plan->models[part->sources[0].model];
    char text[1024];

    for (size_t i = 1; i < part->source_count; i++) {
        const struct ladle_model *model = making->plan->models[part->sources[i].model];
        for (uint32_t k = 0; k < first->stack_count; k++) {
            const struct ladle_stack *stack = find_stack(model, first->stacks[k].prefix);
            if (!stack || stack->layers == first->stacks[k].layers)
                continue;
            snprintf(text, sizeof(text), "the models have different numbers of layers (%s): %s has %" PRIu32 ", %s has %" PRIu32,
                     stack->prefix, model_name(slicing, 0), first->stacks[k].layers, model_name(slicing, i), stack->layers);
            fail_at(making, part->sources[i].node, text);
            ladle_error_help(making->error, "slices: with a layer_range for each model says which layers belong together");
            break;
        }
    }
}

static int resolve_slice(struct slicing *slicing)
{
    struct ladle_making *making = slicing->making;

    if (slicing->slice->source_count == 0) {
        fail_at(making, slicing->slice->node, "a slice without sources");
        return LADLE_OK;
    }
    int status = take_sources(slicing);
    if (status)
        return status;
    check_twice(slicing);
    if (making->plan->recipe.sliced)
        check_ranges(slicing);
    if (slicing->base) {
        place_base(slicing);
    } else if (making->plan->method->info.base == LADLE_BASE_REQUIRED) {
        char text[256];
        snprintf(text, sizeof(text), "%s needs a base_model, and none is given", making->plan->method->info.name);
        fail_at(making, making->plan->recipe.method_node, text);
        return LADLE_OK;
    }
    check_count(slicing);
    if (!making->plan->recipe.sliced)
        check_layers(slicing);
    return LADLE_OK;
}

/* All slices must speak of stacks with one name, so that their layers can follow each other. */
static void check_prefixes(struct ladle_making *making)
{
    const struct ladle_plan *plan = making->plan;
    const struct ladle_stack *first = &plan->models[making->parts[0].sources[0].model]->stacks[0];
    char text[1024];

    for (size_t i = 0; i < making->part_count; i++) {
        const struct ladle_part *part = &making->parts[i];
        for (size_t k = 0; k < part->source_count; k++) {
            const struct ladle_stack *stack = &plan->models[part->sources[k].model]->stacks[0];
            if (strcmp(stack->prefix, first->prefix) == 0)
                continue;
            snprintf(text, sizeof(text), "the layers of model %s are called %s.N, those of %s %s.N: slices of such models do not fit "
                     "together", ladle_plan_model_name(plan, part->sources[k].model), stack->prefix,
                     ladle_plan_model_name(plan, making->parts[0].sources[0].model), first->prefix);
            fail_at(making, part->sources[k].node, text);
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
            fail_at(making, slicing.slice->node, "more layers than can be numbered");
            return LADLE_OK;
        }
        layer += slicing.part->layers;
    }
    if (making->status)
        return LADLE_OK;
    if (recipe->sliced)
        check_prefixes(making);
    warn_lonely_base(making);
    return LADLE_OK;
}
