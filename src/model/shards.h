/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_SHARDS_H
#define LADLE_MODEL_SHARDS_H

/* Within the room: from the files of a model to one list of its tensors. */

#include "model/directory.h"
#include "model/model.h"

/* The largest config.json that is read. */
#define LADLE_CONFIG_MOST_BYTES (16u << 20)

/* Finds out which files hold the model at model->path (a directory, a file or an archive), reads their headers and fills
 * files, tensors (in the order of the files, not yet in model order) and tensor_count; of an archive `packed` and `config`.
 * Returns LADLE_OK, LADLE_BAD_INPUT, LADLE_FAILED or LADLE_NO_MEMORY. */
int ladle_shards_read(struct ladle_model *model, const struct ladle_log *log, struct ladle_error *error);

/* The text of tensor `at`, for lookups; `self` is the model's array of tensors. */
const char *ladle_shards_tensor_name(const void *self, uint32_t at, size_t *bytes);

#endif
