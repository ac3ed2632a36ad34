/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_NAMES_H
#define LADLE_MODEL_NAMES_H

/* Within the room: more that single tensor names say; see layers.h for the rest. */

#include <stdbool.h>

/* Whether it is a head with a row for each token, which a tied model may leave to its token embedding. */
bool ladle_name_is_tied_head(const char *name);

/* Whether a tensor outside the stacks is a norm that comes after them. */
bool ladle_name_is_norm(const char *name);

#endif
