/* SPDX-License-Identifier: Apache-2.0 */
/* What holds of methods whatever the numbers: identities between methods, ends, symmetries, exact counts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "named.h"
#include "straight.h"

/* More than one reduction segment, and than a selection keeps whole. */
enum { ROWS = 31, LENGTH = 3001, SIZE = ROWS * LENGTH };
static const uint64_t shape[] = {ROWS, LENGTH};

/* Differences between models and base: steps of 1/256 from a base in such steps, never 0, with which float arithmetic is
 * exact; the same with one sign in all models; or any. */
enum kind { STEPS, AGREEING, ANY };

static void make_models(float **x, unsigned count, enum kind kind)
{
    x[0] = straight_numbers(SIZE, 100, 0.5f);
    for (size_t i = 0; i < SIZE; i++)
        x[0][i] = (roundf(x[0][i] * 256) + 0.5f) / 256;
    for (unsigned k = 1; k <= count; k++) {
        x[k] = straight_numbers(SIZE, k, 8);
        for (size_t i = 0; i < SIZE; i++) {
            float steps = copysignf(ceilf(fabsf(x[k][i]) + 1e-3f), kind == AGREEING ? (float)(i % 3) - 0.5f : x[k][i]);
            x[k][i] = x[0][i] + (kind == ANY ? x[k][i] * 1e-3f : steps / 256);
        }
    }
}

static void free_models(float **x, unsigned count)
{
    for (unsigned k = 0; k <= count; k++)
        free(x[k]);
}

/* Weights whose sum and shares are exact. */
static void set_weights(struct named *named)
{
    static const double weights[] = {0.5, 1, 0.5};
    for (unsigned k = 0; k < named->models; k++)
        named_set_model(named, k, "weight", weights[k]);
}

static void assert_same(const struct named *named, float *found, const float *expected, const char *what)
{
    for (size_t i = 0; i < SIZE; i++)
        if (memcmp(&found[i], &expected[i], sizeof found[i]) != 0)
            fail_msg("%s, %s: element %zu is %.9g, should be %.9g", named->info->name, what, i, (double)found[i],
                     (double)expected[i]);
    free(found);
}

static float *task_arithmetic(float **x, double normalize, double lambda)
{
    struct named named;
    named_job(&named, "task_arithmetic", 2, shape, true, 3, x);
    set_weights(&named);
    named_set(&named, "normalize", normalize);
    named_set(&named, "lambda", lambda);
    return named_run(&named);
}

/* All settings under which nothing is dropped: neither rescaling nor gamma nor epsilon matters. */
static void assert_keeps_all(const char *method, float **x, double normalize, double lambda, const float *expected)
{
    struct named named;
    for (int at = 0; at < 4; at++) {
        named_job(&named, method, 2, shape, true, 3, x);
        set_weights(&named);
        named_set(&named, "density", 1);
        named_set(&named, "normalize", normalize);
        named_set(&named, "lambda", lambda);
        named_set(&named, "rescale", at % 2);
        if (named_has(&named, "gamma"))
            named_set(&named, "gamma", at < 2 ? 0 : 0.3);
        if (named_has(&named, "epsilon"))
            named_set(&named, "epsilon", at < 2 ? 0 : 0.3);
        named.job.seed = (uint64_t)at;
        assert_same(&named, named_run(&named), expected, "density 1");
    }
}

static void density_1_is_task_arithmetic(void **state)
{
    static const char *const sums[] = {"dare_linear", "della_linear", "breadcrumbs"};
    float *x[4];
    make_models(x, 3, ANY);
    for (int normalize = 0; normalize < 2; normalize++) {
        float *expected = task_arithmetic(x, normalize, 0.9);
        for (int m = 0; m < 3; m++)
            assert_keeps_all(sums[m], x, normalize, 0.9, expected);
        free(expected);
    }
    free_models(x, 3);
}

/* Nobody is outvoted then. */
static void density_1_of_models_that_agree_is_task_arithmetic(void **state)
{
    static const char *const elections[] = {"ties", "dare_ties", "della", "breadcrumbs_ties"};
    float *x[4];
    make_models(x, 3, AGREEING);
    for (int normalize = 0; normalize < 2; normalize++) {
        float *expected = task_arithmetic(x, normalize, 0.5);
        for (int m = 0; m < 4; m++)
            assert_keeps_all(elections[m], x, normalize, 0.5, expected);
        free(expected);
    }
    free_models(x, 3);
}

