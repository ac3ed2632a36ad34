/* SPDX-License-Identifier: Apache-2.0 */
#include "made.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* The stacks as "PREFIX=LAYERS+EXTRA " each. */
static void assert_stacks(const char *names, const char *config, const char *expected)
{
    struct ladle_model *model = made_model(names, config);
    struct ladle_text text = {0};
    ladle_text_add_string(&text, "");
    for (uint32_t i = 0; i < model->stack_count; i++) {
        ladle_text_printf(&text, "%s=%u+%u ", model->stacks[i].prefix, model->stacks[i].layers, model->stacks[i].extra);
    }
    assert_string_equal(text.data, expected);
    ladle_text_finish(&text);
    made_free(model);
}

static const struct ladle_position *position_of(const struct ladle_model *model, const char *name)
{
    for (size_t i = 0; i < model->tensor_count; i++) {
        if (strcmp(model->tensors[i].name, name) == 0) {
            return &model->positions[i];
        }
    }
    fail_msg("no %s", name);
    return NULL;
}

static void stacks_have_the_counts_of_the_config(void **state)
{
    static const char *const keys[] = {"num_hidden_layers",  "n_layer",        "n_layers",       "num_layers",
                                       "num_decoder_layers", "encoder_layers", "decoder_layers", "depth"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char config[128];
        snprintf(config, sizeof config, "{\"a_config\": [{\"b\": {\"%s\": 3}}]}", keys[i]);
        assert_stacks("x.h.[3].w\nlonger.[5].w", config, "x.h=3+0 ");
    }
    assert_stacks("x.h.[3].w\nlonger.[5].w", "{\"num_global_layers\": 3}", "longer=5+0 ");
    assert_stacks("x.h.[3].w\nlonger.[5].w", "{\"depth\": \"3\"}", "longer=5+0 ");
    assert_stacks("x.h.[3].w\nlonger.[5].w", "{\"depth\": 3.0}", "longer=5+0 ");
    assert_stacks("x.h.[3].w\nlonger.[5].w", NULL, "longer=5+0 ");
    assert_stacks("w\nx.w", "{\"depth\": 0}", "");
}

static void several_stacks_come_longest_first(void **state)
{
    assert_stacks("vision.blocks.[2].w\nlm.layers.[4].w\nlm.layers.[4].b",
                  "{\"text_config\": {\"num_hidden_layers\": 4}, \"vision_config\": {\"depth\": 2}}",
                  "lm.layers=4+0 vision.blocks=2+0 ");
    assert_stacks("encoder.block.[2].w\ndecoder.block.[2].w", "{\"num_layers\": 2}", "encoder.block=2+0 decoder.block=2+0 ");
}

static void a_gap_makes_no_stack(void **state)
{
    assert_stacks("visual.merger.mlp.0.w\nvisual.merger.mlp.2.w\nm.layers.[2].w", "{\"depth\": 2}", "m.layers=2+0 ");
    assert_stacks("m.layers.1.w\nm.layers.2.w", "{\"depth\": 2}", "");
    assert_stacks("m.layers.0.w\nm.layers.2.w", NULL, "");
}

static void the_first_number_of_a_name_counts(void **state)
{
    assert_stacks("m.layers.[2].experts.0.w\nm.layers.0.experts.1.w\nm.layers.1.experts.1.w", NULL, "m.layers=2+0 ");
    /* a number in front is a prefix without a stack of its own */
    assert_stacks("0.m.layers.[2].w", NULL, "0.m.layers=2+0 ");
    assert_stacks("m.conv1d.[2].w", NULL, "m.conv1d=2+0 ");
    assert_stacks("[3].weight", NULL, "");
}

static void numbers_that_would_not_come_out_the_same_are_none(void **state)
{
    assert_stacks("m.layers.00.w\nm.layers.01.w", NULL, "");
    assert_stacks("m.layers.0.w\nm.layers.4294967296.w", NULL, "m.layers=1+0 ");
    assert_stacks("m.layers.99999999999999999999.w", NULL, "");
}

