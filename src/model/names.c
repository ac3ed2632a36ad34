/* SPDX-License-Identifier: Apache-2.0 */
#include "model/names.h"

#include <string.h>

#include "base/text.h"
#include "model/layers.h"

/* What single tensor names say. The words are those that model families use for the same part; a name that none of them
 * covers is merged all the same, only its place or a message may be less apt. */

/* clang-format off */

/* Components of the head's tensors. */
static const char *const heads[] = {
    "lm_head", "output", "embed_out", "output_layer", "proj_out", "lm_loss", "pred_layer", "predictions", "codec_head",
    "vocab_projector", "score", "classifier", "qa_outputs", "classification_head", "pre_classifier", "v_head",
    "value_head", "reward_head", "generator_predictions", "vocab_transform", "vocab_layer_norm", "lm_heads",
    "generator_lm_head", "regression_head", NULL};

/* Ends of the names under which a matrix with a row for each token is stored that a tied model leaves out. */
static const char *const tied_heads[] = {
    "lm_head.weight", "output.weight", "embed_out.weight", "proj_out.weight", "output_layer.weight",
    "generator_lm_head.weight", "lm_loss.weight", "vocab_projector.weight", "lm_head.decoder.weight", "head.weight",
    "pred_layer.proj.weight", "predictions.decoder.weight", NULL};

static const char *const norms[] = {
    "norm", "ln_f", "norm_f", "final_layernorm", "final_layer_norm", "final_norm", "ln_out", "ln_final", "layer_norm",
    "layernorm", "LayerNorm", "post_layernorm", "embedding_norm", "last_norm", "final_ln", "ln_post", "final_rmsnorm",
    "out_norm", "norm_out", NULL};
static const char *const embeddings[] = {
    "embed_tokens", "wte", "embed_in", "word_embeddings", "word_embedding", "tok_embeddings", "tok_embedding",
    "token_embedding", "token_embeddings", "tokens_embed", "embeddings", "embedding", "shared", "embed", NULL};

/* clang-format on */

static bool is_listed(const char *word, size_t bytes, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strlen(*list) == bytes && memcmp(*list, word, bytes) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a component of a dotted name is listed, other than the last one (weight, bias). */
static bool has_component(const char *name, const char *const *list)
{
    for (const char *start = name, *dot; (dot = strchr(start, '.')) != NULL; start = dot + 1) {
        if (is_listed(start, (size_t)(dot - start), list)) {
            return true;
        }
    }
    return false;
}

bool ladle_name_is_tied_head(const char *name)
{
    for (size_t i = 0; tied_heads[i] != NULL; i++) {
        size_t bytes = strlen(name), end = strlen(tied_heads[i]);
        if (ladle_ends_with(name, tied_heads[i]) && (bytes == end || name[bytes - end - 1] == '.')) {
            return true;
        }
    }
    return false;
}

bool ladle_name_is_head(const char *name)
{
    return has_component(name, heads) || strncmp(name, "head.", 5) == 0 || strcmp(name, "final_logits_bias") == 0;
}

bool ladle_name_is_norm(const char *name)
{
    if (!has_component(name, norms)) {
        return false;
    }
    /* The norm of an embedding comes before the layers; `embedding_norm` is what LFM2 calls its last one. */
    return strstr(name, "embed") == NULL || strstr(name, "embedding_norm.") != NULL;
}

bool ladle_name_is_embedding(const char *name)
{
    if (!ladle_ends_with(name, ".weight")) {
        return false;
    }
    size_t end = strlen(name) - strlen(".weight");
    size_t start = end;
    while (start > 0 && name[start - 1] != '.') {
        start--;
    }
    return is_listed(name + start, end - start, embeddings);
}

bool ladle_name_is_buffer(const char *name)
{
    return ladle_ends_with(name, ".rotary_emb.inv_freq") || ladle_ends_with(name, ".masked_bias") ||
           ladle_ends_with(name, ".attn.bias") || ladle_ends_with(name, ".attention.bias");
}
