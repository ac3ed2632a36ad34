/* SPDX-License-Identifier: Apache-2.0 */
#include "llama.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_LAYERS 128u
#define MOST_ELEMS ((uint64_t)1 << 28)

/* Activations are stored feature by feature, each with one number for every token, `LANES` of them at a time: the inner
 * loops then run over tokens and need no sum across a vector. */
#define LANES 16u

struct layer {
    float *input_norm, *q, *k, *v, *o, *post_norm, *gate, *up, *down;
};

struct llama {
    unsigned hidden, inner, layers, heads, kv_heads, head_dim, vocabulary;
    float epsilon;
    double theta;
    float *embedding, *norm, *head; /* head is the embedding if the model stores none */
    struct layer layer[MOST_LAYERS];
};

static int complain(const char *about, const char *what)
{
    fprintf(stderr, "skills: %s: %s\n", about, what);
    return LADLE_BAD_INPUT;
}

static unsigned config(const struct ladle_model *model, const char *key, double otherwise)
{
    double value = otherwise;
    if (!ladle_model_config_number(model, key, &value))
        value = otherwise;
    return value >= 1 && value <= 1e6 ? (unsigned)value : 0;
}

static bool read_config(struct llama *llama, const struct ladle_model *model)
{
    double epsilon = 1e-6;
    llama->hidden = config(model, "hidden_size", 0);
    llama->inner = config(model, "intermediate_size", 0);
    llama->layers = config(model, "num_hidden_layers", 0);
    llama->heads = config(model, "num_attention_heads", 0);
    llama->kv_heads = config(model, "num_key_value_heads", llama->heads);
    llama->head_dim = config(model, "head_dim", llama->heads ? llama->hidden / llama->heads : 0);
    llama->vocabulary = config(model, "vocab_size", 0);
    ladle_model_config_number(model, "rms_norm_eps", &epsilon);
    llama->epsilon = (float)epsilon;
    llama->theta = 10000;
    if (!ladle_model_config_number(model, "rope_parameters.rope_theta", &llama->theta))
        ladle_model_config_number(model, "rope_theta", &llama->theta);
    return llama->hidden && llama->inner && llama->layers && llama->layers <= MOST_LAYERS && llama->heads &&
           llama->kv_heads && llama->heads % llama->kv_heads == 0 && llama->head_dim && llama->head_dim % 2 == 0 &&
           llama->vocabulary;
}

/* One weight, rows x columns numbers. */
static int load(const struct ladle_model *model, const char *name, uint64_t rows, uint64_t columns, float **out,
                struct ladle_error *error)
{
    const struct ladle_tensor *tensor = ladle_model_find(model, name);
    if (!tensor)
        return complain(name, "the model lacks this tensor");
    if (tensor->elems != rows * columns || tensor->elems > MOST_ELEMS)
        return complain(name, "the tensor has not the size that config.json asks for");
    *out = malloc(tensor->elems * sizeof **out);
    return *out ? ladle_model_read_floats(model, tensor, 0, tensor->elems, *out, error) : LADLE_NO_MEMORY;
}

static int load_layer(const struct ladle_model *model, const struct llama *llama, unsigned at, struct layer *layer,
                      struct ladle_error *error)
{
    uint64_t hidden = llama->hidden, inner = llama->inner;
    uint64_t q = (uint64_t)llama->heads * llama->head_dim, kv = (uint64_t)llama->kv_heads * llama->head_dim;
    const struct {
        const char *name;
        uint64_t rows, columns;
        float **out;
    } weights[] = {
        {"input_layernorm", hidden, 1, &layer->input_norm},
        {"self_attn.q_proj", q, hidden, &layer->q},
        {"self_attn.k_proj", kv, hidden, &layer->k},
        {"self_attn.v_proj", kv, hidden, &layer->v},
        {"self_attn.o_proj", hidden, q, &layer->o},
        {"post_attention_layernorm", hidden, 1, &layer->post_norm},
        {"mlp.gate_proj", inner, hidden, &layer->gate},
        {"mlp.up_proj", inner, hidden, &layer->up},
        {"mlp.down_proj", hidden, inner, &layer->down},
    };
    for (size_t weight = 0; weight < sizeof weights / sizeof weights[0]; weight++) {
        char name[96];
        snprintf(name, sizeof name, "model.layers.%u.%s.weight", at, weights[weight].name);
        int status = load(model, name, weights[weight].rows, weights[weight].columns, weights[weight].out, error);
        if (status != LADLE_OK)
            return status;
    }
    return LADLE_OK;
}

