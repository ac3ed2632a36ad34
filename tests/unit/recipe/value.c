/* SPDX-License-Identifier: Apache-2.0 */
#include "given.h"

#include <math.h>
#include <string.h>

#define TWO_MODELS "models: [{model: a}, {model: b}]\n"

static const struct ladle_parameter *parameter(const struct given *given, const char *name)
{
    const struct ladle_method_info *method = given->recipe.method;
    for (size_t i = 0; i < method->each_count; i++) {
        if (strcmp(method->each[i].name, name) == 0)
            return &method->each[i];
    }
    for (size_t i = 0; i < method->shared_count; i++) {
        if (strcmp(method->shared[i].name, name) == 0)
            return &method->shared[i];
    }
    fail_msg("no parameter %s", name);
    return NULL;
}

/* The value for a tensor of the first source of the first slice, all scopes asked. */
static int look_up(const struct given *given, const char *name, const char *tensor, double t, double *value)
{
    const struct ladle_recipe_slice *slice = &given->recipe.slices[0];
    const struct ladle_node *const scopes[] = {slice->sources[0].parameters, slice->parameters, NULL,
                                               given->recipe.parameters};
    const struct ladle_node *decided;
    return ladle_recipe_value(&given->recipe, parameter(given, name), scopes, 4, tensor, t, value, &decided, given->error);
}

static double value_of(const struct given *given, const char *name, const char *tensor, double t)
{
    double value = -77;
    int status = look_up(given, name, tensor, t, &value);
    if (status != LADLE_OK)
        fail_msg("%d: %s", status, ladle_error_message(given->error, 0));
    return value;
}

/* One parameter of the top level, at one tensor. */
static double top_value(const char *method, const char *parameters, const char *name, const char *tensor, double t)
{
    struct given given;
    struct ladle_text text = {0};
    ladle_text_printf(&text, "merge_method: %s\nbase_model: z\n" TWO_MODELS "parameters: {%s}\n", method, parameters);
    given_recipe(&given, text.data);
    given_is_accepted(&given);
    double value = value_of(&given, name, tensor, t);
    given_finish(&given);
    ladle_text_finish(&text);
    return value;
}

/* A setting that must be refused; the message holds `part`. */
static void wrong(const char *method, const char *parameters, const char *part)
{
    struct ladle_text text = {0};
    ladle_text_printf(&text, "merge_method: %s\nbase_model: z\n" TWO_MODELS "parameters: {%s}\n", method, parameters);
    refused(text.data, part);
    ladle_text_finish(&text);
}

static void scalars_of_every_type(void **state)
{
    (void)state;
    assert_true(top_value("ties", "lambda: 0.1", "lambda", "x", 0) == 0.1);
    assert_true(top_value("ties", "lambda: 1e-4", "lambda", "x", 0) == 1e-4);
    assert_true(top_value("ties", "lambda: '-2'", "lambda", "x", 0) == -2);
    assert_true(top_value("ties", "lambda: true", "lambda", "x", 0) == 1);
    assert_true(top_value("ties", "normalize: 1.0", "normalize", "x", 0) == 1);
    assert_true(top_value("ties", "normalize: off", "normalize", "x", 0) == 0);
    assert_true(top_value("ties", "normalize: 'No'", "normalize", "x", 0) == 0);
    assert_true(top_value("ties", "rescale_norm: linf", "rescale_norm", "x", 0) == 3);
    assert_true(top_value("karcher", "max_iter: 20.0", "max_iter", "x", 0) == 20);
    assert_true(top_value("karcher", "max_iter: 1e2", "max_iter", "x", 0) == 100);
}

static void defaults_where_nothing_is_given(void **state)
{
    (void)state;
    struct given given;
    double value = -77;
    assert_true(top_value("ties", "", "lambda", "x", 0) == 1);
    assert_true(top_value("ties", "", "rescale_norm", "x", 0) == 1);
    assert_true(isnan(top_value("passthrough", "", "scale", "x", 0)));
    given_recipe(&given, "merge_method: ties\nbase_model: z\n" TWO_MODELS);
    given_is_accepted(&given);
    assert_int_equal(look_up(&given, "weight", "x", 0, &value), 1);
    assert_true(value == -77);
    assert_int_equal(ladle_error_count(given.error), 0);
    given_finish(&given);
}

