/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/names.h"
#include "model/scales.h"
#include "model/shards.h"
#include "model/sides.h"

/* As much as a merge may take if nobody says how much. */
#define DEFAULT_BYTES ((uint64_t)256 << 20)

static int read_config(struct ladle_model *model, struct ladle_error *error)
{
    const char *path = ladle_arena_printf(&model->arena, "%s/config.json", model->directory);
    if (path == NULL) {
        return ladle_fail_memory(error, model->path);
    }
    int status = model->packed ? LADLE_OK /* it was read with the rest */
                               : ladle_json_read(path, LADLE_CONFIG_MOST_BYTES, &model->arena, &model->config, error);
    if (status == LADLE_OK && model->config != NULL && model->config->type != LADLE_JSON_OBJECT) {
        return ladle_fail(error, LADLE_BAD_INPUT, "%s: is not an object", path);
    }
    return status;
}

/* Finds the stacks and brings the tensors into model order. */
static int find_order(struct ladle_model *model, struct ladle_error *error)
{
    model->positions = ladle_arena_take_array(&model->arena, model->tensor_count, sizeof *model->positions);
    if (model->positions == NULL ||
        ladle_layers_find(model->tensors, model->tensor_count, model->config, &model->arena, model->positions,
                          &model->stacks, &model->stack_count) != LADLE_OK ||
        ladle_layers_sort(model->tensors, model->positions, model->tensor_count, model->arena.quota) != LADLE_OK) {
        return ladle_fail_memory(error, model->path);
    }
    return LADLE_OK;
}

static int make_table(struct ladle_model *model, struct ladle_error *error)
{
    if (model->tensor_count >= UINT32_MAX / 2) {
        return ladle_fail(error, LADLE_BAD_INPUT, "%s: has %zu tensors; more than can be handled", model->path,
                          model->tensor_count);
    }
    for (uint32_t i = 0; i < model->tensor_count; i++) {
        const struct ladle_tensor *tensor = &model->tensors[i];
        int64_t other = ladle_model_index(model, tensor->name);
        if (other >= 0) {
            return ladle_fail(error, LADLE_BAD_INPUT, "%s: %s: is twice in the model, also in %s",
                              model->files[tensor->file].path, tensor->name, model->files[model->tensors[other].file].path);
        }
        if (!ladle_lookup_add(&model->by_name, ladle_shards_tensor_name, model->tensors, i)) {
            return ladle_fail_memory(error, model->path);
        }
    }
    return LADLE_OK;
}

/* How likely a tensor is the token embedding that a tied head stands for; 0: it is none. */
static unsigned rate_embedding(const struct ladle_model *model, size_t at, uint64_t vocabulary)
{
    const struct ladle_tensor *tensor = &model->tensors[at];
    if (model->positions[at].stack >= 0 || tensor->rank != 2 || !ladle_name_is_embedding(tensor->name) ||
        ladle_side_is_sense(tensor->name)) {
        return 0;
    }
    return 1 + (tensor->shape[0] == vocabulary ? 4 : 0) + (strstr(tensor->name, "encoder.embed") == NULL ? 2 : 0) +
           (strstr(tensor->name, "decoder.embed") != NULL ? 1 : 0);
}

static void find_embedding(struct ladle_model *model)
{
    uint64_t vocabulary = 0;
    unsigned best = 0;
    ladle_json_whole(ladle_side_text_value(model->config, "vocab_size"), &vocabulary);
    model->embedding = -1;
    for (size_t i = 0; i < model->tensor_count; i++) {
        unsigned rating = rate_embedding(model, i, vocabulary);
        if (rating > best) {
            best = rating;
            model->embedding = (int64_t)i;
        }
    }
}

/* Whether config.json ties the head: in so many words somewhere on the text side; or, where it says nothing and no head is
 * stored, as transformers understands that. */
static bool is_tied(const struct ladle_model *model)
{
    const struct ladle_json *says = ladle_side_text_value(model->config, "tie_word_embeddings");
    const struct ladle_json *inside = NULL;
    for (const struct ladle_json *member = model->config != NULL ? model->config->first : NULL; member != NULL;
         member = member->next) {
        if (member->type == LADLE_JSON_OBJECT && !ladle_side_is_sense(member->key) && inside == NULL) {
            inside = ladle_side_text_value(member, "tie_word_embeddings");
        }
    }
    if (says != NULL) {
        return says->type == LADLE_JSON_TRUE || (inside != NULL && inside->type == LADLE_JSON_TRUE);
    }
    bool stored = false;
    for (size_t i = 0; i < model->tensor_count; i++) {
        stored = stored || ladle_name_is_tied_head(model->tensors[i].name);
    }
    return model->config != NULL && !stored;
}

