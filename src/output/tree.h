/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_TREE_H
#define LADLE_OUTPUT_TREE_H

/* A folder and all it holds. */

#include "base/error.h"

/* Removes what `folder` (an open directory) knows under `name`, whatever it is; a folder with all inside it. Symbolic links
 * are removed and not followed. Nothing of this name is no failure. Stops at the first entry that cannot be removed.
 *   shown   path of `folder`, for messages
 * Returns LADLE_OK or LADLE_FAILED. */
int ladle_tree_remove(int folder, const char *name, const char *shown, struct ladle_error *error);

#endif
