/* SPDX-License-Identifier: Apache-2.0 */
#include "model/config.h"

#include <stdlib.h>
#include <string.h>

#include "model/config_change.h"
#include "model/config_json.h"
#include "model/sides.h"

int64_t ladle_config_same_stack(const struct ladle_model *model, const struct ladle_stack *stack)
{
    for (uint32_t i = 0; i < model->stack_count; i++) {
        if (strcmp(model->stacks[i].prefix, stack->prefix) == 0) {
            return i;
        }
    }
    return -1;
}

const struct ladle_config_source *ladle_config_find_source(struct ladle_rewrite *rewrite, const struct ladle_model *model)
{
    for (size_t i = 0; i < rewrite->source_count; i++) {
        if (rewrite->sources[i].model == model) {
            return &rewrite->sources[i];
        }
    }
    if (rewrite->source_count == rewrite->source_capacity) {
        size_t capacity = rewrite->source_capacity == 0 ? 8 : rewrite->source_capacity * 2;
        struct ladle_config_source *sources =
            ladle_quota_grow(rewrite->arena.quota, rewrite->sources, rewrite->source_capacity, capacity, sizeof *sources);
        if (sources == NULL) {
            return NULL;
        }
        rewrite->sources = sources;
        rewrite->source_capacity = capacity;
    }
    struct ladle_config_source *source = &rewrite->sources[rewrite->source_count];
    *source = (struct ladle_config_source){.model = model};
    if (ladle_places_find(model->config, model->stacks, model->stack_count, NULL, &rewrite->arena, &source->places) !=
        LADLE_OK) {
        return NULL;
    }
    rewrite->source_count++;
    return source;
}

/* Finds the places of the donor's stacks; one that changes goes before one that does not where both fit. */
static int find_places(struct ladle_rewrite *rewrite)
{
    const struct ladle_model *donor = rewrite->change->donor;
    bool *wanted = ladle_arena_take_array(&rewrite->arena, donor->stack_count, sizeof *wanted);
    rewrite->signs = ladle_arena_take_array(&rewrite->arena, donor->stack_count, sizeof *rewrite->signs);
    if (wanted == NULL || rewrite->signs == NULL) {
        return LADLE_NO_MEMORY;
    }
    for (uint32_t i = 0; i < donor->stack_count; i++) {
        struct ladle_layer_signs *signs = &rewrite->signs[i];
        wanted[i] = ladle_config_changes(rewrite, i);
        if (!wanted[i]) {
            continue;
        }
        signs->before = ladle_arena_take_array(&rewrite->arena, donor->stacks[i].layers, sizeof *signs->before);
        signs->after = ladle_arena_take_array(&rewrite->arena, rewrite->change->layer_counts[i], sizeof *signs->after);
        if (signs->before == NULL || signs->after == NULL) {
            return LADLE_NO_MEMORY;
        }
    }
    return ladle_places_find(rewrite->config, donor->stacks, donor->stack_count, wanted, &rewrite->arena, &rewrite->places);
}

static int set_counts(struct ladle_rewrite *rewrite)
{
    const struct ladle_config_change *change = rewrite->change;
    for (size_t i = 0; i < rewrite->places.count; i++) {
        const struct ladle_place *place = &rewrite->places.items[i];
        if (ladle_config_changes(rewrite, place->stack) &&
            !ladle_json_set(&rewrite->arena, place->object, place->key,
                            ladle_json_new_whole(&rewrite->arena, change->layer_counts[place->stack]))) {
            return LADLE_NO_MEMORY;
        }
    }
    return LADLE_OK;
}

/* Whether a value of torch_dtype or dtype may be set: one that names a type, or at the top nothing. */
static bool is_dtype(const struct ladle_json *value, bool top)
{
    enum ladle_dtype dtype;
    if (value->type == LADLE_JSON_STRING) {
        return ladle_dtype_parse_recipe(value->text, &dtype) || top;
    }
    return value->type == LADLE_JSON_NULL && top;
}