/* Reads all that there is to know of a model. */
static int read_model(struct ladle_model *model, const char *path, const struct ladle_log *log, struct ladle_error *error)
{
    size_t bytes = strlen(path);
    while (bytes > 1 && path[bytes - 1] == '/') {
        bytes--;
    }
    model->path = ladle_arena_copy(&model->arena, path, bytes);
    int status = model->path == NULL ? ladle_fail_memory(error, path) : ladle_shards_read(model, log, error);
    if (status == LADLE_OK) {
        status = read_config(model, error);
    }
    if (status == LADLE_OK) {
        status = find_order(model, error);
    }
    if (status == LADLE_OK) {
        status = make_table(model, error);
    }
    if (status == LADLE_OK) {
        find_embedding(model);
        model->tied = is_tied(model);
        ladle_scales_look(model);
    }
    return status;
}

int ladle_model_open_counted(struct ladle_model **out, const char *path, struct ladle_quota *quota,
                             const struct ladle_log *log, struct ladle_error *error)
{
    struct ladle_model *model = calloc(1, sizeof *model);
    if (model == NULL) {
        return ladle_fail_memory(error, path);
    }
    model->arena.quota = model->by_name.quota = quota;
    int status = read_model(model, path, log, error);
    if (status != LADLE_OK) {
        ladle_model_close(model);
        return status;
    }
    *out = model;
    return LADLE_OK;
}

int ladle_model_open_within(struct ladle_model **out, const char *path, uint64_t memory_bytes, const struct ladle_log *log,
                            struct ladle_error *error)
{
    struct ladle_model *model = calloc(1, sizeof *model);
    if (model == NULL) {
        return ladle_fail_memory(error, path);
    }
    model->quota.most = memory_bytes > 0 ? memory_bytes : DEFAULT_BYTES;
    model->arena.quota = model->by_name.quota = &model->quota;
    int status = read_model(model, path, log, error);
    status = ladle_quota_explain(&model->quota, status, 0, "--memory", error);
    if (status != LADLE_OK) {
        ladle_model_close(model);
        return status;
    }
    *out = model;
    return LADLE_OK;
}

int ladle_model_open(struct ladle_model **out, const char *path, const struct ladle_log *log, struct ladle_error *error)
{
    return ladle_model_open_within(out, path, 0, log, error);
}

void ladle_model_close(struct ladle_model *model)
{
    if (model != NULL) {
        ladle_lookup_finish(&model->by_name);
        ladle_arena_finish(&model->arena);
        free(model);
    }
}

int64_t ladle_model_index(const struct ladle_model *model, const char *name)
{
    uint32_t at = ladle_lookup_find(&model->by_name, ladle_shards_tensor_name, model->tensors, name, strlen(name));
    return at == LADLE_LOOKUP_NONE ? -1 : (int64_t)at;
}

int64_t ladle_model_source_index(const struct ladle_model *model, const char *name)
{
    int64_t at = ladle_model_index(model, name);
    return at < 0 && model->tied && ladle_name_is_tied_head(name) ? model->embedding : at;
}

size_t ladle_model_metadata_bytes(const struct ladle_model *model)
{
    return sizeof *model + model->arena.bytes + model->by_name.slot_count * sizeof *model->by_name.slots;
}

uint64_t ladle_model_tensor_count(const struct ladle_model *model)
{
    return model->tensor_count;
}

const struct ladle_tensor *ladle_model_tensor(const struct ladle_model *model, uint64_t at)
{
    return at < model->tensor_count ? &model->tensors[at] : NULL;
}

const struct ladle_tensor *ladle_model_find(const struct ladle_model *model, const char *name)
{
    int64_t at = ladle_model_index(model, name);
    return at < 0 ? NULL : &model->tensors[at];
}

uint32_t ladle_model_file_count(const struct ladle_model *model)
{
    return model->file_count;
}

const char *ladle_model_file(const struct ladle_model *model, uint32_t file)
{
    return file < model->file_count ? model->files[file].path : NULL;
}

uint32_t ladle_model_layers(const struct ladle_model *model)
{
    return model->stack_count == 0 ? 0 : model->stacks[model->main_stack].layers;
}

int ladle_model_config_number(const struct ladle_model *model, const char *key, double *value)
{
    const struct ladle_json *at = model->config;
    while (at != NULL) {
        const struct ladle_json *whole = ladle_json_get(at, key);
        const char *dot = strchr(key, '.');
        if (whole != NULL || dot == NULL) {
            return ladle_json_number(whole, value);
        }
        const struct ladle_json *inside = NULL;
        for (const struct ladle_json *member = at->type == LADLE_JSON_OBJECT ? at->first : NULL; member != NULL;
             member = member->next) {
            if (strlen(member->key) == (size_t)(dot - key) && strncmp(member->key, key, (size_t)(dot - key)) == 0) {
                inside = member;
            }
        }
        at = inside;
        key = dot + 1;
    }
    return 0;
}
