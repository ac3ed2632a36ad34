/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_SIDE_NAMES_H
#define LADLE_OUTPUT_SIDE_NAMES_H

/* What the name of a file beside a model's weights tells of it. Upper and lower case are the same.
 * Source: spec recipe.md "Side files of the output". */

#include <stdbool.h>

/* Weights in any format, or an index of such files. */
bool ladle_side_name_is_weights(const char *name);

/* Left by a training run, or by the tools that keep a folder: of no use to who loads the model. */
bool ladle_side_name_is_trace(const char *name);

/* Says something about its model that is not true of a merge, or that the merge says itself (README, config.json, the
 * recipe, the adapter). */
bool ladle_side_name_is_about(const char *name);

/* Python code: wanted wherever it lies, since config.json may name it (auto_map) and code may import code. */
bool ladle_side_name_is_code(const char *name);

#endif
