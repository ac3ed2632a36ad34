/* SPDX-License-Identifier: Apache-2.0 */
#include "output/output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ladle/ladle.h"
#include "output/public_names.h"

#define MOST_IN_TITLE 4u

/* A model's name as others may read it, into a new text. */
static struct ladle_text public_name(const char *name)
{
    struct ladle_text text = {0};
    ladle_public_text(name, strlen(name), &name, 1, &text);
    ladle_text_add(&text, "", 0);
    if (!text.failed) {
        ladle_mask(text.data);
        for (char *c = text.data; *c != '\0'; c++) { /* it stands between backticks */
            *c = *c == '`' ? '\'' : *c;
        }
    }
    return text;
}

/* Adds "`name`". */
static void add_name(const char *name, struct ladle_text *out)
{
    struct ladle_text text = public_name(name);
    ladle_text_printf(out, "`%s`", text.failed ? "" : text.data);
    out->failed = out->failed || text.failed;
    ladle_text_finish(&text);
}

/* Adds one name to the list of base models: as it is if it can be one on the Hub, else its last component, else not at all:
 * the Hub refuses cards with other names. */
static void add_base_model(const char *name, struct ladle_text *list)
{
    const char *slash = strrchr(name, '/');
    name = ladle_public_is_hub_id(name) || slash == NULL ? name : slash + 1;
    if (ladle_public_is_hub_id(name)) {
        /* A name without organisation could be read as a number or a truth value. */
        const char *quote = strchr(name, '/') != NULL ? "" : "\"";
        ladle_text_printf(list, "- %s%s%s\n", quote, name, quote);
    }
}

/* base_model: all inputs; a model with an adapter is two. */
static void add_base_models(const struct ladle_plan *plan, struct ladle_text *out)
{
    struct ladle_text list = {0};
    for (size_t i = 0; i < plan->model_count; i++) {
        struct ladle_text text = public_name(plan->model_names[i]);
        char *state = NULL, *part = text.failed ? NULL : strtok_r(text.data, "+", &state);
        for (; part != NULL; part = strtok_r(NULL, "+", &state)) {
            part[strcspn(part, "@")] = '\0'; /* a revision */
            for (size_t end = strlen(part); end > 0 && part[end - 1] == '/'; end--) {
                part[end - 1] = '\0';
            }
            add_base_model(ladle_starts_with(part, "./") ? part + 2 : part, &list);
        }
        list.failed = list.failed || text.failed;
        ladle_text_finish(&text);
    }
    if (list.bytes > 0) {
        ladle_text_printf(out, "base_model:\n%sbase_model_relation: merge\n", list.data);
    }
    out->failed = out->failed || list.failed;
    ladle_text_finish(&list);
}

/* What loads the output: what loads the donor. */
static const char *library_name(const struct ladle_side_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->files[i].path, "modules.json") == 0) {
            return "sentence-transformers";
        }
    }
    return "transformers";
}

/* The output's name is not in it: the same merge has the same card wherever it goes, a folder, an archive or a pipe. */
static void add_title(const struct ladle_plan *plan, struct ladle_text *out)
{
    size_t shown = plan->model_count <= MOST_IN_TITLE ? plan->model_count : MOST_IN_TITLE - 1;
    ladle_text_add_string(out, "# Merge of ");
    for (size_t i = 0; i < shown; i++) {
        ladle_text_add_string(out, i == 0 ? "" : i + 1 == plan->model_count ? " and " : ", ");
        add_name(plan->model_names[i], out);
    }
    if (shown < plan->model_count) {
        ladle_text_printf(out, " and %zu more", plan->model_count - shown);
    }
}

static void add_facts(const struct ladle_plan *plan, struct ladle_text *out)
{
    const struct ladle_method_info *method = &plan->method->info;
    ladle_text_printf(out, "- Method: %s (`%s`)", method->title, method->name);
    if (method->source != NULL && method->source[0] != '\0') {
        ladle_text_printf(out, ", %s", method->source);
    }
    ladle_text_add_string(out, "\n- Inputs: ");
    for (size_t i = 0; i < plan->model_count; i++) {
        ladle_text_add_string(out, i > 0 ? ", " : "");
        add_name(plan->model_names[i], out);
    }
    ladle_text_add_string(out, "\n- Tokenizer, configuration and other files from: ");
    add_name(plan->model_names[plan->donor], out);
    ladle_text_printf(out, "\n- Size: %" PRIu64 " parameters in %" PRIu64 " tensors", plan->parameter_count,
                      plan->tensor_count);
    if (plan->one_dtype && ladle_dtype_recipe_name(plan->dtype) != NULL) {
        ladle_text_printf(out, ", stored as %s", ladle_dtype_recipe_name(plan->dtype));
    }
    ladle_text_printf(out, "\n- Seed: %" PRIu64 "\n", plan->seed);
}

/* A fence longer than any run of backticks in the recipe. */
static void add_fence(const struct ladle_text *recipe, struct ladle_text *out)
{
    size_t longest = 2, run = 0;
    for (size_t i = 0; i < recipe->bytes; i++) {
        run = recipe->data[i] == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    for (size_t i = 0; i <= longest; i++) {
        ladle_text_add(out, "`", 1);
    }
}

static void add_recipe(const struct ladle_plan *plan, struct ladle_text *out)
{
    struct ladle_text recipe = {0};
    ladle_public_text(plan->recipe.text, plan->recipe.text_bytes, plan->model_names, plan->model_count, &recipe);
    add_fence(&recipe, out);
    ladle_text_add_string(out, "yaml\n");
    ladle_text_add(out, recipe.data != NULL ? recipe.data : "", recipe.bytes);
    if (recipe.bytes > 0 && recipe.data[recipe.bytes - 1] != '\n') {
        ladle_text_add(out, "\n", 1);
    }
    add_fence(&recipe, out);
    ladle_text_add_string(out, "\n");
    out->failed = out->failed || recipe.failed;
    ladle_text_finish(&recipe);
}

/* The command that makes the same bytes again. */
static void add_command(const struct ladle_plan *plan, struct ladle_text *out)
{
    const struct ladle_options *options = &plan->options;
    ladle_text_add_string(out, "\nThe same tensors again:\n\n    ladle merge mergekit_config.yml -o OUTPUT");
    if (options->have_seed) {
        ladle_text_printf(out, " --seed %" PRIu64, options->seed);
    }
    if (options->dtype != NULL) {
        ladle_text_printf(out, " --dtype %s", options->dtype);
    }
    if (options->out_dtype != NULL) {
        ladle_text_printf(out, " --out-dtype %s", options->out_dtype);
    }
    ladle_text_add_string(out, options->allow_missing ? " --allow-missing" : "");
    ladle_text_add_string(out, options->truncate_embeddings ? " --unsafe-truncate-embeddings" : "");
    ladle_text_add_string(out, "\n");
}

int ladle_card_write(const struct ladle_plan *plan, const struct ladle_side_files *files, struct ladle_text *out,
                     struct ladle_error *error)
{
    ladle_text_add_string(out, "---\n");
    add_base_models(plan, out);
    ladle_text_printf(out, "library_name: %s\ntags:\n- merge\n- ladle\n---\n\n", library_name(files));
    add_title(plan, out);
    ladle_text_printf(out, "\n\nThis model was merged from others with ladle %s.\n\n", ladle_version());
    add_facts(plan, out);
    ladle_text_add_string(out, "\n## Recipe\n\n");
    add_recipe(plan, out);
    add_command(plan, out);
    return out->failed ? ladle_fail_memory(error, "the model card") : LADLE_OK;
}
