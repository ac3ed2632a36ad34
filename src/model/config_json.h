/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_CONFIG_JSON_H
#define LADLE_MODEL_CONFIG_JSON_H

/* Within the room: trees of JSON values copied and compared. */

#include <stdbool.h>

#include "base/arena.h"
#include "base/json.h"

/* A copy of a value and all it holds, with its key; NULL without memory. */
struct ladle_json *ladle_config_copy(struct ladle_arena *arena, const struct ladle_json *value);

/* Whether two values mean the same: numbers by value (1e-5 and 0.00001), members of objects by key in any order. NULL is a
 * value that is not there, equal only to another such. */
bool ladle_config_equal(const struct ladle_json *a, const struct ladle_json *b);

#endif
