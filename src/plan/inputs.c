/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "plan/making.h"

#include "model/reference.h"

/* More models than any merge has; keeps the arrays here and in the jobs small. */
#define MOST_MODELS 4096u

/* One way in which the recipe writes a model. */
struct ladle_reference {
    const char *text;
    const char *path; /* real path */
    const struct ladle_node *node;
    uint16_t model;
};

static struct ladle_reference *find_reference(const struct ladle_plan *plan, const char *text)
{
    for (size_t i = 0; i < plan->reference_count; i++)
        if (strcmp(plan->references[i].text, text) == 0)
            return &plan->references[i];
    return NULL;
}

static int add_reference(struct ladle_plan *plan, const struct ladle_recipe_model *model, struct ladle_error *error)
{
    char where[512];

    if (!model->text || find_reference(plan, model->text))
        return LADLE_OK;
    ladle_recipe_where(&plan->recipe, model->node, where);
    if (plan->reference_count == MOST_MODELS)
        return ladle_fail_also(error, LADLE_BAD_INPUT, "%s: more than %u models are named", where, MOST_MODELS);
    struct ladle_reference *reference = &plan->references[plan->reference_count];
    int status = ladle_reference_find(model->text, where, plan->recipe.path, &plan->arena, &reference->path, error);
    if (status)
        return status;
    reference->text = model->text;
    reference->node = model->node;
    plan->reference_count++;
    return LADLE_OK;
}

/* Calls add_reference for each model that the recipe names, the base first. What cannot be found does not keep the others
 * from being looked for. */
static int find_all(struct ladle_plan *plan, struct ladle_error *error)
{
    const struct ladle_recipe *recipe = &plan->recipe;
    int first = add_reference(plan, &recipe->base, error);

    for (size_t i = 0; i < recipe->slice_count; i++) {
        const struct ladle_recipe_slice *slice = &recipe->slices[i];
        for (size_t k = 0; k <= slice->source_count; k++) {
            int status = add_reference(plan, k ? &slice->sources[k - 1].model : &slice->base, error);
            if (status == LADLE_NO_MEMORY)
                return status;
            first = first ? first : status;
        }
    }
    return first;
}

/* The references that there can be: as many as the recipe has places for them, at most MOST_MODELS. */
static size_t count_places(const struct ladle_recipe *recipe)
{
    size_t count = 1;

    for (size_t i = 0; i < recipe->slice_count && count < MOST_MODELS; i++)
        count += 1 + recipe->slices[i].source_count;
    return count < MOST_MODELS ? count : MOST_MODELS;
}

/* Whether two open models consist of the same files: a directory, and the file in it named by itself. */
static bool same_files(const struct ladle_model *a, const struct ladle_model *b)
{
    if (a->file_count != b->file_count || strcmp(a->directory, b->directory) != 0)
        return false;
    for (uint32_t i = 0; i < a->file_count; i++)
        if (strcmp(a->files[i].path, b->files[i].path) != 0)
            return false;
    return true;
}

/* Opens what a reference stands for, which must be no archive. */
static int open_path(struct ladle_plan *plan, const struct ladle_reference *reference, struct ladle_model **model,
                     struct ladle_error *error)
{
    int status = ladle_model_open_counted(model, reference->path, &plan->quota, &plan->options.log, error);

    if (status) {
        ladle_reference_help(reference->text, plan->recipe.path, reference->path, error);
    } else if ((*model)->packed) {
        ladle_model_close(*model);
        status = ladle_fail(error, LADLE_BAD_INPUT, "%s: is an archive, which cannot be an input of a merge",
                            reference->path);
        ladle_error_help(error, "unpack it and name the folder");
    }
    return status;
}

/* Opens the model of a reference unless it is open already. */
static int open_model(struct ladle_plan *plan, struct ladle_reference *reference, struct ladle_error *error)
{
    struct ladle_model *model;

    for (const struct ladle_reference *other = plan->references; other < reference; other++) {
        if (strcmp(other->path, reference->path) == 0) {
            reference->model = other->model;
            return LADLE_OK;
        }
    }
    int status = open_path(plan, reference, &model, error);
    if (status)
        return status;
    for (uint16_t i = 0; i < plan->model_count; i++) {
        if (same_files(plan->models[i], model)) {
            ladle_model_close(model);
            reference->model = i;
            return LADLE_OK;
        }
    }
    reference->model = (uint16_t)plan->model_count;
    plan->model_names[plan->model_count] = reference->text;
    plan->models[plan->model_count++] = model;
    return LADLE_OK;
}

/* Adds what is wrong with a model to what is wrong with others, and where the recipe names it. */
static void fail_model(const struct ladle_plan *plan, const struct ladle_reference *reference, struct ladle_error *own,
                       struct ladle_error *error)
{
    char where[512];

