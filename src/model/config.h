/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_CONFIG_H
#define LADLE_MODEL_CONFIG_H

/* The output's config.json, made from the donor's. Source: spec recipe.md "Side files of the output". */

#include "base/arena.h"
#include "base/json.h"
#include "ladle/log.h"
#include "ladle/dtype.h"
#include "model/model.h"

/* Where one layer of an output stack comes from. */
struct ladle_layer_origin {
    const struct ladle_model *model; /* whose config describes it */
    uint32_t layer;                  /* its number there */
};

struct ladle_config_change {
    const struct ladle_model *donor;
    /* For each of the donor's stacks, the output's layers; NULL: unchanged. */
    const struct ladle_layer_origin *const *layers;
    const uint32_t *layer_counts;
    bool one_dtype;         /* all floating-point tensors have one stored type ... */
    enum ladle_dtype dtype; /* ... this one */
    int tied;               /* -1: leave; 0: the output stores a head although the donor is tied */
    uint64_t vocabulary;    /* rows of the token embedding if they changed, else 0 */
};

/* The text of the new config.json; nothing where the donor has none. Warns of lists that may count layers and were left
 * alone, and of layers that loaders may refuse.
 * Returns LADLE_OK or LADLE_NO_MEMORY. */
int ladle_config_rewrite(const struct ladle_config_change *change, const struct ladle_log *log, struct ladle_text *out,
                         struct ladle_error *error);

/* Warns of keys in which the models disagree and that change what weights mean (rope, activation, head counts, norms,
 * special tokens). */
void ladle_config_compare(const struct ladle_model *const *models, size_t count, const struct ladle_log *log);

#endif
