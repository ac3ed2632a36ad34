/* SPDX-License-Identifier: Apache-2.0 */
#include "given.h"

#include <string.h>

#define LINEAR "merge_method: linear\n"
#define MODELS "models: [{model: a}, {model: b}]\n"

static void a_recipe_of_whole_models(void **state)
{
    (void)state;
    struct given given;
    given_recipe(&given, "merge_method: ' ties '\n"
                         "base_model: ./base/\n"
                         "models:\n"
                         "  - model: dir//a\n"
                         "    parameters: {weight: 1}\n"
                         "  - {model: \"D:/My Models/b\", parameters: }\n"
                         "parameters: {weight: 0.5}\n"
                         "name: x\n"
                         "dtype: torch.bfloat16\n"
                         "out_dtype: float8_e4m3fn\n"
                         "seed: 18446744073709551615\n");
    given_is_accepted(&given);
    given_has_warnings(&given, 0);
    const struct ladle_recipe *recipe = &given.recipe;
    assert_string_equal(recipe->path, "r.yml");
    assert_string_equal(recipe->method->name, "ties");
    assert_false(recipe->sliced);
    assert_int_equal(recipe->slice_count, 1);
    const struct ladle_recipe_slice *slice = &recipe->slices[0];
    assert_int_equal(slice->source_count, 2);
    assert_null(slice->base.text);
    assert_null(slice->parameters);
    assert_string_equal(slice->sources[0].model.text, "dir//a");
    assert_string_equal(slice->sources[0].model.plain, "dir/a");
    assert_int_equal(slice->sources[0].model.node->line, 4);
    assert_non_null(slice->sources[0].parameters);
    assert_null(slice->sources[0].range);
    assert_string_equal(slice->sources[1].model.text, "D:/My Models/b");
    assert_null(slice->sources[1].parameters);
    assert_string_equal(recipe->base.text, "./base/");
    assert_string_equal(recipe->base.plain, "base");
    assert_true(recipe->have_dtype && recipe->have_out_dtype && !recipe->out_dtype_input);
    assert_int_equal(recipe->dtype, LADLE_BF16);
    assert_int_equal(recipe->out_dtype, LADLE_F8_E4M3);
    assert_true(recipe->seed == UINT64_MAX);
    assert_true(ladle_starts_with(recipe->text, "merge_method: ' ties '\n"));
    assert_int_equal(recipe->text_bytes, strlen(recipe->text));
    given_finish(&given);
}

static void a_recipe_of_slices(void **state)
{
    (void)state;
    struct given given;
    given_recipe(&given, "merge_method: slerp\n"
                         "base_model: a\n"
                         "slices:\n"
                         "- sources:\n"
                         "  - {model: a, layer_range: [0, 3]}\n"
                         "  - {model: b, layer_range: [4.0, '7'], residual_weight: 1}\n"
                         "  residual_weight: 1\n"
                         "- sources: [{model: b, layer_range: [7, 8]}, {model: a, layer_range: [0, 1]}]\n"
                         "  base_model: b\n"
                         "  parameters: {t: [0.1, 0.2]}\n"
                         "parameters: {t: 0.5, int8_mask: true}\n"
                         "out_dtype: input\n");
    given_is_accepted(&given);
    given_has_warnings(&given, 0);
    const struct ladle_recipe *recipe = &given.recipe;
    assert_true(recipe->sliced);
    assert_int_equal(recipe->slice_count, 2);
    const struct ladle_recipe_slice *first = &recipe->slices[0], *second = &recipe->slices[1];
    assert_int_equal(first->sources[1].first, 4);
    assert_int_equal(first->sources[1].past, 7);
    assert_null(first->base.text);
    assert_string_equal(second->base.text, "b");
    assert_non_null(second->parameters);
    assert_true(recipe->out_dtype_input && !recipe->have_out_dtype && !recipe->have_dtype);
    assert_true(recipe->seed == 0);
    given_finish(&given);
}

