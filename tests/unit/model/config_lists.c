/* SPDX-License-Identifier: Apache-2.0 */
#include "rewritten.h"

#include <stdlib.h>
#include <string.h>

static void assert_warned(const char *text)
{
    if (strstr(made_messages(), text) == NULL) {
        fail_msg("'%s' is not in: %s", text, made_messages());
    }
}

/* A model of four layers called h, without layer 1. */
static void assert_without_1(const char *config, const char *expected)
{
    rewritten_begin("h.[4].w", config);
    rewritten_leave_out("h", 1);
    rewritten_expect(expected);
}

static void lists_with_an_entry_for_each_layer(void **state)
{
    assert_without_1("{\"n_layer\": 4, \"layer_types\": [\"a\", \"b\", \"c\", \"d\"], \"no_rope_layers\": [1, 0, 1, 1],"
                     " \"intermediate_size\": [10, 20, 20, 40], \"activation_sparsity_pattern\": [0.95, 0.5, 0.0, 0.0]}",
                     "{\"n_layer\": 3, \"layer_types\": [\"a\", \"c\", \"d\"], \"no_rope_layers\": [1, 1, 1],"
                     " \"intermediate_size\": [10, 20, 40], \"activation_sparsity_pattern\": [0.95, 0.0, 0.0]}");
    assert_without_1("{\"text_config\": {\"n_layer\": 4, \"layers_block_type\": [{\"x\": [1]}, null, {}, \"d\"]}}",
                     "{\"text_config\": {\"n_layer\": 3, \"layers_block_type\": [{\"x\": [1]}, {}, \"d\"]}}");
    assert_without_1("{\"n_layer\": 4, \"indexer_types\": [\"full\", \"shared\", \"full\", \"shared\"]}",
                     "{\"n_layer\": 3, \"indexer_types\": [\"full\", \"full\", \"shared\"]}");
    assert_string_equal(made_messages(), "");
}

static void lists_of_numbers_of_layers(void **state)
{
    assert_without_1("{\"n_layer\": 4, \"cross_attention_layers\": [1, 3], \"attn_layer_indices\": [0, 2],"
                     " \"fullatt_block_indexes\": [2], \"mlp_only_layers\": [], \"moe_layers\": [0, 1, 2, 3],"
                     " \"full_attn_idxs\": [0, 1, 2, 3], \"dense_layers\": [0, 3],"
                     " \"all_layers\": [0, 1, 2, 3]}",
                     "{\"n_layer\": 3, \"cross_attention_layers\": [2], \"attn_layer_indices\": [0, 1],"
                     " \"fullatt_block_indexes\": [1], \"mlp_only_layers\": [], \"moe_layers\": [0, 1, 2],"
                     " \"full_attn_idxs\": [0, 1, 2], \"dense_layers\": [0, 2],"
                     " \"all_layers\": [0, 1, 2]}");
    /* numbers of layers that there are not mean nothing */
    assert_without_1("{\"n_layer\": 4, \"cross_attention_layers\": [3, 8, 13]}",
                     "{\"n_layer\": 3, \"cross_attention_layers\": [2, 8, 13]}");
    assert_string_equal(made_messages(), "");
}

static void two_entries_are_kinds_unless_the_name_says_numbers(void **state)
{
    rewritten_begin("h.[2].w", "{\"n_layer\": 2, \"moe_layer_freq\": [0, 1], \"mlp_only_layers\": [0, 1]}");
    rewritten_leave_out("h", 0);
    rewritten_expect("{\"n_layer\": 1, \"moe_layer_freq\": [1], \"mlp_only_layers\": [0]}");
}

static void lists_elsewhere_or_of_other_lengths_stay(void **state)
{
    const char *same =
        "\"rope\": {\"layer_types\": [1, 2, 3, 4]}, \"layer_scales\": [0.5, 0.25], \"eos_token_id\": [1, 2, 3, 4],"
        " \"vision_feature_layers\": [1, 2, 3, 4]}";
    char config[512], expected[512];
    snprintf(config, sizeof config, "{\"n_layer\": 4, %s", same);
    snprintf(expected, sizeof expected, "{\"n_layer\": 3, %s", same);
    assert_without_1(config, expected);
    assert_string_equal(made_messages(), "");
}

