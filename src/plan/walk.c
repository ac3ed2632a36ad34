/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/making.h"

/* One walk over all output tensors. */
struct walk {
    struct ladle_making *making;
    struct ladle_draft draft;
    struct ladle_text name; /* scratch: the name of a tensor in another source */
    uint32_t layers;        /* of the output; slices only */
};

/* A tensor of the source whose turn it is. */
struct here {
    size_t source;
    const struct ladle_model *model;
    uint32_t index;
    const struct ladle_stack *stack; /* NULL outside the stacks */
    uint32_t number;                 /* its layer among those of the part, or among the extra ones */
};

static const struct ladle_model *model_of(const struct walk *walk, size_t source)
{
    return walk->making->plan->models[walk->draft.part->sources[source].model];
}

static bool is_sliced(const struct walk *walk)
{
    return walk->making->plan->recipe.sliced;
}

/* The name that a source has for the tensor: that of `here` with the layer which stands in the same place. NULL without
 * memory. Valid until the next call. */
static const char *name_in(struct walk *walk, const struct here *here, size_t source)
{
    const char *name = here->model->tensors[here->index].name;
    const struct ladle_position *position = &here->model->positions[here->index];

    if (!is_sliced(walk) || !here->stack || source == here->source)
        return name;
    const struct ladle_stack *stack = &model_of(walk, source)->stacks[0];
    uint32_t layer = here->number + (position->extra ? stack->layers : walk->draft.part->sources[source].first);
    if (layer == position->layer)
        return name;
    walk->name.bytes = 0;
    ladle_text_printf(&walk->name, "%s.%u%s", stack->prefix, (unsigned)layer, ladle_layers_suffix(name, here->stack));
    return walk->name.failed ? NULL : walk->name.data;
}

/* Finds the tensor in every source. *met is true if an earlier source stores it: it had its turn then. */
static int find_in_all(struct walk *walk, const struct here *here, bool *met)
{
    struct ladle_draft *draft = &walk->draft;

    *met = false;
    draft->present = 0;
    for (size_t i = 0; i < draft->part->source_count; i++) {
        const struct ladle_model *model = model_of(walk, i);
        const char *name = name_in(walk, here, i);
        if (!name)
            return ladle_fail_memory(walk->making->error, "a tensor's name");
        if (i < here->source && ladle_model_index(model, name) >= 0) {
            *met = true;
            return LADLE_OK;
        }
        int64_t index = i == here->source ? (int64_t)here->index : ladle_model_source_index(model, name);
        draft->tensors[i] = index < 0 ? NULL : &model->tensors[index];
        draft->present += index >= 0;
    }
    return LADLE_OK;
}

/* Gives the draft the name that the output has for the tensor. */
static int name_output(struct walk *walk, const struct here *here)
{
    struct ladle_making *making = walk->making;
    const struct ladle_position *position = &here->model->positions[here->index];
    struct ladle_draft *draft = &walk->draft;

    draft->name = here->model->tensors[here->index].name;
    draft->renamed = is_sliced(walk) && here->stack;
    if (!draft->renamed)
        return LADLE_OK;
    uint32_t layer = here->number + (position->extra ? walk->layers : draft->part->first);
    if (layer != position->layer)
        draft->name = ladle_layers_rename(draft->name, here->stack, layer, &making->plan->arena);
    return draft->name ? LADLE_OK : ladle_fail_memory(making->error, "a tensor's name");
}

static int visit(struct walk *walk, const struct here *here)
{
    bool met;
    int status = find_in_all(walk, here, &met);

    if (status || met)
        return status;
    status = name_output(walk, here);
    return status ? status : ladle_jobs_add(walk->making, &walk->draft);
}

static void begin_part(struct walk *walk, size_t index)
{
    walk->draft.part = &walk->making->parts[index];
    walk->draft.part_index = index;
}

/* The tensors before or after the layers, from all sources of a part. */
static int walk_outside(struct walk *walk, size_t part, bool after)
{
    begin_part(walk, part);
    walk->draft.t = 0;
    for (size_t i = 0; i < walk->draft.part->source_count; i++) {
        struct here here = {.source = i, .model = model_of(walk, i)};
        const struct ladle_regions *regions = &walk->making->regions[walk->draft.part->sources[i].model];
        struct ladle_range range = after ? regions->after : regions->before;
        for (here.index = range.begin; here.index < range.end; here.index++) {
            const struct ladle_position *position = &here.model->positions[here.index];
            here.stack = position->extra ? &here.model->stacks[position->stack] : NULL;
            here.number = position->extra ? position->layer - here.stack->layers : 0;
            int status = visit(walk, &here);
            if (status)
                return status;
        }
    }
    return LADLE_OK;
}

