/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/reading.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "recipe/scalar.h"

#define MESSAGE_BYTES 800u

char *ladle_recipe_where(const struct ladle_recipe *recipe, const struct ladle_node *node, char *out)
{
    const size_t most = 460; /* leaves room for line and column */
    const char *path = recipe->path;
    size_t bytes = strlen(path);
    const char *dots = bytes > most ? "..." : "";
    path += bytes > most ? bytes - most : 0;
    if (node == NULL)
        snprintf(out, 512, "%s%s", dots, path);
    else
        snprintf(out, 512, "%s%s:%u:%u", dots, path, node->line, node->column);
    return out;
}

void ladle_reading_mistake(struct ladle_reading *reading, const struct ladle_node *at, const char *format, ...)
{
    char message[MESSAGE_BYTES], where[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (reading->status == LADLE_OK)
        reading->status = LADLE_BAD_INPUT;
    ladle_fail_also(reading->error, LADLE_BAD_INPUT, "%s: %s", ladle_recipe_where(reading->recipe, at, where), message);
}

void ladle_reading_remark(struct ladle_reading *reading, const struct ladle_node *at, const char *format, ...)
{
    char message[MESSAGE_BYTES], where[512];
    if (reading->remarks > LADLE_REMARKS_MOST)
        return;
    ladle_recipe_where(reading->recipe, at, where);
    if (reading->remarks++ == LADLE_REMARKS_MOST) {
        ladle_warn(reading->log, "%s: further warnings about this recipe are left out", where);
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    ladle_warn(reading->log, "%s: %s", where, message);
}

void ladle_reading_no_memory(struct ladle_reading *reading)
{
    reading->status = LADLE_NO_MEMORY;
    ladle_fail_memory(reading->error, "the recipe");
}

const struct ladle_node *ladle_reading_parameters(struct ladle_reading *reading, const struct ladle_node *map)
{
    const struct ladle_node *parameters = ladle_node_get(map, "parameters");
    if (ladle_node_is_null(parameters))
        return NULL;
    if (parameters->kind == LADLE_NODE_MAP)
        return parameters;
    ladle_reading_mistake(reading, parameters, "parameters: expected a mapping of names to values");
    return NULL;
}

/* The scalar under a key of the top level; NULL if it is not given, or is no scalar, which is a mistake. */
static const struct ladle_node *top_scalar(struct ladle_reading *reading, const char *key)
{
    const struct ladle_node *node = ladle_node_get(reading->recipe->root, key);
    if (ladle_node_is_null(node))
        return NULL;
    if (node->kind == LADLE_NODE_SCALAR)
        return node;
    ladle_reading_mistake(reading, node, "%s: expected a single value", key);
    return NULL;
}

/* A copy of a scalar's text without blanks around it; "" without memory, which is recorded. */
static const char *trimmed(struct ladle_reading *reading, const struct ladle_node *node)
{
    static const char blanks[] = " \t\r\n";
    const char *from = node->text + strspn(node->text, blanks);
    size_t bytes = strlen(from);
    while (bytes > 0 && strchr(blanks, from[bytes - 1]) != NULL)
        bytes--;
    const char *copy = ladle_arena_copy(&reading->recipe->arena, from, bytes);
    if (copy == NULL)
        ladle_reading_no_memory(reading);
    return copy == NULL ? "" : copy;
}

/* The method that a misspelt name was most likely meant to be, or NULL. */
static const struct ladle_method_info *nearest_method(const char *name)
{
    const struct ladle_method_info *best = NULL, *method;
    size_t least = SIZE_MAX;
    for (size_t at = 0; (method = ladle_method_at(at)) != NULL; at++) {
        size_t distance = ladle_distance(name, method->name);
        if (distance < least) {
            least = distance;
            best = method;
        }
    }
    return best;
}

/* Records that a method is not known, with those that are. */
static void unknown_method(struct ladle_reading *reading, const char *name, const struct ladle_method_info *near)
{
    struct ladle_text known = {0};
    const struct ladle_method_info *method;
    for (size_t at = 0; (method = ladle_method_at(at)) != NULL; at++)
        ladle_text_printf(&known, "%s%s", at == 0 ? "" : ", ", method->name);
    ladle_reading_mistake(reading, reading->recipe->method_node, "unknown merge_method '%.100s'%s%s%s", name,
                          near == NULL ? "" : "; did you mean '", near == NULL ? "" : near->name, near == NULL ? "" : "'?");
    if (known.data != NULL && !known.failed)
        ladle_error_help(reading->error, "known: %s", known.data);
    ladle_text_finish(&known);
}

static void read_method(struct ladle_reading *reading)
{
    static const char *const known[] = {"models", "slices", "modules", "name", NULL};
    struct ladle_recipe *recipe = reading->recipe;
    recipe->method_node = ladle_node_get(recipe->root, "merge_method");
    if (ladle_node_is_null(recipe->method_node)) {
        const struct ladle_node *meant = ladle_reading_meant(recipe->root, known, "merge_method");
        if (recipe->method_node == NULL && meant != NULL)
            ladle_reading_mistake(reading, meant, "merge_method is missing; did you mean it by '%.100s'?", meant->text);
        else
            ladle_reading_mistake(reading, recipe->method_node != NULL ? recipe->method_node : recipe->root,
                                  "merge_method is missing");
        return;
    }
    const struct ladle_node *node = top_scalar(reading, "merge_method");
    if (node == NULL)
        return;
    const char *name = trimmed(reading, node);
    recipe->method = ladle_method_find(name);
    if (recipe->method != NULL)
        return;
    recipe->method = nearest_method(name); /* so that the rest can be checked */
    unknown_method(reading, name, recipe->method);
}

/* Records what is to come; one line each. */
static void refuse_unsupported(struct ladle_reading *reading)
{
    static const char *const keys[] = {"modules", "tokenizer", "tokenizer_source", "chat_template"};
    const struct ladle_node *root = reading->recipe->root;
    for (size_t i = 0; i < root->count; i++) {
        const struct ladle_node *key = root->pairs[i].key;
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
            if (strcmp(key->text, keys[k]) == 0 && !ladle_node_is_null(root->pairs[i].value))
                ladle_reading_mistake(reading, key, "'%s' is not supported yet", keys[k]);
        }
    }
}

/* dtype or out_dtype. */
static bool read_dtype(struct ladle_reading *reading, const char *key, enum ladle_dtype *dtype, bool *input)
{
    static const char *const names[] = {"float32", "float16", "bfloat16", "float64", "float8_e4m3fn", "float8_e5m2", NULL};
    const struct ladle_node *node = top_scalar(reading, key);
    if (node == NULL)
        return false;
    const char *name = trimmed(reading, node);
    if (input != NULL && strcmp(name, "input") == 0) {
        *input = true;
        return false;
    }
    if (ladle_dtype_parse_recipe(name, dtype))
        return true;
    const char *near = ladle_nearest(name, names);
    ladle_reading_mistake(reading, node,
                          "%s: unknown type '%.100s'%s%s%s (known: float32, float16, bfloat16, float64, float8_e4m3fn, "
                          "float8_e5m2%s)",
                          key, name, near == NULL ? "" : "; did you mean '", near == NULL ? "" : near,
                          near == NULL ? "" : "'?", input != NULL ? ", input" : "");
    return false;
}

static void read_seed(struct ladle_reading *reading)
{
    const struct ladle_node *node = top_scalar(reading, "seed");
    if (node != NULL && !ladle_scalar_whole(node, &reading->recipe->seed))
        ladle_reading_mistake(reading, node, "seed: '%.100s' is not a whole number from 0 to 18446744073709551615",
                              node->text);
}

static bool is_empty(const struct ladle_node *node)
{
    return ladle_node_is_null(node) || (node->kind != LADLE_NODE_SCALAR && node->count == 0);
}

/* What says what to merge: exactly one of them. */
#define LISTS 3u
static const char *const list_keys[LISTS] = {"models", "slices", "modules"};

/* None of them is there with something in it. */
static void nothing_to_merge(struct ladle_reading *reading)
{
    static const char *const others[] = {"merge_method", "name", "base_model", "parameters", NULL};
    const struct ladle_node *root = reading->recipe->root;
    for (size_t i = 0; i < LISTS; i++) {
        const struct ladle_node *empty = ladle_node_get(root, list_keys[i]);
        if (empty != NULL) {
            ladle_reading_mistake(reading, empty, "%s is empty: there is nothing to merge", list_keys[i]);
            return;
        }
    }
    for (size_t i = 0; i < LISTS; i++) {
        const struct ladle_node *meant = ladle_reading_meant(root, others, list_keys[i]);
        if (meant != NULL) {
            ladle_reading_mistake(reading, meant, "%s is missing; did you mean it by '%.100s'?", list_keys[i], meant->text);
            return;
        }
    }
    ladle_reading_mistake(reading, root, "one of models, slices and modules is missing: there is nothing to merge");
}

/* The n-th key, from 0 on, that says what to merge and has something in it; NULL if there are not so many. */
static const struct ladle_node *list_key(const struct ladle_node *root, unsigned n)
{
    for (size_t at = 0; at < root->count; at++) {
        const struct ladle_pair *pair = &root->pairs[at];
        for (size_t i = 0; i < LISTS; i++) {
            if (strcmp(pair->key->text, list_keys[i]) == 0 && !is_empty(pair->value) && n-- == 0)
                return pair->key;
        }
    }
    return NULL;
}

/* models, slices or modules: one of them. */
static void read_list(struct ladle_reading *reading)
{
    struct ladle_recipe *recipe = reading->recipe;
    const struct ladle_node *first = list_key(recipe->root, 0), *second = list_key(recipe->root, 1);
    if (first == NULL)
        nothing_to_merge(reading);
    if (second != NULL)
        ladle_reading_mistake(reading, second,
                              "%s beside %s (line %u): exactly one of models, slices and modules may be given",
                              second->text, first->text, first->line);
    const struct ladle_node *models = ladle_node_get(recipe->root, "models");
    recipe->sliced = is_empty(models);
    recipe->list_node = recipe->sliced ? ladle_node_get(recipe->root, "slices") : models;
    if (!is_empty(recipe->list_node))
        ladle_reading_slices(reading);
}

static void read_top(struct ladle_reading *reading)
{
    struct ladle_recipe *recipe = reading->recipe;
    read_method(reading);
    refuse_unsupported(reading);
    recipe->have_dtype = read_dtype(reading, "dtype", &recipe->dtype, NULL);
    recipe->have_out_dtype = read_dtype(reading, "out_dtype", &recipe->out_dtype, &recipe->out_dtype_input);
    read_seed(reading);
    const struct ladle_node *base = ladle_node_get(recipe->root, "base_model");
    if (!ladle_node_is_null(base))
        ladle_reading_model(reading, base, "base_model", &recipe->base);
    recipe->parameters = ladle_reading_parameters(reading, recipe->root);
    read_list(reading);
    if (reading->status != LADLE_NO_MEMORY)
        ladle_reading_check(reading);
}

/* Finds the one document; false after a mistake. */
static bool find_root(struct ladle_reading *reading, const struct ladle_node *const *documents, size_t count)
{
    const struct ladle_node *root = count > 0 ? documents[0] : NULL;
    if (count == 0)
        ladle_reading_mistake(reading, NULL, "the recipe is empty");
    else if (count > 1)
        ladle_reading_mistake(reading, documents[1], "several documents in one recipe are not supported yet");
    else if (root->kind != LADLE_NODE_MAP)
        ladle_reading_mistake(reading, root, "expected a mapping: merge_method, models, ...");
    else if (!ladle_node_is_null(ladle_node_get(root, "experts")))
        ladle_reading_mistake(reading, ladle_node_get(root, "experts"),
                              "'experts' (a mixture of experts, as mergekit-moe makes) is not supported yet");
    reading->recipe->root = root;
    return reading->status == LADLE_OK;
}

int ladle_recipe_parse(struct ladle_recipe *recipe, const char *path, const char *text, size_t bytes,
                       struct ladle_quota *quota, const struct ladle_log *log, struct ladle_error *error)
{
    struct ladle_reading reading = {.recipe = recipe, .log = log, .error = error, .status = LADLE_OK};
    const struct ladle_node *const *documents;
    size_t count;
    memset(recipe, 0, sizeof *recipe);
    recipe->arena.quota = quota;
    recipe->path = ladle_arena_copy(&recipe->arena, path, strlen(path));
    recipe->text = ladle_arena_copy(&recipe->arena, text, bytes);
    recipe->text_bytes = bytes;
    if (recipe->path == NULL || recipe->text == NULL)
        ladle_reading_no_memory(&reading);
    else
        reading.status = ladle_node_parse(recipe->path, recipe->text, bytes, &recipe->arena, &documents, &count, error);
    if (reading.status == LADLE_OK && find_root(&reading, documents, count))
        read_top(&reading);
    if (reading.status != LADLE_OK)
        ladle_recipe_finish(recipe);
    return reading.status;
}

void ladle_recipe_finish(struct ladle_recipe *recipe)
{
    ladle_arena_finish(&recipe->arena);
    memset(recipe, 0, sizeof *recipe);
}
