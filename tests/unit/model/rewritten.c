/* SPDX-License-Identifier: Apache-2.0 */
#include "rewritten.h"

#include <string.h>

#define MOST_MODELS 4
#define MOST_STACKS 8
#define MOST_LAYERS 64

struct ladle_config_change rewritten_change;
static struct ladle_model *models[MOST_MODELS];
static size_t model_count;
static struct ladle_layer_origin origins[MOST_STACKS][MOST_LAYERS];
static const struct ladle_layer_origin *layers[MOST_STACKS];
static uint32_t counts[MOST_STACKS];

int rewritten_end(void **state)
{
    while (model_count > 0) {
        made_free(models[--model_count]);
    }
    memset(layers, 0, sizeof layers);
    memset(counts, 0, sizeof counts);
    made_forget();
    return 0;
}

struct ladle_model *rewritten_model(const char *names, const char *config)
{
    assert_true(model_count < MOST_MODELS);
    return models[model_count++] = made_model(names, config);
}

struct ladle_model *rewritten_begin(const char *names, const char *config)
{
    rewritten_end(NULL);
    struct ladle_model *donor = rewritten_model(names, config);
    assert_true(donor->stack_count <= MOST_STACKS);
    rewritten_change = (struct ladle_config_change){.donor = donor, .layers = layers, .layer_counts = counts, .tied = -1};
    return donor;
}

void rewritten_add(const char *prefix, const struct ladle_model *model, uint32_t layer)
{
    uint32_t stack = 0;
    while (stack < models[0]->stack_count && strcmp(models[0]->stacks[stack].prefix, prefix) != 0) {
        stack++;
    }
    assert_true(stack < models[0]->stack_count && counts[stack] < MOST_LAYERS);
    origins[stack][counts[stack]++] = (struct ladle_layer_origin){model, layer};
    layers[stack] = origins[stack];
}

void rewritten_leave_out(const char *prefix, uint32_t layer)
{
    for (uint32_t i = 0; i < models[0]->stack_count; i++) {
        for (uint32_t j = 0; strcmp(models[0]->stacks[i].prefix, prefix) == 0 && j < models[0]->stacks[i].layers; j++) {
            if (j != layer) {
                rewritten_add(prefix, models[0], j);
            }
        }
    }
}

void rewritten_expect(const char *expected)
{
    struct ladle_text got = {0}, want = {0};
    struct ladle_arena arena = {0};
    struct ladle_json *root;
    assert_int_equal(ladle_config_rewrite(&rewritten_change, &made_log, &got, NULL), LADLE_OK);
    assert_int_equal(ladle_json_parse("expected", expected, strlen(expected), &arena, &root, NULL), LADLE_OK);
    ladle_json_write(root, 2, &want);
    ladle_text_add_string(&want, "\n");
    assert_string_equal(got.data, want.data);
    ladle_arena_finish(&arena);
    ladle_text_finish(&got);
    ladle_text_finish(&want);
}
