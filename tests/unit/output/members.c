/* SPDX-License-Identifier: Apache-2.0 */
#include "output/members.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/tar.h"
#include "output/output.h"
#include "scratch.h"

#define TENSORS 3000u
#define LARGE 300001u

/* A model of many tensors of one byte, with side files of several sizes. */
static void make_model(void)
{
    struct ladle_text header = {0};
    char *large = malloc(LARGE + 1), data[TENSORS] = {0};
    for (unsigned i = 0; i < TENSORS; i++) {
        ladle_text_printf(&header, "%s\"some.tensor.%u\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%u,%u]}",
                          i == 0 ? "{" : ",", i, i, i + 1);
    }
    ladle_text_add_string(&header, "}");
    const uint64_t length = header.bytes;
    scratch_folder("model");
    FILE *file = fopen("model/model.safetensors", "w");
    assert_non_null(file);
    fwrite(&length, 8, 1, file);
    fwrite(header.data, 1, header.bytes, file);
    fwrite(data, 1, TENSORS, file);
    assert_int_equal(fclose(file), 0);
    ladle_text_finish(&header);
    for (unsigned i = 0; i < LARGE; i++) {
        large[i] = (char)('a' + i * i % 26);
    }
    large[LARGE] = '\0';
    scratch_write("model/config.json", "{\"model_type\": \"x\"}");
    scratch_write("model/empty.json", "");
    scratch_write("model/large.json", large);
    scratch_write("model/tokenizer.json", "{}");
    free(large);
    scratch_write("recipe.yml", "merge_method: passthrough\nmodels: [{model: model}]\n");
}

static struct ladle_plan *make_plan(uint64_t shard_bytes)
{
    struct ladle_options options;
    struct ladle_plan *plan = NULL;
    ladle_options_init(&options);
    options.log = scratch_log();
    options.shard_bytes = shard_bytes;
    make_model();
    assert_int_equal(ladle_plan_create(&plan, "recipe.yml", NULL, 0, &options, NULL), LADLE_OK);
    return plan;
}

static void add_file(struct ladle_text *archive, const char *name, const char *bytes, size_t count)
{
    static const char zeros[512];
    ladle_tar_add_header(name, count, 0, archive);
    ladle_text_add(archive, bytes, count);
    ladle_text_add(archive, zeros, ladle_tar_padding(count));
}

static void add_side(struct ladle_text *archive, const char *name)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "model/%s", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &status), 0);
    char *bytes = malloc((size_t)status.st_size + 1);
    assert_int_equal(fread(bytes, 1, (size_t)status.st_size, file), status.st_size);
    add_file(archive, name, bytes, (size_t)status.st_size);
    fclose(file);
    free(bytes);
}

static void add_text(struct ladle_text *archive, const char *name, struct ladle_text *text)
{
    add_file(archive, name, text->data, text->bytes);
    ladle_text_finish(text);
}

/* What stands before the first shard, put together in the plain way. */
static struct ladle_text expect_start(const struct ladle_plan *plan, const struct ladle_members *members)
{
    struct ladle_text archive = {0}, config = {0}, card = {0}, index = {0};
    assert_int_equal(ladle_config_write(plan, &config, NULL), LADLE_OK);
    assert_int_equal(ladle_card_write(plan, &members->side_files, &card, NULL), LADLE_OK);
    assert_int_equal(ladle_index_write(plan, &index, NULL), LADLE_OK);
    add_text(&archive, "config.json", &config);
    add_text(&archive, "README.md", &card);
    add_file(&archive, "mergekit_config.yml", plan->recipe.text, plan->recipe.text_bytes);
    add_side(&archive, "empty.json");
    add_side(&archive, "large.json");
    add_side(&archive, "tokenizer.json");
    if (plan->shard_count > 1) {
        add_text(&archive, "model.safetensors.index.json", &index);
    } else {
        ladle_text_finish(&index);
    }
    ladle_tar_add_header(plan->shards[0].name, plan->shards[0].bytes, 0, &archive);
    assert_false(archive.failed);
    return archive;
}

static void assert_gap(const struct ladle_members *members, uint32_t gap, const char *expected, size_t bytes, size_t step)
{
    assert_int_equal(members->gaps.bytes[gap], bytes);
    for (size_t at = 0; at < bytes; at += step) {
        size_t count = bytes - at < step ? bytes - at : step;
        uint8_t *piece = malloc(count); /* of its own, so that writing too far is seen */
        assert_int_equal(members->gaps.make(members->gaps.self, gap, at, count, piece, NULL), LADLE_OK);
        assert_memory_equal(piece, expected + at, count);
        free(piece);
    }
}

