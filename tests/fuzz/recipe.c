/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes: any text is refused with a message or gives a recipe whose every value can be asked for. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "recipe/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* One parameter of one source, at both ends of a gradient and between. */
static void ask(const struct ladle_recipe *recipe, const struct ladle_recipe_slice *slice,
                const struct ladle_recipe_source *source, const struct ladle_parameter *parameter, struct ladle_error *error)
{
    static const char *const tensors[] = {"model.layers.0.self_attn.q_proj.weight", "lm_head.weight", ""};
    static const double places[] = {0, 1 / 3., 1};
    const struct ladle_node *const scopes[] = {source != NULL ? source->parameters : NULL, slice->parameters,
                                               recipe->parameters};
    ladle_recipe_varies(parameter, scopes, 3);
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 3; k++) {
            const struct ladle_node *given;
            double value = parameter->least;
            int status = ladle_recipe_value(recipe, parameter, scopes, 3, tensors[i], places[k], &value, &given, error);
            check(status == 1 || status == LADLE_OK || ladle_error_count(error) > 0);
            if (status == 1)
                ladle_recipe_help_missing(recipe, parameter->name, slice, source, error);
            if (status == LADLE_OK && given != NULL)
                check(isfinite(value) && value >= parameter->least && value <= parameter->most);
            ladle_error_clear(error);
        }
    }
}

static void ask_all(const struct ladle_recipe *recipe, struct ladle_error *error)
{
    const struct ladle_method_info *method = recipe->method;
    for (size_t s = 0; s < recipe->slice_count && s < 3; s++) {
        const struct ladle_recipe_slice *slice = &recipe->slices[s];
        check(slice->source_count > 0);
        for (size_t i = 0; i < method->shared_count; i++)
            ask(recipe, slice, NULL, &method->shared[i], error);
        for (size_t k = 0; k < slice->source_count && k < 3; k++) {
            check(slice->sources[k].model.text != NULL && slice->sources[k].model.plain != NULL);
            for (size_t i = 0; i < method->each_count; i++)
                ask(recipe, slice, &slice->sources[k], &method->each[i], error);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ladle_error *error = ladle_error_create();
    struct ladle_recipe recipe;
    int status = ladle_recipe_parse(&recipe, "r.yml", (const char *)data, size, NULL, NULL, error);
    check(status == LADLE_NO_MEMORY || (status == LADLE_OK) == (ladle_error_count(error) == 0));
    if (status == LADLE_OK)
        ask_all(&recipe, error);
    ladle_recipe_finish(&recipe);
    ladle_error_destroy(error);
    return 0;
}
