/* SPDX-License-Identifier: Apache-2.0 */
#include "output/side_files.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

static struct ladle_json config = {.type = LADLE_JSON_OBJECT};
static struct ladle_model donor;
static struct ladle_model *models[1] = {&donor};
static struct ladle_plan plan;

static int setup(void **state)
{
    if (scratch_setup(state) != 0) {
        return -1;
    }
    donor = (struct ladle_model){.path = "donor", .directory = "donor", .config = &config};
    plan = (struct ladle_plan){.models = models, .model_count = 1, .options.log = scratch_log()};
    scratch_folder("donor");
    scratch_folder("out");
    return 0;
}

static void make_files(const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        char path[512] = "donor/";
        strcat(path, names[i]);
        scratch_write(path, names[i]);
    }
}

/* Finds and copies; the paths found are put together, each followed by a blank. */
static const char *copied(void)
{
    static char list[8192];
    struct ladle_side_files files;
    assert_int_equal(ladle_side_files_find(&plan, &files, NULL), LADLE_OK);
    list[0] = '\0';
    for (size_t i = 0; i < files.count; i++) {
        strcat(strcat(list, files.files[i].path), " ");
    }
    int to = open("out", O_RDONLY | O_DIRECTORY);
    assert_int_equal(ladle_side_files_copy(&plan, &files, to, "out", NULL), LADLE_OK);
    close(to);
    ladle_side_files_finish(&files);
    return list;
}

/* Both lists as the spec has them. */
static void test_what_a_loader_may_want_is_copied(void **state)
{
    static const char *const names[] = {
        "LICENSE",
        "added_tokens.json",
        "chat_template.jinja",
        "generation_config.json",
        "merges.txt",
        "modeling_x.py",
        "preprocessor_config.json",
        "qwen.tiktoken",
        "special_tokens_map.json",
        "tekken.json",
        "tokenizer.json",
        "tokenizer.model",
        "tokenizer_config.json",
        "vocab.json",
        NULL,
    };
    make_files(names);
    assert_string_equal(copied(), "LICENSE added_tokens.json chat_template.jinja generation_config.json merges.txt "
                                  "modeling_x.py preprocessor_config.json qwen.tiktoken special_tokens_map.json tekken.json "
                                  "tokenizer.json tokenizer.model tokenizer_config.json vocab.json ");
    assert_true(scratch_holds("out/tokenizer.json", "tokenizer.json"));
    assert_string_equal(scratch_messages(), "");
}

static void test_weights_traces_and_what_ladle_writes_stay_behind(void **state)
{
    static const char *const names[] = {
        "model.safetensors",
        "model-00001-of-00002.safetensors",
        "model.safetensors.index.json",
        "pytorch_model.bin",
        "pytorch_model.bin.index.json",
        "consolidated.00.pth",
        "x.pt",
        "x.gguf",
        "x.onnx",
        "tf_model.h5",
        "flax_model.msgpack",
        "flax_model.msgpack.index.json",
        "x.ckpt",
        "optimizer.pt",
        "optimizer_state",
        "scheduler.pt",
        "rng_state_0.pth",
        "trainer_state.json",
        "training_args.bin",
        "training_args.json",
        "events.out.tfevents.1",
        "train.log",
        ".gitattributes",
        ".gitignore",
        "README.md",
        "config.json",
        "mergekit_config.yml",
        "adapter_config.json",
        "Model.SAFETENSORS",
        NULL,
    };
    static const char *const folders[] = {"checkpoint-500", "global_step100", ".git", "logs", "runs", "onnx", NULL};
    make_files(names);
    for (size_t i = 0; folders[i] != NULL; i++) {
        char path[512] = "donor/";
        strcat(path, folders[i]);
        scratch_folder(path);
        scratch_write(strcat(path, "/tokenizer.json"), "x");
    }
    scratch_write("donor/checkpoint-500/code.py", "x");
    assert_string_equal(copied(), "");
    assert_string_equal(scratch_list("out"), "");
    assert_string_equal(scratch_messages(), ""); /* nobody misses them */
}

static void test_links_are_followed(void **state)
{
    struct stat status;
    scratch_folder("blobs");
    scratch_write("blobs/1234", "tokens");
    scratch_link("../blobs/1234", "donor/tokenizer.json");
    scratch_link("../blobs/5678", "donor/vocab.json");
    assert_int_equal(chmod("blobs/1234", 0400), 0);
    mode_t before = umask(022);
    assert_string_equal(copied(), "tokenizer.json ");
    umask(before);
    assert_int_equal(lstat("out/tokenizer.json", &status), 0);
    assert_true(S_ISREG(status.st_mode));
    assert_int_equal(status.st_mode & 07777, 0644); /* not the input's */
    assert_true(scratch_holds("out/tokenizer.json", "tokens"));
    assert_non_null(strstr(scratch_messages(), "warning: donor/vocab.json: a link to nothing"));
}

