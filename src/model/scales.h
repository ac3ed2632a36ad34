/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_SCALES_H
#define LADLE_MODEL_SCALES_H

/* Within the room: weights that are no plain numbers. Source: spec formats.md "safetensors". */

#include "model/model.h"

/* Sets model->scaled and scaled_why: F8 weights with scales of their own, packed integers (GPTQ, AWQ, bitsandbytes, MXFP4),
 * sub-byte types, or F8 and integer weights of which config.json says quantization_config. */
void ladle_scales_look(struct ladle_model *model);

#endif
