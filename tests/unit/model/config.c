/* SPDX-License-Identifier: Apache-2.0 */
#include "rewritten.h"

#include <string.h>

#define LLAMA "model.embed_tokens.weight\nmodel.layers.[3].w\nmodel.norm.weight"

static void what_does_not_change_stays_as_it_is(void **state)
{
    const char *config = "{\n  \"b\": 1e-05,\n  \"a\": 10000.0,\n  \"c\": [\n    0.0,\n    Infinity\n  ],\n"
                         "  \"num_hidden_layers\": 3,\n  \"dtype\": \"float32\",\n  \"x\": {\n    \"z\": NaN,\n"
                         "    \"y\": 123456789012345678901234567890\n  },\n  \"vocab_size\": 7,\n  \"\xC3\xA9\": null\n}\n";
    rewritten_begin(LLAMA, config);
    rewritten_expect(config);
    assert_string_equal(made_messages(), "");
}

static void a_model_without_config_gets_none(void **state)
{
    struct ladle_model *model = made_model(LLAMA, NULL);
    const struct ladle_config_change change = {.donor = model, .tied = -1};
    struct ladle_text out = {0};
    assert_int_equal(ladle_config_rewrite(&change, NULL, &out, NULL), LADLE_OK);
    assert_int_equal(out.bytes, 0);
    made_free(model);
}

static void a_left_out_layer_is_counted(void **state)
{
    static const char *const keys[] = {"num_hidden_layers", "n_layer", "n_layers", "num_layers"};
    for (size_t i = 0; i < 4; i++) {
        char config[128], expected[128];
        snprintf(config, sizeof config, "{\"%s\": 3, \"max_window_layers\": 3, \"x\": 3}", keys[i]);
        snprintf(expected, sizeof expected, "{\"%s\": 2, \"max_window_layers\": 3, \"x\": 3}", keys[i]);
        rewritten_begin("h.[3].w", config);
        rewritten_leave_out("h", 1);
        rewritten_expect(expected);
    }
}

static void each_side_has_its_own_count(void **state)
{
    const char *names = "language_model.model.layers.[3].w\nvision_tower.encoder.layers.[3].w\naudio_tower.layers.[3].w";
    const char *config = "{\"num_hidden_layers\": 3, \"text_config\": {\"num_hidden_layers\": 3},"
                         " \"vision_config\": {\"num_hidden_layers\": 3}, \"audio_config\": {\"encoder_layers\": 3}}";
    rewritten_begin(names, config);
    rewritten_leave_out("language_model.model.layers", 0);
    rewritten_expect("{\"num_hidden_layers\": 2, \"text_config\": {\"num_hidden_layers\": 2},"
                     " \"vision_config\": {\"num_hidden_layers\": 3}, \"audio_config\": {\"encoder_layers\": 3}}");
    rewritten_begin(names, config);
    rewritten_leave_out("vision_tower.encoder.layers", 0);
    rewritten_expect("{\"num_hidden_layers\": 3, \"text_config\": {\"num_hidden_layers\": 3},"
                     " \"vision_config\": {\"num_hidden_layers\": 2}, \"audio_config\": {\"encoder_layers\": 3}}");
    rewritten_begin(names, config);
    rewritten_leave_out("audio_tower.layers", 0);
    rewritten_expect("{\"num_hidden_layers\": 3, \"text_config\": {\"num_hidden_layers\": 3},"
                     " \"vision_config\": {\"num_hidden_layers\": 3}, \"audio_config\": {\"encoder_layers\": 2}}");
}

static void a_text_model_does_not_touch_a_vision_config(void **state)
{
    rewritten_begin("model.layers.[3].w", "{\"n_layers\": 3, \"vision_config\": {\"depth\": 3}}");
    rewritten_leave_out("model.layers", 2);
    rewritten_expect("{\"n_layers\": 2, \"vision_config\": {\"depth\": 3}}");
    rewritten_begin("vision_model.encoder.layers.[3].w", "{\"num_hidden_layers\": 3}"); /* eyes alone */
    rewritten_leave_out("vision_model.encoder.layers", 2);
    rewritten_expect("{\"num_hidden_layers\": 2}");
}

