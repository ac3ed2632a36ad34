/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "plan/making.h"

int64_t ladle_stack_named(const struct ladle_model *model, const char *prefix)
{
    for (uint32_t i = 0; i < model->stack_count; i++)
        if (strcmp(model->stacks[i].prefix, prefix) == 0)
            return i;
    return -1;
}

/* The range that a tensor belongs to. */
static struct ladle_range *range_of(struct ladle_regions *regions, const struct ladle_position *position)
{
    if (position->stack >= 0 && !position->extra)
        return &regions->layers[position->stack][position->layer];
    return position->extra || position->after ? &regions->after : &regions->before;
}

static int take_layers(struct ladle_making *making, const struct ladle_model *model, struct ladle_regions *regions)
{
    regions->layers = ladle_arena_take_array(&making->arena, model->stack_count, sizeof(*regions->layers));
    if (!regions->layers)
        return ladle_fail_memory(making->error, "the layers of the models");
    for (uint32_t i = 0; i < model->stack_count; i++) {
        regions->layers[i] = ladle_arena_take_array(&making->arena, model->stacks[i].layers, sizeof(**regions->layers));
        if (!regions->layers[i])
            return ladle_fail_memory(making->error, "the layers of the models");
    }
    return LADLE_OK;
}

/* A model keeps its tensors in model order, so that each region is one range. */
int ladle_regions_find(struct ladle_making *making)
{
    const struct ladle_plan *plan = making->plan;

    making->regions = ladle_arena_take_array(&making->arena, plan->model_count, sizeof(*making->regions));
    if (!making->regions)
        return ladle_fail_memory(making->error, "the layers of the models");
    for (size_t i = 0; i < plan->model_count; i++) {
        const struct ladle_model *model = plan->models[i];
        struct ladle_regions *regions = &making->regions[i];
        int status = take_layers(making, model, regions);
        if (status)
            return status;
        for (size_t k = 0; k < model->tensor_count; k++) {
            struct ladle_range *range = range_of(regions, &model->positions[k]);
            if (range->begin == range->end)
                range->begin = (uint32_t)k;
            range->end = (uint32_t)k + 1;
        }
    }
    return LADLE_OK;
}
