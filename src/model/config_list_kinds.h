/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_CONFIG_LIST_KINDS_H
#define LADLE_MODEL_CONFIG_LIST_KINDS_H

/* Within the room: which members of a config.json speak of single layers, by name, length and values. Source: spec recipe.md
 * "Side files of the output". */

#include "base/json.h"
#include "model/layers.h"

enum ladle_list_kind {
    LADLE_LIST_OTHER,   /* nothing to do with layers */
    LADLE_LIST_UNSURE,  /* as many entries as layers, perhaps by chance: left alone */
    LADLE_LIST_ENTRIES, /* one entry for each layer */
    LADLE_LIST_LETTERS, /* a text with a letter for each layer */
    LADLE_LIST_INDICES, /* the numbers of some layers */
    LADLE_LIST_REPEATS, /* [[[kinds], times], ...]: kinds of layers repeated (gpt_neo) */
    LADLE_LIST_CYCLE,   /* kinds that layers take in turns (recurrent_gemma) */
};

/* The kind of a member that stands beside the count of a stack. */
enum ladle_list_kind ladle_list_classify(const char *key, const struct ladle_json *value, const struct ladle_stack *stack);

#endif
