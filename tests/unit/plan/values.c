/* SPDX-License-Identifier: Apache-2.0 */
/* Parameter values of jobs: src/plan/values.c. */
#include "given.h"

#include <math.h>
#include <stdio.h>

static int make_models(void **state)
{
    if (given_folder(state) != 0)
        return -1;
    given_decoder("a", 5, 8, true, "");
    given_decoder("b", 5, 8, true, "");
    given_decoder("c", 5, 8, true, "");
    return 0;
}

/* The n-th value of a model of a job. */
static double each(const struct given *given, const char *name, size_t at)
{
    return given_job(given, name)->each[at];
}

static void the_nearest_scope_decides(void **state)
{
    struct given given;
    given_plan(&given,
               "merge_method: linear\nparameters: {weight: 1}\nslices:\n"
               "  - parameters: {weight: 2}\n    sources: [{model: a, layer_range: [0, 1], parameters: {weight: 3}}, "
               "{model: b, layer_range: [0, 1]}]\n"
               "  - sources: [{model: a, layer_range: [0, 1]}, {model: c, layer_range: [0, 1]}]\n",
               NULL);
    given_is_planned(&given);
    assert_true(each(&given, "model.embed_tokens.weight", 0) == 3);
    assert_true(each(&given, "model.embed_tokens.weight", 1) == 2);
    assert_true(each(&given, "model.layers.0.mlp.up_proj.weight", 1) == 2);
    assert_true(each(&given, "model.layers.1.mlp.up_proj.weight", 0) == 1);
    assert_true(each(&given, "lm_head.weight", 0) == 1);
    given_finish(&given);
}

static void gradients_run_over_the_layers_of_the_slice(void **state)
{
    struct given given;
    given_plan(&given,
               "merge_method: linear\nparameters: {weight: [1, 3]}\nslices:\n"
               "  - sources: [{model: a, layer_range: [0, 5]}]\n  - sources: [{model: a, layer_range: [2, 3]}]\n",
               NULL);
    given_is_planned(&given);
    const double expected[] = {1, 1.5, 2, 2.5, 3, 3};
    for (unsigned i = 0; i < 6; i++) {
        char name[64];
        snprintf(name, sizeof name, "model.layers.%u.input_layernorm.weight", i);
        assert_true(each(&given, name, 0) == expected[i]);
    }
    assert_true(each(&given, "model.embed_tokens.weight", 0) == 1);
    assert_true(each(&given, "model.norm.weight", 0) == 1);
    given_finish(&given);
}

static void filters_look_at_the_models_name_or_the_outputs(void **state)
{
    struct given given;
    given_plan(
        &given,
        "merge_method: linear\nparameters:\n  normalize: [{filter: layers.1., value: false}, {value: true}]\nslices:\n"
        "  - sources: [{model: b, layer_range: [0, 1], parameters: {weight: 1}}]\n"
        "  - sources: [{model: a, layer_range: [3, 4], parameters: {weight: [{filter: layers.3., value: 7}, {value: "
        "8}]}}]\n",
        NULL);
    given_is_planned(&given);
    const struct ladle_job *job = given_job(&given, "model.layers.1.mlp.up_proj.weight");
    assert_true(job->each[0] == 7);
    assert_true(job->shared[0] == 0);
    assert_true(given_job(&given, "model.layers.0.mlp.up_proj.weight")->shared[0] == 1);
    assert_true(each(&given, "model.norm.weight", 0) == 8);
    given_finish(&given);
}

static void the_base_needs_no_values(void **state)
{
    struct given given;
    given_plan(&given,
               "merge_method: task_arithmetic\nbase_model: b\nmodels:\n  - {model: a, parameters: {weight: 0.5}}\n"
               "  - {model: b}\n  - {model: c, parameters: {weight: 0.25}}\n",
               NULL);
    given_is_planned(&given);
    const struct ladle_job *job = given_job(&given, "lm_head.weight");
    size_t count = given.plan->method->info.each_count;
    assert_string_equal(given_sources(&given, job), "b:lm_head.weight a:lm_head.weight c:lm_head.weight");
    assert_true(job->each[0] == 0.5 && job->each[count] == 0.25);
    given_finish(&given);
}