static void test_large_files_are_left_behind_with_a_warning(void **state)
{
    scratch_sparse("donor/fits.txt", 64u << 20);
    scratch_sparse("donor/large.txt", (64u << 20) + 1);
    scratch_sparse("donor/large.gguf", (64u << 20) + 1);
    assert_string_equal(copied(), "fits.txt ");
    assert_non_null(strstr(scratch_messages(), "warning: donor/large.txt: larger than 64 MiB"));
    assert_null(strstr(scratch_messages(), "gguf")); /* weights are no news */
}

static void test_parts_of_sentence_transformers(void **state)
{
    scratch_write("donor/modules.json",
                  "[{\"idx\": 0, \"path\": \"\", \"type\": \"sentence_transformers.models.Transformer\"},"
                  " {\"idx\": 1, \"path\": \"1_Pooling\"}, {\"idx\": 2, \"path\": \"parts/2_Dense/\"},"
                  " {\"idx\": 3, \"path\": \"../blobs\"}, {\"path\": 7}, 3]");
    scratch_folder("blobs");
    scratch_write("blobs/secret", "x");
    scratch_folder("donor/1_Pooling");
    scratch_write("donor/1_Pooling/config.json", "{}");
    scratch_folder("donor/parts");
    scratch_write("donor/parts/note.txt", "x");
    scratch_folder("donor/parts/2_Dense");
    scratch_write("donor/parts/2_Dense/model.safetensors", "x");
    scratch_folder("donor/other");
    scratch_write("donor/other/config.json", "{}");
    assert_string_equal(copied(), "1_Pooling/config.json modules.json parts/2_Dense/model.safetensors ");
    assert_true(scratch_exists("out/parts/2_Dense/model.safetensors"));
    assert_non_null(strstr(scratch_messages(), "2_Dense/model.safetensors: copied to the output as it is"));
}

static void test_a_broken_modules_json_is_only_a_file(void **state)
{
    scratch_write("donor/modules.json", "[{");
    assert_string_equal(copied(), "modules.json ");
    assert_non_null(strstr(scratch_messages(), "warning: donor/modules.json"));
}

static void test_code_and_chat_templates_in_folders(void **state)
{
    scratch_folder("donor/layers");
    scratch_write("donor/layers/rotary.py", "x");
    scratch_write("donor/layers/notes.txt", "x");
    scratch_folder("donor/additional_chat_templates");
    scratch_write("donor/additional_chat_templates/tool_use.jinja", "x");
    assert_string_equal(copied(), "additional_chat_templates/tool_use.jinja layers/rotary.py ");
}

static void test_a_folder_that_leads_into_itself_ends(void **state)
{
    scratch_write("donor/a.py", "x");
    scratch_link(".", "donor/again");
    assert_string_equal(copied(), "a.py ");
}

/* Opening a pipe to read it would wait for ever. */
static void test_pipes_are_no_files(void **state)
{
    assert_int_equal(mkfifo("donor/pipe.txt", 0666), 0);
    scratch_write("donor/a.txt", "x");
    assert_string_equal(copied(), "a.txt ");
}

static void test_a_lone_file_takes_no_neighbours_along(void **state)
{
    scratch_write("donor/private.txt", "x");
    scratch_write("donor/lone.safetensors", "x");
    donor = (struct ladle_model){.path = "donor/lone.safetensors", .directory = "donor"};
    assert_string_equal(copied(), "");
}

static void test_a_file_that_changes_while_it_is_copied(void **state)
{
    static const uint64_t sizes[] = {3, 5};
    scratch_write("donor/a.txt", "four");
    for (size_t i = 0; i < 2; i++) {
        struct ladle_side_file file = {.path = "a.txt", .bytes = sizes[i]};
        struct ladle_side_files files = {.files = &file, .count = 1};
        struct ladle_error *error = ladle_error_create();
        int to = open("out", O_RDONLY | O_DIRECTORY);
        assert_int_equal(ladle_side_files_copy(&plan, &files, to, "out", error), LADLE_FAILED);
        assert_true(scratch_says(error, "donor/a.txt: changed"));
        close(to);
        unlink("out/a.txt");
        ladle_error_destroy(error);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_a_loader_may_want_is_copied),
        TEST(test_weights_traces_and_what_ladle_writes_stay_behind),
        TEST(test_links_are_followed),
        TEST(test_large_files_are_left_behind_with_a_warning),
        TEST(test_parts_of_sentence_transformers),
        TEST(test_a_broken_modules_json_is_only_a_file),
        TEST(test_code_and_chat_templates_in_folders),
        TEST(test_a_folder_that_leads_into_itself_ends),
        TEST(test_pipes_are_no_files),
        TEST(test_a_lone_file_takes_no_neighbours_along),
        TEST(test_a_file_that_changes_while_it_is_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
