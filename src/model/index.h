/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_INDEX_H
#define LADLE_MODEL_INDEX_H

/* Within the room: model.safetensors.index.json, which says for each tensor in which shard it is:
 *
 *   {"metadata": {"total_size": N}, "weight_map": {"NAME": "model-00001-of-00003.safetensors", ...}}
 *
 * Source: spec formats.md "A model directory". */

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "model/lookup.h"

struct ladle_index_entry {
    const char *tensor;
    uint32_t shard;
    bool found; /* for the caller: the shard holds it */
};

struct ladle_index {
    struct ladle_arena arena;
    struct ladle_index_entry *entries; /* as they came */
    uint32_t count, capacity;
    struct ladle_lookup by_tensor;
    const char **shards; /* file names, sorted once the index is read */
    uint32_t shard_count, shard_capacity;
    struct ladle_lookup by_shard;
};

/* Reads an index into an object of all zeros but for the arena's quota, against which everything counts. Shard names are
 * plain file names: no '/', no '\', not ".", "..", not empty. Returns LADLE_OK; LADLE_BAD_INPUT, LADLE_FAILED or
 * LADLE_NO_MEMORY with the path in the message. */
int ladle_index_read(struct ladle_index *index, const char *path, struct ladle_error *error);

/* As above, from a text. */
int ladle_index_parse(struct ladle_index *index, const char *path, const char *bytes, size_t count,
                      struct ladle_error *error);

/* The entry of a tensor, or NULL. */
struct ladle_index_entry *ladle_index_find(const struct ladle_index *index, const char *tensor);

/* Whether a file is one of the shards. */
bool ladle_index_has_shard(const struct ladle_index *index, const char *name);

void ladle_index_finish(struct ladle_index *index);

#endif
