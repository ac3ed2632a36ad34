/* SPDX-License-Identifier: Apache-2.0 */
/* What the output's config.json has to say: src/plan/origins.c. */
#include "given.h"

static int make_models(void **state)
{
    if (given_folder(state) != 0)
        return -1;
    given_decoder("a", 3, 8, true, "");
    given_decoder("b", 3, 8, true, "");
    given_decoder("long", 5, 8, true, "");
    given_decoder("wordy", 3, 12, true, "");
    given_decoder("tied", 3, 8, false, "");
    given_decoder("redundant", 3, 8, false, "lm_head.weight BF16 8x4\n");
    given_decoder("classifier", 3, 8, false, "score.weight BF16 2x4\nlm_head.dense.weight BF16 4x4\n");
    return 0;
}

static void unsliced_layers_stay(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: a}, {model: b}]\n", NULL);
    given_is_planned(&given);
    assert_null(given.plan->layer_origins[0]);
    assert_int_equal(given.plan->layer_counts[0], 3);
    assert_int_equal(given.plan->vocabulary, 0);
    given_finish(&given);
}

static void all_layers_of_the_donor_in_order_are_no_change(void **state)
{
    struct given given;
    given_plan(&given,
               "merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [0, 2]}]\n"
               "  - sources: [{model: a, layer_range: [2, 3]}]\n",
               NULL);
    given_is_planned(&given);
    assert_null(given.plan->layer_origins[0]);
    given_finish(&given);
}

static void sliced_layers_know_where_they_come_from(void **state)
{
    struct given given;
    given_plan(&given,
               "merge_method: linear\nparameters: {weight: 1}\nslices:\n"
               "  - sources: [{model: a, layer_range: [0, 2]}, {model: b, layer_range: [1, 3]}]\n"
               "  - sources: [{model: b, layer_range: [1, 2]}]\n",
               NULL);
    given_is_planned(&given);
    const struct ladle_layer_origin *origins = given.plan->layer_origins[0];
    assert_int_equal(given.plan->layer_counts[0], 3);
    assert_ptr_equal(origins[0].model, given.plan->models[0]);
    assert_int_equal(origins[1].layer, 1);
    assert_ptr_equal(origins[2].model, given.plan->models[1]);
    assert_int_equal(origins[2].layer, 1);
    given_finish(&given);
}

static void embedding_and_head_of_different_vocabularies_are_warned_of(void **state)
{
    struct given given;
    given_plan(&given,
               "merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [0, 2]}]\n"
               "  - sources: [{model: wordy, layer_range: [2, 3]}]\n",
               NULL);
    given_is_planned(&given);
    given_has_warning(&given, "the token embedding is that of a, of 8 tokens, and the output head that of wordy, of 12");
    given_finish(&given);
    given_plan(&given,
               "merge_method: passthrough\nslices:\n  - sources: [{model: wordy, layer_range: [0, 2]}]\n"
               "  - sources: [{model: tied, layer_range: [2, 3]}]\n",
               NULL);
    given_is_planned(&given);
    given_has_no_warning(&given);
    given_finish(&given);
}

static void leaving_out_a_layer_changes_the_count(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [0, 2]}]\n", NULL);
    given_is_planned(&given);
    assert_non_null(given.plan->layer_origins[0]);
    assert_int_equal(given.plan->layer_counts[0], 2);
    given_finish(&given);
}

static void a_base_of_another_depth_gives_no_layer_count(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: linear\nparameters: {weight: 1}\nbase_model: long\nmodels: [{model: a}, {model: b}]\n",
               NULL);
    given_is_planned(&given);
    assert_non_null(given.plan->layer_origins[0]);
    assert_int_equal(given.plan->layer_counts[0], 3);
    given_finish(&given);
}

static void a_stored_head_unties(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: passthrough\nmodels: [{model: redundant}]\n", NULL);
    assert_int_equal(given.plan->tied, 0);
    given_finish(&given);
    given_plan(&given, "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: a}, {model: tied}]\n", NULL);
    assert_int_equal(given.plan->tied, -1); /* the donor is not tied */
    given_finish(&given);
}

static void heads_of_other_shapes_do_not_untie(void **state)
{
    struct given given;
    given_plan(&given, "merge_method: passthrough\nmodels: [{model: classifier}]\n", NULL);
    given_is_planned(&given);
    assert_int_equal(given.plan->tied, -1);
    given_finish(&given);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsliced_layers_stay),
        cmocka_unit_test(all_layers_of_the_donor_in_order_are_no_change),
        cmocka_unit_test(sliced_layers_know_where_they_come_from),
        cmocka_unit_test(embedding_and_head_of_different_vocabularies_are_warned_of),
        cmocka_unit_test(leaving_out_a_layer_changes_the_count),
        cmocka_unit_test(a_base_of_another_depth_gives_no_layer_count),
        cmocka_unit_test(a_stored_head_unties),
        cmocka_unit_test(heads_of_other_shapes_do_not_untie),
    };
    return cmocka_run_group_tests(tests, make_models, given_no_folder);
}
