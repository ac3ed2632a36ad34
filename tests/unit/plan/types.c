/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes, stored types, working types and what becomes a copy: src/plan/types.c, jobs.c. */
#include "given.h"

#include <stdio.h>

static int make_models(void **state)
{
    const char *const types[] = {"BF16", "F16", "F32", "F64", "F8_E4M3", "F8_E5M2"};
    if (given_folder(state) != 0)
        return -1;
    for (unsigned i = 0; i < 6; i++) {
        char line[64];
        snprintf(line, sizeof line, "w %s 4x2\n", types[i]);
        given_model(types[i], NULL, line);
    }
    given_model("flat", NULL, "w BF16 8\n");
    given_model("whole", NULL, "w BF16 4\nids I64 4\n");
    given_model("whole2", NULL, "w BF16 4\nids I64 4\n");
    given_model("short", NULL, "w BF16 4\nids I32 4\n");
    given_model("few", NULL, "w BF16 4\nids I64 3\n");
    given_decoder("v8", 1, 8, true, "lm_head.bias BF16 8\nscore.weight BF16 2x4\n");
    given_decoder("v9", 1, 9, true, "lm_head.bias BF16 9\nscore.weight BF16 2x4\n");
    given_decoder("classes", 1, 8, true, "lm_head.bias BF16 8\nscore.weight BF16 3x4\n");
    given_model("router", NULL, "a BF16 4\nb BF16 4\nc BF16 4\nrouter.bias F32 4\n");
    given_model("router2", NULL, "a BF16 4\nb BF16 4\nc BF16 4\nrouter.bias F32 4\n");
    given_model("wide", NULL, "a F32 4\nb F32 4\nc F32 4\nrouter.bias F32 4\n");
    given_model("scaled", NULL, "w F8_E4M3 4x2\nw_scale F32 1\nnorm BF16 4\n");
    given_model("scaled2", NULL, "w F8_E4M3 4x2\nw_scale F32 1\nnorm BF16 4\n");
    return 0;
}

/* The type in which `w` of these models is stored. */
static void stored_as(const char *models, const char *keys, enum ladle_dtype dtype, enum ladle_real real)
{
    struct given given;
    char recipe[512];
    snprintf(recipe, sizeof recipe, "merge_method: linear\nparameters: {weight: 1}\nmodels: [%s]\n%s", models, keys);
    given_plan(&given, recipe, NULL);
    given_is_planned(&given);
    const struct ladle_job *job = given_job(&given, "w");
    if (job->dtype != dtype)
        fail_msg("%s %s: stored as %s", models, keys, ladle_dtype_name((enum ladle_dtype)job->dtype));
    assert_int_equal(job->real, real);
    assert_int_equal(job->action, LADLE_ACTION_MERGE);
    assert_int_equal(job->bytes, 8 * ladle_dtype_bits(dtype) / 8);
    given_finish(&given);
}

static void the_stored_type_holds_all_inputs(void **state)
{
    stored_as("{model: BF16}", "", LADLE_BF16, LADLE_REAL_F32);
    stored_as("{model: BF16}, {model: F16}", "", LADLE_F32, LADLE_REAL_F32);
    stored_as("{model: F8_E4M3}, {model: F16}", "", LADLE_F16, LADLE_REAL_F32);
    stored_as("{model: F8_E4M3}, {model: F8_E5M2}", "", LADLE_BF16, LADLE_REAL_F32);
    stored_as("{model: F8_E4M3}, {model: F8_E5M2}, {model: F16}", "", LADLE_F16, LADLE_REAL_F32);
    stored_as("{model: F16}, {model: F8_E4M3}, {model: F8_E5M2}", "", LADLE_F16, LADLE_REAL_F32);
    stored_as("{model: F32}, {model: BF16}, {model: F16}", "", LADLE_F32, LADLE_REAL_F32);
    stored_as("{model: F64}, {model: BF16}", "", LADLE_F64, LADLE_REAL_F64);
}