/* Expected: (1-(p-j))*v[j] + (p-j)*v[min(j+1, n-1)], p = t*(n-1), computed by Python 3.11. */
static void gradients_are_interpolated_as_written(void **state)
{
    (void)state;
    static const char five[] = "lambda: [0.9, 0.2, 0.35, 0.1, 0.7]";
    assert_true(top_value("ties", five, "lambda", "x", 0) == 0.9);
    assert_true(top_value("ties", five, "lambda", "x", 1) == 0.7);
    assert_true(top_value("ties", five, "lambda", "x", 1 / 31.) == 0x1.9e8e09e8e09e9p-1);
    assert_true(top_value("ties", five, "lambda", "x", 2 / 3.) == 0x1.7777777777778p-3);
    assert_true(top_value("ties", five, "lambda", "x", 30 / 31.) == 0x1.3ec2e3ec2e3edp-1);
    assert_true(top_value("ties", "lambda: [0.3]", "lambda", "x", 0.7) == 0.3);
    assert_true(top_value("ties", "lambda: ['0.5', 1e0]", "lambda", "x", 0.5) == 0.75);
}

static void booleans_and_texts_are_not_interpolated(void **state)
{
    (void)state;
    static const char gradient[] = "normalize: [true, no, 1]";
    assert_true(top_value("ties", gradient, "normalize", "x", 0.49) == 1);
    assert_true(top_value("ties", gradient, "normalize", "x", 0.5) == 0);
    assert_true(top_value("ties", gradient, "normalize", "x", 0.99) == 0);
    assert_true(top_value("ties", gradient, "normalize", "x", 1) == 1);
    assert_true(top_value("ties", "rescale_norm: [l2, l1]", "rescale_norm", "x", 0.99) == 2);
}

static void a_whole_number_stays_whole(void **state)
{
    (void)state;
    struct given given;
    double value;
    assert_true(top_value("karcher", "max_iter: [10, 20]", "max_iter", "x", 0.5) == 15);
    for (int i = 0; i <= 100; i++) /* (1 - t) * 7 + t * 7 is not always 7 */
        assert_true(top_value("karcher", "max_iter: [7, 7]", "max_iter", "x", i / 100.) == 7);
    given_recipe(&given, "merge_method: karcher\n" TWO_MODELS "parameters: {max_iter: [1, 2]}\n");
    given_is_accepted(&given);
    assert_int_equal(look_up(&given, "max_iter", "model.norm.weight", 0.5, &value), LADLE_BAD_INPUT);
    given_has_error(&given, "r.yml:3:24: parameter 'max_iter' for tensor 'model.norm.weight'");
    given_has_error(&given, "1.5");
    given_finish(&given);
}

static void the_first_filter_that_matches_decides(void **state)
{
    (void)state;
    static const char filters[] = "t: [{filter: self_attn, value: [0, 1]}, {filter: '*', value: 0.25}, {value: 9}]";
    assert_true(top_value("slerp", filters, "t", "model.layers.3.self_attn.q_proj.weight", 0.5) == 0.5);
    assert_true(top_value("slerp", filters, "t", "model.layers.3.mlp.up_proj.weight", 0.5) == 0.25);
    assert_true(top_value("slerp", "t: {value: 3}", "t", "x", 0) == 3);
    assert_true(top_value("slerp", "t: {filter: , value: 3}", "t", "x", 0) == 3);
    assert_true(top_value("slerp", "t: [{filter: 3, value: 3}, {value: 4}]", "t", "layers.3.x", 0) == 3);
    assert_true(top_value("slerp", "t: [{filter: layers.3., value: 3}, {value: 4}]", "t", "layers.33.x", 0) == 4);
    assert_true(top_value("slerp", "t: [{filter: X, value: 3}, {value: 4}]", "t", "x", 0) == 4);
}

