/* SPDX-License-Identifier: Apache-2.0 */
/* Which models a slice has, which is the base, and which layers: src/plan/parts.c, inputs.c. */
#include "given.h"

#include <unistd.h>

static int make_models(void **state)
{
    if (given_folder(state) != 0)
        return -1;
    given_decoder("a", 2, 8, true, "");
    given_decoder("b", 2, 8, true, "");
    given_decoder("c", 2, 8, true, "");
    given_decoder("long", 3, 8, true, "");
    given_decoder("none", 0, 8, true, "");
    given_model("two", "{\"num_hidden_layers\": 2, \"vision\": {\"depth\": 3}}",
                "model.layers.0.x BF16 4\nmodel.layers.1.x BF16 4\n"
                "visual.blocks.0.y BF16 4\nvisual.blocks.1.y BF16 4\nvisual.blocks.2.y BF16 4\n");
    given_model("other", "{\"n_layer\": 2}", "h.x.0.w BF16 4\nh.x.1.w BF16 4\n");
    return symlink("a", "link");
}

static void one_model_in_two_spellings_comes_twice(void **state)
{
    refused("merge_method: linear\nparameters: {weight: 1}\nmodels:\n  - model: a\n  - model: link\n",
            "r.yml:5:12: model link comes twice\n  a is the same model");
    refused("merge_method: linear\nparameters: {weight: 1}\nmodels:\n  - model: a\n  - model: a/model.safetensors\n",
            "comes twice");
    refused("merge_method: linear\nparameters: {weight: 1}\nslices:\n  - sources: [{model: a, layer_range: [0, 1]}, "
            "{model: link, layer_range: [1, 2]}]\n",
            "comes twice in this slice");
}

static void the_base_may_be_listed_in_another_spelling(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: slerp\nbase_model: link\nparameters: {t: 0.5}\nmodels: [{model: b}, {model: a}]\n",
               NULL);
    given_is_planned(&given);
    const struct ladle_job *job = given_job(&given, "model.norm.weight");
    assert_true(job->has_base);
    assert_string_equal(given_sources(&given, job), "link:model.norm.weight b:model.norm.weight");
    given_finish(&given);
}

static void an_unlisted_base_joins(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: slerp\nbase_model: a\nparameters: {t: 0.5}\nmodels: [{model: b}]\n", NULL);
    given_is_planned(&given);
    const struct ladle_job *job = given_job(&given, "lm_head.weight");
    assert_true(job->has_base);
    assert_string_equal(given_sources(&given, job), "a:lm_head.weight b:lm_head.weight");
    given_finish(&given);
}

static void an_ignored_base_only_donates_unless_listed(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: linear\nbase_model: a\nparameters: {weight: 1}\nmodels: [{model: b}]\n", NULL);
    given_is_planned(&given);
    assert_string_equal(given_sources(&given, given_job(&given, "lm_head.weight")), "b:lm_head.weight");
    assert_string_equal(ladle_plan_model_name(given.plan, given.plan->donor), "a");
    given_finish(&given);
    given_plan(&given, "merge_method: linear\nbase_model: a\nparameters: {weight: 1}\nmodels: [{model: b}, {model: a}]\n",
               NULL);
    given_is_planned(&given);
    const struct ladle_job *job = given_job(&given, "lm_head.weight");
    assert_false(job->has_base);
    assert_string_equal(given_sources(&given, job), "b:lm_head.weight a:lm_head.weight");
    given_finish(&given);
}

static void an_optional_base_is_used_when_given(void **state)
{
    struct given given;
    given_plan(&given,
               "merge_method: multislerp\nbase_model: a\nparameters: {weight: 1}\nmodels: [{model: b}, {model: c}]\n", NULL);
    given_is_planned(&given);
    assert_true(given_job(&given, "lm_head.weight")->has_base);
    given_finish(&given);
    given_plan(&given, "merge_method: multislerp\nparameters: {weight: 1}\nmodels: [{model: b}, {model: c}]\n", NULL);
    given_is_planned(&given);
    assert_false(given_job(&given, "lm_head.weight")->has_base);
    given_finish(&given);
}

static void the_donor_is_the_base_else_the_first_model(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: b}, {model: a}]\n", NULL);
    given_is_planned(&given);
    assert_string_equal(ladle_plan_model_name(given.plan, given.plan->donor), "b");
    given_finish(&given);
}

static void the_number_of_models_is_that_of_the_method(void **state)
{
    refused("merge_method: slerp\nbase_model: a\nparameters: {t: 1}\nmodels: [{model: a}, {model: b}, {model: c}]\n",
            "slerp takes exactly one model besides the base; got 2");
    refused("merge_method: slerp\nbase_model: a\nparameters: {t: 1}\nmodels: [{model: a}]\n",
            "slerp takes exactly one model besides the base; got 0");
    refused("merge_method: passthrough\nmodels: [{model: a}, {model: b}]\n", "passthrough takes exactly one model; got 2");
    refused("merge_method: model_stock\nbase_model: a\nmodels: [{model: b}]\n",
            "model_stock takes at least two models besides the base; got 1");
    refused("merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [0, 1]}, {model: b, layer_range: [0, "
            "1]}]\n",
            "r.yml:3:5: passthrough takes exactly one model; got 2 in this slice");
}

