/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_RECIPE_READING_H
#define LADLE_RECIPE_READING_H

/* What the files of this room share while a recipe is read. Mistakes do not stop the reading: each is recorded, and the
 * status says at the end whether there were any. Only missing memory stops it. */

#include "recipe/recipe.h"

struct ladle_reading {
    struct ladle_recipe *recipe;
    const struct ladle_log *log;
    struct ladle_error *error;
    int status;       /* LADLE_OK, LADLE_BAD_INPUT or LADLE_NO_MEMORY */
    unsigned remarks; /* warnings so far */
};

/* Warnings about one recipe; the rest is left out. */
#define LADLE_REMARKS_MOST 100u

/* Records "FILE:LINE:COLUMN: ..." as an error, or sends it as a warning; one line of at most 800 bytes. */
void ladle_reading_mistake(struct ladle_reading *reading, const struct ladle_node *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void ladle_reading_remark(struct ladle_reading *reading, const struct ladle_node *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void ladle_reading_no_memory(struct ladle_reading *reading);

/* reference.c: the model that a node names, into *model. `what` is the key, for messages. Source: spec recipe.md "Model
 * references". */
void ladle_reading_model(struct ladle_reading *reading, const struct ladle_node *node, const char *what,
                         struct ladle_recipe_model *model);

/* slices.c: fills recipe->slices from `models:` or `slices:`, whichever the recipe has. */
void ladle_reading_slices(struct ladle_reading *reading);

/* recipe.c: the value of a map's `parameters`; NULL if there is none, or it is no mapping, which is a mistake. */
const struct ladle_node *ladle_reading_parameters(struct ladle_reading *reading, const struct ladle_node *map);

/* check.c: warns of keys of `map` that are not in `known` (ends with NULL). With `misplaced`, parameters of the method among
 * them are named as such. */
void ladle_reading_keys(struct ladle_reading *reading, const struct ladle_node *map, const char *const *known,
                        bool misplaced);

/* check.c: the key of `map` that is none of `known` and most likely was meant to be `wanted`; NULL if none is near. */
const struct ladle_node *ladle_reading_meant(const struct ladle_node *map, const char *const *known, const char *wanted);

/* check.c: keys and parameters of the whole recipe, once the slices are known. */
void ladle_reading_check(struct ladle_reading *reading);

/* value.c: every value that a parameter's setting holds, whether or not a filter ever matches. `model` is whose it is, or
 * NULL. */
void ladle_reading_setting(struct ladle_reading *reading, const struct ladle_parameter *parameter,
                           const struct ladle_node *setting, const char *model);

#endif