static void test_gaps_are_what_a_tar_holds(void **state)
{
    static const size_t steps[] = {1 << 20, 65536, 511, 97};
    for (unsigned i = 0; i < 2; i++) {
        struct ladle_plan *plan = make_plan(i * (TENSORS / 2));
        struct ladle_members members;
        assert_int_equal(ladle_members_init(&members, plan, "a stream", NULL), LADLE_OK);
        assert_int_equal(plan->shard_count, i + 1);
        struct ladle_text start = expect_start(plan, &members);
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            assert_gap(&members, 0, start.data, start.bytes, steps[k]);
        }
        ladle_text_finish(&start);
        struct ladle_text between = {0};
        static const char zeros[2048];
        if (i == 1) {
            ladle_text_add(&between, zeros, ladle_tar_padding(plan->shards[0].bytes));
            ladle_tar_add_header(plan->shards[1].name, plan->shards[1].bytes, 0, &between);
            assert_gap(&members, 1, between.data, between.bytes, 100);
            ladle_text_finish(&between);
        }
        assert_gap(&members, i + 1, zeros, ladle_tar_padding(plan->shards[i].bytes) + 1024, 300);
        ladle_members_finish(&members);
        ladle_plan_destroy(plan);
        scratch_remove("model");
    }
}

/* After the layout the jobs lie elsewhere, and the index must come out the same. */
static void test_the_index_is_the_same_in_a_stream(void **state)
{
    struct ladle_plan *plan = make_plan(TENSORS / 3);
    struct ladle_members members;
    assert_int_equal(ladle_members_init(&members, plan, "a stream", NULL), LADLE_OK);
    struct ladle_text start = expect_start(plan, &members);
    assert_int_equal(ladle_plan_lay_out_stream(plan, &members.gaps, NULL), LADLE_OK);
    assert_gap(&members, 0, start.data, start.bytes, 4096);
    ladle_text_finish(&start);
    ladle_members_finish(&members);
    ladle_plan_destroy(plan);
}

/* From the last byte of each file to behind the header of the next one that is not empty. */
static void test_spans(void **state)
{
    struct ladle_plan *plan = make_plan(0);
    struct ladle_members members;
    assert_int_equal(ladle_members_init(&members, plan, "a stream", NULL), LADLE_OK);
    uint64_t position = 0;
    size_t span = 0;
    for (size_t i = 0; i < members.count; i++) {
        const struct ladle_member *member = &members.list[i];
        position += 512;
        if (member->bytes > 0) {
            if (span > 0) {
                assert_int_equal(members.spans[span - 1].to, position);
            }
            assert_int_equal(members.spans[span++].from, position + member->bytes - 1);
        }
        position += member->bytes + ladle_tar_padding(member->bytes);
    }
    assert_int_equal(members.count, 6);
    assert_int_equal(members.span_count, 6); /* one is empty, and the shard */
    assert_int_equal(members.spans[span - 1].to, position + 512);
    assert_int_equal(members.spans[span].from, position + 512 + plan->shards[0].bytes - 1);
    assert_true(members.spans[span].to > position + 512 + plan->shards[0].bytes + 511 + 1024);
    ladle_members_finish(&members);
    ladle_plan_destroy(plan);
}

static void test_a_side_file_that_changes_is_noticed(void **state)
{
    uint8_t piece[1 << 16];
    for (unsigned i = 0; i < 3; i++) {
        struct ladle_error *error = ladle_error_create();
        struct ladle_plan *plan = make_plan(0);
        struct ladle_members members;
        assert_int_equal(ladle_members_init(&members, plan, "a stream", NULL), LADLE_OK);
        assert_int_equal(members.gaps.make(&members, 0, 1 << 16, sizeof piece, piece, NULL), LADLE_OK);
        if (i == 0) {
            assert_int_equal(truncate("model/large.json", LARGE - 1), 0);
        } else if (i == 1) {
            const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
            assert_int_equal(utimensat(AT_FDCWD, "model/large.json", times, 0), 0);
        } else {
            assert_int_equal(unlink("model/large.json"), 0);
        }
        assert_int_equal(members.gaps.make(&members, 0, 1 << 16, sizeof piece, piece, error), LADLE_FAILED);
        assert_true(scratch_says(error, "model/large.json"));
        assert_true(i == 2 || scratch_says(error, "changed"));
        ladle_members_finish(&members);
        ladle_plan_destroy(plan);
        ladle_error_destroy(error);
        scratch_remove("model");
    }
}

static void test_texts_that_are_held_are_few(void **state)
{
    struct ladle_plan *plan = make_plan(TENSORS / 2);
    struct ladle_members members;
    assert_int_equal(ladle_members_init(&members, plan, "a stream", NULL), LADLE_OK);
    assert_true(members.gaps.bytes[0] > LARGE + 100000); /* the large file and the index */
    assert_true(ladle_members_held_bytes(&members) < 100000);
    ladle_members_finish(&members);
    ladle_plan_destroy(plan);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_gaps_are_what_a_tar_holds),           TEST(test_the_index_is_the_same_in_a_stream), TEST(test_spans),
        TEST(test_a_side_file_that_changes_is_noticed), TEST(test_texts_that_are_held_are_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
