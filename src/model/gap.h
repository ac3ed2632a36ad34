/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_GAP_H
#define LADLE_MODEL_GAP_H

/* Why a model has no layers although its tensors are numbered: for messages. */

#include "base/text.h"
#include "model/model.h"

/* Finds the prefix under which tensors have the most different numbers, those from 0 on without a gap left out, and writes
 * "model.layers is numbered 0-3, 5, 7-9, without 4" into the text. Returns false if there is none, or no memory. */
bool ladle_gap_describe(const struct ladle_model *model, struct ladle_text *out);

#endif
