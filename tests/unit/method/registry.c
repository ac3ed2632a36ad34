/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "method/method.h"

static void every_method_of_the_specification_is_there(void **state)
{
    static const char *const names[] = {
        "linear",      "slerp",     "nuslerp",      "multislerp", "karcher",      "task_arithmetic",  "ties",
        "dare_linear", "dare_ties", "della_linear", "della",      "breadcrumbs",  "breadcrumbs_ties", "model_stock",
        "nearswap",    "sce",       "ram",          "ramplus_tl", "arcee_fusion", "passthrough"};
    assert_int_equal(ladle_method_count(), sizeof names / sizeof *names);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!ladle_method_find(names[i]))
            fail_msg("no %s", names[i]);
}

static void names_lead_to_methods_and_back(void **state)
{
    for (size_t at = 0; at < ladle_method_count(); at++) {
        const struct ladle_method_info *info = ladle_method_at(at);
        assert_ptr_equal(ladle_method_find(info->name), info);
        assert_ptr_equal(&ladle_method_of(info)->info, info);
    }
    struct ladle_method_info stranger = *ladle_method_at(0);
    assert_null(ladle_method_at(ladle_method_count()));
    assert_null(ladle_method_find("tie"));
    assert_null(ladle_method_find(""));
    assert_null(ladle_method_of(&stranger));
}

static void check_parameter(const struct ladle_method_info *info, const struct ladle_parameter *parameter)
{
    if (!parameter->name || !parameter->name[0] || !parameter->about || !parameter->about[0])
        fail_msg("%s: a parameter without name or text", info->name);
    if (parameter->least > parameter->most)
        fail_msg("%s: range of %s", info->name, parameter->name);
    bool absent = isnan(parameter->preset) || parameter->preset == LADLE_NO_DEFAULT;
    if (!absent && !(parameter->preset >= parameter->least && parameter->preset <= parameter->most))
        fail_msg("%s: default of %s", info->name, parameter->name);
    if (parameter->type == LADLE_BOOLEAN && (parameter->least != 0 || parameter->most != 1))
        fail_msg("%s: %s is no boolean", info->name, parameter->name);
    if ((parameter->type == LADLE_CHOICE) != (parameter->choices != NULL))
        fail_msg("%s: choices of %s", info->name, parameter->name);
    size_t choices = 0;
    while (parameter->choices && parameter->choices[choices])
        choices++;
    if (parameter->choices && parameter->most != (double)choices - 1)
        fail_msg("%s: %s has %zu choices", info->name, parameter->name, choices);
}

static void tables_are_complete(void **state)
{
    for (size_t at = 0; at < ladle_method_count(); at++) {
        const struct ladle_method_info *info = ladle_method_at(at);
        const struct ladle_method *method = ladle_method_of(info);
        const char *const texts[] = {info->name, info->title, info->about, info->advice, info->cost, info->source};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            if (!texts[i] || !texts[i][0])
                fail_msg("%s: text %zu", info->name, i);
        assert_true(info->most_models >= info->least_models && info->most_models > 0);
        assert_non_null(method->needs);
        assert_non_null(method->apply);
        assert_int_equal(method->accumulate != NULL, method->resolve != NULL);
        for (size_t i = 0; i < info->each_count; i++)
            check_parameter(info, &info->each[i]);
        for (size_t i = 0; i < info->shared_count; i++)
            check_parameter(info, &info->shared[i]);
    }
}

/* Defaults as spec methods.md "The methods" lists them. */
static void defaults_are_those_of_the_specification(void **state)
{
    static const struct {
        const char *method, *parameter;
        double preset;
    } rows[] = {
        {"linear", "normalize", 1},
        {"task_arithmetic", "normalize", 0},
        {"task_arithmetic", "lambda", 1},
        {"ties", "normalize", 1},
        {"ties", "rescale", 0},
        {"ties", "density", 1},
        {"dare_linear", "normalize", 0},
        {"dare_linear", "rescale", 1},
        {"dare_ties", "normalize", 0},
        {"dare_ties", "rescale", 1},
        {"dare_ties", "lambda", 1},
        {"della_linear", "normalize", 0},
        {"della_linear", "epsilon", 0.15},
        {"della", "normalize", 1},
        {"della", "rescale", 1},
        {"breadcrumbs", "gamma", 0.01},
        {"breadcrumbs", "normalize", 0},
        {"breadcrumbs", "rescale", 0},
        {"breadcrumbs_ties", "gamma", 0.01},
        {"breadcrumbs_ties", "normalize", 0},
        {"nuslerp", "nuslerp_flatten", 1},
        {"nuslerp", "nuslerp_row_wise", 0},
        {"multislerp", "normalize_weights", 1},
        {"multislerp", "eps", 1e-8},
        {"karcher", "max_iter", 10},
        {"karcher", "tol", 1e-5},
        {"model_stock", "filter_wise", 0},
        {"sce", "select_topk", 1},
        {"ram", "epsilon", 1e-5},
        {"ramplus_tl", "epsilon", 1e-5},
        {"ramplus_tl", "r", 0.1},
        {"ramplus_tl", "alpha", 0.2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct ladle_method_info *info = ladle_method_find(rows[i].method);
        const struct ladle_parameter *found = NULL;
        for (size_t p = 0; p < info->each_count + info->shared_count; p++) {
            const struct ladle_parameter *parameter =
                p < info->each_count ? &info->each[p] : &info->shared[p - info->each_count];
            if (strcmp(parameter->name, rows[i].parameter) == 0)
                found = parameter;
        }
        if (!found || found->preset != rows[i].preset)
            fail_msg("%s of %s", rows[i].parameter, rows[i].method);
    }
}

static void norms_are_chosen_by_kind(void **state)
{
    static const char *const methods[][2] = {{"ties", "l1"},
                                             {"breadcrumbs", "l1"},
                                             {"breadcrumbs_ties", "l1"},
                                             {"dare_linear", "expected"},
                                             {"dare_ties", "expected"},
                                             {"della", "expected"},
                                             {"della_linear", "expected"}};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        const struct ladle_method_info *info = ladle_method_find(methods[i][0]);
        for (size_t p = 0; p < info->shared_count; p++)
            if (info->shared[p].type == LADLE_CHOICE)
                assert_string_equal(info->shared[p].choices[(size_t)info->shared[p].preset], methods[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_of_the_specification_is_there),
        cmocka_unit_test(names_lead_to_methods_and_back),
        cmocka_unit_test(tables_are_complete),
        cmocka_unit_test(defaults_are_those_of_the_specification),
        cmocka_unit_test(norms_are_chosen_by_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