static void the_nearest_scope_that_gives_a_value_decides(void **state)
{
    (void)state;
    struct given given;
    given_recipe(&given, "merge_method: linear\n"
                         "slices:\n"
                         "- sources:\n"
                         "  - model: a\n"
                         "    layer_range: [0, 2]\n"
                         "    parameters: {weight: [{filter: near, value: 1}, {filter: none, value: []}]}\n"
                         "  parameters: {weight: {filter: middle, value: 2}, normalize: []}\n"
                         "parameters: {weight: 3, normalize: false}\n");
    given_is_accepted(&given);
    given_has_warnings(&given, 0);
    assert_true(value_of(&given, "weight", "near.middle", 0) == 1);
    assert_true(value_of(&given, "weight", "middle", 0) == 2);
    assert_true(value_of(&given, "weight", "far", 0) == 3);
    assert_true(value_of(&given, "weight", "none.middle", 0) == 2); /* an empty list gives nothing */
    assert_true(value_of(&given, "normalize", "x", 0) == 0);
    given_finish(&given);
}

static void what_decided_is_told(void **state)
{
    (void)state;
    struct given given;
    given_recipe(&given, "merge_method: linear\n" TWO_MODELS "parameters:\n  weight:\n  - filter: x\n    value: 0.5\n");
    given_is_accepted(&given);
    const struct ladle_node *decided;
    const struct ladle_parameter *weight = parameter(&given, "weight");
    char where[512];
    double value;
    int status = ladle_recipe_value(&given.recipe, weight, &given.recipe.parameters, 1, "x", 0, &value, &decided, NULL);
    assert_int_equal(status, LADLE_OK);
    assert_string_equal(ladle_recipe_where(&given.recipe, decided, where), "r.yml:6:12");
    status = ladle_recipe_value(&given.recipe, weight, &given.recipe.parameters, 1, "y", 0, &value, &decided, NULL);
    assert_int_equal(status, 1);
    assert_null(decided);
    given_finish(&given);
}

static void only_filters_and_gradients_vary(void **state)
{
    (void)state;
    static const struct {
        const char *setting;
        bool varies;
    } known[] = {
        {"3", false}, {"[]", false}, {"[3]", false}, {"[3, 3]", true}, {"{value: 3}", true}, {"[{value: 3}]", true},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct given given;
        struct ladle_text text = {0};
        ladle_text_printf(&text, "merge_method: slerp\nbase_model: z\n" TWO_MODELS "parameters: {t: %s}\n",
                          known[i].setting);
        given_recipe(&given, text.data);
        given_is_accepted(&given);
        const struct ladle_node *const scopes[] = {NULL, given.recipe.parameters};
        assert_int_equal(ladle_recipe_varies(parameter(&given, "t"), scopes, 2), known[i].varies);
        assert_false(ladle_recipe_varies(parameter(&given, "t"), scopes, 1));
        given_finish(&given);
        ladle_text_finish(&text);
    }
}

static void a_fixed_near_value_hides_what_varies_behind_it(void **state)
{
    (void)state;
    struct given given;
    given_recipe(&given, "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}]\n"
                         "parameters: {weight: {filter: x, value: 3}}\n");
    given_is_accepted(&given);
    const struct ladle_node *const scopes[] = {given.recipe.slices[0].sources[0].parameters, given.recipe.parameters};
    assert_false(ladle_recipe_varies(parameter(&given, "weight"), scopes, 2));
    assert_true(ladle_recipe_varies(parameter(&given, "weight"), scopes + 1, 1));
    given_finish(&given);
}

static void wrong_types_are_found_without_models(void **state)
{
    (void)state;
    wrong("ties", "lambda: heavy", "r.yml:4:22: parameter 'lambda': 'heavy' is not a number");
    wrong("ties", "normalize: perhaps", "r.yml:4:25: parameter 'normalize': 'perhaps' is not true or false");
    wrong("ties", "normalize: 2", "'2' is not true or false");
    wrong("karcher", "max_iter: 2.5", "'2.5' is not a whole number");
    wrong("ties", "lambda: .nan", "'.nan' is not a finite number");
    wrong("ties", "lambda: -.inf", "'-.inf' is not a finite number");
    wrong("ties", "lambda: 1e999", "'1e999' is not a finite number");
    wrong("ties", "lambda: ", "parameter 'lambda': has no value");
    wrong("ties", "rescale_norm: l3", "'l3' is none of expected, l1, l2, linf");
    wrong("ties", "rescale_norm: expectd", "did you mean 'expected'?");
    wrong("ties", "int8_mask: perhaps", "'perhaps' is not true or false");
}

