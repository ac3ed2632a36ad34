/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_MODEL_H
#define LADLE_MODEL_MODEL_H

/* A model on disk, for the rooms above: what the public ladle_model is made of. */

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/arena.h"
#include "base/json.h"
#include "ladle/model.h"
#include "model/layers.h"
#include "model/lookup.h"

/* A file with tensors. It is open only while its header is read: a recipe may bring more shards than there are
 * descriptors. */
struct ladle_model_file {
    const char *path;
    uint64_t bytes;
    struct timespec modified;
    uint64_t header_hash;
    uint64_t start; /* in an archive; see packed.h */
};

struct ladle_model {
    struct ladle_arena arena;
    struct ladle_quota quota; /* of a model that was opened alone */
    const char *path;      /* directory or file as found */
    bool packed;           /* it is an archive, whose headers were read and no more: the files lie inside it */
    uint64_t packed_bytes; /* of the archive */
    const char *directory; /* the directory whose side files belong to the model */
    struct ladle_model_file *files;
    uint32_t file_count;
    struct ladle_tensor *tensors;     /* in model order, see layers.h */
    struct ladle_position *positions; /* of each tensor */
    size_t tensor_count;
    struct ladle_lookup by_name; /* of tensors */
    struct ladle_json *config;   /* config.json; NULL if there is none */
    struct ladle_stack *stacks;
    uint32_t stack_count;
    uint32_t main_stack; /* index of the longest (first of equals); meaningless when stack_count is 0 */
    bool tied;         /* config says tie_word_embeddings (also inside text_config), or nothing of it and there is no head */
    int64_t embedding; /* index of the token embedding, -1 if not recognised */
    bool scaled;       /* quantised weights with scales of their own, or packed integers: copying only */
    const char *scaled_why; /* what shows that: a tensor name or "quantization_config in config.json" */
};

/* As ladle_model_open, but what is read of the model counts against the caller's quota, which must outlive it. What the
 * quota refuses is LADLE_NO_MEMORY, for ladle_quota_explain. */
int ladle_model_open_counted(struct ladle_model **model, const char *path, struct ladle_quota *quota,
                             const struct ladle_log *log, struct ladle_error *error);

/* Index of a tensor by name, or -1. */
int64_t ladle_model_index(const struct ladle_model *model, const char *name);

/* As ladle_model_index, but a missing output head of a tied model is its token embedding. */
int64_t ladle_model_source_index(const struct ladle_model *model, const char *name);

/* Memory held for the model's metadata. */
size_t ladle_model_metadata_bytes(const struct ladle_model *model);

#endif
