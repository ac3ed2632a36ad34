/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_RECIPE_RECIPE_H
#define LADLE_RECIPE_RECIPE_H

/* A recipe, typed: what a merge is asked for, before any model is looked at. Source: spec recipe.md. */

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "ladle/dtype.h"
#include "ladle/method.h"
#include "recipe/node.h"

/* A model as the recipe names it. */
struct ladle_recipe_model {
    const char *text;              /* NULL: not given; as written, without a leading "model:" */
    const char *plain;             /* the same without needless dots and slashes (./a, a/, x//a): equal ones are one model,
                                    * different ones may still be (links, absolute paths) */
    const struct ladle_node *node; /* where */
};

struct ladle_recipe_source {
    struct ladle_recipe_model model;
    const struct ladle_node *node;       /* the whole entry */
    const struct ladle_node *range;      /* layer_range; NULL under `models:`: all layers */
    uint64_t first, past;                /* checked: first < past < 2^32, past - first alike in one slice */
    const struct ladle_node *parameters; /* its own, or NULL */
};

struct ladle_recipe_slice {
    const struct ladle_node *node;
    struct ladle_recipe_source *sources;
    size_t source_count;
    struct ladle_recipe_model base;      /* the slice's own, or none */
    const struct ladle_node *parameters; /* the slice's, or NULL */
};

struct ladle_recipe {
    struct ladle_arena arena;
    const char *path;              /* for messages; "-" for standard input */
    const char *text;              /* as read, to be copied beside the output */
    size_t text_bytes;
    const struct ladle_node *root;
    const struct ladle_method_info *method;
    const struct ladle_node *method_node;
    bool sliced;                   /* `slices:`; else `models:`, which is one slice of whole models */
    const struct ladle_node *list_node; /* the value of models: or slices: */
    struct ladle_recipe_slice *slices;
    size_t slice_count;
    struct ladle_recipe_model base;
    const struct ladle_node *parameters;
    bool have_dtype, have_out_dtype, out_dtype_input;
    enum ladle_dtype dtype, out_dtype;
    uint64_t seed;                 /* 0 if not given */
};

/* Parses and checks a recipe as far as that needs no models: keys, types, the method's name, parameters against the method's
 * table (unknown or misplaced ones warn with the nearest known name, values of the wrong type or out of range are errors),
 * and what is not supported yet. All mistakes are reported, up to 20. Of base and models it is checked here that a method
 * which requires a base has one named, and that no reference comes twice as written; the number of models, whether a slice
 * holds its base, and required values without a default wait for the models.
 *   recipe       receives the recipe; free with ladle_recipe_finish. Empty after a failure
 *   text, bytes  the recipe; copied
 *   quota        what the recipe counts against, and what is needed to read it; must outlive it. NULL: none
 * Returns LADLE_OK, LADLE_BAD_INPUT or LADLE_NO_MEMORY. */
int ladle_recipe_parse(struct ladle_recipe *recipe, const char *path, const char *text, size_t bytes,
                       struct ladle_quota *quota, const struct ladle_log *log, struct ladle_error *error);
void ladle_recipe_finish(struct ladle_recipe *recipe);

/* Adds a line of help to the error recorded last, that `parameter` has no value: the key nearest to it that stands where it
 * might have been given (misspelt, or outside `parameters`), with its place; nothing if there is none.
 *   slice    whose tensor it is
 *   source   the model that lacks the value; NULL for a per-tensor parameter */
void ladle_recipe_help_missing(const struct ladle_recipe *recipe, const char *parameter,
                               const struct ladle_recipe_slice *slice, const struct ladle_recipe_source *source,
                               struct ladle_error *error);

/* The value of one parameter for one tensor.
 *   parameter    its row in the method's table
 *   scopes       `parameters` mappings, nearest first; NULL entries are skipped
 *   tensor       name that filters look at
 *   t            gradient position in [0, 1]
 *   value        receives the number; choices and booleans as ladle_parameter says; the default if no scope gives one
 *   given        the node that decided, NULL for a default
 * Returns LADLE_OK; 1 if the parameter has no default and no scope gives a value (nothing is recorded: the caller knows
 * model and tensor); LADLE_BAD_INPUT with "FILE:LINE:COLUMN". Source: spec recipe.md "Parameter values". */
int ladle_recipe_value(const struct ladle_recipe *recipe, const struct ladle_parameter *parameter,
                       const struct ladle_node *const *scopes, size_t scope_count, const char *tensor, double t,
                       double *value, const struct ladle_node **given, struct ladle_error *error);

/* Whether the value of a parameter can differ between tensors (it has a filter or a gradient in one of the scopes); if not,
 * one call of ladle_recipe_value does for all. */
bool ladle_recipe_varies(const struct ladle_parameter *parameter, const struct ladle_node *const *scopes,
                         size_t scope_count);

/* "FILE:LINE:COLUMN" of a node ("FILE" if it is NULL), into `out` (at least 512 bytes; of a long path the end). Returns
 * out. */
char *ladle_recipe_where(const struct ladle_recipe *recipe, const struct ladle_node *node, char *out);

#endif
