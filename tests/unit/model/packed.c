/* SPDX-License-Identifier: Apache-2.0 */
#include "model/packed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "archive/seek_table.h"
#include "archive/tar.h"
#include "made.h"

/* Adds a file of the disk to an archive. */
static void add(struct ladle_text *archive, const char *name, const char *path)
{
    static const char zeros[1024];
    char piece[8192];
    struct stat status;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &status), 0);
    ladle_tar_add_header(name, (uint64_t)status.st_size, 0, archive);
    for (size_t got; (got = fread(piece, 1, sizeof piece, file)) > 0;) {
        ladle_text_add(archive, piece, got);
    }
    ladle_text_add(archive, zeros, ladle_tar_padding((uint64_t)status.st_size));
    fclose(file);
}

static void write_all(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

/* Ends the archive and writes it as x.tar, and as x.tar.zst in frames of `step` bytes. */
static void finish(struct ladle_text *archive, size_t step)
{
    struct ladle_text packed = {0}, table = {0};
    uint32_t count = (uint32_t)((archive->bytes + 1024 + step - 1) / step);
    uint8_t part[8], end[9];
    char *frame = malloc(ZSTD_compressBound(step));
    ladle_text_add(archive, (char[1024]){0}, 1024);
    write_all("x.tar", archive->data, archive->bytes);
    ladle_seek_table_put_start(count, part);
    ladle_text_add(&table, (char *)part, 8);
    for (size_t at = 0; at < archive->bytes; at += step) {
        size_t size = archive->bytes - at < step ? archive->bytes - at : step;
        size_t bytes = ZSTD_compress(frame, ZSTD_compressBound(step), archive->data + at, size, 1);
        ladle_text_add(&packed, frame, bytes);
        ladle_seek_table_put_entry((uint32_t)bytes, (uint32_t)size, part);
        ladle_text_add(&table, (char *)part, 8);
    }
    ladle_seek_table_put_end(count, end);
    ladle_text_add(&table, (char *)end, 9);
    ladle_text_add(&packed, table.data, table.bytes);
    write_all("x.tar.zst", packed.data, packed.bytes);
    ladle_text_finish(archive);
    ladle_text_finish(&packed);
    ladle_text_finish(&table);
    free(frame);
}

static const char *const archives[] = {"x.tar", "x.tar.zst"};

static void make_files(void)
{
    made_text("config.json", "{\"model_type\": \"x\", \"hidden_size\": 7}");
    made_file("one", "a.weight F32 3\nb.weight BF16 2x3\n");
    made_file("two", "c.weight F32 5000\n");
}

static void test_an_archive_opens_like_its_folder(void **state)
{
    make_files();
    made_directory("m");
    assert_int_equal(rename("one", "m/model.safetensors"), 0);
    assert_int_equal(rename("config.json", "m/config.json"), 0);
    struct ladle_text archive = {0};
    add(&archive, "config.json", "m/config.json");
    add(&archive, "model.safetensors", "m/model.safetensors");
    finish(&archive, 700);
    struct ladle_model *folder = NULL;
    assert_int_equal(ladle_model_open(&folder, "m", NULL, NULL), LADLE_OK);
    for (unsigned i = 0; i < 2; i++) {
        struct ladle_model *model = NULL;
        char path[64];
        double hidden = 0;
        assert_int_equal(ladle_model_open(&model, archives[i], NULL, NULL), LADLE_OK);
        assert_true(model->packed && !folder->packed);
        assert_int_equal(ladle_model_tensor_count(model), 2);
        for (unsigned k = 0; k < 2; k++) {
            const struct ladle_tensor *is = ladle_model_tensor(model, k), *was = ladle_model_tensor(folder, k);
            float here[6], there[6];
            assert_string_equal(is->name, was->name);
            assert_int_equal(is->offset, was->offset);
            assert_int_equal(is->bytes, was->bytes);
            assert_int_equal(ladle_model_read_floats(model, is, 1, is->elems - 1, here, NULL), LADLE_OK);
            assert_int_equal(ladle_model_read_floats(folder, was, 1, was->elems - 1, there, NULL), LADLE_OK);
            assert_memory_equal(here, there, (is->elems - 1) * sizeof *here);
        }
        snprintf(path, sizeof path, "%s/model.safetensors", archives[i]);
        assert_string_equal(ladle_model_file(model, 0), path);
        assert_true(ladle_model_config_number(model, "hidden_size", &hidden) && hidden == 7);
        ladle_model_close(model);
    }
    ladle_model_close(folder);
}

/* Files of parts that are not the model lie deeper, and may come first. */
static void test_the_topmost_files_are_the_model(void **state)
{
    make_files();
    struct ladle_text archive = {0};
    add(&archive, "m/2_Dense/model.safetensors", "two");
    add(&archive, "m/2_Dense/config.json", "two");
    add(&archive, "m/config.json", "config.json");
    add(&archive, "m/model-2.safetensors", "two");
    add(&archive, "m/model-1.safetensors", "one");
    add(&archive, "n/model-3.safetensors", "one");
    finish(&archive, 4096);
    for (unsigned i = 0; i < 2; i++) {
        struct ladle_model *model = NULL;
        assert_int_equal(ladle_model_open(&model, archives[i], NULL, NULL), LADLE_OK);
        assert_int_equal(ladle_model_file_count(model), 2);
        assert_int_equal(ladle_model_tensor_count(model), 3);
        assert_non_null(model->config);
        ladle_model_close(model);
    }
}

static void test_a_single_file_is_the_model(void **state)
{
    make_files();
    struct ladle_text archive = {0};
    add(&archive, "consolidated.safetensors", "one");
    add(&archive, "model.safetensors", "two");
    add(&archive, "other.safetensors", "one");
    finish(&archive, 4096);
    struct ladle_model *model = NULL;
    assert_int_equal(ladle_model_open(&model, "x.tar", NULL, NULL), LADLE_OK);
    assert_int_equal(ladle_model_file_count(model), 1);
    assert_non_null(ladle_model_find(model, "c.weight"));
    assert_null(model->config);
    ladle_model_close(model);
}

static void test_what_is_wrong_is_told_with_archive_and_file(void **state)
{
    struct ladle_model *model = NULL;
    made_text("text", "no model");
    make_files();
    static const char *const contents[][3] = {
        {"readme.txt", "text", "without any safetensors file"},
        {"model.safetensors", "text", "/model.safetensors: "},
        {"config.json", "text", "/config.json:1:"},
    };
    for (unsigned at = 0; at < 3; at++) {
        struct ladle_text archive = {0};
        add(&archive, contents[at][0], contents[at][1]);
        if (at == 2) {
            add(&archive, "model.safetensors", "one");
        }
        finish(&archive, 512);
        for (unsigned i = 0; i < 2; i++) {
            struct ladle_error *error = ladle_error_create();
            assert_int_equal(ladle_model_open(&model, archives[i], NULL, error), LADLE_BAD_INPUT);
            made_says(error, archives[i]);
            made_says(error, contents[at][2]);
            ladle_error_destroy(error);
        }
    }
}

static void test_an_archive_that_changes_is_noticed(void **state)
{
    make_files();
    for (unsigned i = 0; i < 2; i++) {
        struct ladle_text archive = {0};
        struct ladle_model *model = NULL;
        struct ladle_error *error = ladle_error_create();
        float value;
        add(&archive, "model.safetensors", "one");
        finish(&archive, 4096);
        assert_int_equal(ladle_model_open(&model, archives[i], NULL, NULL), LADLE_OK);
        const struct ladle_tensor *tensor = ladle_model_find(model, "a.weight");
        assert_int_equal(ladle_model_read_floats(model, tensor, 0, 1, &value, NULL), LADLE_OK);
        assert_int_equal(truncate(archives[i], 5000), 0);
        assert_int_equal(ladle_model_read_floats(model, tensor, 0, 1, &value, error), LADLE_FAILED);
        made_says(error, "changed");
        ladle_model_close(model);
        ladle_error_destroy(error);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, made_folder, made_no_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_archive_opens_like_its_folder),   TEST(test_the_topmost_files_are_the_model),
        TEST(test_a_single_file_is_the_model),         TEST(test_what_is_wrong_is_told_with_archive_and_file),
        TEST(test_an_archive_that_changes_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