    if (ladle_error_status(own) != LADLE_NO_MEMORY) {
        ladle_recipe_where(&plan->recipe, reference->node, where);
        ladle_error_help(own, "it is named at %s", where);
    }
    ladle_error_append(error, own);
}

/* Opens all models that were found. What cannot be opened does not keep the others from being tried. */
static int open_all(struct ladle_plan *plan, struct ladle_error *error)
{
    plan->models = ladle_arena_take_array(&plan->arena, plan->reference_count, sizeof(*plan->models));
    plan->model_names = ladle_arena_take_array(&plan->arena, plan->reference_count, sizeof(*plan->model_names));
    if (!plan->models || !plan->model_names)
        return ladle_fail_memory(error, "the list of models");
    struct ladle_error *own = ladle_error_create(); /* each model may fail */
    int first = own ? LADLE_OK : ladle_fail_memory(error, "the list of models");
    for (size_t i = 0; own && i < plan->reference_count; i++) {
        int status = open_model(plan, &plan->references[i], own);
        if (status == LADLE_NO_MEMORY && first)
            break; /* what is known is said */
        if (error && status)
            fail_model(plan, &plan->references[i], own, error);
        ladle_error_clear(own);
        first = first ? first : status;
        if (status == LADLE_NO_MEMORY)
            break;
    }
    ladle_error_destroy(own);
    return first;
}

static int list_files(struct ladle_plan *plan, struct ladle_error *error)
{
    plan->first_files = ladle_arena_take_array(&plan->arena, plan->model_count, sizeof(*plan->first_files));
    if (!plan->first_files)
        return ladle_fail_memory(error, "the list of files");
    for (size_t i = 0; i < plan->model_count; i++) {
        plan->first_files[i] = (uint32_t)plan->file_count;
        plan->file_count += plan->models[i]->file_count;
    }
    plan->files = ladle_arena_take_array(&plan->arena, plan->file_count, sizeof(*plan->files));
    if (!plan->files)
        return ladle_fail_memory(error, "the list of files");
    for (size_t i = 0; i < plan->model_count; i++) {
        const struct ladle_model *model = plan->models[i];
        for (uint32_t k = 0; k < model->file_count; k++)
            plan->files[plan->first_files[i] + k] =
                (struct ladle_file){.path = model->files[k].path, .bytes = model->files[k].bytes, .model = (uint16_t)i};
    }
    return LADLE_OK;
}

/* The base, else the first model. Source: spec recipe.md "Side files of the output". */
static uint16_t find_donor(const struct ladle_plan *plan)
{
    const struct ladle_recipe *recipe = &plan->recipe;

    if (recipe->base.text)
        return ladle_plan_model(plan, &recipe->base);
    if (recipe->slices[0].base.text)
        return ladle_plan_model(plan, &recipe->slices[0].base);
    return ladle_plan_model(plan, &recipe->slices[0].sources[0].model);
}

static int compare_configs(struct ladle_plan *plan, struct ladle_error *error)
{
    struct ladle_arena arena = {.quota = &plan->quota};
    const struct ladle_model **models = ladle_arena_take_array(&arena, plan->model_count, sizeof(*models));
    size_t count = 0;

    if (!models)
        return ladle_fail_memory(error, "the list of models");
    models[count++] = plan->models[plan->donor];
    for (size_t i = 0; i < plan->model_count; i++)
        if (i != plan->donor)
            models[count++] = plan->models[i];
    ladle_config_compare(models, count, &plan->options.log);
    ladle_arena_finish(&arena);
    return LADLE_OK;
}

int ladle_plan_open_inputs(struct ladle_plan *plan, struct ladle_error *error)
{
    const struct ladle_recipe *recipe = &plan->recipe;

    if (recipe->slice_count == 0 || recipe->slices[0].source_count == 0)
        return ladle_fail(error, LADLE_BAD_INPUT, "%s: no models to merge", recipe->path);
    plan->references = ladle_arena_take_array(&plan->arena, count_places(recipe), sizeof(*plan->references));
    if (!plan->references)
        return ladle_fail_memory(error, "the list of models");
    int status = find_all(plan, error);
    if (status != LADLE_NO_MEMORY) {
        int opened = open_all(plan, error);
        status = status ? status : opened;
    }
    if (!status)
        status = list_files(plan, error);
    if (status)
        return status;
    plan->donor = find_donor(plan);
    return compare_configs(plan, error);
}

uint16_t ladle_plan_model(const struct ladle_plan *plan, const struct ladle_recipe_model *model)
{
    const struct ladle_reference *reference = find_reference(plan, model->text);

    return reference ? reference->model : 0;
}

const char *ladle_plan_model_name(const struct ladle_plan *plan, uint16_t model)
{
    return plan->model_names[model];
}