static void elections_differ_in_what_they_drop_alone(void **state)
{
    static const char *const elections[] = {"dare_ties", "della", "breadcrumbs_ties"};
    float *x[4];
    make_models(x, 3, ANY);
    for (int normalize = 0; normalize < 2; normalize++) {
        struct named ties;
        named_job(&ties, "ties", 2, shape, true, 3, x);
        set_weights(&ties);
        named_set(&ties, "normalize", normalize);
        float *expected = named_run(&ties), *sum = task_arithmetic(x, normalize, 1);
        assert_memory_not_equal(expected, sum, SIZE * sizeof *sum);
        for (int m = 0; m < 3; m++)
            assert_keeps_all(elections[m], x, normalize, 1, expected);
        free(expected);
        free(sum);
    }
    free_models(x, 3);
}

/* Exact on steps; b + (x - b) rounds twice on other numbers. */
static void assert_is_that_model(const char *method, float **x, bool based, double normalize, bool exact)
{
    struct named named;
    named_job(&named, method, 2, shape, based, 1, x);
    if (named_has(&named, "weight"))
        named_set(&named, "weight", 1);
    if (named_has(&named, "normalize"))
        named_set(&named, "normalize", normalize);
    if (named_has(&named, "epsilon"))
        named_set(&named, "epsilon", 0); /* ram: every change counts */
    float *found = named_run(&named);
    for (size_t i = 0; !exact && i < SIZE; i++)
        if (fabsf(found[i] - x[1][i]) <= 0x1p-23f * (fabsf(x[0][i]) + fabsf(x[1][i])))
            found[i] = x[1][i];
    assert_same(&named, found, x[1], "one model");
}

static void one_model_is_that_model(void **state)
{
    static const char *const names[] = {"linear",      "multislerp",       "karcher", "task_arithmetic", "ties",
                                        "dare_linear", "dare_ties",        "della",   "della_linear",    "breadcrumbs",
                                        "sce",         "breadcrumbs_ties", "ram",     "ramplus_tl",      "passthrough"};
    for (int exact = 0; exact < 2; exact++) {
        float *x[2];
        make_models(x, 1, exact ? STEPS : ANY);
        for (size_t m = 0; m < sizeof names / sizeof *names; m++)
            for (int at = 0; at < 4; at++)
                assert_is_that_model(names[m], x, at % 2, at / 2, exact);
        free_models(x, 1);
    }
}

/* Far apart from the base, which it was nearly parallel to. */
static void turn_away(float *x)
{
    for (size_t i = 0; i < SIZE; i += 2)
        x[i] = -x[i];
}

static void slerp_ends_in_its_inputs(void **state)
{
    float *x[2];
    struct named named;
    make_models(x, 1, ANY);
    turn_away(x[1]);
    named_job(&named, "slerp", 2, shape, true, 1, x);
    for (int end = 0; end < 2; end++) {
        named_set(&named, "t", end);
        assert_same(&named, named_run(&named), x[end], "end");
    }
    free_models(x, 1);
}

static void nuslerp_ends_in_its_inputs(void **state)
{
    static const double shapes[][2] = {{1, 0}, {0, 0}, {0, 1}};
    float *x[3];
    make_models(x, 2, STEPS);
    for (int at = 0; at < 12; at++) {
        struct named named;
        named_job(&named, "nuslerp", 2, shape, at % 2, 2, x);
        named_set(&named, "nuslerp_flatten", shapes[at / 4][0]);
        named_set(&named, "nuslerp_row_wise", shapes[at / 4][1]);
        named_set_model(&named, 0, "weight", at / 2 % 2 == 0);
        named_set_model(&named, 1, "weight", at / 2 % 2);
        assert_same(&named, named_run(&named), x[1 + at / 2 % 2], "end");
    }
    free_models(x, 2);
}

static void slerp_looks_the_same_from_both_ends(void **state)
{
    float *x[2];
    struct named named;
    make_models(x, 1, ANY);
    turn_away(x[1]);
    named_job(&named, "slerp", 2, shape, true, 1, x);
    named_set(&named, "t", 0.25);
    float *expected = named_run(&named);
    named_job(&named, "slerp", 2, shape, true, 1, (float *[]){x[1], x[0]});
    named_set(&named, "t", 0.75);
    assert_same(&named, named_run(&named), expected, "from the other end");
    free(expected);
    free_models(x, 1);
}