static void each_slice_must_hold_the_base(void **state)
{
    refused("merge_method: slerp\nbase_model: a\nparameters: {t: 1}\nslices:\n"
            "  - sources: [{model: a, layer_range: [0, 1]}, {model: b, layer_range: [0, 1]}]\n"
            "  - sources: [{model: c, layer_range: [0, 1]}, {model: b, layer_range: [0, 1]}]\n",
            "r.yml:6:5: base_model a is not among the sources of this slice; slerp needs it");
}

static void a_slice_may_have_a_base_of_its_own(void **state)
{
    struct given given;
    given_plan(&given,
               "merge_method: slerp\nbase_model: a\nparameters: {t: 1}\nslices:\n"
               "  - sources: [{model: a, layer_range: [0, 1]}, {model: b, layer_range: [0, 1]}]\n"
               "  - base_model: b\n    sources: [{model: c, layer_range: [0, 1]}, {model: b, layer_range: [1, 2]}]\n",
               NULL);
    given_is_planned(&given);
    assert_string_equal(given_sources(&given, given_job(&given, "model.embed_tokens.weight")),
                        "a:model.embed_tokens.weight b:model.embed_tokens.weight");
    assert_string_equal(given_sources(&given, given_job(&given, "model.layers.1.mlp.up_proj.weight")),
                        "b:model.layers.1.mlp.up_proj.weight c:model.layers.0.mlp.up_proj.weight");
    assert_string_equal(given_sources(&given, given_job(&given, "lm_head.weight")), "b:lm_head.weight c:lm_head.weight");
    given_finish(&given);
}

static void models_must_have_equal_layers(void **state)
{
    refused("merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: a}, {model: long}]\n",
            "r.yml:3:30: the models have different numbers of layers (model.layers): a has 2, long has 3");
}

static void a_range_must_lie_within_the_layers(void **state)
{
    refused("merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [0, 3]}]\n",
            "layer_range [0, 3] is not within the 2 layers of model a");
    refused("merge_method: passthrough\nslices:\n  - sources: [{model: none, layer_range: [0, 1]}]\n",
            "layer_range: no layers are found in model none");
}

static void layers_with_a_gap_are_told_from_none(void **state)
{
#define SLICE_OF(name) "merge_method: passthrough\nslices:\n  - sources: [{model: " name ", layer_range: [0, 1]}]\n"
    given_model("gap", "{\"num_hidden_layers\": 4}",
                "a.7.weight F32 2\nmodel.layers.0.a.weight F32 2\nmodel.layers.1.a.weight F32 2\n"
                "model.layers.1.b.weight F32 2\nmodel.layers.3.a.weight F32 2\n");
    refused(SLICE_OF("gap"), "model.layers is numbered 0-1, 3, without 2: is a shard missing?");
    given_model("from_one", "{\"num_hidden_layers\": 2}", "h.1.weight F32 2\nh.2.weight F32 2\n");
    refused(SLICE_OF("from_one"), "h is numbered 1-2, without 0");
    given_model("unnumbered", "{}", "h.weight F32 2\n");
    refused(SLICE_OF("unnumbered"), "no tensor has a number in its name");
}

static void several_mistakes_are_told_at_once(void **state)
{
    struct given given;
    given_plan(&given,
               "merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [0, 3]}]\n"
               "  - sources: [{model: b, layer_range: [1, 9]}]\n",
               NULL);
    given_is_refused(&given, 2);
    given_has_error(&given, "r.yml:3:39");
    given_has_error(&given, "[1, 9]");
    given_finish(&given);
}

static void every_model_that_cannot_be_found_is_told(void **state)
{
    struct given given;
    given_plan(&given,
               "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: ./no}, {model: a}, {model: ./nor}]\n", NULL);
    given_is_refused(&given, 2);
    given_has_error(&given, "./nor");
    given_finish(&given);
}

static void slices_of_two_stacks_need_modules(void **state)
{
    refused("merge_method: passthrough\nslices:\n  - sources: [{model: two, layer_range: [0, 2]}]\n", "modules");
}

static void layers_of_other_names_do_not_fit(void **state)
{
    refused("merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [0, 2]}]\n"
            "  - sources: [{model: other, layer_range: [0, 2]}]\n",
            "the layers of model other are called h.x.N, those of a model.layers.N");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_model_in_two_spellings_comes_twice),
        cmocka_unit_test(the_base_may_be_listed_in_another_spelling),
        cmocka_unit_test(an_unlisted_base_joins),
        cmocka_unit_test(an_ignored_base_only_donates_unless_listed),
        cmocka_unit_test(an_optional_base_is_used_when_given),
        cmocka_unit_test(the_donor_is_the_base_else_the_first_model),
        cmocka_unit_test(the_number_of_models_is_that_of_the_method),
        cmocka_unit_test(each_slice_must_hold_the_base),
        cmocka_unit_test(a_slice_may_have_a_base_of_its_own),
        cmocka_unit_test(models_must_have_equal_layers),
        cmocka_unit_test(a_range_must_lie_within_the_layers),
        cmocka_unit_test(layers_with_a_gap_are_told_from_none),
        cmocka_unit_test(several_mistakes_are_told_at_once),
        cmocka_unit_test(every_model_that_cannot_be_found_is_told),
        cmocka_unit_test(slices_of_two_stacks_need_modules),
        cmocka_unit_test(layers_of_other_names_do_not_fit),
    };
    return cmocka_run_group_tests(tests, make_models, given_no_folder);
}