static void layers_beyond_the_count_are_extra(void **state)
{
    const char *config = "{\"num_hidden_layers\": 3, \"num_nextn_predict_layers\": 2}";
    assert_stacks("model.layers.[5].w\nmodel.norm.weight", config, "model.layers=3+2 ");
    assert_stacks("model.layers.[3].w", config, "model.layers=3+0 ");
    assert_stacks("model.layers.[2].w\nother.[4].w", config, "other=4+0 ");
    struct ladle_model *model = made_model("model.layers.[5].w\nmodel.norm.weight", config);
    const struct ladle_position *inside = position_of(model, "model.layers.2.w"),
                                *extra = position_of(model, "model.layers.3.w");
    assert_true(inside->stack == 0 && inside->layer == 2 && !inside->extra && !inside->after);
    assert_true(extra->stack == 0 && extra->layer == 3 && extra->extra && extra->after);
    made_free(model);
}

static void text_layers_left_to_a_default_are_a_stack_beside_confirmed_eyes(void **state)
{
    const char *names = "vision_tower.layers.[3].w\nlanguage_model.model.layers.[4].w\nproject.[2].w";
    assert_stacks(names, "{\"text_config\": {}, \"vision_config\": {\"num_hidden_layers\": 3}}",
                  "language_model.model.layers=4+0 vision_tower.layers=3+0 ");
    assert_stacks("vision_tower.layers.[3].w\nx.0.w", "{\"num_hidden_layers\": 3}", "vision_tower.layers=3+0 ");
}

static void models_are_sorted_by_place(void **state)
{
    struct ladle_model *model = made_model("lm_head.weight\nmodel.norm.weight\nmodel.layers.11.b\nmodel.layers.[11].a\n"
                                           "mtp.w\nmodel.embed_tokens.weight\nmodel.layers.2.b",
                                           "{\"num_hidden_layers\": 11, \"num_nextn_predict_layers\": 1}");
    static const char *const expected[] = {"mtp.w",
                                           "model.embed_tokens.weight",
                                           "model.layers.0.a",
                                           "model.layers.1.a",
                                           "model.layers.2.a",
                                           "model.layers.2.b",
                                           "model.layers.3.a"};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_string_equal(model->tensors[i].name, expected[i]);
    }
    static const char *const last[] = {"model.layers.10.a", "model.layers.11.b", "model.norm.weight", "lm_head.weight"};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(model->tensors[model->tensor_count - 4 + i].name, last[i]);
        assert_int_equal(model->positions[model->tensor_count - 4 + i].after, i > 0);
    }
    made_free(model);
}

static void stacks_are_sorted_one_after_the_other(void **state)
{
    struct ladle_model *model = made_model("a.[2].w\nb.[3].w\na.[2].v", "{\"depth\": 2, \"n_layers\": 3}");
    static const char *const expected[] = {"b.0.w", "b.1.w", "b.2.w", "a.0.w", "a.0.v", "a.1.w", "a.1.v"};
    for (size_t i = 0; i < 7; i++) {
        assert_string_equal(model->tensors[i].name, expected[i]);
    }
    made_free(model);
}

static void only_the_layer_number_is_renamed(void **state)
{
    struct ladle_arena arena = {0};
    const struct ladle_stack stack = {.prefix = "model.layers", .layers = 20};
    assert_string_equal(ladle_layers_rename("model.layers.7.experts.7.w", &stack, 123, &arena),
                        "model.layers.123.experts.7.w");
    assert_string_equal(ladle_layers_rename("model.layers.12", &stack, 0, &arena), "model.layers.0");
    assert_string_equal(ladle_layers_suffix("model.layers.12.mlp.w", &stack), ".mlp.w");
    assert_string_equal(ladle_layers_suffix("model.layers.12", &stack), "");
    ladle_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stacks_have_the_counts_of_the_config),
        cmocka_unit_test(several_stacks_come_longest_first),
        cmocka_unit_test(a_gap_makes_no_stack),
        cmocka_unit_test(the_first_number_of_a_name_counts),
        cmocka_unit_test(numbers_that_would_not_come_out_the_same_are_none),
        cmocka_unit_test(layers_beyond_the_count_are_extra),
        cmocka_unit_test(text_layers_left_to_a_default_are_a_stack_beside_confirmed_eyes),
        cmocka_unit_test(models_are_sorted_by_place),
        cmocka_unit_test(stacks_are_sorted_one_after_the_other),
        cmocka_unit_test(only_the_layer_number_is_renamed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
