/* SPDX-License-Identifier: Apache-2.0 */
#include "made.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

static struct ladle_model *opened(const char *path)
{
    struct ladle_error *error = ladle_error_create();
    struct ladle_model *model = NULL;
    if (ladle_model_open(&model, path, &made_log, error) != LADLE_OK) {
        fail_msg("%s", ladle_error_message(error, 0));
    }
    ladle_error_destroy(error);
    return model;
}

/* Fails unless opening fails so, with messages that hold both texts. */
static void assert_refused(const char *path, const char *says, const char *also)
{
    struct ladle_error *error = ladle_error_create();
    struct ladle_model *model = (struct ladle_model *)error;
    assert_int_equal(ladle_model_open(&model, path, &made_log, error), LADLE_BAD_INPUT);
    assert_ptr_equal(model, error); /* untouched */
    made_says(error, says);
    made_says(error, also);
    ladle_error_destroy(error);
}

static void assert_says(const char *text)
{
    if (strstr(made_messages(), text) == NULL) {
        fail_msg("'%s' is not in: %s", text, made_messages());
    }
}

static void a_directory_with_one_file(void **state)
{
    made_directory("m");
    made_file("m/model.safetensors",
              "lm_head.weight BF16 4x2\nm.layers.1.w F32 3\nm.layers.0.w F32 -\nm.embed.weight BF16 4x2");
    made_text("m/config.json", "{\"num_hidden_layers\": 2, \"rope\": {\"theta\": 1e4}, \"a.b\": 7}");
    struct ladle_model *model = opened("m");
    assert_string_equal(made_messages(), "");
    assert_int_equal(ladle_model_tensor_count(model), 4);
    assert_string_equal(ladle_model_tensor(model, 0)->name, "m.embed.weight");
    assert_string_equal(ladle_model_tensor(model, 3)->name, "lm_head.weight");
    assert_null(ladle_model_tensor(model, 4));
    const struct ladle_tensor *tensor = ladle_model_find(model, "m.layers.0.w");
    assert_int_equal(tensor->rank, 0);
    assert_int_equal(tensor->elems, 1);
    assert_null(ladle_model_find(model, "m.layers.2.w"));
    assert_int_equal(ladle_model_file_count(model), 1);
    assert_string_equal(ladle_model_file(model, 0), "m/model.safetensors");
    assert_null(ladle_model_file(model, 1));
    assert_int_equal(ladle_model_layers(model), 2);
    struct stat about;
    assert_int_equal(stat("m/model.safetensors", &about), 0);
    assert_int_equal(model->files[0].bytes, about.st_size);
    assert_int_equal(model->files[0].modified.tv_nsec, about.st_mtim.tv_nsec);
    assert_true(ladle_model_metadata_bytes(model) > 4 * sizeof(struct ladle_tensor));
    double value = 0;
    assert_true(ladle_model_config_number(model, "rope.theta", &value) && value == 10000);
    assert_true(ladle_model_config_number(model, "a.b", &value) && value == 7);
    assert_false(ladle_model_config_number(model, "rope", &value));
    assert_false(ladle_model_config_number(model, "rope.", &value));
    assert_false(ladle_model_config_number(model, "none.theta", &value));
    ladle_model_close(model);
}

static void a_file_alone(void **state)
{
    made_directory("m");
    made_file("m/some.safetensors", "a.w F32 2");
    made_text("m/config.json", "{\"n_layer\": 9}");
    struct ladle_model *model = opened("m/some.safetensors");
    assert_string_equal(model->directory, "m");
    assert_non_null(model->config);
    ladle_model_close(model);
    made_file("b.safetensors", "a.w F32 2");
    model = opened("b.safetensors");
    assert_string_equal(model->directory, ".");
    assert_null(model->config);
    ladle_model_close(model);
    model = opened("m"); /* any single file of a directory */
    assert_int_equal(ladle_model_tensor_count(model), 1);
    ladle_model_close(model);
}

