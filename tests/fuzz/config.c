/* SPDX-License-Identifier: Apache-2.0 */
/* Rewriting of config.json. The input is a digit, which says which layer is left out of each stack, and the text of a config.
 * What comes out can be read again, has the members that went in in their order, and comes out the same when nothing changes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST_LAYERS 4
#define MOST_TENSORS 64
#define MOST_STACKS 8

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Names with a stack for each side, two or three layers long and one more. */
static void name_tensors(struct ladle_model *model)
{
    static const char *const prefixes[] = {"model.layers", "vision.blocks", "encoder.layer", "decoder.layer"};
    static const uint64_t shape[] = {2};
    model->tensors = ladle_arena_take_array(&model->arena, MOST_TENSORS, sizeof *model->tensors);
    model->positions = ladle_arena_take_array(&model->arena, MOST_TENSORS, sizeof *model->positions);
    check(model->tensors != NULL && model->positions != NULL);
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned layer = 0; layer < 2 + (i + 1) / 2; layer++) {
            const char *name = ladle_arena_printf(&model->arena, "%s.%u.%s", prefixes[i], layer, layer % 2 ? "a" : "b");
            check(name != NULL);
            model->tensors[model->tensor_count++] = (struct ladle_tensor){.name = name, .shape = shape, .elems = 2, .rank = 1};
        }
    }
}

static bool make_model(struct ladle_model *model, const char *text, size_t bytes)
{
    model->path = "m";
    name_tensors(model);
    return ladle_json_parse("c.json", text, bytes, &model->arena, &model->config, NULL) == LADLE_OK &&
           model->config->type == LADLE_JSON_OBJECT &&
           ladle_layers_find(model->tensors, model->tensor_count, model->config, &model->arena, model->positions,
                             &model->stacks, &model->stack_count) == LADLE_OK &&
           ladle_layers_sort(model->tensors, model->positions, model->tensor_count, NULL) == LADLE_OK;
}

/* The keys of the old config, in order, and no others than those that a change may add. */
static void check_keys(const struct ladle_json *before, const struct ladle_json *after)
{
    const struct ladle_json *now = after->first;
    for (const struct ladle_json *old = before->first; old != NULL; old = old->next, now = now->next) {
        check(now != NULL && strcmp(now->key, old->key) == 0);
    }
    check(now == NULL || (now->next == NULL && strcmp(now->key, "tie_word_embeddings") == 0));
}

static void rewrite(const struct ladle_config_change *change, const struct ladle_model *model)
{
    struct ladle_text out = {0};
    struct ladle_arena arena = {0};
    struct ladle_json *again;
    check(ladle_config_rewrite(change, NULL, &out, NULL) == LADLE_OK);
    check(ladle_json_parse("again", out.data, out.bytes, &arena, &again, NULL) == LADLE_OK);
    check_keys(model->config, again);
    if (change->layers == NULL) {
        struct ladle_text plain = {0};
        ladle_json_write(model->config, 2, &plain);
        ladle_text_add_string(&plain, "\n");
        check(strcmp(plain.data, out.data) == 0);
        ladle_text_finish(&plain);
    }
    ladle_arena_finish(&arena);
    ladle_text_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ladle_model model = {0};
    if (size > 0 && make_model(&model, (const char *)data + 1, size - 1)) {
        struct ladle_layer_origin origins[MOST_STACKS][MOST_LAYERS];
        const struct ladle_layer_origin *layers[MOST_STACKS];
        uint32_t counts[MOST_STACKS] = {0};
        check(model.stack_count <= MOST_STACKS);
        for (uint32_t i = 0; i < model.stack_count; i++) {
            for (uint32_t layer = 0; layer < model.stacks[i].layers; layer++) {
                if (layer != data[0] % 8u) {
                    origins[i][counts[i]++] = (struct ladle_layer_origin){&model, layer};
                }
            }
            layers[i] = data[0] & 8 && i > 0 ? NULL : origins[i];
        }
        struct ladle_config_change change = {.donor = &model, .tied = -1};
        rewrite(&change, &model);
        change = (struct ladle_config_change){&model, layers, counts, true, LADLE_BF16, 0, 5};
        rewrite(&change, &model);
        ladle_config_compare((const struct ladle_model *const[]){&model, &model}, 2, NULL);
    }
    ladle_arena_finish(&model.arena);
    return 0;
}
