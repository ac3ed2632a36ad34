/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_TOOLS_SYNTHETIC_H
#define LADLE_TOOLS_SYNTHETIC_H

/* A list of tensors and pseudo-random numbers for them, written as safetensors files. For make_model. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ladle/dtype.h"

#define SYNTHETIC_MOST_RANK 4

struct synthetic_tensor {
    char *name;
    uint64_t shape[SYNTHETIC_MOST_RANK], bytes;
    unsigned rank;
    enum ladle_dtype dtype;
};

/* All zeros is an empty list; `dtype` is a preset for callers, each tensor has its own. */
struct synthetic {
    struct synthetic_tensor *tensors;
    size_t count, capacity;
    uint64_t bytes;
    uint64_t seed, change_seed, shards;
    enum ladle_dtype dtype;
    bool changed; /* small changes, picked by change_seed, on top of the numbers of seed */
    bool odd;     /* data begins at an odd byte */
};

/* Adds a tensor; the name is copied. Ends the program without memory or with a rank above SYNTHETIC_MOST_RANK. */
void synthetic_add(struct synthetic *synthetic, const char *name, enum ladle_dtype dtype, const uint64_t *shape,
                   unsigned rank);

/* Writes model.safetensors, or shards and an index. Returns 0, or 1 with the failure said on standard error. */
int synthetic_write(const struct synthetic *synthetic, const char *directory);

void synthetic_finish(struct synthetic *synthetic);

#endif
