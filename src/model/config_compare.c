/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "model/config.h"
#include "model/config_json.h"

/* Keys that change what weights mean. Weights of models that disagree about one of them fit in shape and not in sense. */
/* clang-format off */
static const char *const telling[] = {
    "model_type", "hidden_act", "hidden_activation", "activation_function", "hidden_size", "n_embd", "d_model",
    "num_attention_heads", "num_key_value_heads", "n_head", "num_heads", "head_dim", "attention_bias", "mlp_bias",
    "rope_theta", "rope_scaling", "rope_parameters", "rope_local_base_freq", "partial_rotary_factor", "rotary_pct",
    "rotary_emb_base", "rotary_dim", "rope_interleave", "no_rope_layers", "alibi", "position_embedding_type",
    "rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_eps", "norm_epsilon", "qk_layernorm", "use_qk_norm",
    "sliding_window", "layer_types", "query_pre_attn_scalar", "attn_logit_softcapping", "final_logit_softcapping",
    "logit_scale", "logits_scaling", "embedding_multiplier", "residual_multiplier", "attention_multiplier", "scale_emb",
    "scale_depth", "num_experts_per_tok", "num_experts_per_token", "norm_topk_prob", "routed_scaling_factor",
    "scoring_func", "bos_token_id", "eos_token_id", "pad_token_id", NULL};
/* clang-format on */

#define SHOWN_BYTES 60
#define MOST_INSIDE 64 /* objects of one object that are compared; configs of composed models hold a handful */

/* The start of a value as JSON. */
static void show_value(struct ladle_text *out, const struct ladle_json *value)
{
    struct ladle_quota enough = {.most = 16 * SHOWN_BYTES}; /* the rest of a long value is not shown: not made either */
    struct ladle_text whole = {.quota = &enough};
    ladle_json_write(value, -1, &whole);
    if (whole.data != NULL) {
        ladle_text_printf(out, whole.bytes > SHOWN_BYTES || whole.failed ? "%.*s..." : "%.*s", SHOWN_BYTES, whole.data);
    }
    ladle_text_finish(&whole);
}

/* Whether two configs disagree about a key. What one of them does not say it leaves to a default, which is not known here;
 * but rope_scaling that is not there is none. */
static bool disagree(const struct ladle_json *a, const struct ladle_json *b, const char *key, const struct ladle_json *x,
                     const struct ladle_json *y)
{
    if (strcmp(key, "rope_scaling") == 0 && ladle_json_get(a, "rope_parameters") == NULL &&
        ladle_json_get(b, "rope_parameters") == NULL) {
        bool none = x == NULL || x->type == LADLE_JSON_NULL, other_none = y == NULL || y->type == LADLE_JSON_NULL;
        return none != other_none || (!none && !ladle_config_equal(x, y));
    }
    return x != NULL && y != NULL && !ladle_config_equal(x, y);
}

/* Adds the keys of one object in which two configs disagree, and those of the objects in both under the same key. */
static void compare_objects(const struct ladle_json *a, const struct ladle_json *b, const char *path, unsigned depth,
                            struct ladle_text *out)
{
    static const struct ladle_json none = {.type = LADLE_JSON_NULL};
    for (size_t i = 0; telling[i] != NULL; i++) {
        const struct ladle_json *x = ladle_json_get(a, telling[i]), *y = ladle_json_get(b, telling[i]);
        if (disagree(a, b, telling[i], x, y)) {
            ladle_text_printf(out, "%s%s%s (", out->bytes > 0 ? ", " : "", path, telling[i]);
            show_value(out, x != NULL ? x : &none);
            ladle_text_add_string(out, " / ");
            show_value(out, y != NULL ? y : &none);
            ladle_text_add_string(out, ")");
        }
    }
    unsigned compared = 0;
    for (const struct ladle_json *member = a->first; member != NULL && depth < 4; member = member->next) {
        bool inside_config = member->type == LADLE_JSON_OBJECT && ladle_ends_with(member->key, "config");
        if (!inside_config || compared++ >= MOST_INSIDE) { /* looking up each of many members would take long */
            continue;
        }
        const struct ladle_json *other = ladle_json_get(b, member->key);
        if (other != NULL && other->type == LADLE_JSON_OBJECT) {
            struct ladle_text inside = {0};
            ladle_text_printf(&inside, "%s%s.", path, member->key);
            compare_objects(member, other, inside.data != NULL ? inside.data : "", depth + 1, out);
            ladle_text_finish(&inside);
        }
    }
}

void ladle_config_compare(const struct ladle_model *const *models, size_t count, const struct ladle_log *log)
{
    for (size_t i = 1; i < count; i++) {
        if (models[0]->config == NULL || models[i]->config == NULL) {
            continue;
        }
        struct ladle_text keys = {0};
        compare_objects(models[0]->config, models[i]->config, "", 0, &keys);
        if (keys.bytes > 0 && !keys.failed) {
            ladle_warn(log, "the models differ in what their weights mean; config.json of %s and of %s disagree: %s",
                       models[0]->path, models[i]->path, keys.data);
        }
        ladle_text_finish(&keys);
    }
}
