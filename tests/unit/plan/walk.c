/* SPDX-License-Identifier: Apache-2.0 */
/* Which tensors of the inputs meet in which output tensor, and in what order: src/plan/walk.c, regions.c. */
#include "given.h"

#include <stdio.h>

static int make_models(void **state)
{
    if (given_folder(state) != 0)
        return -1;
    given_decoder("a", 2, 8, true, "");
    given_decoder("b", 3, 8, true, "");
    given_decoder("c", 3, 8, true, "");
    given_decoder("tied", 2, 8, false, "");
    given_model("nextn", "{\"num_hidden_layers\": 2, \"num_nextn_predict_layers\": 1}",
                "model.layers.0.w BF16 4\nmodel.layers.1.w BF16 4\nmodel.layers.2.w BF16 4\nmodel.layers.2.eh BF16 4\n");
    given_model("nextn3", "{\"num_hidden_layers\": 3, \"num_nextn_predict_layers\": 1}",
                "model.layers.0.w BF16 4\nmodel.layers.1.w BF16 4\nmodel.layers.2.w BF16 4\nmodel.layers.3.w BF16 4\n"
                "model.layers.3.eh BF16 4\n");
    for (int i = 0; i < 2; i++)
        given_model(i ? "see" : "saw", "{\"text_config\": {\"num_hidden_layers\": 3}, \"vision_config\": {\"depth\": 2}}",
                    "text.layers.0.w BF16 4\ntext.layers.1.w BF16 4\ntext.layers.2.w BF16 4\n"
                    "visual.blocks.0.w BF16 4\nvisual.blocks.1.w BF16 4\nvisual.merger.mlp.7.w BF16 4\n");
    return 0;
}

static void tensors_stand_in_model_order(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: a}, {model: tied}]\n", NULL);
    given_is_planned(&given);
    assert_string_equal(
        given_order(&given),
        "model.embed_tokens.weight model.layers.0.input_layernorm.weight model.layers.0.mlp.up_proj.weight "
        "model.layers.1.input_layernorm.weight model.layers.1.mlp.up_proj.weight model.norm.weight lm_head.weight");
    given_finish(&given);
}

static void layers_are_renumbered_over_slices(void **state)
{
    struct given given;
    given_plan(&given,
               "merge_method: passthrough\nslices:\n"
               "  - sources: [{model: b, layer_range: [1, 3]}]\n"
               "  - sources: [{model: a, layer_range: [0, 2]}]\n"
               "  - sources: [{model: c, layer_range: [2, 3]}]\n",
               NULL);
    given_is_planned(&given);
    const char *const from[] = {"b:model.layers.1", "b:model.layers.2", "a:model.layers.0", "a:model.layers.1",
                                "c:model.layers.2"};
    for (unsigned i = 0; i < 5; i++) {
        char name[64], source[64];
        snprintf(name, sizeof name, "model.layers.%u.mlp.up_proj.weight", i);
        snprintf(source, sizeof source, "%s.mlp.up_proj.weight", from[i]);
        assert_string_equal(given_sources(&given, given_job(&given, name)), source);
    }
    assert_false(given_has_job(&given, "model.layers.5.mlp.up_proj.weight"));
    assert_string_equal(given_sources(&given, given_job(&given, "model.embed_tokens.weight")),
                        "b:model.embed_tokens.weight");
    assert_string_equal(given_sources(&given, given_job(&given, "model.norm.weight")), "c:model.norm.weight");
    assert_string_equal(given_sources(&given, given_job(&given, "lm_head.weight")), "c:lm_head.weight");
    given_finish(&given);
}

static void sources_of_a_slice_meet_layer_by_layer(void **state)
{
    struct given given;
    given_plan(
        &given,
        "merge_method: linear\nparameters: {weight: 1}\nslices:\n"
        "  - sources: [{model: b, layer_range: [1, 3]}, {model: a, layer_range: [0, 2]}, {model: c, layer_range: [1, 3]}]\n",
        NULL);
    given_is_planned(&given);
    assert_string_equal(given_sources(&given, given_job(&given, "model.layers.1.input_layernorm.weight")),
                        "b:model.layers.2.input_layernorm.weight a:model.layers.1.input_layernorm.weight "
                        "c:model.layers.2.input_layernorm.weight");
    given_finish(&given);
}