static void models_have_other_forms(void **state)
{
    (void)state;
    struct given given;
    given_recipe(&given, LINEAR "models:\n"
                                "- model: {model: {path: a/b}}\n"
                                "- model: {model: c, lora: }\n"
                                "- model: model:org/name\n"
                                "- model: 7\n"
                                "- model: /abs/../x/./y/\n");
    given_is_accepted(&given);
    static const char *const expected[] = {"a/b", "c", "org/name", "7", "/abs/../x/y"};
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(given.recipe.slices[0].sources[i].model.plain, expected[i]);
    given_finish(&given);
    refused(LINEAR "models: [{model: {model: {path: a, revision: main}}}]\n",
            "r.yml:2:46: model: 'revision' is not supported yet");
    refused(LINEAR "models: [{model: {model: a, lora: {path: b}}}]\n", "r.yml:2:35: model: 'lora'");
    refused(LINEAR "models: [{model: [a]}]\n", "r.yml:2:18: model: expected the path");
    refused(LINEAR "models: [{model: ''}]\n", "path of a model is missing");
    refused(LINEAR "models: [{model: {path: a}}]\n", "r.yml:2:18: model: expected a path or {model: {path");
}

static void the_method_must_be_known(void **state)
{
    (void)state;
    refused("merge_method: dare-ties\nbase_model: z\n" MODELS,
            "r.yml:1:15: unknown merge_method 'dare-ties'; did you mean 'dare_ties'?");
    refused("merge_method: dare-ties\nbase_model: z\n" MODELS, "\n  known: linear, slerp, ties,");
    refused("merge_method: quantum\n" MODELS, "unknown merge_method 'quantum'\n");
    refused("merge_metod: linear\n" MODELS, "r.yml:1:1: merge_method is missing; did you mean it by 'merge_metod'?");
    refused(MODELS, "r.yml:1:1: merge_method is missing");
    refused("merge_method:\n" MODELS, "r.yml:1:14: merge_method is missing");
    refused("merge_method: [linear]\n" MODELS, "r.yml:1:15: merge_method: expected a single value");
}

static void exactly_one_list_not_empty(void **state)
{
    (void)state;
    refused(LINEAR "models: []\n", "r.yml:2:9: models is empty");
    refused(LINEAR "slices:\n", "slices is empty");
    refused(LINEAR "modles: [{model: a}]\n", "r.yml:2:1: models is missing; did you mean it by 'modles'?");
    refused(LINEAR, "one of models, slices and modules is missing");
    refused(LINEAR MODELS "slices:\n- sources: [{model: a, layer_range: [0, 1]}]\n",
            "r.yml:3:1: slices beside models (line 2)");
    refused(LINEAR "models: {model: a}\n", "r.yml:2:9: models: expected a list");
    refused(LINEAR "models: a\n", "r.yml:2:9: models: expected a list");
    refused(LINEAR "models: [a]\n", "r.yml:2:10: expected a mapping {model: PATH");
    refused(LINEAR "models: [{parameters: {weight: 1}}]\n", "r.yml:2:10: model is missing");
    accepted(LINEAR "slices: []\n" MODELS, NULL);
}

static void slices_are_checked(void **state)
{
    (void)state;
    refused(LINEAR "slices: {sources: []}\n", "slices: expected a list");
    refused(LINEAR "slices: [{source: []}]\n", "r.yml:2:10: sources is missing");
    refused(LINEAR "slices: [{sources: []}]\n", "r.yml:2:20: sources is empty");
    refused(LINEAR "slices: [{sources: [{model: a}]}]\n", "r.yml:2:21: layer_range is missing");
    refused(LINEAR "slices: [{sources: [{model: a, layer_range: 3}]}]\n",
            "r.yml:2:45: layer_range: expected two whole numbers");
    refused(LINEAR "slices: [{sources: [{model: a, layer_range: [0, 1, 2]}]}]\n", "layer_range: expected two whole numbers");
    refused(LINEAR "slices: [{sources: [{model: a, layer_range: [-1, 2]}]}]\n", "layer_range: expected two whole numbers");
    refused(LINEAR "slices: [{sources: [{model: a, layer_range: [0, 1.5]}]}]\n", "layer_range: expected two whole numbers");
    refused(LINEAR "slices: [{sources: [{model: a, layer_range: [2, 1]}]}]\n", "layer_range: [2, 1] holds no layers");
    refused(LINEAR "slices: [{sources: [{model: a, layer_range: [2, 2]}]}]\n", "layer_range: [2, 2] holds no layers");
    refused(LINEAR "slices: [{sources: [{model: a, layer_range: [0, 4294967296]}]}]\n", "layer_range: [0, 4294967296]");
    refused(LINEAR "slices:\n- sources:\n  - {model: a, layer_range: [0, 2]}\n  - {model: b, layer_range: [0, 1]}\n",
            "r.yml:5:29: layer_range: 1 layer, but 2 in the first source of this slice (line 4)");
}

