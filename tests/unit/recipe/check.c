/* SPDX-License-Identifier: Apache-2.0 */
#include "given.h"

#define LINEAR "merge_method: linear\n"
#define MODELS "models: [{model: a}, {model: b}]\n"

static void unknown_keys_warn_with_the_nearest(void **state)
{
    (void)state;
    accepted(LINEAR MODELS "dype: float32\n", "r.yml:3:1: unknown key 'dype'; did you mean 'dtype'?");
    accepted(LINEAR MODELS "zzz: 1\n", "r.yml:3:1: unknown key 'zzz'");
    accepted(LINEAR "models: [{model: a, paramters: {weight: 1}}]\n",
             "r.yml:2:21: unknown key 'paramters'; did you mean 'parameters'?");
    accepted(LINEAR "models: [{model: a, layer_range: [0, 3]}]\n", "r.yml:2:21: 'layer_range' has no effect under models:");
    accepted(LINEAR "slices: [{sources: [{model: a, layer_range: [0, 1], layer_rnge: 1}]}]\n",
             "did you mean 'layer_range'?");
    accepted(LINEAR "slices: [{sources: [{model: a, layer_range: [0, 1]}], base_modl: a}]\n", "did you mean 'base_model'?");
    accepted(LINEAR MODELS "parameters: {weight: {filtr: x, value: 1}}\n",
             "r.yml:3:23: unknown key 'filtr'; did you mean 'filter'?");
    accepted(LINEAR "models: [{model: {model: {path: a, pth: b}}}]\n",
             "r.yml:2:36: unknown key 'pth'; did you mean 'path'?");
}

static void parameters_outside_parameters_are_named(void **state)
{
    (void)state;
    accepted("merge_method: sce\nbase_model: z\n" MODELS "select_topk: 0.15\n",
             "r.yml:4:1: 'select_topk' is a parameter of sce and has no effect here: it belongs under 'parameters'");
    accepted(LINEAR "models: [{model: a, weight: 1}]\n", "r.yml:2:21: 'weight' is a parameter of linear");
    accepted(LINEAR "slices: [{sources: [{model: a, layer_range: [0, 1]}], normalize: false}]\n",
             "'normalize' is a parameter");
    accepted(LINEAR MODELS "normalise: false\n",
             "unknown key 'normalise'; did you mean 'normalize', which belongs under 'parameters'?");
}

static void unknown_parameters_warn_with_the_nearest(void **state)
{
    (void)state;
    accepted(LINEAR "models: [{model: a, parameters: {weigth: 1}}]\n",
             "r.yml:2:34: linear has no parameter 'weigth'; did you mean 'weight'?");
    accepted(LINEAR MODELS "parameters: {epsilon: 1}\n", "r.yml:3:14: linear has no parameter 'epsilon'\n");
    accepted(LINEAR MODELS "parameters: {dtype: float16}\n",
             "linear has no parameter 'dtype': it belongs outside 'parameters'");
    accepted(LINEAR MODELS "parameters: {density: heavy}\n", "linear has no parameter 'density'");
}

static void what_the_base_is_given_nobody_reads(void **state)
{
    (void)state;
    accepted("merge_method: ties\nbase_model: x/z\nmodels:\n- {model: a}\n- {model: ./x/z/, parameters: {weight: 7}}\n",
             "r.yml:5:32: parameter 'weight' of './x/z/' has no effect: that model is the base");
    accepted("merge_method: ties\nbase_model: z\nslices:\n"
             "- sources: [{model: a, layer_range: [0, 1], parameters: {weight: 1}}]\n  base_model: a\n",
             "r.yml:4:58: parameter 'weight' of 'a' has no effect");
    accepted("merge_method: linear\nbase_model: z\nmodels: [{model: z, parameters: {weight: 7}}]\n", NULL);
    accepted("merge_method: nuslerp\nbase_model: z\nmodels: [{model: z, parameters: {weight: 7}}]\n",
             "that model is the base");
    accepted("merge_method: nuslerp\nmodels: [{model: z, parameters: {weight: 7}}]\n", NULL);
}

static void what_is_for_all_models_a_single_one_cannot_have(void **state)
{
    (void)state;
    accepted(LINEAR "models: [{model: a, parameters: {weight: 1, normalize: false}}]\n",
             "r.yml:2:45: parameter 'normalize' of 'a' has no effect");
    accepted(LINEAR "slices: [{sources: [{model: a, layer_range: [0, 1]}], parameters: {normalize: false}}]\n", NULL);
}