static void lists_that_may_count_layers_by_chance_stay_with_a_warning(void **state)
{
    assert_without_1("{\"n_layer\": 4, \"mrope_section\": [16, 24, 24, 8]}",
                     "{\"n_layer\": 3, \"mrope_section\": [16, 24, 24, 8]}");
    assert_warned("warning: config.json: mrope_section has as many entries");
    rewritten_begin("h.[4].w", "{\"n_layer\": 4, \"mrope_section\": [16, 24, 24, 8]}");
    for (uint32_t i = 0; i < 4; i++) {
        rewritten_add("h", rewritten_change.donor, 3 - i);
    }
    rewritten_expect("{\"n_layer\": 4, \"mrope_section\": [16, 24, 24, 8]}");
    assert_string_equal(made_messages(), "");
}

static void kinds_come_from_the_models_of_the_layers(void **state)
{
    const struct ladle_model *donor = rewritten_begin(
        "h.[2].w",
        "{\"n_layer\": 2, \"layer_types\": [\"a\", \"b\"], \"intermediate_size\": [1, 2], \"x_layers_idx\": [0]}");
    const struct ladle_model *other = rewritten_model(
        "h.[3].w",
        "{\"n_layer\": 3, \"layer_types\": [\"c\", \"d\", \"e\"], \"intermediate_size\": 7, \"x_layers_idx\": [2]}");
    const struct ladle_model *silent = rewritten_model("h.[2].w", "{\"n_layer\": 2}");
    const struct ladle_model *bare = rewritten_model("h.[2].w", NULL);
    rewritten_add("h", other, 2);
    rewritten_add("h", donor, 0);
    rewritten_add("h", silent, 1);
    rewritten_add("h", bare, 0);
    rewritten_add("h", other, 0);
    rewritten_expect(
        "{\"n_layer\": 5, \"layer_types\": [\"e\", \"a\", \"b\", \"a\", \"c\"], \"intermediate_size\": [7, 1, 2, 1, 7],"
        " \"x_layers_idx\": [0, 1, 3]}");
}

static void layers_beyond_the_count_keep_their_entries_at_the_end(void **state)
{
    rewritten_begin("h.[4].w",
                    "{\"n_layer\": 3, \"num_nextn_predict_layers\": 1, \"layer_types\": [\"a\", \"b\", \"c\", \"mtp\"],"
                    " \"mlp_layer_types\": [\"x\", \"y\", \"z\"]}");
    rewritten_leave_out("h", 0);
    rewritten_expect("{\"n_layer\": 2, \"num_nextn_predict_layers\": 1, \"layer_types\": [\"b\", \"c\", \"mtp\"],"
                     " \"mlp_layer_types\": [\"y\", \"z\"]}");
}

static void a_list_gives_the_count_where_nothing_else_does(void **state)
{
    rewritten_begin("h.[4].w",
                    "{\"layers_block_type\": [\"m\", \"a\", \"m\", \"x\"], \"mtp_layers_block_type\": [1, 2, 3, 4],"
                    " \"conv_dim\": [1, 1, 1, 1]}");
    rewritten_leave_out("h", 1);
    rewritten_expect("{\"layers_block_type\": [\"m\", \"m\", \"x\"], \"mtp_layers_block_type\": [1, 2, 3, 4],"
                     " \"conv_dim\": [1, 1, 1, 1]}");
    assert_string_equal(made_messages(), "");
}

