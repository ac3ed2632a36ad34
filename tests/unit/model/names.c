/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/layers.h"
#include "model/names.h"
#include "model/sides.h"

/* Names as published models have them. */

static void check_all(bool (*says)(const char *name), const char *const *names, bool expected)
{
    for (; *names != NULL; names++) {
        if (says(*names) != expected) {
            fail_msg("%s", *names);
        }
    }
}

static void heads(void **state)
{
    static const char *const heads[] = {"lm_head.weight",
                                        "lm_head.bias",
                                        "embed_out.weight",
                                        "output.weight",
                                        "score.weight",
                                        "classifier.bias",
                                        "language_model.lm_head.weight",
                                        "transformer.output_layer.weight",
                                        "proj_out.weight",
                                        "cls.predictions.bias",
                                        "head.weight",
                                        "lm_loss.weight",
                                        NULL};
    static const char *const others[] = {
        "model.norm.weight",    "model.embed_tokens.weight", "lm_head", "vision_tower.head.probe",
        "model.outputs.weight", "score_norm.weight",         NULL};
    check_all(ladle_name_is_head, heads, true);
    check_all(ladle_name_is_head, others, false);
}

static void heads_that_a_tied_model_leaves_out(void **state)
{
    static const char *const tied[] = {"lm_head.weight",
                                       "language_model.lm_head.weight",
                                       "embed_out.weight",
                                       "output.weight",
                                       "cls.predictions.decoder.weight",
                                       "lm_head.decoder.weight",
                                       NULL};
    static const char *const others[] = {"lm_head.bias",
                                         "score.weight",
                                         "classifier.weight",
                                         "lm_head.dense.weight",
                                         "my_lm_head.weight",
                                         "cls.predictions.transform.dense.weight",
                                         NULL};
    check_all(ladle_name_is_tied_head, tied, true);
    check_all(ladle_name_is_tied_head, others, false);
}

static void final_norms(void **state)
{
    static const char *const norms[] = {
        "model.norm.weight",           "transformer.ln_f.bias", "gpt_neox.final_layer_norm.weight", "backbone.norm_f.weight",
        "model.embedding_norm.weight", "rwkv.ln_out.weight",    "decoder.final_layer_norm.weight",  NULL};
    static const char *const others[] = {"bert.embeddings.LayerNorm.weight",
                                         "transformer.word_embeddings_layernorm.weight",
                                         "model.embed_tokens.weight",
                                         "model.embeddings.norm.weight",
                                         "norm",
                                         NULL};
    check_all(ladle_name_is_norm, norms, true);
    check_all(ladle_name_is_norm, others, false);
}

static void embeddings(void **state)
{
    static const char *const tokens[] = {"model.embed_tokens.weight",
                                         "transformer.wte.weight",
                                         "gpt_neox.embed_in.weight",
                                         "bert.embeddings.word_embeddings.weight",
                                         "shared.weight",
                                         "backbone.embeddings.weight",
                                         "language_model.model.embed_tokens.weight",
                                         "tok_embeddings.weight",
                                         NULL};
    static const char *const others[] = {"transformer.wpe.weight",
                                         "bert.embeddings.position_embeddings.weight",
                                         "model.embed_tokens_per_layer.weight",
                                         "embed_tokens.bias",
                                         "embeddings.cls_token",
                                         "bert.embeddings.token_type_embeddings.weight",
                                         NULL};
    check_all(ladle_name_is_embedding, tokens, true);
    check_all(ladle_name_is_embedding, others, false);
}

static void buffers(void **state)
{
    static const char *const buffers[] = {"model.layers.3.self_attn.rotary_emb.inv_freq", "h.0.attn.masked_bias",
                                          "h.0.attn.bias", "gpt_neox.layers.1.attention.bias", NULL};
    static const char *const others[] = {"h.0.attn.c_attn.bias", "rotary_emb.inv_freq", "model.layers.0.attention.bias.x",
                                         "h.0.self_attn.bias", NULL};
    check_all(ladle_name_is_buffer, buffers, true);
    check_all(ladle_name_is_buffer, others, false);
}

static void sides(void **state)
{
    assert_int_equal(ladle_side_of("vision_config"), LADLE_SIDE_VISION);
    assert_int_equal(ladle_side_of("model.visual.blocks"), LADLE_SIDE_VISION);
    assert_int_equal(ladle_side_of("audio_tower.layers"), LADLE_SIDE_AUDIO);
    assert_int_equal(ladle_side_of("text_config"), LADLE_SIDE_TEXT);
    assert_int_equal(ladle_side_of("language_model.model.layers"), LADLE_SIDE_TEXT);
    assert_int_equal(ladle_side_of("num_hidden_layers"), LADLE_SIDE_ANY);
    assert_int_equal(ladle_side_of("model.layers"), LADLE_SIDE_ANY);
    assert_int_equal(ladle_side_of("revision"), LADLE_SIDE_ANY);
    assert_int_equal(ladle_side_of(""), LADLE_SIDE_ANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),       cmocka_unit_test(heads_that_a_tied_model_leaves_out),
        cmocka_unit_test(final_norms), cmocka_unit_test(embeddings),
        cmocka_unit_test(buffers),     cmocka_unit_test(sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
