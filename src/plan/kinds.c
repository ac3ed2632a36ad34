/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "plan/making.h"

/* Objects within objects that are looked into. */
#define MOST_LEVELS 4u

/* Two layers that are to be told apart. */
struct pair {
    uint32_t donor_layer, layer;
    uint32_t donor_layers;
};

/* A number for the set of names of a layer's tensors; the order does not matter. Buffers do not count. */
static uint64_t kind_of(const struct ladle_making *making, uint16_t index, uint32_t stack, uint32_t layer)
{
    const struct ladle_model *model = making->plan->models[index];
    struct ladle_range range = making->regions[index].layers[stack][layer];
    uint64_t kind = 0;

    for (uint32_t i = range.begin; i < range.end; i++) {
        const char *name = model->tensors[i].name;
        if (ladle_name_is_buffer(name))
            continue;
        const char *suffix = ladle_layers_suffix(name, &model->stacks[stack]);
        kind += ladle_fnv(LADLE_FNV_START, suffix, strlen(suffix));
    }
    return kind;
}

static const struct ladle_json *item_at(const struct ladle_json *list, uint32_t at)
{
    const struct ladle_json *item = list->first;

    while (item && at-- > 0)
        item = item->next;
    return item;
}

static bool same_item(const struct ladle_json *a, const struct ladle_json *b)
{
    if (!a || !b || a->type != b->type)
        return false;
    return !a->text || !b->text || strcmp(a->text, b->text) == 0;
}

/* Whether a list of layer numbers holds this one. */
static bool holds(const struct ladle_json *list, uint32_t layer)
{
    uint64_t number;

    for (const struct ladle_json *item = list->first; item; item = item->next)
        if (ladle_json_whole(item, &number) && number == layer)
            return true;
    return false;
}

/* Whether a list of config.json, with one entry a layer or of layer numbers, tells the layers apart. */
static bool list_tells(const struct ladle_json *donor, const struct ladle_json *other, const struct pair *pair)
{
    if (donor->count == pair->donor_layers)
        return !same_item(item_at(donor, pair->donor_layer), item_at(other, pair->layer));
    return holds(donor, pair->donor_layer) != holds(other, pair->layer);
}

/* Whether any list in two configs does, in objects within objects too. */
static bool config_tells(const struct ladle_json *donor, const struct ladle_json *other, const struct pair *pair,
                         unsigned level)
{
    if (!donor || !other || donor->type != LADLE_JSON_OBJECT || level == MOST_LEVELS)
        return false;
    for (const struct ladle_json *member = donor->first; member; member = member->next) {
        const struct ladle_json *same = ladle_json_get(other, member->key);
        if (!same || same->type != member->type)
            continue;
        if (member->type == LADLE_JSON_OBJECT && config_tells(member, same, pair, level + 1))
            return true;
        bool about_layers = strstr(member->key, "layer") || strstr(member->key, "index");
        if (member->type == LADLE_JSON_LIST && about_layers && list_tells(member, same, pair))
            return true;
    }
    return false;
}

/* "3-5, 9" */
static void add_range(struct ladle_text *text, uint32_t begin, uint32_t end)
{
    ladle_text_printf(text, text->bytes ? ", %u" : "%u", (unsigned)begin);
    if (end - begin > 1)
        ladle_text_printf(text, "%s%u", end - begin > 2 ? "-" : ", ", (unsigned)end - 1);
}

/* Whether an output layer is of another kind than the donor's layer of its index, and config.json does not say so. */
static bool is_stranger(const struct ladle_making *making, uint32_t stack, uint32_t layer)
{
    const struct ladle_plan *plan = making->plan;
    const struct ladle_model *donor = plan->models[plan->donor];
    const struct ladle_layer_origin *origin = &plan->layer_origins[stack][layer];
    struct pair pair = {.donor_layer = layer, .layer = origin->layer, .donor_layers = donor->stacks[stack].layers};
    uint16_t model = 0;

    if (origin->model == donor && origin->layer == layer)
        return false;
    while (plan->models[model] != origin->model)
        model++;
    return kind_of(making, plan->donor, stack, layer) != kind_of(making, model, 0, origin->layer) &&
           !config_tells(donor->config, origin->model->config, &pair, 0);
}

static int compare_stack(struct ladle_making *making, uint32_t stack)
{
    const struct ladle_plan *plan = making->plan;
    const struct ladle_model *donor = plan->models[plan->donor];
    uint32_t layers = donor->stacks[stack].layers;
    struct ladle_text strangers = {0};
    uint32_t begin = 0, end = 0;

    if (plan->layer_counts[stack] < layers)
        layers = plan->layer_counts[stack];
    for (uint32_t i = 0; i < layers; i++) {
        if (!is_stranger(making, stack, i))
            continue;
        if (end != i && begin < end)
            add_range(&strangers, begin, end);
        begin = end == i && begin < end ? begin : i;
        end = i + 1;
    }
    if (begin < end)
        add_range(&strangers, begin, end);
    if (strangers.bytes && !strangers.failed)
        ladle_warn(making->log,
                   "layers %s of the output hold other tensors than these layers of %s, and no list in its config.json "
                   "says of what kind a layer is: loaders may refuse them",
                   strangers.data, ladle_plan_model_name(plan, plan->donor));
    int status = strangers.failed ? ladle_fail_memory(making->error, "the layers of the output") : LADLE_OK;
    ladle_text_finish(&strangers);
    return status;
}

int ladle_kinds_compare(struct ladle_making *making)
{
    const struct ladle_plan *plan = making->plan;
    int status = LADLE_OK;

    if (!plan->recipe.sliced)
        return LADLE_OK;
    for (uint32_t i = 0; i < plan->models[plan->donor]->stack_count && !status; i++)
        if (plan->layer_origins[i])
            status = compare_stack(making, i);
    return status;
}