static void letters_repeats_and_turns(void **state)
{
    assert_without_1("{\"num_hidden_layers\": 4, \"hybrid_override_pattern\": \"M-*E\"}",
                     "{\"num_hidden_layers\": 3, \"hybrid_override_pattern\": \"M*E\"}");
    assert_without_1("{\"num_layers\": 4, \"attention_types\": [[[\"global\", \"local\"], 2]],"
                     " \"attention_layers\": [\"global\", \"local\", \"global\", \"local\"]}",
                     "{\"num_layers\": 3, \"attention_types\": [[[\"global\", \"global\", \"local\"], 1]],"
                     " \"attention_layers\": [\"global\", \"global\", \"local\"]}");
    assert_without_1("{\"num_layers\": 4, \"block_types\": [\"r\", \"r\", \"a\"]}",
                     "{\"num_layers\": 3, \"block_types\": [\"r\", \"a\", \"r\"]}");
    assert_without_1("{\"num_layers\": 4, \"attention_types\": [[[\"global\"], 3]]}",
                     "{\"num_layers\": 3, \"attention_types\": [[[\"global\"], 3]]}");
    assert_without_1("{\"num_layers\": 4, \"attention_types\": [[[], 4], [1, 2], 3, [[], 9999999999999]]}",
                     "{\"num_layers\": 3, \"attention_types\": [[[], 4], [1, 2], 3, [[], 9999999999999]]}");
}

static void numbers_of_first_layers(void **state)
{
    rewritten_begin("h.[4].w", "{\"n_layer\": 4, \"first_k_dense_replace\": 2}");
    rewritten_leave_out("h", 0);
    rewritten_expect("{\"n_layer\": 3, \"first_k_dense_replace\": 1}");
    rewritten_begin("h.[4].w", "{\"n_layer\": 4, \"first_k_dense_replace\": 2}");
    rewritten_leave_out("h", 3);
    rewritten_expect("{\"n_layer\": 3, \"first_k_dense_replace\": 2}");
    const struct ladle_model *donor = rewritten_begin("h.[4].w", "{\"n_layer\": 4, \"first_k_dense_replace\": 2}");
    rewritten_add("h", donor, 3);
    rewritten_add("h", donor, 0); /* a dense one behind: no number can say so */
    rewritten_expect("{\"n_layer\": 2, \"first_k_dense_replace\": 2}");
}

/* As in ERNIE 4.5: the index of the last layer with experts, past which all are dense. */
static void the_index_of_a_last_layer(void **state)
{
    const char *config = "{\"n_layer\": 4, \"moe_layer_start_index\": 1, \"moe_layer_end_index\": 3}";
    const struct ladle_model *donor = rewritten_begin("h.[4].w\nh.1.moe\nh.2.moe\nh.3.moe", config);
    for (uint32_t i = 0; i < 6; i++) {
        rewritten_add("h", donor, i < 3 ? i : i - 2);
    }
    rewritten_expect("{\"n_layer\": 6, \"moe_layer_start_index\": 1, \"moe_layer_end_index\": 5}");
    assert_string_equal(made_messages(), "");
    rewritten_begin("h.[4].w\nh.1.moe\nh.2.moe", "{\"n_layer\": 4, \"moe_layer_end_index\": 2}");
    rewritten_leave_out("h", 1);
    rewritten_expect("{\"n_layer\": 3, \"moe_layer_end_index\": 1}");
    donor = rewritten_begin("h.[2].w\nh.0.moe", "{\"n_layer\": 2, \"moe_layer_end_index\": 0}");
    rewritten_add("h", donor, 1); /* none is left: -1 would mean all of them */
    rewritten_expect("{\"n_layer\": 1, \"moe_layer_end_index\": 0}");
    donor = rewritten_begin("h.[2].w", "{\"n_layer\": 2, \"moe_layer_end_index\": -1}");
    rewritten_add("h", donor, 1);
    rewritten_expect("{\"n_layer\": 1, \"moe_layer_end_index\": -1}");
    rewritten_begin("h.[2].w", "{\"n_layer\": 2, \"moe_layer_end_index\": 18446744073709551615}");
    rewritten_leave_out("h", 0);
    rewritten_expect("{\"n_layer\": 1, \"moe_layer_end_index\": 18446744073709551615}");
}