static void a_tied_model_gives_its_embedding_where_another_stores_a_head(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: tied}, {model: a}]\n", NULL);
    given_is_planned(&given);
    assert_string_equal(given_sources(&given, given_job(&given, "lm_head.weight")),
                        "tied:model.embed_tokens.weight a:lm_head.weight");
    assert_int_equal(given.plan->tied, 0);
    given_finish(&given);
}

static void a_head_that_no_input_stores_is_not_made(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: passthrough\nmodels: [{model: tied}]\n", NULL);
    given_is_planned(&given);
    assert_false(given_has_job(&given, "lm_head.weight"));
    assert_int_equal(given.plan->tied, -1);
    given_finish(&given);
}

static void layers_beyond_the_count_move_behind_the_last(void **state)
{
    struct given given;
    given_plan(&given,
               "merge_method: passthrough\nslices:\n"
               "  - sources: [{model: nextn, layer_range: [0, 2]}]\n"
               "  - sources: [{model: nextn, layer_range: [0, 2]}]\n",
               NULL);
    given_is_planned(&given);
    assert_string_equal(given_order(&given), "model.layers.0.w model.layers.1.w model.layers.2.w model.layers.3.w "
                                             "model.layers.4.w model.layers.4.eh");
    assert_string_equal(given_sources(&given, given_job(&given, "model.layers.2.w")), "nextn:model.layers.0.w");
    assert_string_equal(given_sources(&given, given_job(&given, "model.layers.4.w")), "nextn:model.layers.2.w");
    given_has_warning(&given, "nextn: model.layers.2");
    given_finish(&given);
}

static void layers_beyond_the_count_meet_their_like(void **state)
{
    struct given given;
    given_plan(&given,
               "merge_method: linear\nparameters: {weight: 1}\nslices:\n"
               "  - sources: [{model: nextn, layer_range: [0, 1]}, {model: nextn3, layer_range: [2, 3]}]\n",
               NULL);
    given_is_planned(&given);
    assert_string_equal(given_order(&given), "model.layers.0.w model.layers.1.w model.layers.1.eh");
    assert_string_equal(given_sources(&given, given_job(&given, "model.layers.1.eh")),
                        "nextn:model.layers.2.eh nextn3:model.layers.3.eh");
    given_finish(&given);
}

static void layers_beyond_the_count_stay_without_slices(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: passthrough\nmodels: [{model: nextn}]\n", NULL);
    given_is_planned(&given);
    assert_string_equal(given_sources(&given, given_job(&given, "model.layers.2.eh")), "nextn:model.layers.2.eh");
    given_has_no_warning(&given);
    given_finish(&given);
}

static void every_stack_is_merged(void **state)
{
    struct given given;
    given_plan(
        &given,
        "merge_method: linear\nparameters: {weight: [0, 1], normalize: false}\nmodels: [{model: see}, {model: saw}]\n",
        NULL);
    given_is_planned(&given);
    assert_int_equal(given.plan->tensor_count, 6);
    /* Each stack has its own gradient; what is outside has that of its beginning. */
    assert_true(given_job(&given, "text.layers.1.w")->each[0] == 0.5);
    assert_true(given_job(&given, "text.layers.2.w")->each[0] == 1.0);
    assert_true(given_job(&given, "visual.blocks.0.w")->each[0] == 0.0);
    assert_true(given_job(&given, "visual.blocks.1.w")->each[0] == 1.0);
    assert_true(given_job(&given, "visual.merger.mlp.7.w")->each[0] == 0.0);
    given_finish(&given);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_stand_in_model_order),
        cmocka_unit_test(layers_are_renumbered_over_slices),
        cmocka_unit_test(sources_of_a_slice_meet_layer_by_layer),
        cmocka_unit_test(a_tied_model_gives_its_embedding_where_another_stores_a_head),
        cmocka_unit_test(a_head_that_no_input_stores_is_not_made),
        cmocka_unit_test(layers_beyond_the_count_move_behind_the_last),
        cmocka_unit_test(layers_beyond_the_count_meet_their_like),
        cmocka_unit_test(layers_beyond_the_count_stay_without_slices),
        cmocka_unit_test(every_stack_is_merged),
    };
    return cmocka_run_group_tests(tests, make_models, given_no_folder);
}