static void a_model_comes_once(void **state)
{
    (void)state;
    refused(LINEAR "models:\n- model: x/a\n- model: b\n- model: ./x//a/\n",
            "r.yml:5:10: the model './x//a/' is listed twice (first in line 3)");
    refused(LINEAR "slices: [{sources: [{model: a, layer_range: [0, 1]}, {model: a, layer_range: [1, 2]}]}]\n",
            "listed twice");
    accepted(LINEAR "slices:\n- sources: [{model: a, layer_range: [0, 1]}]\n- sources: [{model: a, layer_range: [0, 1]}]\n",
             NULL);
}

static void a_base_where_the_method_requires_one(void **state)
{
    (void)state;
    refused("merge_method: slerp\n" MODELS, "r.yml:1:15: slerp needs a base_model");
    refused("merge_method: slerp\nbase_model:\n" MODELS, "slerp needs a base_model");
    refused("merge_method: slerp\nbase_modle: a\n" MODELS,
            "r.yml:2:1: slerp needs a base_model; did you mean it by 'base_modle'?");
    refused("merge_method: slerp\nslices:\n- sources: [{model: a, layer_range: [0, 1]}]\n  base_model: a\n"
            "- sources: [{model: a, layer_range: [0, 1]}]\n",
            "r.yml:5:3: slerp needs a base_model");
    accepted("merge_method: slerp\nslices:\n- sources: [{model: a, layer_range: [0, 1]}]\n  base_model: a\n", NULL);
    accepted("merge_method: nuslerp\n" MODELS, NULL);
}

static void types_and_seed(void **state)
{
    (void)state;
    refused(LINEAR MODELS "dtype: bf16\n", "r.yml:3:8: dtype: unknown type 'bf16'");
    refused(LINEAR MODELS "dtype: bfloat61\n", "did you mean 'bfloat16'?");
    refused(LINEAR MODELS "dtype: input\n", "dtype: unknown type 'input'");
    refused(LINEAR MODELS "out_dtype: [float16]\n", "r.yml:3:12: out_dtype: expected a single value");
    refused(LINEAR MODELS "seed: -1\n", "r.yml:3:7: seed: '-1' is not a whole number");
    refused(LINEAR MODELS "seed: 18446744073709551616\n", "is not a whole number");
    refused(LINEAR MODELS "seed: abc\n", "seed: 'abc'");
    refused(LINEAR MODELS "parameters: [weight]\n", "r.yml:3:13: parameters: expected a mapping");
    refused(LINEAR "models: [{model: a, parameters: 3}]\n", "r.yml:2:33: parameters: expected a mapping");
    accepted(LINEAR MODELS "dtype:\nout_dtype: ~\nseed: null\nparameters:\nbase_model:\n", NULL);
}

static void what_is_to_come_is_one_clear_line(void **state)
{
    (void)state;
    refused(LINEAR "modules: {default: {models: [{model: a}]}}\n", "r.yml:2:1: 'modules' is not supported yet");
    refused(LINEAR MODELS "tokenizer_source: base\n", "r.yml:3:1: 'tokenizer_source' is not supported yet");
    refused(LINEAR MODELS "tokenizer: {}\n", "r.yml:3:1: 'tokenizer' is not supported yet");
    refused(LINEAR MODELS "chat_template: auto\n", "r.yml:3:1: 'chat_template' is not supported yet");
    refused("base_model: z\nexperts:\n- {source_model: a, positive_prompts: [x]}\n", "'experts'");
    refused(LINEAR MODELS "---\n" LINEAR MODELS "name: x\n",
            "r.yml:4:1: several documents in one recipe are not supported yet");
    accepted(LINEAR MODELS "tokenizer_source:\ntokenizer: ~\nchat_template: null\nmodules:\n", NULL);
}

static void no_recipe_at_all(void **state)
{
    (void)state;
    refused("", "r.yml: the recipe is empty");
    refused("# nothing\n---\n~\n", "r.yml: the recipe is empty");
    refused("- a\n", "r.yml:1:1: expected a mapping");
    refused("just text\n", "r.yml:1:1: expected a mapping");
    refused("a: [\n", "r.yml:2:1: ");
}

