/* SPDX-License-Identifier: Apache-2.0 */

/* Writes a model directory of any size, quickly, for benchmarks and tests:
 *
 *     make_model [OPTIONS] DIR
 *
 * The numbers are pseudo-random, of the size that weights have, and a function of the seed, the tensor's name and the
 * element alone, so that a fine-tune of a model (--like) is made without reading it. --help lists the options. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ladle/ladle.h"
#include "synthetic.h"

struct settings {
    const char *directory, *like;
    uint64_t hidden, inner, vocabulary, layers, size_bytes, huge_bytes, tiny_count, tiny_elems;
    struct synthetic synthetic;
};

static const char help[] =
    "usage: make_model [OPTIONS] DIR\n"
    "\n"
    "  --size SIZE         as many layers as make a model of about SIZE (such as 2G)\n"
    "  --layers N          layers; default 4\n"
    "  --hidden N          width; default 1024\n"
    "  --intermediate N    width of the feed-forward part; default 4 times --hidden\n"
    "  --vocabulary N      rows of the embedding; default 32000\n"
    "  --huge SIZE         one tensor of about SIZE besides\n"
    "  --tiny N            N small tensors besides, spread over the layers\n"
    "  --tiny-elements N   their elements; default 1024\n"
    "  --dtype TYPE        BF16 (default), F16, F32, F64, F8_E4M3 or F8_E5M2\n"
    "  --shards N          files; default 1\n"
    "  --odd               the data begins at an odd byte, as older writers left it\n"
    "  --seed N            default 0\n"
    "  --like MODEL        a fine-tune of MODEL, which make_model made: its tensors with small changes that --seed picks\n";

static int die(const char *about, const char *what)
{
    fprintf(stderr, "make_model: %s: %s\n", about, what);
    return 1;
}

static void add(struct settings *settings, const char *name, uint64_t rows, uint64_t columns)
{
    synthetic_add(&settings->synthetic, name, settings->synthetic.dtype, (uint64_t[]){rows, columns}, columns ? 2 : 1);
}

static void add_layer(struct settings *settings, uint64_t layer)
{
    uint64_t hidden = settings->hidden, inner = settings->inner;
    const struct {
        const char *name;
        uint64_t rows, columns;
    } tensors[] = {
        {"input_layernorm", hidden, 0},       {"self_attn.q_proj", hidden, hidden}, {"self_attn.k_proj", hidden, hidden},
        {"self_attn.v_proj", hidden, hidden}, {"self_attn.o_proj", hidden, hidden}, {"post_attention_layernorm", hidden, 0},
        {"mlp.gate_proj", inner, hidden},     {"mlp.up_proj", inner, hidden},       {"mlp.down_proj", hidden, inner},
    };
    char name[128];
    for (size_t at = 0; at < sizeof tensors / sizeof tensors[0]; at++) {
        snprintf(name, sizeof name, "model.layers.%" PRIu64 ".%s.weight", layer, tensors[at].name);
        add(settings, name, tensors[at].rows, tensors[at].columns);
    }
    for (uint64_t tiny = layer; tiny < settings->tiny_count; tiny += settings->layers) {
        snprintf(name, sizeof name, "model.layers.%" PRIu64 ".tiny.%" PRIu64 ".weight", layer, tiny / settings->layers);
        add(settings, name, settings->tiny_elems, 0);
    }
}

static void list_tensors(struct settings *settings)
{
    uint64_t hidden = settings->hidden, elem_bytes = ladle_dtype_bits(settings->synthetic.dtype) / 8;
    uint64_t layer_bytes = (4 * hidden * hidden + 3 * hidden * settings->inner) * elem_bytes;
    uint64_t other_bytes = 2 * settings->vocabulary * hidden * elem_bytes + settings->huge_bytes;
    if (settings->size_bytes > 0)
        settings->layers = settings->size_bytes > other_bytes ? (settings->size_bytes - other_bytes) / layer_bytes + 1 : 1;
    add(settings, "model.embed_tokens.weight", settings->vocabulary, hidden);
    if (settings->huge_bytes > 0)
        add(settings, "model.huge.weight", settings->huge_bytes / elem_bytes / hidden + 1, hidden);
    for (uint64_t layer = 0; layer < settings->layers; layer++)
        add_layer(settings, layer);
    add(settings, "model.norm.weight", hidden, 0);
    add(settings, "lm_head.weight", settings->vocabulary, hidden);
}

/* Takes tensors, shards and the seed of the model that `like` names. */
static int list_like(struct settings *settings)
{
    struct ladle_model *model = NULL;
    struct ladle_error *error = ladle_error_create();
    struct synthetic *synthetic = &settings->synthetic;
    double value;
    int code = 1;
    if (!error || ladle_model_open(&model, settings->like, NULL, error) != LADLE_OK) {
        die(error ? ladle_error_message(error, 0) : settings->like, "cannot be opened");
        goto out;
    }
    if (!ladle_model_config_number(model, "make_model.seed", &value)) {
        die(settings->like, "make_model did not make this, or it is a fine-tune itself");
        goto out;
    }
    synthetic->change_seed = synthetic->seed;
    synthetic->changed = true;
    synthetic->seed = (uint64_t)value;
    synthetic->shards = ladle_model_file_count(model);
    settings->hidden = ladle_model_config_number(model, "hidden_size", &value) ? (uint64_t)value : 0;
    settings->inner = ladle_model_config_number(model, "intermediate_size", &value) ? (uint64_t)value : 0;
    settings->vocabulary = ladle_model_config_number(model, "vocab_size", &value) ? (uint64_t)value : 0;
    settings->layers = ladle_model_layers(model);
    for (uint64_t at = 0; at < ladle_model_tensor_count(model); at++) {
        const struct ladle_tensor *tensor = ladle_model_tensor(model, at);
        synthetic_add(synthetic, tensor->name, tensor->dtype, tensor->shape, tensor->rank);
    }
    code = 0;
out:
    ladle_model_close(model);
    ladle_error_destroy(error);
    return code;
}