static void encoder_and_decoder_have_their_own_counts(void **state)
{
    static const struct {
        const char *encoder, *decoder, *config, *without_encoder, *without_decoder;
    } cases[] = {
        {"encoder.block", "decoder.block", "{\"num_decoder_layers\": 3, \"num_layers\": 3}",
         "{\"num_decoder_layers\": 3, \"num_layers\": 2}", "{\"num_decoder_layers\": 2, \"num_layers\": 3}"},
        {"model.encoder.layers", "model.decoder.layers",
         "{\"decoder_layers\": 3, \"encoder_layers\": 3, \"num_hidden_layers\": 3}",
         "{\"decoder_layers\": 3, \"encoder_layers\": 2, \"num_hidden_layers\": 2}",
         "{\"decoder_layers\": 2, \"encoder_layers\": 3, \"num_hidden_layers\": 3}"},
        {"model.encoder.layers", "model.transf_decoder._decoder.layers",
         "{\"encoder_config\": {\"num_hidden_layers\": 3}, \"num_hidden_layers\": 3}",
         "{\"encoder_config\": {\"num_hidden_layers\": 2}, \"num_hidden_layers\": 3}",
         "{\"encoder_config\": {\"num_hidden_layers\": 3}, \"num_hidden_layers\": 2}"},
        {"encoder.encoder.layer", "decoder.bert.encoder.layer",
         "{\"decoder\": {\"num_hidden_layers\": 3}, \"encoder\": {\"num_hidden_layers\": 3}}",
         "{\"decoder\": {\"num_hidden_layers\": 3}, \"encoder\": {\"num_hidden_layers\": 2}}",
         "{\"decoder\": {\"num_hidden_layers\": 2}, \"encoder\": {\"num_hidden_layers\": 3}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char names[256];
        snprintf(names, sizeof names, "%s.[3].w\n%s.[3].w", cases[i].encoder, cases[i].decoder);
        rewritten_begin(names, cases[i].config);
        rewritten_leave_out(cases[i].encoder, 1);
        rewritten_expect(cases[i].without_encoder);
        rewritten_begin(names, cases[i].config);
        rewritten_leave_out(cases[i].decoder, 1);
        rewritten_expect(cases[i].without_decoder);
    }
}

static void parts_are_told_by_their_names(void **state)
{
    const char *names = "language_model.model.decoder.layers.[3].w\nqformer.encoder.layer.[3].w";
    const char *config = "{\"qformer_config\": {\"num_hidden_layers\": 3}, \"text_config\": {\"num_hidden_layers\": 3}}";
    rewritten_begin(names, config);
    rewritten_leave_out("qformer.encoder.layer", 1);
    rewritten_expect("{\"qformer_config\": {\"num_hidden_layers\": 2}, \"text_config\": {\"num_hidden_layers\": 3}}");
    rewritten_begin(names, config);
    rewritten_leave_out("language_model.model.decoder.layers", 1);
    rewritten_expect("{\"qformer_config\": {\"num_hidden_layers\": 3}, \"text_config\": {\"num_hidden_layers\": 2}}");
}

static void a_count_left_to_a_default_is_added_or_warned_of(void **state)
{
    rewritten_begin("language_model.layers.[3].w\nvision.layers.[2].w",
                    "{\"text_config\": {\"a\": 1}, \"vision_config\": {\"num_hidden_layers\": 2}}");
    rewritten_leave_out("language_model.layers", 0);
    rewritten_expect(
        "{\"text_config\": {\"a\": 1, \"num_hidden_layers\": 2}, \"vision_config\": {\"num_hidden_layers\": 2}}");
    rewritten_begin("model.layers.[3].w", "{\"a\": 1}");
    rewritten_leave_out("model.layers", 0);
    rewritten_expect("{\"a\": 1}");
    assert_non_null(strstr(made_messages(), "does not say that model.layers has 3 layers"));
}

static void the_stored_type_is_told_under_the_key_there_is(void **state)
{
    rewritten_begin(LLAMA,
                    "{\"torch_dtype\": \"float16\", \"text_config\": {\"dtype\": \"float32\"}, \"a\": {\"dtype\": \"auto\"},"
                    " \"quantization_config\": {\"dtype\": \"float16\"}}");
    rewritten_change.one_dtype = true;
    rewritten_change.dtype = LADLE_BF16;
    rewritten_expect(
        "{\"torch_dtype\": \"bfloat16\", \"text_config\": {\"dtype\": \"bfloat16\"}, \"a\": {\"dtype\": \"auto\"},"
        " \"quantization_config\": {\"dtype\": \"float16\"}}");
    rewritten_begin(LLAMA, "{\"dtype\": null}");
    rewritten_change.one_dtype = true;
    rewritten_change.dtype = LADLE_F8_E4M3;
    rewritten_expect("{\"dtype\": \"float8_e4m3fn\"}");
    rewritten_begin(LLAMA, "{\"a\": 1}");
    rewritten_change.one_dtype = true;
    rewritten_change.dtype = LADLE_F32;
    rewritten_expect("{\"a\": 1}");
}

static void a_head_of_its_own_is_not_tied(void **state)
{
    rewritten_begin(LLAMA, "{\"tie_word_embeddings\": true, \"text_config\": {\"tie_word_embeddings\": true, \"b\": 1},"
                           " \"vision_config\": {\"tie_word_embeddings\": true}}");
    rewritten_change.tied = 0;
    rewritten_expect("{\"tie_word_embeddings\": false, \"text_config\": {\"tie_word_embeddings\": false, \"b\": 1},"
                     " \"vision_config\": {\"tie_word_embeddings\": true}}");
    rewritten_begin(LLAMA, "{\"a\": 1}");
    rewritten_change.tied = 0;
    rewritten_expect("{\"a\": 1, \"tie_word_embeddings\": false}");
}

static void a_new_vocabulary_is_told_on_the_text_side(void **state)
{
    rewritten_begin(LLAMA,
                    "{\"vision_config\": {\"vocab_size\": 32}, \"text_config\": {\"vocab_size\": 32}, \"vocab_size\": 32,"
                    " \"other\": {\"vocab_size\": 5}}");
    rewritten_change.vocabulary = 40;
    rewritten_expect("{\"vision_config\": {\"vocab_size\": 32}, \"text_config\": {\"vocab_size\": 40}, \"vocab_size\": 40,"
                     " \"other\": {\"vocab_size\": 5}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rewritten_test(what_does_not_change_stays_as_it_is),
        rewritten_test(a_model_without_config_gets_none),
        rewritten_test(a_left_out_layer_is_counted),
        rewritten_test(each_side_has_its_own_count),
        rewritten_test(a_text_model_does_not_touch_a_vision_config),
        rewritten_test(encoder_and_decoder_have_their_own_counts),
        rewritten_test(parts_are_told_by_their_names),
        rewritten_test(a_count_left_to_a_default_is_added_or_warned_of),
        rewritten_test(the_stored_type_is_told_under_the_key_there_is),
        rewritten_test(a_head_of_its_own_is_not_tied),
        rewritten_test(a_new_vocabulary_is_told_on_the_text_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
