/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_CONFIG_CHANGE_H
#define LADLE_MODEL_CONFIG_CHANGE_H

/* Within the room: one rewriting of a config.json, shared by the files that do its parts. */

#include "base/arena.h"
#include "base/json.h"
#include "model/config.h"
#include "model/config_places.h"

/* A model that output layers come from, with the places of its own config. */
struct ladle_config_source {
    const struct ladle_model *model;
    struct ladle_places places;
};

/* What config.json says of each layer of a changed stack, all that speaks of single layers taken together: layers of which it
 * says the same have the same sign. NULL for stacks that did not change. */
struct ladle_layer_signs {
    uint64_t *before; /* of the donor's layers, as it was */
    uint64_t *after;  /* of the output's, as it is now */
};

struct ladle_rewrite {
    const struct ladle_config_change *change;
    const struct ladle_log *log;
    struct ladle_arena arena;   /* everything here lives until the text is written */
    struct ladle_json *config;  /* the copy that is changed */
    struct ladle_places places; /* of the donor's stacks in the copy */
    struct ladle_config_source *sources;
    size_t source_count, source_capacity;
    struct ladle_layer_signs *signs; /* one a stack of the donor */
    size_t list_count;               /* lists that were re-assembled or warned of */
};

/* The source of a model, made if it is new; NULL without memory. */
const struct ladle_config_source *ladle_config_find_source(struct ladle_rewrite *rewrite, const struct ladle_model *model);

/* Index of the stack of `model` with the same prefix as a stack of the donor, or -1. */
int64_t ladle_config_same_stack(const struct ladle_model *model, const struct ladle_stack *stack);

/* Whether a stack of the donor is changed. */
static inline bool ladle_config_changes(const struct ladle_rewrite *rewrite, uint32_t stack)
{
    return rewrite->change->layers != NULL && rewrite->change->layers[stack] != NULL;
}

/* config_kinds.c: adds a value that config.json has for one layer to that layer's sign. */
void ladle_config_add_sign(uint64_t *sign, const void *value, size_t bytes);

/* config_lists.c: re-assembles the lists that speak of single layers. Returns LADLE_OK or LADLE_NO_MEMORY. */
int ladle_config_rewrite_lists(struct ladle_rewrite *rewrite);

/* config_firsts.c: numbers of first layers of another kind follow. Returns LADLE_OK or LADLE_NO_MEMORY. */
int ladle_config_rewrite_firsts(struct ladle_rewrite *rewrite);

/* config_stages.c: what backbones hand on follows the layers. Returns LADLE_OK or LADLE_NO_MEMORY. */
int ladle_config_rewrite_stages(struct ladle_rewrite *rewrite);

/* config_kinds.c: warns of output layers whose tensors are not those of the donor's layer there while no list says so, and
 * of tensors outside that hold something for each layer. Returns LADLE_OK or LADLE_NO_MEMORY. */
int ladle_config_check_kinds(struct ladle_rewrite *rewrite);

#endif