static void shards_and_what_their_index_omits(void **state)
{
    made_directory("m");
    made_file("m/b.safetensors", "two.w F32 2\nextra.w F32 1");
    made_file("m/a.safetensors", "one.w F32 1\ntwo.w F32 2");
    made_file("m/consolidated.safetensors", "other F32 1");
    made_text("m/pytorch_model.bin", "PK");
    made_text("m/model.safetensors.index.json",
              "{\"weight_map\": {\"two.w\": \"b.safetensors\", \"one.w\": \"a.safetensors\"}}");
    struct ladle_model *model = opened("m");
    assert_int_equal(ladle_model_tensor_count(model), 3);
    assert_string_equal(ladle_model_file(model, ladle_model_find(model, "two.w")->file), "m/b.safetensors");
    assert_string_equal(ladle_model_tensor(model, 0)->name, "one.w");
    assert_non_null(ladle_model_find(model, "extra.w"));
    assert_says("warning: m/model.safetensors.index.json: does not list 1 tensor that");
    assert_says("extra.w");
    assert_says("other shards as well");
    assert_says("detail: m: weight files that are not read: consolidated.safetensors, pytorch_model.bin");
    ladle_model_close(model);
}

static void the_single_file_wins_over_an_index(void **state)
{
    made_directory("m");
    made_file("m/model.safetensors", "a.w F32 2");
    made_text("m/model.safetensors.index.json", "{\"weight_map\": {\"b.w\": \"gone.safetensors\"}}");
    struct ladle_model *model = opened("m");
    assert_non_null(ladle_model_find(model, "a.w"));
    assert_says("warning: m: has both");
    ladle_model_close(model);
}

static void index_and_shards_must_agree(void **state)
{
    made_directory("m");
    made_file("m/a.safetensors", "one.w F32 1\ntwice.w F32 1");
    made_file("m/b.safetensors", "two.w F32 1\ntwice.w F32 1");
    made_text("m/model.safetensors.index.json",
              "{\"weight_map\": {\"one.w\": \"a.safetensors\", \"x.w\": \"a.safetensors\"}}");
    assert_refused("m", "m/model.safetensors.index.json: x.w", "a.safetensors");
    made_text("m/model.safetensors.index.json", "{\"weight_map\": {\"one.w\": \"gone.safetensors\"}}");
    assert_refused("m", "m/gone.safetensors: cannot open it", "m/model.safetensors.index.json names this shard");
    made_text("m/model.safetensors.index.json",
              "{\"weight_map\": {\"one.w\": \"a.safetensors\", \"two.w\": \"b.safetensors\"}}");
    assert_refused("m", "twice.w: is twice in the model", "m/a.safetensors");
}

