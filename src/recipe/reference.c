/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/reading.h"

#include <string.h>

#include "base/text.h"

/* A path without what does not change it: "./" in front, "/./" and "//" inside, "/" and "/." at the end. */
static char *plain_path(struct ladle_arena *arena, const char *text)
{
    char *plain = ladle_arena_copy(arena, text, strlen(text));
    if (plain == NULL)
        return NULL;
    char *to = plain;
    const char *from = text;
    if (*from == '/')
        *to++ = '/';
    while (*from != 0) {
        size_t part = strcspn(from, "/");
        if (part > 0 && !(part == 1 && *from == '.')) {
            if (to > plain && to[-1] != '/')
                *to++ = '/';
            memmove(to, from, part);
            to += part;
        }
        from += part;
        from += strspn(from, "/");
    }
    if (to == plain)
        *to++ = '.';
    *to = 0;
    return plain;
}

/* The path in one half of the mapping form: a text, or {path, revision}. NULL after a mistake. */
static const struct ladle_node *path_node(struct ladle_reading *reading, const struct ladle_node *node, const char *what)
{
    static const char *const known[] = {"path", "revision", NULL};
    if (node == NULL || node->kind == LADLE_NODE_SCALAR)
        return node;
    if (node->kind == LADLE_NODE_LIST) {
        ladle_reading_mistake(reading, node, "%s: expected the path of a model, not a list", what);
        return NULL;
    }
    ladle_reading_keys(reading, node, known, false);
    const struct ladle_node *revision = ladle_node_get(node, "revision"), *path = ladle_node_get(node, "path");
    if (!ladle_node_is_null(revision)) {
        ladle_reading_mistake(reading, revision, "%s: 'revision' is not supported yet", what);
        return NULL;
    }
    if (path == NULL || path->kind != LADLE_NODE_SCALAR) {
        ladle_reading_mistake(reading, path == NULL ? node : path, "%s: expected {path: PATH OF THE MODEL}", what);
        return NULL;
    }
    return path;
}

/* {model: ..., lora: ...}; NULL after a mistake. */
static const struct ladle_node *model_node(struct ladle_reading *reading, const struct ladle_node *node, const char *what)
{
    static const char *const known[] = {"model", "lora", "override_architecture", NULL};
    if (node->kind != LADLE_NODE_MAP)
        return path_node(reading, node, what);
    ladle_reading_keys(reading, node, known, false);
    const struct ladle_node *lora = ladle_node_get(node, "lora"), *model = ladle_node_get(node, "model");
    if (!ladle_node_is_null(lora)) {
        ladle_reading_mistake(reading, lora, "%s: 'lora' (an adapter applied on the fly) is not supported yet", what);
        return NULL;
    }
    if (model == NULL) {
        ladle_reading_mistake(reading, node, "%s: expected a path or {model: {path: PATH OF THE MODEL}}", what);
        return NULL;
    }
    return path_node(reading, model, what);
}

void ladle_reading_model(struct ladle_reading *reading, const struct ladle_node *node, const char *what,
                         struct ladle_recipe_model *model)
{
    *model = (struct ladle_recipe_model){.node = node};
    const struct ladle_node *named = model_node(reading, node, what);
    if (named == NULL)
        return;
    const char *text = named->text;
    if (ladle_starts_with(text, "model:")) {
        text += strlen("model:");
        text += strspn(text, " \t");
    }
    if (ladle_node_is_null(named) || *text == 0) {
        ladle_reading_mistake(reading, named, "%s: the path of a model is missing", what);
        return;
    }
    model->plain = plain_path(&reading->recipe->arena, text);
    model->text = text;
    if (model->plain == NULL)
        ladle_reading_no_memory(reading);
}
