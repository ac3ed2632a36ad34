/* SPDX-License-Identifier: Apache-2.0 */
#include "model/counts.h"

#include <string.h>

bool ladle_count_key(const char *key)
{
    static const char *const keys[] = {"num_hidden_layers", "n_layer",        "n_layers", "num_layers", "num_decoder_layers",
                                       "encoder_layers",    "decoder_layers", "depth",    NULL};
    for (size_t i = 0; keys[i] != NULL; i++) {
        if (strcmp(key, keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool ladle_counts_have(const struct ladle_counts *counts, uint64_t value)
{
    for (size_t i = 0; i < counts->count; i++) {
        if (counts->values[i] == value) {
            return true;
        }
    }
    return false;
}

/* JSON is at most 64 levels deep, see base/json.h. */
static void collect(const struct ladle_json *value, struct ladle_counts *counts)
{
    for (const struct ladle_json *member = value->first; member != NULL; member = member->next) {
        uint64_t number;
        if (member->key != NULL && ladle_json_whole(member, &number)) {
            if (strcmp(member->key, "num_nextn_predict_layers") == 0) {
                counts->next = number > counts->next ? number : counts->next;
            } else if (ladle_count_key(member->key) && counts->count < LADLE_COUNTS_MOST &&
                       !ladle_counts_have(counts, number)) {
                counts->values[counts->count++] = number;
            }
        }
        collect(member, counts);
    }
}

void ladle_counts_collect(const struct ladle_json *config, struct ladle_counts *counts)
{
    *counts = (struct ladle_counts){0};
    if (config != NULL) {
        collect(config, counts);
    }
}