static void ranges_are_checked(void **state)
{
    (void)state;
    wrong("ties", "density: 1.5", "r.yml:4:23: parameter 'density': '1.5' is not between 0 and 1");
    wrong("ties", "density: -0.1", "'-0.1' is not between 0 and 1");
    wrong("karcher", "tol: -1", "'-1' is less than 0");
    assert_true(top_value("ties", "density: 0", "density", "x", 0) == 0);
    assert_true(top_value("ties", "density: 1", "density", "x", 0) == 1);
    assert_true(top_value("ties", "weight: -3e300", "weight", "x", 0) == -3e300);
}

static void every_value_is_checked_wherever_it_hides(void **state)
{
    (void)state;
    wrong("ties", "density: [0.5, 1.5]", "r.yml:4:29: parameter 'density': '1.5'");
    wrong("ties", "density: [{filter: never, value: [0, 2]}, {value: 1}]", "r.yml:4:51: parameter 'density': '2'");
    wrong("ties", "density: {value: x}", "'x' is not a number");
    refused("merge_method: ties\nbase_model: z\nmodels:\n- {model: a, parameters: {density: 7}}\n",
            "r.yml:4:36: parameter 'density' of model 'a': '7'");
    refused("merge_method: ties\nbase_model: z\nslices:\n- sources: [{model: a, layer_range: [0, 1]}]\n"
            "  parameters: {density: 7}\n",
            "r.yml:5:25: parameter 'density': '7'");
}

static void shapes_that_mean_nothing_are_refused(void **state)
{
    (void)state;
    wrong("ties", "lambda: [1, {value: 2}]", "r.yml:4:22: parameter 'lambda': the list mixes values and filters");
    wrong("ties", "lambda: [[1, 2]]", "a list inside a list");
    wrong("ties", "lambda: {filter: x}", "'value' is missing");
    wrong("ties", "lambda: {filter: [x], value: 1}", "a filter is a part of a tensor's name");
    wrong("ties", "lambda: {value: {filter: x, value: 1}}", "a filter inside");
    wrong("ties", "lambda: [1, ~]", "has no value");
}

static void filters_that_are_patterns_are_warned_of(void **state)
{
    (void)state;
#define SLERP "merge_method: slerp\nbase_model: a\nmodels: [{model: a}, {model: b}]\nparameters: {t: "
    accepted(SLERP "[{filter: '*.mlp.*', value: 1}, {value: 0}]}\n",
             "r.yml:4:27: filter '*.mlp.*' fits no tensor: a filter is a part of a name as it stands, not a pattern");
    accepted(SLERP "[{filter: 'layers\\.[0-3]\\.', value: 1}, {value: 0}]}\n", "filter 'layers\\.[0-3]\\.' fits no tensor");
    accepted(SLERP "[{filter: (q|k)_proj, value: 1}, {value: 0}]}\n", "filter '(q|k)_proj' fits no tensor");
    accepted(SLERP "[{filter: ^lm_head, value: 1}, {filter: '*', value: 0}]}\n", "filter '^lm_head' fits no tensor");
    accepted(SLERP "[{filter: layers.0.self-attn_q/w:0, value: 1}, {filter: ~, value: 0}]}\n", NULL);
}

static void control_characters_of_a_value_do_not_reach_the_terminal(void **state)
{
    (void)state;
    wrong("ties", "lambda: \"\\e[31mred\"", "'?[31mred' is not a number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_of_every_type),
        cmocka_unit_test(defaults_where_nothing_is_given),
        cmocka_unit_test(gradients_are_interpolated_as_written),
        cmocka_unit_test(booleans_and_texts_are_not_interpolated),
        cmocka_unit_test(a_whole_number_stays_whole),
        cmocka_unit_test(the_first_filter_that_matches_decides),
        cmocka_unit_test(the_nearest_scope_that_gives_a_value_decides),
        cmocka_unit_test(what_decided_is_told),
        cmocka_unit_test(only_filters_and_gradients_vary),
        cmocka_unit_test(a_fixed_near_value_hides_what_varies_behind_it),
        cmocka_unit_test(wrong_types_are_found_without_models),
        cmocka_unit_test(ranges_are_checked),
        cmocka_unit_test(every_value_is_checked_wherever_it_hides),
        cmocka_unit_test(shapes_that_mean_nothing_are_refused),
        cmocka_unit_test(filters_that_are_patterns_are_warned_of),
        cmocka_unit_test(control_characters_of_a_value_do_not_reach_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
