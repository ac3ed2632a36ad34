/* SPDX-License-Identifier: Apache-2.0 */
/* What memory a plan needs: src/plan/budget.c. */
#include "given.h"

#include <stdlib.h>

#define MIB ((uint64_t)1 << 20)

static int make_models(void **state)
{
    static const char *const names[] = {"a", "b", "c"};
    if (given_folder(state) != 0)
        return -1;
    for (unsigned at = 0; at < 3; at++) {
        given_model(names[at], NULL, "wide BF16 3x100000\nnarrow BF16 1000x3\nsmall F32 7\nnothing BF16 0x4\n");
    }
    given_model("row", NULL, "short BF16 4x8\nlong.row F64 1x2000000\n");
    given_model("other_row", NULL, "short BF16 4x8\nlong.row F64 1x2000000\n");
    return 0;
}

static void given_budget(struct given *given, const char *recipe, uint64_t bytes, unsigned threads)
{
    struct ladle_options options;
    ladle_options_init(&options);
    options.memory_bytes = bytes;
    options.threads = threads;
    given_plan(given, recipe, &options);
}

/* The figure behind "--memory " in the only message. */
static uint64_t figure_of(const struct given *given)
{
    char *end;
    assert_int_equal(given->status, LADLE_OVER_BUDGET);
    assert_int_equal(ladle_error_count(given->error), 1);
    const char *figure = strstr(ladle_error_message(given->error, 0), "--memory ");
    assert_non_null(figure);
    uint64_t mebibytes = strtoull(figure + strlen("--memory "), &end, 10);
    assert_int_equal(*end, 'M');
    return mebibytes * MIB;
}

/* What a refusal names works, and so does all above; less does not. */
static void check_figure(const char *recipe, unsigned threads)
{
    static const uint64_t above[] = {0, 1, 2, 3, 7, 16, 50, 300};
    struct given given;
    given_budget(&given, recipe, 65536, threads);
    uint64_t figure = figure_of(&given);
    given_finish(&given);
    for (size_t at = 0; at < sizeof above / sizeof *above; at++) {
        given_budget(&given, recipe, figure + above[at] * MIB, threads);
        given_is_planned(&given);
        assert_int_equal(given.plan->least_bytes, figure);
        assert_true(given.plan->memory.total_bytes <= figure + above[at] * MIB);
        given_finish(&given);
    }
    given_budget(&given, recipe, figure - MIB, threads);
    assert_int_equal(figure_of(&given), figure);
    given_finish(&given);
}

static void the_figure_of_a_refusal_works(void **state)
{
    static const char *const recipes[] = {
        "merge_method: passthrough\nmodels: [{model: a}]\n",
        "merge_method: linear\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n",
        "merge_method: ties\nbase_model: a\nmodels: [{model: b}, {model: c}]\nparameters: {weight: 1, density: 0.3}\n",
        "merge_method: della\nbase_model: a\nmodels: [{model: b}, {model: c}]\nparameters: {weight: 1, density: 0.3}\n",
        "merge_method: nuslerp\nmodels: [{model: a}, {model: b}]\n"
        "parameters: {weight: 1, nuslerp_flatten: false, nuslerp_row_wise: true}\n",
        "merge_method: nuslerp\nmodels: [{model: row}, {model: other_row}]\n"
        "parameters: {weight: 1, nuslerp_flatten: false}\n",
        "merge_method: arcee_fusion\nbase_model: a\nmodels: [{model: b}]\n",
        "merge_method: sce\nbase_model: a\nmodels: [{model: b}, {model: c}]\nparameters: {select_topk: 0.2}\n",
    };
    for (size_t at = 0; at < sizeof recipes / sizeof *recipes; at++) {
        check_figure(recipes[at], 1);
        check_figure(recipes[at], 16);
    }
}

/* A block that stays has a descriptor: with too few of them, a merge would wait for ever. Where one tensor's rows are long,
 * many blocks of another's short ones share the memory that a long one takes. */