/* The tensors of one layer of one source. */
static int walk_layer_of(struct walk *walk, size_t source, uint32_t stack, uint32_t layer, uint32_t number)
{
    struct here here = {.source = source, .model = model_of(walk, source), .number = number};
    struct ladle_range range = walk->making->regions[walk->draft.part->sources[source].model].layers[stack][layer];

    here.stack = &here.model->stacks[stack];
    for (here.index = range.begin; here.index < range.end; here.index++) {
        int status = visit(walk, &here);
        if (status)
            return status;
    }
    return LADLE_OK;
}

/* Source: spec recipe.md "Parameter values": t = i/(L-1), 1 if L = 1. */
static double gradient_position(uint32_t layer, uint32_t layers)
{
    return layers > 1 ? (double)layer / (double)(layers - 1) : 1.0;
}

static int walk_slice(struct walk *walk, size_t index)
{
    begin_part(walk, index);
    const struct ladle_part *part = walk->draft.part;
    for (uint32_t layer = 0; layer < part->layers; layer++) {
        walk->draft.t = gradient_position(layer, part->layers);
        for (size_t i = 0; i < part->source_count; i++) {
            int status = walk_layer_of(walk, i, 0, part->sources[i].first + layer, layer);
            if (status)
                return status;
        }
    }
    return LADLE_OK;
}

/* One stack of all models, layer by layer. `from` is the first source that has it. */
static int walk_stack(struct walk *walk, size_t from, const struct ladle_stack *stack)
{
    for (uint32_t layer = 0; layer < stack->layers; layer++) {
        walk->draft.t = gradient_position(layer, stack->layers);
        for (size_t i = from; i < walk->draft.part->source_count; i++) {
            int64_t at = ladle_stack_named(model_of(walk, i), stack->prefix);
            int status = at < 0 ? LADLE_OK : walk_layer_of(walk, i, (uint32_t)at, layer, layer);
            if (status)
                return status;
        }
    }
    return LADLE_OK;
}

static bool earlier_has_stack(const struct walk *walk, size_t source, const char *prefix)
{
    for (size_t i = 0; i < source; i++)
        if (ladle_stack_named(model_of(walk, i), prefix) >= 0)
            return true;
    return false;
}

static int walk_stacks(struct walk *walk)
{
    begin_part(walk, 0);
    for (size_t i = 0; i < walk->draft.part->source_count; i++) {
        const struct ladle_model *model = model_of(walk, i);
        for (uint32_t k = 0; k < model->stack_count; k++) {
            if (earlier_has_stack(walk, i, model->stacks[k].prefix))
                continue;
            int status = walk_stack(walk, i, &model->stacks[k]);
            if (status)
                return status;
        }
    }
    return LADLE_OK;
}

static int walk_slices(struct walk *walk)
{
    for (size_t i = 0; i < walk->making->part_count; i++) {
        int status = walk_slice(walk, i);
        if (status)
            return status;
    }
    return LADLE_OK;
}

/* Extra layers move behind the output's last layer. */
static void warn_moved(const struct walk *walk)
{
    const struct ladle_part *last = &walk->making->parts[walk->making->part_count - 1];
    const struct ladle_plan *plan = walk->making->plan;

    for (size_t i = 0; is_sliced(walk) && i < last->source_count; i++) {
        const struct ladle_stack *stack = &plan->models[last->sources[i].model]->stacks[0];
        if (stack->extra && stack->layers != walk->layers) {
            ladle_warn(walk->making->log,
                       "%s: %s.%u and what follows it are no counted layers (multi-token prediction); they come "
                       "from the last slice as %s.%u",
                       ladle_plan_model_name(plan, last->sources[i].model), stack->prefix, (unsigned)stack->layers,
                       stack->prefix, (unsigned)walk->layers);
            return;
        }
    }
}

int ladle_walk(struct ladle_making *making)
{
    struct walk walk = {.making = making};
    const struct ladle_part *last = &making->parts[making->part_count - 1];

    walk.layers = last->first + last->layers;
    walk.draft.tensors = ladle_arena_take_array(&making->arena, making->most_sources, sizeof(*walk.draft.tensors));
    if (!walk.draft.tensors)
        return ladle_fail_memory(making->error, "the sources of a tensor");
    warn_moved(&walk);
    int status = walk_outside(&walk, 0, false);
    if (!status)
        status = is_sliced(&walk) ? walk_slices(&walk) : walk_stacks(&walk);
    if (!status)
        status = walk_outside(&walk, making->part_count - 1, true);
    ladle_text_finish(&walk.name);
    return status;
}

const char *ladle_draft_source_name(const struct ladle_draft *draft, size_t source)
{
    return draft->renamed ? draft->tensors[source]->name : draft->name;
}
