/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_COUNTS_H
#define LADLE_MODEL_COUNTS_H

/* Within the room: the numbers of layers that a config.json speaks of. Source: spec recipe.md "Which tensors". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

#define LADLE_COUNTS_MOST 64

struct ladle_counts {
    uint64_t values[LADLE_COUNTS_MOST]; /* those found first, each once */
    size_t count;
    uint64_t next; /* num_nextn_predict_layers, 0 if it is nowhere */
};

/* Whether a key counts the layers of a stack. */
bool ladle_count_key(const char *key);

/* All counts that stand anywhere in a config (may be NULL). */
void ladle_counts_collect(const struct ladle_json *config, struct ladle_counts *counts);

bool ladle_counts_have(const struct ladle_counts *counts, uint64_t value);

#endif
