/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_TENSOR_SAFETENSORS_HEADER_H
#define LADLE_TENSOR_SAFETENSORS_HEADER_H

/* The JSON of a safetensors header, piece by piece, into an array of tensors. Only for safetensors.c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "ladle/model.h"

#define LADLE_SAFETENSORS_MOST_AXES 32

enum ladle_header_field { LADLE_FIELD_DTYPE, LADLE_FIELD_SHAPE, LADLE_FIELD_OFFSETS, LADLE_FIELD_OTHER };

struct ladle_header_parse {
    /* Given: */
    const char *path; /* for messages */
    struct ladle_arena *arena;
    struct ladle_error *error;

    /* What was found, in the order of the header: `offset` counts from the start of the data, and `file` is the place in the
     * header. Names and shapes are in the arena; the array is to be freed
     * (ladle_quota_free, with the arena's quota). */
    struct ladle_tensor *tensors;
    size_t count, capacity;
    int status; /* of the first failure */

    /* Where the parse is: */
    unsigned depth;                /* 1: between tensors, 2: in the description of one, more: in a list or object there */
    bool metadata;                 /* in __metadata__ */
    enum ladle_header_field field; /* at depth 2 and more, of a tensor */
    unsigned seen;                 /* bits of the fields that the tensor has */
    const char *name;
    enum ladle_dtype dtype;
    uint64_t shape[LADLE_SAFETENSORS_MOST_AXES], offsets[2];
    unsigned rank, offset_count;
};

/* Events for a ladle_json_reader with a ladle_header_parse as `self`. */
extern const struct ladle_json_handler ladle_header_handler;

#endif