static void stages_of_backbones(void **state)
{
    rewritten_begin("encoder.layer.[3].w",
                    "{\"num_hidden_layers\": 3, \"out_features\": [\"stage1\", \"stage3\"], \"out_indices\": [1, 3],"
                    " \"stage_names\": [\"stem\", \"stage1\", \"stage2\", \"stage3\"]}");
    rewritten_leave_out("encoder.layer", 1);
    rewritten_expect("{\"num_hidden_layers\": 2, \"out_features\": [\"stage1\", \"stage2\"], \"out_indices\": [1, 2],"
                     " \"stage_names\": [\"stem\", \"stage1\", \"stage2\"]}");
    const struct ladle_model *donor =
        rewritten_begin("encoder.layer.[2].w",
                        "{\"num_hidden_layers\": 2, \"out_indices\": [2], \"stage_names\": [\"stem\", \"a\", \"b\"]}");
    rewritten_add("encoder.layer", donor, 0);
    rewritten_add("encoder.layer", donor, 0);
    rewritten_add("encoder.layer", donor, 1);
    rewritten_expect(
        "{\"num_hidden_layers\": 3, \"out_indices\": [3], \"stage_names\": [\"stem\", \"a\", \"b\", \"stage3\"]}");
}

static void lists_belong_to_the_side_whose_count_stands_beside(void **state)
{
    rewritten_begin("model.layers.[2].w\nvisual.blocks.[2].w",
                    "{\"layer_types\": [\"a\", \"b\"], \"num_hidden_layers\": 2, \"vision_config\": {\"depth\": 2,"
                    " \"layer_types\": [\"c\", \"d\"], \"deepstack_visual_indexes\": [1]}}");
    rewritten_leave_out("visual.blocks", 0);
    rewritten_expect("{\"layer_types\": [\"a\", \"b\"], \"num_hidden_layers\": 2, \"vision_config\": {\"depth\": 1,"
                     " \"layer_types\": [\"d\"], \"deepstack_visual_indexes\": [0]}}");
    const char *config = "{\"encoder_layers\": 2, \"decoder_layers\": 2, \"attention_window\": [1, 2]}";
    rewritten_begin("encoder.layers.[2].w\ndecoder.layers.[2].w", config);
    rewritten_leave_out("encoder.layers", 0);
    rewritten_expect("{\"encoder_layers\": 1, \"decoder_layers\": 2, \"attention_window\": [2]}");
    rewritten_begin("encoder.layers.[2].w\ndecoder.layers.[2].w", config);
    rewritten_leave_out("decoder.layers", 0);
    rewritten_expect("{\"encoder_layers\": 2, \"decoder_layers\": 1, \"attention_window\": [1, 2]}");
}

static void layers_of_another_kind_than_the_index_says_are_warned_of(void **state)
{
    const char *names = "h.[4].w\nh.0.first\nh.2.moe";
    rewritten_begin(names, "{\"n_layer\": 4}");
    rewritten_leave_out("h", 0);
    rewritten_expect("{\"n_layer\": 3}");
    assert_warned("warning: config.json: layers 0, 1, 2 of h hold other tensors");
    rewritten_begin(names, "{\"n_layer\": 4}");
    rewritten_leave_out("h", 3);
    rewritten_expect("{\"n_layer\": 3}");
    assert_string_equal(made_messages(), "");
    /* a list says so */
    rewritten_begin("h.[4].w\nh.2.moe",
                    "{\"n_layer\": 4, \"mlp_layer_types\": [\"dense\", \"dense\", \"sparse\", \"dense\"]}");
    rewritten_leave_out("h", 0);
    rewritten_expect("{\"n_layer\": 3, \"mlp_layer_types\": [\"dense\", \"sparse\", \"dense\"]}");
    assert_string_equal(made_messages(), "");
    rewritten_begin("h.[4].w\nh.2.moe", "{\"n_layer\": 4, \"mlp_only_layers\": [0, 1, 3]}");
    rewritten_leave_out("h", 0);
    rewritten_expect("{\"n_layer\": 3, \"mlp_only_layers\": [0, 2]}");
    assert_string_equal(made_messages(), "");
}

