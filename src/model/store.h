/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_STORE_H
#define LADLE_MODEL_STORE_H

/* Within the room: the tensors of a model kept in little memory. Models of 100,000 tensors exist, and what is held of them
 * counts against the budget: names stand side by side and equal shapes are kept once. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "ladle/model.h"

#define LADLE_STORE_SHAPES 64

/* All zeros but the arena is empty. */
struct ladle_store {
    struct ladle_arena *arena; /* takes everything */
    struct ladle_tensor *tensors;
    size_t count, capacity;
    char *names;                                /* where the next name goes */
    size_t names_left;                          /* bytes there */
    const uint64_t *shapes[LADLE_STORE_SHAPES]; /* some that were met, by hash */
    uint8_t ranks[LADLE_STORE_SHAPES];
};

/* Makes room for `count` more tensors, so that none is wasted. Returns false without memory. */
bool ladle_store_reserve(struct ladle_store *store, size_t count);

/* Adds a copy of a tensor, with its name and shape. Returns false without memory. */
bool ladle_store_add(struct ladle_store *store, const struct ladle_tensor *tensor);

#endif
