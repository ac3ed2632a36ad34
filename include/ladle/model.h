/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_H
#define LADLE_MODEL_H

#include <stdint.h>

#include "ladle/dtype.h"
#include "ladle/error.h"
#include "ladle/log.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A model on disk, opened for reading: a directory with model.safetensors or an index and shards, a single safetensors
 * file, or an archive of such a directory (.tar; or .tar.zst with a seek table, as ladle makes it). Headers are read and
 * checked when it is opened, tensor data is not. An archive can be looked at and read from, but not merged. */
struct ladle_model;

/* One stored tensor, as the header describes it. Everything it points to is owned by the model. */
struct ladle_tensor {
    const char *name;      /* UTF-8, NUL-terminated */
    const uint64_t *shape; /* outermost axis first, row-major; `rank` sizes */
    uint64_t elems;        /* product of the shape; 1 for a scalar */
    uint64_t bytes;        /* stored size */
    uint64_t offset;       /* of the first byte in its file; not aligned to anything */
    uint32_t file;         /* index of its file among the model's files */
    uint8_t rank;          /* 0 for a scalar; at most 32 */
    uint8_t dtype;         /* enum ladle_dtype */
};

/* Opens a model for reading.
 *   model   receives the object; free with ladle_model_close. Untouched on failure.
 *   path    a directory, a *.safetensors file or an archive
 *   log     warnings and details; may be NULL
 * Returns LADLE_OK; LADLE_BAD_INPUT if the path is no model or a header is broken (the message names file and tensor);
 * LADLE_FAILED if reading fails; LADLE_OVER_BUDGET if its headers and config.json take more than 256 MiB of memory;
 * LADLE_NO_MEMORY. */
LADLE_API int ladle_model_open(struct ladle_model **model, const char *path, const struct ladle_log *log,
                               struct ladle_error *error);

/* As ladle_model_open, with another limit to the memory that the lists of its tensors and its config.json may take, in
 * bytes; 0: the same. */
LADLE_API int ladle_model_open_within(struct ladle_model **model, const char *path, uint64_t memory_bytes,
                                      const struct ladle_log *log, struct ladle_error *error);

/* Closes a model; NULL is accepted. */
LADLE_API void ladle_model_close(struct ladle_model *model);

/* How many tensors the model has. */
LADLE_API uint64_t ladle_model_tensor_count(const struct ladle_model *model);

/* Tensor `at`, 0-based, in model order (embeddings, layer 0, 1, ..., norm, head). Valid until the model is closed. */
LADLE_API const struct ladle_tensor *ladle_model_tensor(const struct ladle_model *model, uint64_t at);

/* The tensor of this name, or NULL. */
LADLE_API const struct ladle_tensor *ladle_model_find(const struct ladle_model *model, const char *name);

/* How many files hold the tensors, and the path of file `file`, 0-based; in an archive "ARCHIVE/NAME". Owned by the model;
 * NULL beyond the last. */
LADLE_API uint32_t ladle_model_file_count(const struct ladle_model *model);
LADLE_API const char *ladle_model_file(const struct ladle_model *model, uint32_t file);

/* Number of layers of the model's longest stack; 0 if it has none. */
LADLE_API uint32_t ladle_model_layers(const struct ladle_model *model);

/* A number from config.json by key ("hidden_size"), into *value; a dot reaches into an object
 * ("text_config.hidden_size"). Returns 1, or 0 with *value untouched if it is absent or no number. */
LADLE_API int ladle_model_config_number(const struct ladle_model *model, const char *key, double *value);

/* Reads elements of a mergeable tensor, widened to float.
 *   first, elems  range of flat elements; must lie within the tensor
 *   out           elems floats, any alignment
 * F64 is rounded to the nearest float. Returns LADLE_OK, LADLE_BAD_REQUEST (range, type) or LADLE_FAILED. May be called from
 * several threads at once with error objects of their own. */
LADLE_API int ladle_model_read_floats(const struct ladle_model *model, const struct ladle_tensor *tensor, uint64_t first,
                                      uint64_t elems, float *out, struct ladle_error *error);

#ifdef __cplusplus
}
#endif
#endif