/* The output has more layers than the donor: only config.json can say what the loader expects there. */
static void layers_behind_the_last_one_are_warned_of(void **state)
{
    const char *every_other = "h.[4].w\nh.1.moe\nh.3.moe"; /* as in Jamba, by a rule on the index */
    const struct ladle_model *donor = rewritten_begin(every_other, "{\"n_layer\": 4, \"expert_layer_period\": 2}");
    for (uint32_t i = 0; i < 6; i++) {
        rewritten_add("h", donor, i < 4 ? i : i - 2);
    }
    rewritten_expect("{\"n_layer\": 6, \"expert_layer_period\": 2}");
    assert_warned("warning: config.json: layers 4, 5 of h lie behind the 4 that");
    assert_null(strstr(made_messages(), "hold other tensors"));
    /* A list says what they are. */
    donor = rewritten_begin(every_other, "{\"n_layer\": 4, \"mlp_layer_types\": [\"d\", \"s\", \"d\", \"s\"]}");
    for (uint32_t i = 0; i < 6; i++) {
        rewritten_add("h", donor, i < 4 ? i : i - 2);
    }
    rewritten_expect("{\"n_layer\": 6, \"mlp_layer_types\": [\"d\", \"s\", \"d\", \"s\", \"d\", \"s\"]}");
    assert_string_equal(made_messages(), "");
    /* Only the first has something more, as in T5: what comes behind is like the others, or is not. */
    donor = rewritten_begin("h.[4].w\nh.0.first", "{\"n_layer\": 4}");
    for (uint32_t i = 0; i < 5; i++) {
        rewritten_add("h", donor, i < 4 ? i : 3);
    }
    rewritten_expect("{\"n_layer\": 5}");
    assert_string_equal(made_messages(), "");
    donor = rewritten_begin("h.[4].w\nh.0.first", "{\"n_layer\": 4}");
    for (uint32_t i = 0; i < 5; i++) {
        rewritten_add("h", donor, i % 4);
    }
    rewritten_expect("{\"n_layer\": 5}");
    assert_warned("warning: config.json: layers 4 of h lie behind the 4");
    /* As in ModernBERT: half of the layers that see everything are the first, which lacks a norm. */
    donor = rewritten_begin("h.[4].w\nh.1.norm\nh.2.norm\nh.3.norm",
                            "{\"n_layer\": 4, \"layer_types\": [\"full\", \"near\", \"near\", \"full\"]}");
    for (uint32_t i = 0; i < 5; i++) {
        rewritten_add("h", donor, i < 4 ? i : 3);
    }
    rewritten_expect("{\"n_layer\": 5, \"layer_types\": [\"full\", \"near\", \"near\", \"full\", \"full\"]}");
    assert_string_equal(made_messages(), "");
}

/* As in ModernBERT: the list says which layers see everything, but not that layer 0 has no norm in front. */
static void a_list_about_something_else_says_nothing_of_tensors(void **state)
{
    const char *names = "layers.[6].w\nlayers.1.norm\nlayers.2.norm\nlayers.3.norm\nlayers.4.norm\nlayers.5.norm";
    const char *config = "{\"n_layer\": 6, \"layer_types\": [\"full\", \"near\", \"near\", \"full\", \"near\", \"near\"]}";
    rewritten_begin(names, config);
    rewritten_leave_out("layers", 0);
    rewritten_expect("{\"n_layer\": 5, \"layer_types\": [\"near\", \"near\", \"full\", \"near\", \"near\"]}");
    assert_warned("warning: config.json: layers 0 of layers hold other tensors");
    rewritten_begin(names, config);
    rewritten_leave_out("layers", 1);
    rewritten_expect("{\"n_layer\": 5, \"layer_types\": [\"full\", \"near\", \"full\", \"near\", \"near\"]}");
    assert_string_equal(made_messages(), "");
    /* One list about tensors, and layer 0 has something of its own: only that layer is named. */
    rewritten_begin("h.[5].w\nh.0.first\nh.2.moe",
                    "{\"n_layer\": 5, \"mlp_layer_types\": [\"dense\", \"dense\", \"sparse\", \"dense\", \"dense\"]}");
    rewritten_leave_out("h", 0);
    rewritten_expect("{\"n_layer\": 4, \"mlp_layer_types\": [\"dense\", \"sparse\", \"dense\", \"dense\"]}");
    assert_warned("warning: config.json: layers 0 of h hold other tensors");
}