static void what_is_no_model_says_what_it_is(void **state)
{
    assert_refused("m", "m: cannot open it", "No such file");
    made_directory("m");
    assert_refused("m", "m: is no model", "");
    made_text("m/pytorch_model.bin", "PK");
    assert_refused("m", "m: is no model", "pytorch_model.bin is in a format");
    made_text("m/adapter_config.json", "{\"base_model_name_or_path\": \"org/base\"}");
    made_file("m/adapter_model.safetensors", "a.lora_A.weight F32 1x1");
    assert_refused("m", "only a LoRA adapter", "org/base+m");
    made_text("m/adapter_config.json", "broken");
    assert_refused("m", "only a LoRA adapter", "BASE+m");
    made_file("m/x.safetensors", "a.w F32 1");
    ladle_model_close(opened("m"));
    made_file("m/y.safetensors", "a.w F32 1");
    assert_refused("m", "2 safetensors files and no model.safetensors.index.json", "m/x.safetensors");
    made_text("m/model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
    assert_refused("m", "m/model.safetensors", "LFS");
}

static void links_to_nowhere_and_pipes_are_refused(void **state)
{
    made_directory("m");
    assert_int_equal(symlink("../blobs/gone", "m/model.safetensors"), 0);
    assert_refused("m", "m/model.safetensors: cannot open it", "");
    assert_int_equal(unlink("m/model.safetensors"), 0);
    assert_int_equal(mkfifo("m/model.safetensors", 0600), 0);
    assert_refused("m", "m/model.safetensors: is not a regular file", "");
    assert_int_equal(mkfifo("m/model.safetensors.index.json", 0600), 0);
    assert_int_equal(unlink("m/model.safetensors"), 0);
    assert_refused("m", "m/model.safetensors.index.json: is not a regular file", "");
}

static void a_broken_config_is_refused(void **state)
{
    made_directory("m");
    made_file("m/model.safetensors", "a.w F32 1");
    made_text("m/config.json", "[1]");
    assert_refused("m", "m/config.json: is not an object", "");
    made_text("m/config.json", "{\"a\": ");
    assert_refused("m", "m/config.json", "");
}

static const char *source_of(const char *path, const char *name)
{
    static char found[64];
    struct ladle_model *model = opened(path);
    int64_t at = ladle_model_source_index(model, name);
    snprintf(found, sizeof found, "%s", at < 0 ? "-" : model->tensors[at].name);
    ladle_model_close(model);
    return found;
}

static void a_tied_head_is_the_token_embedding(void **state)
{
    made_directory("m");
    made_file("m/model.safetensors", "v.embed_tokens.weight F32 2x2\nvision.embeddings.weight F32 "
                                     "4x2\nm.embed_tokens.weight F32 4x2\nm.norm.weight F32 2");
    made_text("m/config.json", "{\"tie_word_embeddings\": true, \"vocab_size\": 4}");
    assert_string_equal(source_of("m", "lm_head.weight"), "m.embed_tokens.weight");
    assert_string_equal(source_of("m", "lm_head.bias"), "-");
    assert_string_equal(source_of("m", "score.weight"), "-");
    assert_string_equal(source_of("m", "m.norm.weight"), "m.norm.weight");
    made_text("m/config.json", "{\"text_config\": {\"tie_word_embeddings\": true, \"vocab_size\": 4}}");
    assert_string_equal(source_of("m", "lm_head.weight"), "m.embed_tokens.weight");
    made_text("m/config.json", "{\"tie_word_embeddings\": false, \"vocab_size\": 4}");
    assert_string_equal(source_of("m", "lm_head.weight"), "-");
    made_text("m/config.json", "{\"vocab_size\": 4}"); /* transformers ties what does not say that it is not */
    assert_string_equal(source_of("m", "lm_head.weight"), "m.embed_tokens.weight");
    made_file("m/model.safetensors", "m.embed_tokens.weight F32 4x2\nlm_head.weight F32 4x2");
    made_text("m/config.json", "{\"tie_word_embeddings\": true}");
    assert_string_equal(source_of("m", "lm_head.weight"), "lm_head.weight");
}

/* Whether a model with these tensors is scaled, and what shows it (NULL: it is not). */
static void assert_scaled(const char *tensors, const char *config, const char *why)
{
    made_file("model.safetensors", tensors);
    made_text("config.json", config);
    struct ladle_model *model = opened(".");
    assert_int_equal(model->scaled, why != NULL);
    if (why != NULL) {
        assert_string_equal(model->scaled_why, why);
    }
    ladle_model_close(model);
}

static void weights_that_are_no_plain_numbers(void **state)
{
    const char *declared = "{\"quantization_config\": {\"quant_method\": \"fp8\"}}";
    assert_scaled("a.weight F8_E4M3 2x2\na.weight_scale_inv F32 1x1", "{}", "a.weight_scale_inv");
    assert_scaled("a.weight F8_E4M3 2x2\na.weight_scale F32 -", "{}", "a.weight_scale");
    assert_scaled("a.weight F8_E5M2 2x2\na.scale F32 -", "{}", "a.scale");
    assert_scaled("a.weight BF16 2x2\na.weight_scale F32 -", "{}", NULL);
    assert_scaled("a.weight F8_E4M3 2x2\nb.weight BF16 2x2", "{}", NULL);
    assert_scaled("a.weight F8_E4M3 2x2", declared, "quantization_config in config.json");
    assert_scaled("a.weight BF16 2x2\nbuffer I64 4\nmask U8 4", declared, NULL);
    assert_scaled("a.weight I32 2x2", declared, "quantization_config in config.json");
    assert_scaled("a.weight F8_E4M3 2x2", "{\"quantization_config\": null}", NULL);
    assert_scaled("a.qweight I32 2x2\na.scales F16 2x2", "{}", "a.qweight");
    assert_scaled("a.weight U8 2x1\na.weight.absmax F32 1", "{}", "a.weight.absmax");
    assert_scaled("a.weight I8 2x2\na.SCB F32 2", "{}", "a.SCB");
    assert_scaled("x_blocks U8 2x2\nx_scales U8 2", "{}", "x_scales");
    assert_scaled("model.layers.1.quant_map U8 4\nmodel.position_ids I64 1x4", "{}", NULL);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *stream = opendir("/proc/self/fd");
    assert_non_null(stream);
    while (readdir(stream) != NULL) {
        count++;
    }
    closedir(stream);
    return count;
}

static void more_shards_than_descriptors(void **state)
{
    struct rlimit before, few;
    FILE *index;
    made_directory("m");
    index = fopen("m/model.safetensors.index.json", "w");
    assert_non_null(index);
    for (unsigned i = 0; i < 40; i++) {
        char path[64], tensor[64];
        snprintf(path, sizeof path, "m/s%02u.safetensors", i);
        snprintf(tensor, sizeof tensor, "t%u.w F32 1", i);
        made_file(path, tensor);
        fprintf(index, "%s\"t%u.w\": \"s%02u.safetensors\"", i == 0 ? "{\"weight_map\": {" : ", ", i, i);
    }
    fputs("}}", index);
    assert_int_equal(fclose(index), 0);
    unsigned open_before = open_descriptors();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = open_before + 6;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    struct ladle_model *model = opened("m");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(ladle_model_file_count(model), 40);
    assert_int_equal(open_descriptors(), open_before);
    ladle_model_close(model);
}

static void many_tensors_take_little_memory(void **state)
{
    struct ladle_text tensors = {0};
    for (unsigned i = 0; i < 20000; i++) {
        ladle_text_printf(&tensors, "model.layers.%u.mlp.experts.%u.up_proj.weight BF16 2x%u\n", i / 100, i % 100,
                          1 + i % 3);
    }
    made_file("model.safetensors", tensors.data);
    struct ladle_model *model = opened(".");
    assert_int_equal(ladle_model_layers(model), 200);
    const struct ladle_tensor *tensor = ladle_model_find(model, "model.layers.133.mlp.experts.6.up_proj.weight");
    assert_true(tensor != NULL && tensor->shape[0] == 2 && tensor->shape[1] == 2);
    assert_true(ladle_model_metadata_bytes(model) < 20000 * 150); /* tensor, name, place, hash table */
    ladle_model_close(model);
    ladle_text_finish(&tensors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_directory_with_one_file, made_folder, made_no_folder),
        cmocka_unit_test_setup_teardown(a_file_alone, made_folder, made_no_folder),
        cmocka_unit_test_setup_teardown(shards_and_what_their_index_omits, made_folder, made_no_folder),
        cmocka_unit_test_setup_teardown(the_single_file_wins_over_an_index, made_folder, made_no_folder),
        cmocka_unit_test_setup_teardown(index_and_shards_must_agree, made_folder, made_no_folder),
        cmocka_unit_test_setup_teardown(what_is_no_model_says_what_it_is, made_folder, made_no_folder),
        cmocka_unit_test_setup_teardown(links_to_nowhere_and_pipes_are_refused, made_folder, made_no_folder),
        cmocka_unit_test_setup_teardown(a_broken_config_is_refused, made_folder, made_no_folder),
        cmocka_unit_test_setup_teardown(a_tied_head_is_the_token_embedding, made_folder, made_no_folder),
        cmocka_unit_test_setup_teardown(weights_that_are_no_plain_numbers, made_folder, made_no_folder),
        cmocka_unit_test_setup_teardown(many_tensors_take_little_memory, made_folder, made_no_folder),
        cmocka_unit_test_setup_teardown(more_shards_than_descriptors, made_folder, made_no_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
