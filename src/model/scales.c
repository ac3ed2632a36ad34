/* SPDX-License-Identifier: Apache-2.0 */
#include "model/scales.h"

#include <string.h>

#include "base/text.h"

/* Names of what only packed or scaled weights have beside them. */
static bool is_packing(const char *name)
{
    static const char *const ends[] = {".qweight", ".qzeros", ".weight_packed", ".weight.absmax", ".weight.quant_map",
                                       ".SCB",     NULL};
    for (size_t i = 0; ends[i] != NULL; i++) {
        if (ladle_ends_with(name, ends[i])) {
            return true;
        }
    }
    return strstr(name, ".quant_state.") != NULL;
}

static bool is_narrow(const struct ladle_tensor *tensor)
{
    enum ladle_dtype type = tensor->dtype;
    return type == LADLE_F8_E4M3 || type == LADLE_F8_E5M2 || type == LADLE_I8 || type == LADLE_U8;
}

/* Whether the tensor that a name is without its end (replaced by `instead`) holds bytes that want a scale. */
static bool scales_something(const struct ladle_model *model, const char *name, const char *end, const char *instead)
{
    if (!ladle_ends_with(name, end)) {
        return false;
    }
    char other[512];
    size_t bytes = strlen(name) - strlen(end);
    if (bytes + strlen(instead) >= sizeof other) {
        return false;
    }
    memcpy(other, name, bytes);
    strcpy(other + bytes, instead);
    int64_t at = ladle_model_index(model, other);
    return at >= 0 && is_narrow(&model->tensors[at]);
}

static bool is_scale(const struct ladle_model *model, const char *name)
{
    static const struct {
        const char *end, *instead;
    } pairs[] = {{"_scale", ""},
                 {"_scale_inv", ""},
                 {"_scales", ""},
                 {"_scale_2", ""},
                 {".scale", ".weight"},
                 {".scales", ".weight"},
                 {"_scales", "_blocks"},
                 {".scale_weight", ".weight"},
                 {".weight_scale", ""},
                 {".scale_inv", ".weight"},
                 {NULL, NULL}};
    for (size_t i = 0; pairs[i].end != NULL; i++) {
        if (scales_something(model, name, pairs[i].end, pairs[i].instead)) {
            return true;
        }
    }
    return false;
}

/* Whether config.json says that the weights are quantised. */
static bool is_declared(const struct ladle_model *model)
{
    const struct ladle_json *says = ladle_json_get(model->config, "quantization_config");
    return says != NULL && says->type == LADLE_JSON_OBJECT && says->count > 0;
}

/* Whether a tensor could be one of the weights that a quantization_config speaks of: buffers are vectors. */
static bool is_packed_weight(const struct ladle_tensor *tensor)
{
    return tensor->rank >= 2 && (is_narrow(tensor) || tensor->dtype == LADLE_I32 || tensor->dtype == LADLE_U32);
}

void ladle_scales_look(struct ladle_model *model)
{
    bool declared = is_declared(model);
    for (size_t i = 0; i < model->tensor_count && !model->scaled; i++) {
        const struct ladle_tensor *tensor = &model->tensors[i];
        if (is_packing(tensor->name) || ladle_dtype_bits((enum ladle_dtype)tensor->dtype) < 8 ||
            is_scale(model, tensor->name)) {
            model->scaled = true;
            model->scaled_why = tensor->name;
        } else if (declared && is_packed_weight(tensor)) {
            model->scaled = true;
            model->scaled_why = "quantization_config in config.json";
        }
    }
}