static void all_mistakes_are_told_at_once(void **state)
{
    (void)state;
    struct given given;
    given_recipe(&given, "merge_method: ties\n"
                         "models:\n"
                         "- {model: a, parameters: {weight: heavy, density: 2}}\n"
                         "- {parameters: {weight: 1}}\n"
                         "dtype: f32\n"
                         "seed: -1\n"
                         "chat_template: auto\n"
                         "parameters: {normalize: perhaps}\n");
    given_is_refused(&given, 8);
    given_has_error(&given, "r.yml:1:15: ties needs a base_model");
    given_has_error(&given, "r.yml:3:35: parameter 'weight' of model 'a': 'heavy'");
    given_has_error(&given, "r.yml:3:51: parameter 'density' of model 'a': '2'");
    given_has_error(&given, "r.yml:4:3: model is missing");
    given_has_error(&given, "r.yml:5:8: dtype: unknown type 'f32'");
    given_has_error(&given, "r.yml:6:7: seed: '-1'");
    given_has_error(&given, "r.yml:7:1: 'chat_template'");
    given_has_error(&given, "r.yml:8:25: parameter 'normalize': 'perhaps'");
    given_finish(&given);
}

static void a_misspelt_method_does_not_hide_other_mistakes(void **state)
{
    (void)state;
    struct given given;
    given_recipe(&given, "merge_method: dare-ties\nbase_model: z\n" MODELS "parameters: {density: 2}\n");
    given_is_refused(&given, 2);
    given_has_error(&given, "unknown merge_method");
    given_has_error(&given, "parameter 'density': '2'");
    given_finish(&given);
}

static void at_most_twenty_mistakes(void **state)
{
    (void)state;
    struct ladle_text text = {0};
    struct given given;
    ladle_text_add_string(&text, LINEAR "models:\n");
    for (int i = 0; i < 50; i++)
        ladle_text_printf(&text, "- {model: m%d, parameters: {weight: x}}\n", i);
    given_recipe(&given, text.data);
    given_is_refused(&given, 20);
    given_finish(&given);
    ladle_text_finish(&text);
}

static void too_many_models(void **state)
{
    (void)state;
    struct ladle_text text = {0};
    ladle_text_add_string(&text, LINEAR "models:\n");
    for (int i = 0; i < 4097; i++)
        ladle_text_printf(&text, "- model: m%d\n", i);
    refused(text.data, "r.yml:3:1: models: too many models: 4097, where 4096 can be merged at most");
    ladle_text_finish(&text);
}

static void a_long_path_keeps_its_end(void **state)
{
    (void)state;
    char path[2000], where[512];
    memset(path, 'x', sizeof path);
    memcpy(path + sizeof path - 7, "/r.yml", 7);
    struct ladle_recipe recipe = {.path = path};
    struct ladle_node node = {.line = 4294967295, .column = 4294967295};
    assert_true(ladle_ends_with(ladle_recipe_where(&recipe, &node, where), "/r.yml:4294967295:4294967295"));
    assert_true(ladle_starts_with(where, "...xxx"));
    assert_true(ladle_ends_with(ladle_recipe_where(&recipe, NULL, where), "/r.yml"));
}

static void finishing_twice_is_harmless(void **state)
{
    (void)state;
    struct ladle_recipe recipe;
    assert_int_equal(ladle_recipe_parse(&recipe, "r.yml", "x: [", 4, NULL, NULL, NULL), LADLE_BAD_INPUT);
    assert_null(recipe.root);
    ladle_recipe_finish(&recipe);
    ladle_recipe_finish(&recipe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recipe_of_whole_models),
        cmocka_unit_test(a_recipe_of_slices),
        cmocka_unit_test(models_have_other_forms),
        cmocka_unit_test(the_method_must_be_known),
        cmocka_unit_test(exactly_one_list_not_empty),
        cmocka_unit_test(slices_are_checked),
        cmocka_unit_test(a_model_comes_once),
        cmocka_unit_test(a_base_where_the_method_requires_one),
        cmocka_unit_test(types_and_seed),
        cmocka_unit_test(what_is_to_come_is_one_clear_line),
        cmocka_unit_test(no_recipe_at_all),
        cmocka_unit_test(all_mistakes_are_told_at_once),
        cmocka_unit_test(a_misspelt_method_does_not_hide_other_mistakes),
        cmocka_unit_test(at_most_twenty_mistakes),
        cmocka_unit_test(too_many_models),
        cmocka_unit_test(a_long_path_keeps_its_end),
        cmocka_unit_test(finishing_twice_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
