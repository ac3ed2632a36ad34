/* SPDX-License-Identifier: Apache-2.0 */
/* What the public functions tell of a plan: src/plan/report.c. */
#include "given.h"

#include <math.h>


static int make_models(void **state)
{
    if (given_folder(state) != 0)
        return -1;
    given_decoder("a", 2, 8, true, "ids I64 3\n");
    given_decoder("b", 2, 8, true, "ids I64 3\n");
    return 0;
}

static const char slerp[] = "merge_method: slerp\nbase_model: a\nseed: 7\nmodels: [{model: b}]\n"
                            "parameters: {t: [{filter: mlp, value: [0.1, 0.3]}, {value: 0.5}]}\n";

static void the_summary_adds_up(void **state)
{
    struct given given;
    struct ladle_plan_summary summary;
    struct ladle_options options;
    ladle_options_init(&options);
    options.memory_bytes = 128u << 20;
    options.threads = 2;
    given_plan(&given, slerp, &options);
    given_is_planned(&given);
    ladle_plan_summarize(given.plan, &summary);
    assert_string_equal(summary.method, "slerp");
    assert_int_equal(summary.tensors, 8);
    /* embedding and head 32 each, two layers of 4 + 24, the norm 4, ids 3 */
    assert_int_equal(summary.parameters, 64 + 56 + 4 + 3);
    assert_int_equal(summary.output_bytes, given.plan->shards[0].bytes);
    assert_int_equal(summary.input_bytes, 2 * (2 * (64 + 56 + 4) + 8 * 3));
    assert_int_equal(summary.seed, 7);
    assert_int_equal(summary.memory_bytes, 128u << 20);
    assert_int_equal(summary.shards, 1);
    assert_int_equal(summary.most_passes, 2);
    assert_true(summary.used_bytes <= summary.memory_bytes && summary.metadata_bytes > 0);
    given_finish(&given);
}

static void tensors_come_in_the_order_of_the_output(void **state)
{
    struct given given;
    struct ladle_plan_tensor tensor;
    struct ladle_options options;
    char names[1024] = "";
    uint64_t at = 0;
    ladle_options_init(&options);
    options.shard_bytes = 100;
    given_plan(&given, slerp, &options);
    given_is_planned(&given);
    assert_true(given.plan->shard_count > 2);
    for (; ladle_plan_tensor_at(given.plan, at, &tensor); at++) {
        strcat(strcat(names, at ? " " : ""), tensor.name);
        assert_string_equal(tensor.shard, given.plan->shards[given_job(&given, tensor.name)->shard].name);
        assert_int_equal(tensor.inputs, 2);
    }
    assert_int_equal(at, given.plan->tensor_count);
    assert_string_equal(names, given_order(&given));
    assert_false(ladle_plan_tensor_at(given.plan, UINT64_MAX, &tensor));
    given_finish(&given);
}

/* The index of an output tensor. */
static uint64_t index_of(const struct given *given, const char *name, struct ladle_plan_tensor *tensor)
{
    uint64_t at = 0;
    while (ladle_plan_tensor_at(given->plan, at, tensor) && strcmp(tensor->name, name) != 0)
        at++;
    assert_string_equal(tensor->name, name);
    return at;
}

static void a_tensor_says_what_is_done_to_it(void **state)
{
    struct given given;
    struct ladle_plan_tensor tensor;
    given_plan(&given, slerp, NULL);
    given_is_planned(&given);
    index_of(&given, "ids", &tensor);
    assert_string_equal(tensor.action, "copy if equal");
    assert_int_equal(tensor.dtype, LADLE_I64);
    assert_int_equal(tensor.passes, 1);
    assert_int_equal(tensor.read_bytes, 48);
    index_of(&given, "lm_head.weight", &tensor);
    assert_string_equal(tensor.action, "slerp");
    assert_int_equal(tensor.rank, 2);
    assert_int_equal(tensor.shape[0], 8);
    assert_int_equal(tensor.bytes, 64);
    assert_int_equal(tensor.passes, 2);
    assert_int_equal(tensor.read_bytes, 128); /* it stays in memory between the passes */
    given_finish(&given);
}

static void parameters_are_told_as_resolved(void **state)
{
    struct given given;
    struct ladle_plan_tensor tensor;
    struct ladle_plan_parameter parameter;
    given_plan(&given, slerp, NULL);
    uint64_t at = index_of(&given, "model.layers.1.mlp.up_proj.weight", &tensor);
    assert_true(ladle_plan_parameter_at(given.plan, at, 0, &parameter));
    assert_string_equal(parameter.name, "t");
    assert_null(parameter.model);
    assert_true(parameter.value == 0.3);
    assert_string_equal(parameter.text, "0.3");
    assert_false(ladle_plan_parameter_at(given.plan, at, 1, &parameter));
    at = index_of(&given, "ids", &tensor);
    assert_false(ladle_plan_parameter_at(given.plan, at, 0, &parameter));
    given_finish(&given);
}

static void parameters_of_models_follow_those_of_the_tensor(void **state)
{
    struct given given;
    struct ladle_plan_tensor tensor;
    struct ladle_plan_parameter parameter;
    given_plan(&given,
               "merge_method: linear\nmodels:\n  - {model: a, parameters: {weight: 0.1}}\n"
               "  - {model: b, parameters: {weight: 1e300}}\n",
               NULL);
    given_is_planned(&given);
    uint64_t at = index_of(&given, "model.norm.weight", &tensor);
    assert_true(ladle_plan_parameter_at(given.plan, at, 0, &parameter));
    assert_string_equal(parameter.name, "normalize");
    assert_string_equal(parameter.text, "true");
    assert_true(ladle_plan_parameter_at(given.plan, at, 2, &parameter));
    assert_string_equal(parameter.name, "weight");
    assert_string_equal(parameter.model, "b");
    assert_string_equal(parameter.text, "1e+300");
    assert_false(ladle_plan_parameter_at(given.plan, at, 3, &parameter));
    given_finish(&given);
}

static void parameters_without_effect_are_not_told(void **state)
{
    struct given given;
    struct ladle_plan_tensor tensor;
    struct ladle_plan_parameter parameter;
    given_plan(
        &given,
        "merge_method: task_arithmetic\nbase_model: a\nparameters: {weight: 1, int8_mask: true}\nmodels: [{model: b}]\n",
        NULL);
    given_is_planned(&given);
    uint64_t norm = index_of(&given, "model.norm.weight", &tensor);
    unsigned at = 0;
    for (; ladle_plan_parameter_at(given.plan, norm, at, &parameter); at++)
        assert_string_not_equal(parameter.name, "int8_mask");
    assert_true(at >= 3);
    given_finish(&given);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_summary_adds_up),
        cmocka_unit_test(tensors_come_in_the_order_of_the_output),
        cmocka_unit_test(a_tensor_says_what_is_done_to_it),
        cmocka_unit_test(parameters_are_told_as_resolved),
        cmocka_unit_test(parameters_of_models_follow_those_of_the_tensor),
        cmocka_unit_test(parameters_without_effect_are_not_told),
    };
    return cmocka_run_group_tests(tests, make_models, given_no_folder);
}
