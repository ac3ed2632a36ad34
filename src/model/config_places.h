/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_CONFIG_PLACES_H
#define LADLE_MODEL_CONFIG_PLACES_H

/* Within the room: where in config.json the layers of each stack are spoken of. A count belongs to a stack if it has its
 * value and its surroundings speak of the same side: "vision_config" of a stack named "vision_tower...", "decoder_layers" of
 * one with a component "decoder". Source: spec recipe.md "modules:" and "Side files of the output". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "model/layers.h"

/* A member of an object that counts the layers of a stack. */
struct ladle_place {
    struct ladle_json *object;
    const char *key; /* of the count */
    uint32_t stack;
};

struct ladle_places {
    struct ladle_place *items; /* from the arena */
    size_t count;
};

/* Finds all counts in a config (may be NULL) that belong to one of the stacks. Where several stacks fit equally well, the
 * first of those for which `wanted` is set has it (NULL: all are). Returns LADLE_OK or LADLE_NO_MEMORY. */
int ladle_places_find(struct ladle_json *config, const struct ladle_stack *stacks, uint32_t stack_count, const bool *wanted,
                      struct ladle_arena *arena, struct ladle_places *places);

/* Called for an object of a config with the keys that lead to it, outermost first. Returns a status; LADLE_OK to go on. */
typedef int ladle_places_visit(void *self, struct ladle_json *object, const char *const *path, size_t depth);

/* Visits a config and all objects in it, also those in lists, outer ones first. */
int ladle_places_walk(struct ladle_json *config, ladle_places_visit *visit, void *self);

/* How well a key in an object suits a stack; negative: it speaks of something else. `paired`: there is a stack for an
 * encoder and one for a decoder. */
int ladle_places_affinity(const char *const *path, size_t depth, const char *key, const struct ladle_stack *stack,
                          bool paired);

/* Whether one stack is an encoder's and another a decoder's. */
bool ladle_places_paired(const struct ladle_stack *stacks, uint32_t stack_count);

#endif