int llama_load(struct llama **out, const char *path, struct ladle_error *error)
{
    struct ladle_model *model = NULL;
    struct llama *llama = calloc(1, sizeof *llama);
    int status = llama ? ladle_model_open(&model, path, NULL, error) : LADLE_NO_MEMORY;
    if (status == LADLE_OK && !read_config(llama, model))
        status = complain(path, "config.json is not that of a small Llama");
    if (status == LADLE_OK)
        status = load(model, "model.embed_tokens.weight", llama->vocabulary, llama->hidden, &llama->embedding, error);
    if (status == LADLE_OK)
        status = load(model, "model.norm.weight", llama->hidden, 1, &llama->norm, error);
    for (unsigned at = 0; status == LADLE_OK && at < llama->layers; at++)
        status = load_layer(model, llama, at, &llama->layer[at], error);
    if (status == LADLE_OK && ladle_model_find(model, "lm_head.weight"))
        status = load(model, "lm_head.weight", llama->vocabulary, llama->hidden, &llama->head, error);
    else if (status == LADLE_OK)
        llama->head = llama->embedding;
    ladle_model_close(model);
    if (status != LADLE_OK)
        llama_destroy(llama);
    else
        *out = llama;
    return status;
}

void llama_destroy(struct llama *llama)
{
    if (!llama)
        return;
    for (unsigned at = 0; at < llama->layers && at < MOST_LAYERS; at++) {
        struct layer *layer = &llama->layer[at];
        float *weights[] = {layer->input_norm, layer->q,    layer->k,  layer->v,   layer->o,
                            layer->post_norm,  layer->gate, layer->up, layer->down};
        for (size_t weight = 0; weight < sizeof weights / sizeof weights[0]; weight++)
            free(weights[weight]);
    }
    if (llama->head != llama->embedding)
        free(llama->head);
    free(llama->embedding);
    free(llama->norm);
    free(llama);
}

/* out[row][token] (+)= sum over columns of weight[row][column] * in[column][token]. `width` is a multiple of LANES. */
static void multiply(const float *weight, unsigned rows, unsigned columns, const float *in, unsigned width, bool add,
                     float *out)
{
    for (unsigned row = 0; row < rows; row++)
        for (unsigned from = 0; from < width; from += LANES) {
            float sum[LANES] = {0};
            for (unsigned column = 0; column < columns; column++) {
                float factor = weight[(size_t)row * columns + column];
                const float *x = in + (size_t)column * width + from;
                for (unsigned lane = 0; lane < LANES; lane++)
                    sum[lane] += factor * x[lane];
            }
            float *y = out + (size_t)row * width + from;
            for (unsigned lane = 0; lane < LANES; lane++)
                y[lane] = add ? y[lane] + sum[lane] : sum[lane];
        }
}

static void normalize(const struct llama *llama, const float *in, const float *weight, unsigned width, float *out)
{
    for (unsigned token = 0; token < width; token++) {
        float sum = 0;
        for (unsigned at = 0; at < llama->hidden; at++)
            sum += in[(size_t)at * width + token] * in[(size_t)at * width + token];
        float scale = 1 / sqrtf(sum / (float)llama->hidden + llama->epsilon);
        for (unsigned at = 0; at < llama->hidden; at++)
            out[(size_t)at * width + token] = in[(size_t)at * width + token] * scale * weight[at];
    }
}

/* Turns the pairs (j, j + head_dim/2) of every head by the token's place times theta^(-2j/head_dim). Source: Su et al.,
 * arXiv:2104.09864, in the order of halves that transformers uses. */
static void rotate(const struct llama *llama, float *x, unsigned heads, const unsigned *places, unsigned tokens,
                   unsigned width)
{
    unsigned half = llama->head_dim / 2;
    for (unsigned pair = 0; pair < half; pair++) {
        double frequency = pow(llama->theta, -2.0 * pair / llama->head_dim);
        for (unsigned token = 0; token < tokens; token++) {
            float c = (float)cos(places[token] * frequency), s = (float)sin(places[token] * frequency);
            for (unsigned head = 0; head < heads; head++) {
                float *a = x + ((size_t)head * llama->head_dim + pair) * width + token, *b = a + (size_t)half * width;
                float left = *a * c - *b * s, right = *b * c + *a * s;
                *a = left;
                *b = right;
            }
        }
    }
}

