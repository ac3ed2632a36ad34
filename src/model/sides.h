/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_SIDES_H
#define LADLE_MODEL_SIDES_H

/* Within the room: models with eyes and ears. Which side of a model a tensor or a part of config.json belongs to, by the
 * words in its name. */

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

enum ladle_side { LADLE_SIDE_ANY, LADLE_SIDE_TEXT, LADLE_SIDE_VISION, LADLE_SIDE_AUDIO };

/* The side that the first telling word of a name speaks of: "vision_config", "model.visual.blocks" and the like. Words end
 * at
 * '.', '_' and '-'. */
enum ladle_side ladle_side_of(const char *name);

/* Whether the name is that of eyes or ears: what is no part of the text side. */
bool ladle_side_is_sense(const char *name);

/* The value of a key on the text side of config.json: at the top, or else in the first object inside that has it and is not
 * for eyes or ears. NULL if there is none. */
const struct ladle_json *ladle_side_text_value(const struct ladle_json *config, const char *key);

#endif
