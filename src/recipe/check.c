/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/reading.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"

static const char *const top_keys[] = {"merge_method",  "models",    "slices", "modules", "base_model", "parameters",
                                       "dtype",         "out_dtype", "seed",   "name",    "tokenizer",  "tokenizer_source",
                                       "chat_template", NULL};
static const char *const model_keys[] = {"model", "parameters", NULL};
static const char *const slice_keys[] = {"sources", "base_model", "parameters", "residual_weight", NULL};
static const char *const source_keys[] = {"model", "layer_range", "parameters", "residual_weight", NULL};

/* Recipes have it everywhere and nothing depends on it. */
static const char silent_key[] = "int8_mask";

static bool is_among(const char *word, const char *const *known)
{
    while (*known != NULL && strcmp(*known, word) != 0)
        known++;
    return *known != NULL;
}

/* The method's parameter of this name; NULL if there is none. */
static const struct ladle_parameter *find_parameter(const struct ladle_method_info *method, const char *name, bool *shared)
{
    for (size_t i = 0; method != NULL && i < method->each_count + method->shared_count; i++) {
        *shared = i >= method->each_count;
        const struct ladle_parameter *parameter = *shared ? &method->shared[i - method->each_count] : &method->each[i];
        if (strcmp(parameter->name, name) == 0)
            return parameter;
    }
    return NULL;
}

/* The names of the method's parameters, ended by NULL. */
#define PARAMETERS_MOST 32u
static void list_parameters(const struct ladle_method_info *method, const char *names[PARAMETERS_MOST + 1])
{
    size_t count = 0;
    for (size_t i = 0; i < method->each_count && count < PARAMETERS_MOST; i++)
        names[count++] = method->each[i].name;
    for (size_t i = 0; i < method->shared_count && count < PARAMETERS_MOST; i++)
        names[count++] = method->shared[i].name;
    names[count] = NULL;
}

const struct ladle_node *ladle_reading_meant(const struct ladle_node *map, const char *const *known, const char *wanted)
{
    const struct ladle_node *best = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; map != NULL && map->kind == LADLE_NODE_MAP && i < map->count; i++) {
        const struct ladle_node *key = map->pairs[i].key;
        size_t distance = is_among(key->text, known) ? SIZE_MAX : ladle_distance(key->text, wanted);
        if (distance < least) {
            least = distance;
            best = key;
        }
    }
    return best;
}

/* One key that the place does not know. */
static void remark_key(struct ladle_reading *reading, const struct ladle_node *key, const char *const *known, bool misplaced)
{
    const struct ladle_method_info *method = reading->recipe->method;
    const char *names[PARAMETERS_MOST + 1] = {NULL};
    bool shared;
    if (known == model_keys && strcmp(key->text, "layer_range") == 0) {
        ladle_reading_remark(reading, key,
                             "'layer_range' has no effect under models:, which takes all layers; it belongs to the sources "
                             "of slices:");
        return;
    }
    if (misplaced && method != NULL) {
        if (find_parameter(method, key->text, &shared) != NULL) {
            ladle_reading_remark(reading, key,
                                 "'%.100s' is a parameter of %s and has no effect here: it belongs under 'parameters'",
                                 key->text, method->name);
            return;
        }
        list_parameters(method, names);
    }
    const char *near = ladle_nearest(key->text, known), *parameter = ladle_nearest(key->text, names);
    if (near != NULL)
        ladle_reading_remark(reading, key, "unknown key '%.100s'; did you mean '%s'?", key->text, near);
    else if (parameter != NULL)
        ladle_reading_remark(reading, key, "unknown key '%.100s'; did you mean '%s', which belongs under 'parameters'?",
                             key->text, parameter);
    else
        ladle_reading_remark(reading, key, "unknown key '%.100s'", key->text);
}

void ladle_reading_keys(struct ladle_reading *reading, const struct ladle_node *map, const char *const *known,
                        bool misplaced)
{
    for (size_t i = 0; map->kind == LADLE_NODE_MAP && i < map->count && reading->remarks <= LADLE_REMARKS_MOST; i++) {
        const struct ladle_node *key = map->pairs[i].key;
        if (!is_among(key->text, known) && strcmp(key->text, silent_key) != 0)
            remark_key(reading, key, known, misplaced);
    }
}

/* Warns of a name under `parameters` that the method does not know. */
static void remark_unknown(struct ladle_reading *reading, const struct ladle_node *key)
{
    const struct ladle_method_info *method = reading->recipe->method;
    const char *names[PARAMETERS_MOST + 1];
    list_parameters(method, names);
    const char *near = ladle_nearest(key->text, names);
    if (near != NULL)
        ladle_reading_remark(reading, key, "%s has no parameter '%.100s'; did you mean '%s'?", method->name, key->text,
                             near);
    else if (is_among(key->text, top_keys))
        ladle_reading_remark(reading, key, "%s has no parameter '%.100s': it belongs outside 'parameters'", method->name,
                             key->text);
    else
        ladle_reading_remark(reading, key, "%s has no parameter '%.100s'", method->name, key->text);
}