static void a_missing_value_names_parameter_model_and_tensor(void **state)
{
    refused("merge_method: linear\nmodels:\n  - {model: a, parameters: {weight: 1}}\n  - {model: b}\n",
            "r.yml:4:13: no weight is given for model b (tensor model.embed_tokens.weight)");
    refused("merge_method: slerp\nbase_model: a\nmodels: [{model: b}]\n",
            "no t is given (tensor model.embed_tokens.weight)");
    /* A filter that matches no more after the first tensors. */
    refused("merge_method: linear\nmodels: [{model: a, parameters: {weight: [{filter: embed, value: 1}]}}]\n",
            "no weight is given for model a (tensor model.layers.0.input_layernorm.weight)");
    /* It is given, and yet not for this tensor. */
    refused("merge_method: slerp\nbase_model: a\nmodels: [{model: b}]\nparameters: {t: [{filter: mlp, value: 1}]}\n",
            "r.yml:4:17: no filter here fits that name");
    refused("merge_method: linear\nmodels: [{model: a, parameters: {weight: {filter: mlp, value: 1}}}]\n",
            "r.yml:2:42: no filter here fits that name");
}

static void weights_that_cancel_are_shown_where_they_stand(void **state)
{
    refused("merge_method: linear\nmodels:\n  - {model: a, parameters: {weight: 1}}\n"
            "  - {model: b, parameters: {weight: -1}}\n",
            "r.yml:3:37: weight: the weights of all models add up to 0");
}

static void each_missing_value_is_told(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: linear\nmodels: [{model: a}, {model: b}]\n", NULL);
    given_is_refused(&given, 2);
    given_has_error(&given, "model a");
    given_has_error(&given, "model b");
    given_finish(&given);
}

static void values_that_do_not_go_together_are_refused(void **state)
{
    refused("merge_method: linear\nmodels:\n  - {model: a, parameters: {weight: [1, 1, 0.5]}}\n  - {model: b, parameters: "
            "{weight: -0.5}}\n",
            "tensor model.layers.4.input_layernorm.weight");
}

/* Values that were good for one tensor are asked about again for longer rows. */
static void rows_too_long_to_be_ranked_are_refused(void **state)
{
    struct given given;
    given_huge_model("long", "a.weight BF16 2x8\nb.weight BF16 1x4294967296\n");
    given_huge_model("other_long", "a.weight BF16 2x8\nb.weight BF16 1x4294967296\n");
    given_plan(&given,
               "merge_method: della\nbase_model: long\n"
               "models: [{model: other_long, parameters: {weight: 1, density: 0.5}}]\n",
               &(struct ladle_options){.memory_bytes = (uint64_t)1 << 40});
    given_is_refused(&given, 1);
    given_has_error(&given, "rows of more than 4294967295 elements cannot be ranked (model other_long, tensor b.weight)");
    given_finish(&given);
}

static void equal_values_are_kept_once(void **state)
{
    struct given given;
    given_plan(
        &given,
        "merge_method: linear\nmodels:\n  - {model: a, parameters: {weight: [{filter: mlp, value: 1}, {value: 2}]}}\n",
        NULL);
    given_is_planned(&given);
    assert_ptr_equal(given_job(&given, "model.layers.0.mlp.up_proj.weight")->each,
                     given_job(&given, "model.layers.4.mlp.up_proj.weight")->each);
    assert_ptr_equal(given_job(&given, "model.embed_tokens.weight")->each, given_job(&given, "lm_head.weight")->each);
    assert_ptr_equal(given_job(&given, "model.embed_tokens.weight")->shared,
                     given_job(&given, "model.layers.4.mlp.up_proj.weight")->shared);
    given_finish(&given);
}

static void an_absent_value_is_nan(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: passthrough\nmodels: [{model: a, parameters: {scale: [{filter: mlp, value: 2}]}}]\n",
               NULL);
    given_is_planned(&given);
    assert_int_equal(given_job(&given, "model.norm.weight")->action, LADLE_ACTION_COPY);
    assert_true(each(&given, "model.layers.0.mlp.up_proj.weight", 0) == 2);
    given_finish(&given);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_scope_decides),
        cmocka_unit_test(gradients_run_over_the_layers_of_the_slice),
        cmocka_unit_test(filters_look_at_the_models_name_or_the_outputs),
        cmocka_unit_test(the_base_needs_no_values),
        cmocka_unit_test(weights_that_cancel_are_shown_where_they_stand),
        cmocka_unit_test(a_missing_value_names_parameter_model_and_tensor),
        cmocka_unit_test(each_missing_value_is_told),
        cmocka_unit_test(values_that_do_not_go_together_are_refused),
        cmocka_unit_test(rows_too_long_to_be_ranked_are_refused),
        cmocka_unit_test(equal_values_are_kept_once),
        cmocka_unit_test(an_absent_value_is_nan),
    };
    return cmocka_run_group_tests(tests, make_models, given_no_folder);
}
