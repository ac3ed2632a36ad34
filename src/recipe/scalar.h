/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_RECIPE_SCALAR_H
#define LADLE_RECIPE_SCALAR_H

/* What the text of a scalar spells, whatever the process's locale. Unquoted scalars are read by the rules of YAML 1.1 as
 * PyYAML has them, and as Python's float() reads a text where YAML sees only a text (1e-4); quoted ones by the latter alone.
 * An underscore may stand between two digits. Not taken over: YAML's numbers to the base of 60 ("1:30"). */

#include "recipe/node.h"

/* A number in f64, correctly rounded; an unquoted boolean is 0 or 1. NaN and Inf count as numbers: the caller refuses them.
 * Returns false, *number untouched, if the node is NULL, no scalar or spells none. Source: YAML 1.1 types float, int, bool;
 * spec recipe.md "Parameter values". */
bool ladle_scalar_number(const struct ladle_node *node, double *number);

/* A whole number from 0 to 2^64 - 1, exact; "10.0" is one too. */
bool ladle_scalar_whole(const struct ladle_node *node, uint64_t *number);

/* true/false, yes/no, on/off, y/n, t/f in any case, quoted or not; the numbers 1 and 0. */
bool ladle_scalar_boolean(const struct ladle_node *node, bool *value);

#endif