/* The models in this order, each with parameters of its own. */
static float *merge_in_order(struct named *named, const char *method, float **x, bool based, unsigned models,
                             const unsigned *order)
{
    static const double weights[] = {0.5, 0.25, 0.5}, densities[] = {0.5, 0.75, 0.375};
    float *ordered[4] = {x[0]};
    for (unsigned k = 0; k < models; k++)
        ordered[k + 1] = x[order[k] + 1];
    named_job(named, method, 2, shape, based, models, ordered);
    for (unsigned k = 0; k < models; k++) {
        if (named_has(named, "weight"))
            named_set_model(named, k, "weight", strcmp(method, "nuslerp") == 0 ? 0.5 : weights[order[k]]);
        if (named_has(named, "density"))
            named_set_model(named, k, "density", densities[order[k]]);
    }
    if (named_has(named, "select_topk"))
        named_set(named, "select_topk", 0.4);
    return named_run(named);
}

static const unsigned orders[][3] = {{0, 1, 2}, {1, 0, 2}, {2, 0, 1}, {2, 1, 0}};

/* A sum of two is the same either way. (Random masks belong to a model's place: those methods are not symmetric.) */
static void two_models_may_change_places(void **state)
{
    static const char *const names[] = {"linear",          "nuslerp", "multislerp",  "karcher",
                                        "task_arithmetic", "ties",    "breadcrumbs", "breadcrumbs_ties",
                                        "model_stock",     "sce",     "ram",         "ramplus_tl"};
    float *x[3];
    make_models(x, 2, ANY);
    for (size_t m = 0; m < 2 * sizeof names / sizeof *names; m++) {
        struct named named;
        float *expected = merge_in_order(&named, names[m / 2], x, m % 2, 2, orders[0]);
        assert_same(&named, merge_in_order(&named, names[m / 2], x, m % 2, 2, orders[1]), expected, "the other way round");
        free(expected);
    }
    free_models(x, 2);
}

/* So is a sum of exact numbers. */
static void three_models_may_change_places_where_sums_are_exact(void **state)
{
    static const char *const names[] = {"linear", "task_arithmetic", "ties", "breadcrumbs", "breadcrumbs_ties",
                                        "ram",    "ramplus_tl"};
    float *x[4];
    make_models(x, 3, STEPS);
    for (size_t m = 0; m < sizeof names / sizeof *names; m++) {
        struct named named;
        float *expected = merge_in_order(&named, names[m], x, true, 3, orders[0]);
        for (int o = 1; o < 4; o++)
            assert_same(&named, merge_in_order(&named, names[m], x, true, 3, orders[o]), expected, "another order");
        free(expected);
    }
    free_models(x, 3);
}

static void three_models_may_change_places_but_for_rounding(void **state)
{
    static const char *const names[] = {"linear", "multislerp", "karcher", "task_arithmetic", "model_stock", "sce"};
    float *x[4];
    make_models(x, 3, STEPS);
    for (size_t m = 0; m < 2 * sizeof names / sizeof *names; m++) {
        struct named named;
        float *expected = merge_in_order(&named, names[m / 2], x, m % 2, 3, orders[0]);
        for (int o = 1; o < 4; o++) {
            float *found = merge_in_order(&named, names[m / 2], x, m % 2, 3, orders[o]);
            for (size_t i = 0; i < SIZE; i++)
                if (fabsf(found[i] - expected[i]) <= 0x1p-20f)
                    found[i] = expected[i];
            assert_same(&named, found, expected, "another order");
        }
        free(expected);
    }
    free_models(x, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(density_1_is_task_arithmetic),
        cmocka_unit_test(density_1_of_models_that_agree_is_task_arithmetic),
        cmocka_unit_test(elections_differ_in_what_they_drop_alone),
        cmocka_unit_test(one_model_is_that_model),
        cmocka_unit_test(slerp_ends_in_its_inputs),
        cmocka_unit_test(nuslerp_ends_in_its_inputs),
        cmocka_unit_test(slerp_looks_the_same_from_both_ends),
        cmocka_unit_test(two_models_may_change_places),
        cmocka_unit_test(three_models_may_change_places_where_sums_are_exact),
        cmocka_unit_test(three_models_may_change_places_but_for_rounding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