static void the_recipe_may_name_the_stored_type(void **state)
{
    stored_as("{model: F32}", "dtype: bfloat16\n", LADLE_BF16, LADLE_REAL_F32);
    stored_as("{model: F32}", "dtype: bfloat16\nout_dtype: float16\n", LADLE_F16, LADLE_REAL_F32);
    stored_as("{model: F32}, {model: F16}", "dtype: bfloat16\nout_dtype: input\n", LADLE_F32, LADLE_REAL_F32);
    stored_as("{model: F32}", "dtype: float64\nout_dtype: float16\n", LADLE_F16, LADLE_REAL_F64);
    stored_as("{model: F32}", "dtype: float16\nout_dtype: float64\n", LADLE_F64, LADLE_REAL_F64);
    stored_as("{model: F64}", "dtype: float16\n", LADLE_F16, LADLE_REAL_F64);
}

static void options_go_before_the_recipe(void **state)
{
    struct given given;
    struct ladle_options options;
    ladle_options_init(&options);
    options.dtype = "float16";
    given_plan(&given, "merge_method: passthrough\nmodels: [{model: F32}]\ndtype: bfloat16\n", &options);
    given_is_planned(&given);
    assert_int_equal(given_job(&given, "w")->dtype, LADLE_F16);
    given_finish(&given);
    options.out_dtype = "input";
    given_plan(&given, "merge_method: passthrough\nmodels: [{model: F32}]\nout_dtype: bfloat16\n", &options);
    given_is_planned(&given);
    assert_int_equal(given_job(&given, "w")->dtype, LADLE_F32);
    given_finish(&given);
    options.out_dtype = "int8";
    given_plan(&given, "merge_method: passthrough\nmodels: [{model: F32}]\n", &options);
    assert_int_equal(given.status, LADLE_BAD_REQUEST);
    given_has_error(&given, "int8");
    given_finish(&given);
}

static void passthrough_without_scale_is_a_copy(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: passthrough\nmodels: [{model: F32}]\n", NULL);
    given_is_planned(&given);
    assert_int_equal(given_job(&given, "w")->action, LADLE_ACTION_COPY);
    assert_null(given_job(&given, "w")->each);
    given_finish(&given);
    given_plan(&given, "merge_method: passthrough\nmodels: [{model: F32, parameters: {scale: 2}}]\n", NULL);
    given_is_planned(&given);
    assert_int_equal(given_job(&given, "w")->action, LADLE_ACTION_MERGE);
    given_finish(&given);
}

static void a_lonely_base_is_copied(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: model_stock\nbase_model: F32\nmodels: [{model: F32}]\n", NULL);
    given_is_refused(&given, 1);
    given_finish(&given);
    given_plan(&given, "merge_method: task_arithmetic\nbase_model: F32\nmodels: [{model: F32}]\ndtype: float16\n", NULL);
    given_is_planned(&given);
    const struct ladle_job *job = given_job(&given, "w");
    assert_int_equal(job->action, LADLE_ACTION_COPY);
    assert_true(job->has_base);
    assert_int_equal(job->dtype, LADLE_F16);
    given_has_warning(&given, "no model besides the base_model F32");
    given_finish(&given);
}

static void shapes_must_agree(void **state)
{
    refused("merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: BF16}, {model: F16}, {model: flat}]\n",
            "flat: w: its shape [8] differs from [4, 2] in BF16");
}

static void integers_are_copied_if_equal(void **state)
{
    struct given given;
    given_plan(&given,
               "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: whole}, {model: whole2}]\ndtype: float16\n",
               NULL);
    given_is_planned(&given);
    const struct ladle_job *job = given_job(&given, "ids");
    assert_int_equal(job->action, LADLE_ACTION_COPY_IF_EQUAL);
    assert_int_equal(job->dtype, LADLE_I64);
    assert_int_equal(job->bytes, 32);
    assert_int_equal(job->source_count, 2);
    given_finish(&given);
    given_plan(&given, "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: whole}]\n", NULL);
    given_is_planned(&given);
    assert_int_equal(given_job(&given, "ids")->action, LADLE_ACTION_COPY);
    given_finish(&given);
    refused("merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: whole}, {model: short}]\n",
            "short: ids: I32 here and I64 in whole");
    refused("merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: whole}, {model: few}]\n",
            "few: ids: its shape [3]");
}

