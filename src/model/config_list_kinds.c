/* SPDX-License-Identifier: Apache-2.0 */
#include "model/config_list_kinds.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

static bool is_listed(const char *key, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(*list, key) == 0) {
            return true;
        }
    }
    return false;
}

/* Lists of entries whose name does not say so: numbers that other models have once. */
static bool is_number_of_layers(const char *key)
{
    static const char *const keys[] = {"intermediate_size",
                                       "num_attention_heads",
                                       "num_key_value_heads",
                                       "num_query_heads",
                                       "num_kv_heads",
                                       "ffn_multipliers",
                                       "attention_window",
                                       "block_configs",
                                       "activation_sparsity_pattern",
                                       "num_attention_groups",
                                       "num_experts",
                                       "num_shared_expert",
                                       "moe_topk",
                                       "moe_intermediate_size",
                                       NULL};
    return is_listed(key, keys);
}

/* Whether all entries are texts. */
static bool is_texts(const struct ladle_json *list)
{
    for (const struct ladle_json *entry = list->first; entry != NULL; entry = entry->next) {
        if (entry->type != LADLE_JSON_STRING) {
            return false;
        }
    }
    return list->count > 0;
}

/* Lists that never count layers, whatever their length. */
static bool is_never_layers(const char *key)
{
    static const char *const keys[] = {"architectures", "model_type", "label2id", "id2label", "language", "languages", NULL};
    return is_listed(key, keys) || ladle_ends_with(key, "token_id") || ladle_ends_with(key, "token_ids");
}

static bool names_indices(const char *key)
{
    static const char *const keys[] = {"cross_attention_layers", "mlp_only_layers", "moe_layers", NULL};
    return is_listed(key, keys) || strstr(key, "indices") != NULL || strstr(key, "indexes") != NULL ||
           strstr(key, "idxs") != NULL || ladle_ends_with(key, "layer_ids") || ladle_ends_with(key, "_idx");
}

/* Whether all entries are whole numbers, each larger than the one before; *first_beyond: some is not below `layers`. */
static bool is_rising(const struct ladle_json *list, uint64_t layers, bool *beyond)
{
    uint64_t before = 0;
    *beyond = false;
    for (const struct ladle_json *entry = list->first; entry != NULL; entry = entry->next) {
        uint64_t number;
        if (!ladle_json_whole(entry, &number) || (entry != list->first && number <= before)) {
            return false;
        }
        *beyond = *beyond || number >= layers;
        before = number;
    }
    return true;
}

static uint64_t count_repeats(const struct ladle_json *list)
{
    uint64_t total = 0;
    for (const struct ladle_json *entry = list->first; entry != NULL; entry = entry->next) {
        uint64_t times;
        if (entry->type != LADLE_JSON_LIST || entry->count != 2 || entry->first->type != LADLE_JSON_LIST ||
            !ladle_json_whole(entry->first->next, &times) || times > UINT32_MAX) {
            return 0;
        }
        total += times * entry->first->count;
    }
    return total;
}

static enum ladle_list_kind classify_list(const char *key, const struct ladle_json *list, const struct ladle_stack *stack)
{
    bool beyond;
    bool rising = is_rising(list, stack->layers, &beyond);
    bool each = list->count == stack->layers || (stack->extra > 0 && list->count == stack->layers + stack->extra);
    bool names_layers = strstr(key, "layer") != NULL;
    if (is_never_layers(key)) {
        return LADLE_LIST_OTHER;
    }
    if (rising && names_indices(key) && strcmp(key, "out_indices") != 0) {
        return LADLE_LIST_INDICES;
    }
    bool kinds = ladle_ends_with(key, "_types") && is_texts(list);
    if (each && (names_layers || kinds || is_number_of_layers(key))) {
        /* 0, 1, 2, ... as kinds of layers would be odd; as numbers of layers it names all of them */
        return rising && !beyond && list->count > 2 && names_layers ? LADLE_LIST_INDICES : LADLE_LIST_ENTRIES;
    }
    if (!each && names_layers && rising && !beyond && list->count > 0) {
        return LADLE_LIST_INDICES;
    }
    if (strcmp(key, "attention_types") == 0 && count_repeats(list) == stack->layers) {
        return LADLE_LIST_REPEATS;
    }
    if (strcmp(key, "block_types") == 0 && kinds && list->count < stack->layers) {
        return LADLE_LIST_CYCLE;
    }
    return each ? LADLE_LIST_UNSURE : LADLE_LIST_OTHER;
}

/* Whether a text is one letter for each layer; bytes of longer characters are no letters. */
static bool is_letters(const char *text, uint32_t layers)
{
    size_t bytes = 0;
    while (text[bytes] != '\0' && (text[bytes] & 0x80) == 0) {
        bytes++;
    }
    return text[bytes] == '\0' && bytes == layers;
}

enum ladle_list_kind ladle_list_classify(const char *key, const struct ladle_json *value, const struct ladle_stack *stack)
{
    if (value->type == LADLE_JSON_LIST) {
        return classify_list(key, value, stack);
    }
    bool letters = value->type == LADLE_JSON_STRING && strcmp(key, "hybrid_override_pattern") == 0;
    return letters && is_letters(value->text, stack->layers) ? LADLE_LIST_LETTERS : LADLE_LIST_OTHER;
}