static void there_are_descriptors_for_all_blocks_that_stay(void **state)
{
    struct ladle_options options;
    struct given given;
    ladle_options_init(&options);
    options.block_bytes = 4096;
    for (uint64_t mebibytes = 16; mebibytes <= 1024; mebibytes *= 2) {
        options.memory_bytes = mebibytes * MIB;
        given_plan(&given, "merge_method: arcee_fusion\nbase_model: a\nmodels: [{model: b}]\n", &options);
        given_is_planned(&given);
        for (uint64_t at = 0; at < given.plan->job_count; at++)
            assert_true(given.plan->jobs[at].resident_blocks <= given.plan->memory.blocks);
        given_finish(&given);
    }
}

static void a_refusal_names_the_tensor_with_the_longest_rows(void **state)
{
    struct given given;
    given_budget(&given,
                 "merge_method: nuslerp\nmodels: [{model: row}, {model: other_row}]\n"
                 "parameters: {weight: 1, nuslerp_flatten: false}\n",
                 MIB, 1);
    figure_of(&given);
    given_has_error(&given, "whole rows of long.row (2000000 elements in each of 2 inputs), as nuslerp needs them");
    given_finish(&given);
    /* Where the ranks of a row's elements take more than the rows. */
    given_budget(&given,
                 "merge_method: della\nbase_model: row\nmodels: [{model: other_row}]\n"
                 "parameters: {weight: 1, density: 0.5}\n",
                 MIB, 1);
    figure_of(&given);
    given_has_error(&given, "a worker's part in della of long.row (2000000 elements in each row of 2 inputs)");
    given_finish(&given);
}

static void a_refusal_names_the_tensor_with_the_largest_statistics(void **state)
{
    struct given given;
    given_budget(&given,
                 "merge_method: nuslerp\nmodels: [{model: row}, {model: other_row}]\n"
                 "parameters: {weight: 1, nuslerp_flatten: false, nuslerp_row_wise: true}\n",
                 MIB, 1);
    figure_of(&given);
    given_has_error(&given, "what nuslerp finds out about long.row");
    given_finish(&given);
}

/* What nobody needs is not asked of the system, which may not have it. */
static void a_budget_beyond_all_need(void **state)
{
    static const uint64_t budgets[] = {(uint64_t)64 << 30, (uint64_t)8000000 << 40};
    for (size_t at = 0; at < sizeof budgets / sizeof *budgets; at++) {
        struct given given;
        given_budget(&given, "merge_method: ties\nbase_model: a\nmodels: [{model: b, parameters: {weight: 1}}]\n",
                     budgets[at], 2);
        given_is_planned(&given);
        assert_true(given.plan->memory.total_bytes < 512 * MIB);
        assert_int_equal(given.plan->read_bytes, given.plan->input_bytes);
        given_finish(&given);
    }
}

/* Rows so long that 32 of them add up to 2^64 bytes and a little: a sum that wraps would fit in the budget. */
static void rows_beyond_all_memory(void **state)
{
    static const char *const names[] = {"huge_base", "huge_a", "huge_b", "huge_c"};
    struct given given;
    for (unsigned at = 0; at < 4; at++)
        given_huge_model(names[at], "w BF16 1x288158942007132160\n");
    given_budget(&given,
                 "merge_method: model_stock\nbase_model: huge_base\n"
                 "models: [{model: huge_a}, {model: huge_b}, {model: huge_c}]\nparameters: {filter_wise: true}\n",
                 256 * MIB, 1);
    given_is_refused(&given, 1);
    given_has_error(&given, "w: has 288158942007132160 elements");
    given_finish(&given);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_figure_of_a_refusal_works),
        cmocka_unit_test(there_are_descriptors_for_all_blocks_that_stay),
        cmocka_unit_test(a_refusal_names_the_tensor_with_the_longest_rows),
        cmocka_unit_test(a_refusal_names_the_tensor_with_the_largest_statistics),
        cmocka_unit_test(a_budget_beyond_all_need),
        cmocka_unit_test(rows_beyond_all_memory),
    };
    return cmocka_run_group_tests(tests, make_models, given_no_folder);
}