static int set_dtype(void *self, struct ladle_json *object, const char *const *path, size_t depth)
{
    static const char *const keys[] = {"torch_dtype", "dtype"};
    struct ladle_rewrite *rewrite = self;
    if (depth > 0 && strcmp(path[depth - 1], "quantization_config") == 0) {
        return LADLE_OK;
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct ladle_json *old = ladle_json_get(object, keys[i]);
        const char *name = ladle_dtype_recipe_name(rewrite->change->dtype);
        if (old != NULL && name != NULL && is_dtype(old, depth == 0) &&
            !ladle_json_set(&rewrite->arena, object, keys[i], ladle_json_new_string(&rewrite->arena, name))) {
            return LADLE_NO_MEMORY;
        }
    }
    return LADLE_OK;
}

/* The output stores a head although the donor ties it: says so at the top and wherever it is said. */
static int untie(void *self, struct ladle_json *object, const char *const *path, size_t depth)
{
    struct ladle_rewrite *rewrite = self;
    for (size_t i = 0; i < depth; i++) {
        if (ladle_side_is_sense(path[i])) {
            return LADLE_OK;
        }
    }
    if ((depth == 0 || ladle_json_get(object, "tie_word_embeddings") != NULL) &&
        !ladle_json_set(&rewrite->arena, object, "tie_word_embeddings", ladle_json_new_bool(&rewrite->arena, false))) {
        return LADLE_NO_MEMORY;
    }
    return LADLE_OK;
}

/* Sets vocab_size on the text side where it has the value that it has in the first such place. */
static int set_vocabulary(void *self, struct ladle_json *object, const char *const *path, size_t depth)
{
    struct ladle_rewrite *rewrite = self;
    const struct ladle_json *old = ladle_json_get(object, "vocab_size");
    for (size_t i = 0; i < depth; i++) {
        if (ladle_side_is_sense(path[i])) {
            return LADLE_OK;
        }
    }
    if (old == NULL || !ladle_config_equal(old, ladle_side_text_value(rewrite->change->donor->config, "vocab_size"))) {
        return LADLE_OK;
    }
    return ladle_json_set(&rewrite->arena, object, "vocab_size",
                          ladle_json_new_whole(&rewrite->arena, rewrite->change->vocabulary))
               ? LADLE_OK
               : LADLE_NO_MEMORY;
}

static int rewrite_all(struct ladle_rewrite *rewrite)
{
    const struct ladle_config_change *change = rewrite->change;
    rewrite->config = ladle_config_copy(&rewrite->arena, change->donor->config);
    int status = rewrite->config == NULL ? LADLE_NO_MEMORY : find_places(rewrite);
    if (status == LADLE_OK) {
        status = ladle_config_rewrite_lists(rewrite);
    }
    if (status == LADLE_OK) {
        status = ladle_config_rewrite_firsts(rewrite);
    }
    if (status == LADLE_OK) {
        status = ladle_config_rewrite_stages(rewrite);
    }
    if (status == LADLE_OK) {
        status = set_counts(rewrite);
    }
    if (status == LADLE_OK) {
        status = ladle_config_check_kinds(rewrite);
    }
    if (status == LADLE_OK && change->one_dtype) {
        status = ladle_places_walk(rewrite->config, set_dtype, rewrite);
    }
    if (status == LADLE_OK && change->tied == 0) {
        status = ladle_places_walk(rewrite->config, untie, rewrite);
    }
    if (status == LADLE_OK && change->vocabulary > 0) {
        status = ladle_places_walk(rewrite->config, set_vocabulary, rewrite);
    }
    return status;
}

int ladle_config_rewrite(const struct ladle_config_change *change, const struct ladle_log *log, struct ladle_text *out,
                         struct ladle_error *error)
{
    if (change->donor->config == NULL) {
        return LADLE_OK;
    }
    struct ladle_quota *quota = change->donor->arena.quota;
    struct ladle_rewrite rewrite = {.change = change, .log = log, .arena.quota = quota};
    out->quota = quota;
    int status = rewrite_all(&rewrite);
    if (status == LADLE_OK) {
        ladle_json_write(rewrite.config, 2, out);
        ladle_text_add(out, "\n", 1);
        status = out->failed ? LADLE_NO_MEMORY : LADLE_OK;
    }
    ladle_quota_free(quota, rewrite.sources, rewrite.source_capacity, sizeof *rewrite.sources);
    ladle_arena_finish(&rewrite.arena);
    return status == LADLE_OK ? LADLE_OK : ladle_fail_memory(error, "config.json");
}