static void vocabularies_of_other_sizes_are_refused_or_cut(void **state)
{
    struct given given;
    struct ladle_options options;
    const char *recipe = "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: v9}, {model: v8}]\n";
    given_plan(&given, recipe, NULL);
    given_is_refused(&given, 3);
    given_has_error(&given, "v8: model.embed_tokens.weight: its shape [8, 4] differs from [9, 4] in v9");
    given_has_error(&given, "'tokenizer', which aligns them, is not supported yet");
    given_has_error(&given, "lm_head.bias");
    given_finish(&given);
    ladle_options_init(&options);
    options.truncate_embeddings = true;
    given_plan(&given, recipe, &options);
    given_is_planned(&given);
    const struct ladle_job *job = given_job(&given, "lm_head.weight");
    assert_int_equal(job->shape[0], 8);
    assert_int_equal(job->elems, 32);
    assert_int_equal(job->bytes, 64);
    assert_int_equal(given_job(&given, "lm_head.bias")->elems, 8);
    assert_int_equal(given.plan->vocabulary, 8);
    given_has_warning(&given, "cut to 8 rows");
    assert_int_equal(given.warning_count, 1);
    given_finish(&given);
}

static void classes_are_no_tokens(void **state)
{
    struct given given;
    struct ladle_options options;
    ladle_options_init(&options);
    options.truncate_embeddings = true;
    given_plan(&given, "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: v8}, {model: classes}]\n", &options);
    given_is_refused(&given, 1);
    given_has_error(&given, "classes: score.weight: its shape [3, 4] differs from [2, 4] in v8");
    assert_null(strstr(ladle_error_message(given.error, 0), "tokenizer"));
    given_finish(&given);
}

static void narrowing_what_all_keep_wide_is_told(void **state)
{
    struct given given;
    given_plan(
        &given,
        "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: router}, {model: router2}]\ndtype: bfloat16\n",
        NULL);
    given_is_planned(&given);
    given_has_warning(&given, "router.bias");
    given_has_warning(&given, "out_dtype: input");
    given_finish(&given);
    /* One model is all F32: dtype narrows it as a whole, which is what was asked for. */
    given_plan(&given,
               "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: router}, {model: wide}]\ndtype: bfloat16\n",
               NULL);
    given_is_planned(&given);
    given_has_no_warning(&given);
    given_finish(&given);
    given_plan(&given, "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: router}]\ndtype: float32\n", NULL);
    given_has_no_warning(&given);
    given_finish(&given);
}

static void one_type_for_all_is_noted(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: passthrough\nmodels: [{model: router}]\n", NULL);
    assert_false(given.plan->one_dtype);
    given_finish(&given);
    given_plan(&given, "merge_method: passthrough\nmodels: [{model: whole}]\n", NULL);
    assert_true(given.plan->one_dtype);
    assert_int_equal(given.plan->dtype, LADLE_BF16);
    given_finish(&given);
}

static void weights_with_scales_are_only_copied(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: passthrough\nmodels: [{model: scaled}]\n", NULL);
    given_is_planned(&given);
    given_finish(&given);
    refused("merge_method: passthrough\ndtype: bfloat16\nmodels: [{model: scaled}]\n", "scaled: w_scale: quantised weights");
    refused("merge_method: passthrough\nmodels: [{model: scaled, parameters: {scale: 2}}]\n",
            "scaled: w_scale: quantised weights");
    given_plan(&given, "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: scaled}, {model: scaled2}]\n", NULL);
    given_is_refused(&given, 2);
    given_has_error(&given, "scaled2: w_scale");
    given_finish(&given);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stored_type_holds_all_inputs),
        cmocka_unit_test(the_recipe_may_name_the_stored_type),
        cmocka_unit_test(options_go_before_the_recipe),
        cmocka_unit_test(passthrough_without_scale_is_a_copy),
        cmocka_unit_test(a_lonely_base_is_copied),
        cmocka_unit_test(shapes_must_agree),
        cmocka_unit_test(integers_are_copied_if_equal),
        cmocka_unit_test(vocabularies_of_other_sizes_are_refused_or_cut),
        cmocka_unit_test(classes_are_no_tokens),
        cmocka_unit_test(narrowing_what_all_keep_wide_is_told),
        cmocka_unit_test(one_type_for_all_is_noted),
        cmocka_unit_test(weights_with_scales_are_only_copied),
    };
    return cmocka_run_group_tests(tests, make_models, given_no_folder);
}
