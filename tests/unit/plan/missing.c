/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors that some inputs lack: src/plan/missing.c. */
#include "given.h"

static int make_models(void **state)
{
    if (given_folder(state) != 0)
        return -1;
    given_decoder("base", 1, 8, true, "");
    given_decoder("a", 1, 8, true,
                  "extra.one BF16 4\nextra.two BF16 4\nextra.three BF16 4\nextra.four BF16 4\n"
                  "extra.five BF16 4\nextra.six BF16 4\n");
    given_decoder("b", 1, 8, true, "extra.one BF16 4\n");
    given_decoder("c", 1, 8, true, "other BF16 4\n");
    given_decoder("old", 1, 8, true, "model.layers.0.self_attn.rotary_emb.inv_freq F32 2\n");
    given_decoder("older", 1, 8, true, "model.layers.0.self_attn.rotary_emb.inv_freq F16 2\n");
    return 0;
}

static void both_sides_are_told(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: a}, {model: c}]\n", NULL);
    given_is_refused(&given, 2);
    given_has_error(&given, "a: other: missing here, but stored in c");
    given_has_error(&given, "c: extra.one: missing here, but stored in a");
    given_has_error(&given, "6 tensors are missing here: extra.one, extra.two, extra.three, extra.four and 2 more");
    given_has_error(&given, "--allow-missing");
    given_finish(&given);
}

static void what_lacks_a_tensor_is_left_out(void **state)
{
    struct given given;
    struct ladle_options options;
    ladle_options_init(&options);
    options.allow_missing = true;
    given_plan(
        &given,
        "merge_method: linear\nmodels:\n  - {model: b, parameters: {weight: 1}}\n  - {model: c, parameters: {weight: 2}}\n"
        "  - {model: a, parameters: {weight: 3}}\n",
        &options);
    given_is_planned(&given);
    const struct ladle_job *job = given_job(&given, "extra.one");
    assert_int_equal(job->action, LADLE_ACTION_MERGE);
    assert_string_equal(given_sources(&given, job), "b:extra.one a:extra.one");
    assert_true(job->each[0] == 1.0 && job->each[1] == 3.0);
    given_has_warning(&given, "extra.one: missing in c: merged from the others");
    given_has_warning(&given, "other: missing in b, a: merged from the others");
    given_finish(&given);
}

static void too_few_models_or_no_base_make_a_copy(void **state)
{
    struct given given;
    struct ladle_options options;
    ladle_options_init(&options);
    options.allow_missing = true;
    /* The base lacks extra.one; only the second model has extra.two. */
    given_plan(&given, "merge_method: model_stock\nbase_model: c\nmodels: [{model: b}, {model: a}]\n", &options);
    given_is_planned(&given);
    assert_int_equal(given_job(&given, "extra.one")->action, LADLE_ACTION_COPY);
    assert_string_equal(given_sources(&given, given_job(&given, "extra.one")), "b:extra.one");
    assert_string_equal(given_sources(&given, given_job(&given, "extra.two")), "a:extra.two");
    assert_string_equal(given_sources(&given, given_job(&given, "other")), "c:other");
    given_has_warning(&given, "extra.two: missing in c, b: copied from a");
    given_finish(&given);
    /* Without its base a task vector is none, however many models have the tensor. */
    given_plan(&given,
               "merge_method: task_arithmetic\nbase_model: c\nparameters: {weight: 1}\nmodels: [{model: b}, {model: a}]\n",
               &options);
    given_is_planned(&given);
    assert_string_equal(given_sources(&given, given_job(&given, "extra.one")), "b:extra.one");
    given_finish(&given);
    /* One model is too few for model_stock, but the base has it. */
    given_plan(&given, "merge_method: model_stock\nbase_model: a\nmodels: [{model: b}, {model: base}]\n", &options);
    given_is_planned(&given);
    assert_string_equal(given_sources(&given, given_job(&given, "extra.one")), "a:extra.one");
    given_finish(&given);
}

static void buffers_may_be_missing_anywhere(void **state)
{
    struct given given;
    given_plan(&given,
               "merge_method: linear\nparameters: {weight: 1}\nbase_model: older\n"
               "models: [{model: base}, {model: old}, {model: older}]\n",
               NULL);
    given_is_planned(&given);
    const struct ladle_job *job = given_job(&given, "model.layers.0.self_attn.rotary_emb.inv_freq");
    assert_int_equal(job->action, LADLE_ACTION_COPY);
    assert_int_equal(job->dtype, LADLE_F16);
    assert_string_equal(given_sources(&given, job), "older:model.layers.0.self_attn.rotary_emb.inv_freq");
    assert_null(job->each);
    given_has_no_warning(&given);
    given_finish(&given);
    given_plan(&given,
               "merge_method: linear\nparameters: {weight: 1}\nbase_model: base\ndtype: bfloat16\n"
               "models: [{model: base}, {model: old}, {model: older}]\n",
               NULL);
    given_is_planned(&given);
    job = given_job(&given, "model.layers.0.self_attn.rotary_emb.inv_freq");
    assert_int_equal(job->dtype, LADLE_BF16);
    assert_string_equal(given_sources(&given, job), "old:model.layers.0.self_attn.rotary_emb.inv_freq");
    given_finish(&given);
}

static void what_all_have_is_merged_even_if_a_buffer(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: old}, {model: older}]\n", NULL);
    given_is_planned(&given);
    assert_int_equal(given_job(&given, "model.layers.0.self_attn.rotary_emb.inv_freq")->action, LADLE_ACTION_MERGE);
    given_finish(&given);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_are_told),
        cmocka_unit_test(what_lacks_a_tensor_is_left_out),
        cmocka_unit_test(too_few_models_or_no_base_make_a_copy),
        cmocka_unit_test(buffers_may_be_missing_anywhere),
        cmocka_unit_test(what_all_have_is_merged_even_if_a_buffer),
    };
    return cmocka_run_group_tests(tests, make_models, given_no_folder);
}
