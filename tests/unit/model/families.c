/* SPDX-License-Identifier: Apache-2.0 */

/* Names and configs as families of models store them, cut down to what tells layers: which stacks are found, and what a
 * config says after a layer is left out. Nothing in the code knows a family; these are what its rules must get right. The
 * keys are those of the families' published configs. */

#include "rewritten.h"

#include <string.h>

struct family {
    const char *name;
    const char *tensors; /* see made_model */
    const char *config;
    const char *stacks;   /* "PREFIX LAYERS", with "+EXTRA" where there are; longest first */
    const char *prefix;   /* the stack that goes without ... */
    uint32_t left_out;    /* ... this layer */
    const char *expected; /* config.json then */
};

static const struct family families[] = {
    {"gpt2: no prefix but h", "wte.weight\nh.[4].attn.c_attn.weight\nln_f.weight", "{\"n_layer\": 4, \"n_head\": 4}", "h 4",
     "h", 1, "{\"n_layer\": 3, \"n_head\": 4}"},
    {"mixtral: experts are numbered too", "model.layers.[4].block_sparse_moe.experts.[8].w1.weight\nlm_head.weight",
     "{\"num_hidden_layers\": 4, \"num_local_experts\": 8}", "model.layers 4", "model.layers", 0,
     "{\"num_hidden_layers\": 3, \"num_local_experts\": 8}"},
    {"mamba: two counts of the same", "backbone.embeddings.weight\nbackbone.layers.[3].mixer.A_log\nbackbone.norm_f.weight",
     "{\"n_layer\": 3, \"num_hidden_layers\": 3}", "backbone.layers 3", "backbone.layers", 2,
     "{\"n_layer\": 2, \"num_hidden_layers\": 2}"},
    {"nemotron_h: kinds without a count", "backbone.layers.[5].norm.weight", "{\"hybrid_override_pattern\": \"M-*M-\"}",
     "backbone.layers 5", "backbone.layers", 2, "{\"hybrid_override_pattern\": \"M-M-\"}"},
    {"deepseek: multi-token prediction behind the layers", "model.layers.[5].mlp.weight\nmodel.norm.weight",
     "{\"num_hidden_layers\": 4, \"num_nextn_predict_layers\": 1, \"first_k_dense_replace\": 2}", "model.layers 4+1",
     "model.layers", 0, "{\"num_hidden_layers\": 3, \"num_nextn_predict_layers\": 1, \"first_k_dense_replace\": 1}"},
    {"gemma3n: numbers that other models have once",
     "language_model.altup_projections.[3].weight\nlanguage_model.layers.[4].mlp.weight",
     "{\"text_config\": {\"num_hidden_layers\": 4, \"intermediate_size\": [8, 8, 16, 16], \"altup_num_inputs\": 4,"
     " \"activation_sparsity_pattern\": [0.95, 0.95, 0.0, 0.0], \"layer_types\": [\"s\", \"f\", \"s\", \"f\"]}}",
     "language_model.layers 4", "language_model.layers", 1,
     "{\"text_config\": {\"num_hidden_layers\": 3, \"intermediate_size\": [8, 16, 16], \"altup_num_inputs\": 4,"
     " \"activation_sparsity_pattern\": [0.95, 0.0, 0.0], \"layer_types\": [\"s\", \"s\", \"f\"]}}"},
    {"hunyuan: experts and how many are asked, for each layer", "model.layers.[4].mlp.gate.weight\nmodel.norm.weight",
     "{\"num_hidden_layers\": 4, \"moe_topk\": [1, 2, 3, 4], \"num_shared_expert\": [1, 1, 1, 2],"
     " \"num_experts\": [4, 8, 8, 8], \"moe_intermediate_size\": [5, 6, 7, 8]}",
     "model.layers 4", "model.layers", 1,
     "{\"num_hidden_layers\": 3, \"moe_topk\": [1, 3, 4], \"num_shared_expert\": [1, 1, 2], \"num_experts\": [4, 8, 8],"
     " \"moe_intermediate_size\": [5, 7, 8]}"},
    {"bert: a head with no number", "bert.encoder.layer.[3].output.dense.weight\ncls.predictions.bias",
     "{\"num_hidden_layers\": 3, \"num_attention_heads\": 3}", "bert.encoder.layer 3", "bert.encoder.layer", 1,
     "{\"num_hidden_layers\": 2, \"num_attention_heads\": 3}"},
    {"wav2vec2: convolutions before the layers",
     "wav2vec2.feature_extractor.conv_layers.[7].conv.weight\nwav2vec2.encoder.layers.[4].attention.k_proj.weight",
     "{\"conv_dim\": [8, 8, 8, 8, 8, 8, 8], \"num_feat_extract_layers\": 7, \"num_hidden_layers\": 4}",
     "wav2vec2.encoder.layers 4", "wav2vec2.encoder.layers", 3,
     "{\"conv_dim\": [8, 8, 8, 8, 8, 8, 8], \"num_feat_extract_layers\": 7, \"num_hidden_layers\": 3}"},
    {"t5: what names no side is the encoder's", "encoder.block.[3].layer.[2].weight\ndecoder.block.[3].layer.[3].weight",
     "{\"num_layers\": 3, \"num_decoder_layers\": 3}", "encoder.block 3, decoder.block 3", "encoder.block", 2,
     "{\"num_layers\": 2, \"num_decoder_layers\": 3}"},
    {"whisper: the decoder of two equal stacks",
     "model.encoder.conv1.weight\nmodel.encoder.layers.[3].fc1.weight\nmodel.decoder.layers.[3].fc1.weight",
     "{\"encoder_layers\": 3, \"decoder_layers\": 3}", "model.encoder.layers 3, model.decoder.layers 3",
     "model.decoder.layers", 1, "{\"encoder_layers\": 3, \"decoder_layers\": 2}"},
    {"qwen2_vl: eyes of as many layers as the text",
     "visual.blocks.[4].mlp.fc1.weight\nvisual.merger.mlp.0.weight\nvisual.merger.mlp.2.weight\n"
     "model.layers.[4].mlp.weight",
     "{\"num_hidden_layers\": 4, \"rope_scaling\": {\"mrope_section\": [1, 1, 1, 1]}, \"vision_config\": {\"depth\": 4,"
     " \"fullatt_block_indexes\": [1, 3]}}",
     "visual.blocks 4, model.layers 4", "visual.blocks", 2,
     "{\"num_hidden_layers\": 4, \"rope_scaling\": {\"mrope_section\": [1, 1, 1, 1]}, \"vision_config\": {\"depth\": 3,"
     " \"fullatt_block_indexes\": [1, 2]}}"},
    {"qwen3_vl: mergers that go with some layers",
     "model.visual.blocks.[5].mlp.weight\nmodel.visual.deepstack_merger_list.[2].norm.weight\n"
     "model.language_model.layers.[4].mlp.weight",
     "{\"text_config\": {\"num_hidden_layers\": 4},"
     " \"vision_config\": {\"depth\": 5, \"deepstack_visual_indexes\": [1, 3]}}",
     "model.visual.blocks 5, model.language_model.layers 4", "model.language_model.layers", 1,
     "{\"text_config\": {\"num_hidden_layers\": 3},"
     " \"vision_config\": {\"depth\": 5, \"deepstack_visual_indexes\": [1, 3]}}"},
    {"mllama: cross attention by number",
     "vision_model.transformer.layers.[3].mlp.weight\nvision_model.global_transformer.layers.[2].mlp.weight\n"
     "language_model.model.layers.[5].mlp.weight",
     "{\"text_config\": {\"num_hidden_layers\": 5, \"cross_attention_layers\": [1, 3]}, \"vision_config\":"
     " {\"num_hidden_layers\": 3, \"num_global_layers\": 2, \"intermediate_layers_indices\": [0, 2]}}",
     "language_model.model.layers 5, vision_model.transformer.layers 3", "language_model.model.layers", 2,
     "{\"text_config\": {\"num_hidden_layers\": 4, \"cross_attention_layers\": [1, 2]}, \"vision_config\":"
     " {\"num_hidden_layers\": 3, \"num_global_layers\": 2, \"intermediate_layers_indices\": [0, 2]}}"},
    {"blip-2: three stacks of one length",
     "vision_model.encoder.layers.[3].weight\nqformer.encoder.layer.[3].weight\n"
     "language_model.model.decoder.layers.[3].weight",
     "{\"vision_config\": {\"num_hidden_layers\": 3}, \"qformer_config\": {\"num_hidden_layers\": 3},"
     " \"text_config\": {\"num_hidden_layers\": 3}}",
     "vision_model.encoder.layers 3, qformer.encoder.layer 3, language_model.model.decoder.layers 3",
     "qformer.encoder.layer", 0,
     "{\"vision_config\": {\"num_hidden_layers\": 3}, \"qformer_config\": {\"num_hidden_layers\": 2},"
     " \"text_config\": {\"num_hidden_layers\": 3}}"},
};

static void assert_stacks(const struct family *family, const struct ladle_model *model)
{
    struct ladle_text found = {0};
    for (uint32_t i = 0; i < model->stack_count; i++) {
        ladle_text_printf(&found, "%s%s %u", i > 0 ? ", " : "", model->stacks[i].prefix, model->stacks[i].layers);
        if (model->stacks[i].extra > 0) {
            ladle_text_printf(&found, "+%u", model->stacks[i].extra);
        }
    }
    if (found.data == NULL || strcmp(found.data, family->stacks) != 0) {
        fail_msg("%s: stacks are %s", family->name, found.data != NULL ? found.data : "none");
    }
    ladle_text_finish(&found);
}

static void stacks_and_configs_of_families(void **state)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        const struct family *family = &families[i];
        print_message("%s\n", family->name);
        assert_stacks(family, rewritten_begin(family->tensors, family->config));
        rewritten_leave_out(family->prefix, family->left_out);
        rewritten_expect(family->expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {rewritten_test(stacks_and_configs_of_families)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