static int write_config(const struct settings *settings)
{
    const struct synthetic *synthetic = &settings->synthetic;
    char path[4096];
    snprintf(path, sizeof path, "%s/config.json", settings->directory);
    FILE *file = fopen(path, "w");
    if (!file)
        return die(path, strerror(errno));
    uint64_t heads = settings->hidden % 64 ? 1 : settings->hidden / 64;
    fprintf(file,
            "{\n  \"architectures\": [\"LlamaForCausalLM\"],\n  \"model_type\": \"llama\",\n  \"hidden_size\": %" PRIu64
            ",\n  \"intermediate_size\": %" PRIu64 ",\n  \"num_hidden_layers\": %" PRIu64
            ",\n  \"num_attention_heads\": %" PRIu64 ",\n  \"num_key_value_heads\": %" PRIu64 ",\n  \"vocab_size\": %" PRIu64
            ",\n  \"tie_word_embeddings\": false,\n",
            settings->hidden, settings->inner, settings->layers, heads, heads, settings->vocabulary);
    fprintf(file, "  \"make_model\": {\"%s\": %" PRIu64 "}\n}\n", synthetic->changed ? "seed_of_base" : "seed",
            synthetic->seed);
    return fclose(file) == 0 ? 0 : die(path, strerror(errno));
}

static bool parse_number(const char *text, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

static bool parse_type(const char *text, enum ladle_dtype *dtype)
{
    return ladle_dtype_parse(text, strlen(text), dtype) && ladle_dtype_mergeable(*dtype);
}

/* One option with its value; false if it is unknown or the value is wrong. */
static bool set(struct settings *settings, const char *option, const char *value)
{
    const struct {
        const char *name;
        uint64_t *number;
        bool size;
    } numbers[] = {
        {"--size", &settings->size_bytes, true},         {"--huge", &settings->huge_bytes, true},
        {"--layers", &settings->layers, false},          {"--hidden", &settings->hidden, false},
        {"--intermediate", &settings->inner, false},     {"--vocabulary", &settings->vocabulary, false},
        {"--tiny", &settings->tiny_count, false},        {"--tiny-elements", &settings->tiny_elems, false},
        {"--seed", &settings->synthetic.seed, false},    {"--shards", &settings->synthetic.shards, false},
    };
    for (size_t at = 0; at < sizeof numbers / sizeof numbers[0]; at++)
        if (strcmp(option, numbers[at].name) == 0)
            return numbers[at].size ? ladle_size_parse(value, true, numbers[at].number)
                                    : parse_number(value, numbers[at].number);
    if (strcmp(option, "--dtype") == 0)
        return parse_type(value, &settings->synthetic.dtype);
    if (strcmp(option, "--like") == 0)
        settings->like = value;
    return strcmp(option, "--like") == 0;
}

static int parse(struct settings *settings, int count, char **words)
{
    for (int at = 1; at < count; at++) {
        if (strcmp(words[at], "--odd") == 0)
            settings->synthetic.odd = true;
        else if (words[at][0] != '-' && !settings->directory)
            settings->directory = words[at];
        else if (at + 1 == count || !set(settings, words[at], words[at + 1]))
            return die(words[at], "no option, or its value is wrong; see --help");
        else
            at++;
    }
    if (settings->inner == 0)
        settings->inner = 4 * settings->hidden;
    if (!settings->directory || settings->layers == 0 || settings->hidden == 0 || settings->synthetic.shards == 0)
        return die("DIR", "is missing, or a number is 0");
    return 0;
}

int main(int count, char **words)
{
    struct settings settings = {
        .hidden = 1024,
        .vocabulary = 32000,
        .layers = 4,
        .tiny_elems = 1024,
        .synthetic = {.dtype = LADLE_BF16, .shards = 1},
    };
    if (count < 2 || strcmp(words[1], "--help") == 0) {
        fputs(help, count < 2 ? stderr : stdout);
        return count < 2 ? 2 : 0;
    }
    if (parse(&settings, count, words) != 0)
        return 2;
    int code = 0;
    if (settings.like)
        code = list_like(&settings);
    else
        list_tensors(&settings);
    if (code == 0 && mkdir(settings.directory, 0777) != 0 && errno != EEXIST)
        code = die(settings.directory, strerror(errno));
    if (code == 0)
        code = write_config(&settings);
    if (code == 0)
        code = synthetic_write(&settings.synthetic, settings.directory);
    synthetic_finish(&settings.synthetic);
    return code;
}
