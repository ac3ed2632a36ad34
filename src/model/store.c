/* SPDX-License-Identifier: Apache-2.0 */
#include "model/store.h"

#include <string.h>

#include "base/text.h"

#define NAMES_BYTES 16384u

bool ladle_store_reserve(struct ladle_store *store, size_t count)
{
    if (count <= store->capacity - store->count) {
        return true;
    }
    struct ladle_tensor *tensors = ladle_arena_take_array(store->arena, store->count + count, sizeof *tensors);
    if (tensors == NULL) {
        return false;
    }
    if (store->count > 0) {
        memcpy(tensors, store->tensors, store->count * sizeof *tensors);
    }
    store->tensors = tensors;
    store->capacity = store->count + count;
    return true;
}

static const char *keep_name(struct ladle_store *store, const char *name)
{
    size_t bytes = strlen(name) + 1;
    if (bytes > store->names_left) {
        size_t block = bytes > NAMES_BYTES / 4 ? bytes : NAMES_BYTES;
        char *names = ladle_arena_take(store->arena, block);
        if (names == NULL || block == bytes) {
            return names == NULL ? NULL : memcpy(names, name, bytes);
        }
        store->names = names;
        store->names_left = block;
    }
    char *kept = memcpy(store->names, name, bytes);
    store->names += bytes;
    store->names_left -= bytes;
    return kept;
}

static const uint64_t *keep_shape(struct ladle_store *store, const uint64_t *shape, uint8_t rank)
{
    uint64_t hash = ladle_fnv(LADLE_FNV_START, shape, rank * sizeof *shape);
    size_t at = (hash ^ hash >> 32) % LADLE_STORE_SHAPES;
    if (store->shapes[at] != NULL && store->ranks[at] == rank &&
        memcmp(store->shapes[at], shape, rank * sizeof *shape) == 0) {
        return store->shapes[at];
    }
    uint64_t *kept = ladle_arena_take_array(store->arena, rank, sizeof *shape);
    if (kept != NULL) {
        memcpy(kept, shape, rank * sizeof *shape);
        store->shapes[at] = kept;
        store->ranks[at] = rank;
    }
    return kept;
}

bool ladle_store_add(struct ladle_store *store, const struct ladle_tensor *tensor)
{
    if (store->count == store->capacity && !ladle_store_reserve(store, store->count / 2 + 16)) {
        return false;
    }
    struct ladle_tensor kept = *tensor;
    kept.name = keep_name(store, tensor->name);
    kept.shape = keep_shape(store, tensor->shape, tensor->rank);
    store->tensors[store->count] = kept;
    store->count += kept.name != NULL && kept.shape != NULL;
    return kept.name != NULL && kept.shape != NULL;
}