/* One text, tokens `first` to `last - 1`: every token looks at those before it and itself. */
static void attend(const struct llama *llama, const float *q, const float *k, const float *v, unsigned first, unsigned last,
                   unsigned width, float *out)
{
    float share[LLAMA_MOST_TOKENS];
    for (unsigned head = 0; head < llama->heads; head++) {
        size_t from = (size_t)head * llama->head_dim * width;
        size_t kv_from = (size_t)(head / (llama->heads / llama->kv_heads)) * llama->head_dim * width;
        for (unsigned token = first; token < last; token++) {
            float most = -INFINITY, sum = 0;
            for (unsigned other = first; other <= token; other++) {
                float dot = 0;
                for (unsigned at = 0; at < llama->head_dim; at++)
                    dot += q[from + (size_t)at * width + token] * k[kv_from + (size_t)at * width + other];
                share[other] = dot / sqrtf((float)llama->head_dim);
                most = fmaxf(most, share[other]);
            }
            for (unsigned other = first; other <= token; other++)
                sum += share[other] = expf(share[other] - most);
            for (unsigned at = 0; at < llama->head_dim; at++) {
                float mean = 0;
                for (unsigned other = first; other <= token; other++)
                    mean += share[other] * v[kv_from + (size_t)at * width + other];
                out[from + (size_t)at * width + token] = mean / sum;
            }
        }
    }
}

/* Space for one run, cut out of one allocation. */
struct space {
    float *memory, *x, *normed, *q, *k, *v, *attended, *gate, *up, *logits;
};

static bool take_space(struct space *space, const struct llama *llama, unsigned width)
{
    size_t q = (size_t)llama->heads * llama->head_dim, kv = (size_t)llama->kv_heads * llama->head_dim;
    size_t rows = 2 * (size_t)llama->hidden + 2 * q + 2 * kv + 2 * (size_t)llama->inner + llama->vocabulary;
    float *at = space->memory = calloc(rows * width, sizeof *at);
    if (!at)
        return false;
    space->x = at;
    space->normed = space->x + (size_t)llama->hidden * width;
    space->q = space->normed + (size_t)llama->hidden * width;
    space->attended = space->q + q * width;
    space->k = space->attended + q * width;
    space->v = space->k + kv * width;
    space->gate = space->v + kv * width;
    space->up = space->gate + (size_t)llama->inner * width;
    space->logits = space->up + (size_t)llama->inner * width;
    return true;
}

static void run_layer(const struct llama *llama, const struct layer *layer, const struct space *space,
                      const unsigned *starts, unsigned text_count, const unsigned *places, unsigned width)
{
    unsigned q = llama->heads * llama->head_dim, kv = llama->kv_heads * llama->head_dim;
    unsigned tokens = starts[text_count];
    normalize(llama, space->x, layer->input_norm, width, space->normed);
    multiply(layer->q, q, llama->hidden, space->normed, width, false, space->q);
    multiply(layer->k, kv, llama->hidden, space->normed, width, false, space->k);
    multiply(layer->v, kv, llama->hidden, space->normed, width, false, space->v);
    rotate(llama, space->q, llama->heads, places, tokens, width);
    rotate(llama, space->k, llama->kv_heads, places, tokens, width);
    for (unsigned text = 0; text < text_count; text++)
        attend(llama, space->q, space->k, space->v, starts[text], starts[text + 1], width, space->attended);
    multiply(layer->o, llama->hidden, q, space->attended, width, true, space->x);

    normalize(llama, space->x, layer->post_norm, width, space->normed);
    multiply(layer->gate, llama->inner, llama->hidden, space->normed, width, false, space->gate);
    multiply(layer->up, llama->inner, llama->hidden, space->normed, width, false, space->up);
    for (size_t at = 0; at < (size_t)llama->inner * width; at++)
        space->up[at] *= space->gate[at] / (1 + expf(-space->gate[at]));
    multiply(layer->down, llama->hidden, llama->inner, space->up, width, true, space->x);
}

int llama_run(const struct llama *llama, const unsigned *ids, const unsigned *starts, unsigned text_count, unsigned *next)
{
    unsigned tokens = starts[text_count], width = (tokens + LANES - 1) / LANES * LANES;
    unsigned places[LLAMA_MOST_TOKENS];
    struct space space;
    if (tokens > LLAMA_MOST_TOKENS || !take_space(&space, llama, width))
        return -1;
    for (unsigned text = 0; text < text_count; text++)
        for (unsigned token = starts[text]; token < starts[text + 1]; token++) {
            unsigned id = ids[token] < llama->vocabulary ? ids[token] : 0;
            places[token] = token - starts[text];
            for (unsigned at = 0; at < llama->hidden; at++)
                space.x[(size_t)at * width + token] = llama->embedding[(size_t)id * llama->hidden + at];
        }
    for (unsigned at = 0; at < llama->layers; at++)
        run_layer(llama, &llama->layer[at], &space, starts, text_count, places, width);
    normalize(llama, space.x, llama->norm, width, space.normed);
    multiply(llama->head, llama->vocabulary, llama->hidden, space.normed, width, false, space.logits);
    for (unsigned token = 0; token < tokens; token++) {
        next[token] = 0;
        for (unsigned id = 1; id < llama->vocabulary; id++)
            if (space.logits[(size_t)id * width + token] > space.logits[(size_t)next[token] * width + token])
                next[token] = id;
    }
    free(space.memory);
    return 0;
}