/* As in DeepSeek: a mixture in front of the dense layers, which no number can say. */
static void a_number_of_first_layers_that_stays_explains_nothing(void **state)
{
    const char *names = "h.[4].w\nh.2.moe\nh.3.moe", *config = "{\"n_layer\": 4, \"first_k_dense_replace\": 2}";
    const struct ladle_model *donor = rewritten_begin(names, config);
    rewritten_add("h", donor, 2);
    rewritten_add("h", donor, 0);
    rewritten_expect("{\"n_layer\": 2, \"first_k_dense_replace\": 2}");
    assert_warned("warning: config.json: layers 0 of h hold other tensors");
    rewritten_begin(names, config);
    rewritten_leave_out("h", 0);
    rewritten_expect("{\"n_layer\": 3, \"first_k_dense_replace\": 1}");
    assert_string_equal(made_messages(), "");
}

static void tensors_with_something_for_each_layer_are_warned_of(void **state)
{
    const char *names = "vision.per_layer.weight\nembed_tokens_per_layer.weight\nlayers.[4].per_layer_input_gate.weight";
    rewritten_begin(names, "{\"n_layer\": 4}");
    rewritten_leave_out("layers", 1);
    rewritten_expect("{\"n_layer\": 3}");
    assert_warned("warning: embed_tokens_per_layer.weight holds something for each of the donor's 4 layers");
    const struct ladle_model *donor = rewritten_begin(names, "{\"n_layer\": 4}");
    for (uint32_t i = 0; i < 4; i++) {
        rewritten_add("layers", donor, 3 - i);
    }
    rewritten_expect("{\"n_layer\": 4}");
    assert_string_equal(made_messages(), "");
    assert_without_1("{\"n_layer\": 4}", "{\"n_layer\": 3}");
    assert_string_equal(made_messages(), "");
}

/* A config of `count` lists of layers; those before `past` without layer 1. */
static char *many_lists(uint32_t layers, uint32_t count, uint32_t past)
{
    struct ladle_text text = {0};
    ladle_text_printf(&text, "{\"n_layer\": %u", layers);
    for (uint32_t i = 0; i < count; i++) {
        ladle_text_printf(&text, ", \"layer%u\": %s", i, i < past ? "[1, 3, 4]" : "[1, 2, 3, 4]");
    }
    ladle_text_printf(&text, "}");
    return text.data;
}

/* Somebody's joke: a look through the whole config for each of its lists would take minutes. */
static void very_many_lists_are_left_alone(void **state)
{
    char *config = many_lists(4, 200000, 0), *expected = many_lists(3, 200000, 1000);
    assert_without_1(config, expected);
    free(config);
    free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rewritten_test(lists_with_an_entry_for_each_layer),
        rewritten_test(lists_of_numbers_of_layers),
        rewritten_test(two_entries_are_kinds_unless_the_name_says_numbers),
        rewritten_test(lists_elsewhere_or_of_other_lengths_stay),
        rewritten_test(lists_that_may_count_layers_by_chance_stay_with_a_warning),
        rewritten_test(kinds_come_from_the_models_of_the_layers),
        rewritten_test(layers_beyond_the_count_keep_their_entries_at_the_end),
        rewritten_test(a_list_gives_the_count_where_nothing_else_does),
        rewritten_test(letters_repeats_and_turns),
        rewritten_test(numbers_of_first_layers),
        rewritten_test(the_index_of_a_last_layer),
        rewritten_test(stages_of_backbones),
        rewritten_test(lists_belong_to_the_side_whose_count_stands_beside),
        rewritten_test(layers_of_another_kind_than_the_index_says_are_warned_of),
        rewritten_test(layers_behind_the_last_one_are_warned_of),
        rewritten_test(a_list_about_something_else_says_nothing_of_tensors),
        rewritten_test(a_number_of_first_layers_that_stays_explains_nothing),
        rewritten_test(tensors_with_something_for_each_layer_are_warned_of),
        rewritten_test(very_many_lists_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
