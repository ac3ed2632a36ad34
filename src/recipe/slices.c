/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/reading.h"

#include <stdlib.h>
#include <string.h>

#include "recipe/scalar.h"

static struct ladle_recipe_source *new_sources(struct ladle_reading *reading, size_t count)
{
    struct ladle_recipe_source *sources = ladle_arena_take_array(&reading->recipe->arena, count, sizeof *sources);
    if (sources == NULL)
        ladle_reading_no_memory(reading);
    return sources;
}

/* layer_range: [first, past_last]. */
static void read_range(struct ladle_reading *reading, struct ladle_recipe_source *source)
{
    const struct ladle_node *range = ladle_node_get(source->node, "layer_range");
    if (ladle_node_is_null(range)) {
        ladle_reading_mistake(reading, source->node, "layer_range is missing: expected layer_range: [first, past_last]");
        return;
    }
    uint64_t first, past;
    if (range->kind != LADLE_NODE_LIST || range->count != 2 || !ladle_scalar_whole(range->items[0], &first) ||
        !ladle_scalar_whole(range->items[1], &past)) {
        ladle_reading_mistake(reading, range, "layer_range: expected two whole numbers, [first, past_last]");
        return;
    }
    if (first >= past || past > UINT32_MAX) {
        ladle_reading_mistake(
            reading, range,
            "layer_range: [%.20s, %.20s] holds no layers: expected the first layer and the one past the last",
            range->items[0]->text, range->items[1]->text);
        return;
    }
    source->range = range;
    source->first = first;
    source->past = past;
}

/* One entry of `models:` or `sources:`. */
static void read_source(struct ladle_reading *reading, const struct ladle_node *entry, struct ladle_recipe_source *source)
{
    source->node = entry;
    if (entry->kind != LADLE_NODE_MAP) {
        ladle_reading_mistake(reading, entry, "expected a mapping {model: PATH, ...}");
        return;
    }
    const struct ladle_node *model = ladle_node_get(entry, "model");
    if (ladle_node_is_null(model))
        ladle_reading_mistake(reading, model != NULL ? model : entry, "model is missing: expected {model: PATH, ...}");
    else
        ladle_reading_model(reading, model, "model", &source->model);
    source->parameters = ladle_reading_parameters(reading, entry);
    if (reading->recipe->sliced)
        read_range(reading, source);
}

static int compare_sources(const void *left, const void *right)
{
    const struct ladle_recipe_source *a = *(const struct ladle_recipe_source *const *)left;
    const struct ladle_recipe_source *b = *(const struct ladle_recipe_source *const *)right;
    int order = strcmp(a->model.plain, b->model.plain);
    return order != 0 ? order : a < b ? -1 : a > b;
}

/* A model twice in one list. */
static void check_repeated(struct ladle_reading *reading, const struct ladle_recipe_slice *slice)
{
    const struct ladle_recipe_source **sorted = reallocarray(NULL, slice->source_count, sizeof *sorted);
    if (sorted == NULL) {
        ladle_reading_no_memory(reading);
        return;
    }
    size_t count = 0;
    for (size_t i = 0; i < slice->source_count; i++) {
        if (slice->sources[i].model.plain != NULL)
            sorted[count++] = &slice->sources[i];
    }
    if (count > 0)
        qsort(sorted, count, sizeof *sorted, compare_sources);
    for (size_t i = 1; i < count; i++) {
        const struct ladle_recipe_model *before = &sorted[i - 1]->model, *model = &sorted[i]->model;
        if (strcmp(before->plain, model->plain) == 0)
            ladle_reading_mistake(reading, model->node, "the model '%.300s' is listed twice (first in line %u)", model->text,
                                  before->node->line);
    }
    free(sorted);
}

/* Every source of a slice makes the same layers of the output. */
static void check_lengths(struct ladle_reading *reading, const struct ladle_recipe_slice *slice)
{
    const struct ladle_recipe_source *first = NULL;
    for (size_t i = 0; i < slice->source_count; i++) {
        const struct ladle_recipe_source *source = &slice->sources[i];
        if (source->range == NULL)
            continue;
        if (first == NULL)
            first = source;
        uint64_t expected = first->past - first->first, count = source->past - source->first;
        if (count != expected)
            ladle_reading_mistake(reading, source->range,
                                  "layer_range: %llu layer%s, but %llu in the first source of this slice (line %u)",
                                  (unsigned long long)count, count == 1 ? "" : "s", (unsigned long long)expected,
                                  first->range->line);
    }
}

/* The entries of a list of models into a slice. `what` is the list's key. */
static void read_sources(struct ladle_reading *reading, const struct ladle_node *list, const char *what,
                         struct ladle_recipe_slice *slice)
{
    if (list->kind != LADLE_NODE_LIST) {
        ladle_reading_mistake(reading, list, "%s: expected a list of {model: PATH, ...}", what);
        return;
    }
    if (list->count == 0) {
        ladle_reading_mistake(reading, list, "%s is empty: there is nothing to merge", what);
        return;
    }
    if (list->count > LADLE_ANY_NUMBER_OF_MODELS) {
        ladle_reading_mistake(reading, list, "%s: too many models: %zu, where %u can be merged at most", what, list->count,
                              LADLE_ANY_NUMBER_OF_MODELS);
        return;
    }
    slice->sources = new_sources(reading, list->count);
    if (slice->sources == NULL)
        return;
    slice->source_count = list->count;
    for (size_t i = 0; i < list->count; i++)
        read_source(reading, list->items[i], &slice->sources[i]);
    check_repeated(reading, slice);
    check_lengths(reading, slice);
}

/* One entry of `slices:`. */
static void read_slice(struct ladle_reading *reading, const struct ladle_node *entry, struct ladle_recipe_slice *slice)
{
    slice->node = entry;
    const struct ladle_node *sources = ladle_node_get(entry, "sources"), *base = ladle_node_get(entry, "base_model");
    if (ladle_node_is_null(sources))
        ladle_reading_mistake(reading, entry,
                              "sources is missing: expected {sources: [{model: PATH, layer_range: [...]}, ...]}");
    else
        read_sources(reading, sources, "sources", slice);
    if (!ladle_node_is_null(base))
        ladle_reading_model(reading, base, "base_model", &slice->base);
    slice->parameters = ladle_reading_parameters(reading, entry);
}

void ladle_reading_slices(struct ladle_reading *reading)
{
    struct ladle_recipe *recipe = reading->recipe;
    const struct ladle_node *list = recipe->list_node;
    if (recipe->sliced && (list->kind != LADLE_NODE_LIST || list->count == 0)) {
        ladle_reading_mistake(reading, list, "slices: expected a list of {sources: [...]}, not empty");
        return;
    }
    size_t count = recipe->sliced ? list->count : 1;
    recipe->slices = ladle_arena_take_array(&recipe->arena, count, sizeof *recipe->slices);
    if (recipe->slices == NULL) {
        ladle_reading_no_memory(reading);
        return;
    }
    recipe->slice_count = count;
    if (!recipe->sliced) {
        recipe->slices[0].node = list;
        read_sources(reading, list, "models", &recipe->slices[0]);
        return;
    }
    for (size_t i = 0; i < count; i++)
        read_slice(reading, list->items[i], &recipe->slices[i]);
}