static void habits_pass_in_silence(void **state)
{
    (void)state;
    accepted(LINEAR
             "models: [{model: a, parameters: {weight: 1, int8_mask: true}}]\nname: x\nparameters: {int8_mask: true}\n",
             NULL);
    accepted("merge_method: ties\nbase_model: z\n" MODELS "parameters: {int8_mask: true}\n", NULL);
    accepted(LINEAR MODELS "int8_mask: true\n", NULL);
}

static void shared_parts_are_checked_where_they_are_used(void **state)
{
    (void)state;
    struct given given;
    given_recipe(&given, LINEAR "models:\n- {model: a, parameters: &p {weight: 1}}\n- {model: b, parameters: *p}\n"
                                "- {model: c, parameters: {<<: *p, weight: 2}}\n");
    given_is_accepted(&given);
    given_has_warnings(&given, 0);
    const struct ladle_recipe_source *sources = given.recipe.slices[0].sources;
    assert_ptr_equal(sources[0].parameters, sources[1].parameters);
    assert_string_equal(ladle_node_get(sources[2].parameters, "weight")->text, "2");
    given_finish(&given);
}

static void warnings_do_not_flood(void **state)
{
    (void)state;
    struct ladle_text text = {0};
    struct given given;
    ladle_text_add_string(&text, LINEAR MODELS);
    for (int i = 0; i < 500; i++)
        ladle_text_printf(&text, "zz%d: 1\n", i);
    given_recipe(&given, text.data);
    given_is_accepted(&given);
    given_has_warnings(&given, 101);
    given_has_warning(&given, "further warnings about this recipe are left out");
    given_finish(&given);
    ladle_text_finish(&text);
}

/* The help for a value that is missing for source `at` of the first slice; NULL for a per-tensor parameter. */
static void help_is(const char *text, const char *parameter, int at, const char *expected)
{
    struct given given;
    given_recipe(&given, text);
    given_is_accepted(&given);
    const struct ladle_recipe_slice *slice = &given.recipe.slices[0];
    ladle_fail(given.error, LADLE_BAD_INPUT, "missing");
    ladle_recipe_help_missing(&given.recipe, parameter, slice, at < 0 ? NULL : &slice->sources[at], given.error);
    assert_string_equal(ladle_error_message(given.error, 0), expected);
    given_finish(&given);
}

static void a_missing_value_shows_what_it_may_have_been(void **state)
{
    (void)state;
    help_is(LINEAR "models: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weigth: 1}}]\n", "weight", 1,
            "missing\n  r.yml:2:71: there is 'weigth', which linear does not know");
    help_is(LINEAR "models: [{model: a, weight: 1}]\n", "weight", 0,
            "missing\n  r.yml:2:21: 'weight' stands outside 'parameters', where it has no effect");
    help_is(LINEAR "models: [{model: a}]\nparameters: {wieght: 1}\n", "weight", 0,
            "missing\n  r.yml:3:14: there is 'wieght', which linear does not know");
    help_is(LINEAR "models: [{model: a}]\nweight: 1\n", "weight", 0,
            "missing\n  r.yml:3:1: 'weight' stands outside 'parameters', where it has no effect");
    help_is(LINEAR "models: [{model: a, parameters: {weight: {filter: x, value: 1}}}]\n", "weight", 0, "missing");
    help_is(LINEAR "models: [{model: a, parameters: {weigth: 1}}, {model: b}]\n", "weight", 1, "missing");
    help_is("merge_method: slerp\nbase_model: z\n" MODELS "t: 0.5\n", "t", -1,
            "missing\n  r.yml:4:1: 't' stands outside 'parameters', where it has no effect");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_keys_warn_with_the_nearest),
        cmocka_unit_test(parameters_outside_parameters_are_named),
        cmocka_unit_test(unknown_parameters_warn_with_the_nearest),
        cmocka_unit_test(what_the_base_is_given_nobody_reads),
        cmocka_unit_test(what_is_for_all_models_a_single_one_cannot_have),
        cmocka_unit_test(habits_pass_in_silence),
        cmocka_unit_test(shared_parts_are_checked_where_they_are_used),
        cmocka_unit_test(warnings_do_not_flood),
        cmocka_unit_test(a_missing_value_shows_what_it_may_have_been),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