/* The parameters of one scope: those that somebody reads are checked, the others warned of.
 *   model    whose scope it is; NULL for a slice's or the recipe's
 *   is_base  whether that model is the base and the method uses it as such */
static void check_parameters(struct ladle_reading *reading, const struct ladle_node *parameters, const char *model,
                             bool is_base)
{
    for (size_t i = 0; parameters != NULL && i < parameters->count; i++) {
        const struct ladle_node *key = parameters->pairs[i].key;
        bool shared;
        const struct ladle_parameter *parameter = find_parameter(reading->recipe->method, key->text, &shared);
        if (parameter == NULL && strcmp(key->text, silent_key) == 0)
            continue;
        if (parameter == NULL)
            remark_unknown(reading, key);
        else if (is_base)
            ladle_reading_remark(reading, key, "parameter '%s' of '%.300s' has no effect: that model is the base", key->text,
                                 model);
        else if (shared && model != NULL)
            ladle_reading_remark(
                reading, key,
                "parameter '%s' of '%.300s' has no effect: it is one for all models, not for a single one; it "
                "belongs under the 'parameters' of the recipe or of a slice",
                key->text, model);
        else
            ladle_reading_setting(reading, parameter, parameters->pairs[i].value, model);
    }
}

/* Whether a source is the base of its slice for a method that uses one. */
static bool is_base(const struct ladle_recipe *recipe, const struct ladle_recipe_slice *slice,
                    const struct ladle_recipe_source *source)
{
    const struct ladle_recipe_model *base = slice->base.plain != NULL ? &slice->base : &recipe->base;
    return recipe->method->base != LADLE_BASE_IGNORED && base->plain != NULL && source->model.plain != NULL &&
           strcmp(base->plain, source->model.plain) == 0;
}

static void check_slice(struct ladle_reading *reading, const struct ladle_recipe_slice *slice)
{
    const struct ladle_recipe *recipe = reading->recipe;
    if (recipe->sliced)
        ladle_reading_keys(reading, slice->node, slice_keys, true);
    check_parameters(reading, slice->parameters, NULL, false);
    for (size_t i = 0; i < slice->source_count; i++) {
        const struct ladle_recipe_source *source = &slice->sources[i];
        const char *model = source->model.text != NULL ? source->model.text : "?";
        ladle_reading_keys(reading, source->node, recipe->sliced ? source_keys : model_keys, true);
        check_parameters(reading, source->parameters, model, is_base(recipe, slice, source));
    }
}

/* A base for every slice, if the method requires one. */
static void check_base(struct ladle_reading *reading)
{
    const struct ladle_recipe *recipe = reading->recipe;
    if (recipe->method->base != LADLE_BASE_REQUIRED || recipe->base.node != NULL)
        return;
    for (size_t i = 0; i < recipe->slice_count; i++) {
        if (recipe->slices[i].base.node != NULL)
            continue;
        const struct ladle_node *meant = ladle_reading_meant(recipe->root, top_keys, "base_model");
        if (meant != NULL)
            ladle_reading_mistake(reading, meant, "%s needs a base_model; did you mean it by '%.100s'?",
                                  recipe->method->name, meant->text);
        else
            ladle_reading_mistake(reading, recipe->sliced ? recipe->slices[i].node : recipe->method_node,
                                  "%s needs a base_model", recipe->method->name);
        return;
    }
}

void ladle_reading_check(struct ladle_reading *reading)
{
    const struct ladle_recipe *recipe = reading->recipe;
    if (recipe->method == NULL)
        return;
    ladle_reading_keys(reading, recipe->root, top_keys, true);
    check_parameters(reading, recipe->parameters, NULL, false);
    for (size_t i = 0; i < recipe->slice_count; i++)
        check_slice(reading, &recipe->slices[i]);
    check_base(reading);
}

void ladle_recipe_help_missing(const struct ladle_recipe *recipe, const char *parameter,
                               const struct ladle_recipe_slice *slice, const struct ladle_recipe_source *source,
                               struct ladle_error *error)
{
    const char *names[PARAMETERS_MOST + 1];
    list_parameters(recipe->method, names);
    const struct {
        const struct ladle_node *map;
        const char *const *known;
    } places[] = {
        {source != NULL ? source->parameters : NULL, names},
        {source != NULL ? source->node : NULL, recipe->sliced ? source_keys : model_keys},
        {slice->parameters, names},
        {recipe->sliced ? slice->node : NULL, slice_keys},
        {recipe->parameters, names},
        {recipe->root, top_keys},
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const struct ladle_node *key = ladle_reading_meant(places[i].map, places[i].known, parameter);
        char where[512];
        if (key == NULL)
            continue;
        if (strcmp(key->text, parameter) == 0)
            ladle_error_help(error, "%s: '%s' stands outside 'parameters', where it has no effect",
                             ladle_recipe_where(recipe, key, where), parameter);
        else
            ladle_error_help(error, "%s: there is '%.100s', which %s does not know", ladle_recipe_where(recipe, key, where),
                             key->text, recipe->method->name);
        return;
    }
}
