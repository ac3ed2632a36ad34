/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_REFERENCE_H
#define LADLE_MODEL_REFERENCE_H

/* Finding the model that a recipe names. Source: spec recipe.md "Model references". */

#include "base/arena.h"
#include "base/error.h"

/* The real path (symbolic links and dots resolved) of the model that `text` names, for opening and for comparing whether two
 * references are the same model.
 *   text          as written in the recipe
 *   where         "FILE:LINE:COLUMN" of the reference, for messages
 *   recipe_path   its directory is looked at after the working directory
 * Returns LADLE_OK; LADLE_BAD_INPUT with every place looked at, or with "not supported yet" for what is to come (adapters,
 * revisions, the hub cache). */
int ladle_reference_find(const char *text, const char *where, const char *recipe_path, struct ladle_arena *arena,
                         const char **path, struct ladle_error *error);

/* Adds a line of help to the error recorded last, that the model at `path` is no good: if the working directory had something
 * of that name and the recipe's directory has too, both are named. Arguments as above. */
void ladle_reference_help(const char *text, const char *recipe_path, const char *path, struct ladle_error *error);

#endif
