/* SPDX-License-Identifier: Apache-2.0 */
/* Shards, headers and places in the output: src/plan/layout.c, header.c. */
#include "given.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "tensor/safetensors.h"

static int make_models(void **state)
{
    struct ladle_text many = {0};
    if (given_folder(state) != 0)
        return -1;
    /* 64, 32, 400, 16, 8 and 0 bytes in order, and a type of less than a byte. */
    given_model("mixed", NULL, "a.a BF16 32\na.b F32 8\na.c U8 400\na.d F64 2\na.e F8_E4M3 8\na.f BF16 0\na.g F4 2\n");
    for (unsigned i = 0; i < 3000; i++)
        ladle_text_printf(&many, "tensor.number%u.weight %s %u\n", i, i % 3 ? "BF16" : "F32", i % 7);
    given_model("many", NULL, many.data);
    ladle_text_finish(&many);
    return 0;
}

static void given_cut(struct given *given, const char *model, uint64_t shard_bytes)
{
    struct ladle_options options;
    char recipe[128];
    ladle_options_init(&options);
    options.shard_bytes = shard_bytes;
    snprintf(recipe, sizeof recipe, "merge_method: passthrough\nseed: 42\nmodels: [{model: %s}]\n", model);
    given_plan(given, recipe, &options);
    given_is_planned(given);
}

static void one_file_has_the_plain_name(void **state)
{
    struct given given;
    given_cut(&given, "mixed", 0);
    assert_int_equal(given.plan->shard_count, 1);
    assert_string_equal(given.plan->shards[0].name, "model.safetensors");
    assert_int_equal(given.plan->tensor_count, 7);
    assert_int_equal(given.plan->job_count, 8);
    assert_int_equal(given.plan->parameter_count, 32 + 8 + 400 + 2 + 8 + 0 + 2);
    assert_int_equal(given.plan->tensor_bytes, 64 + 32 + 400 + 16 + 8 + 1);
    given_finish(&given);
}

static void wider_types_come_first_and_keep_their_order(void **state)
{
    struct given given;
    given_cut(&given, "mixed", 0);
    assert_string_equal(given_order(&given), "a.d a.b a.a a.f a.c a.e a.g");
    given_finish(&given);
}

static void a_shard_holds_at_most_so_many_bytes(void **state)
{
    struct given given;
    given_cut(&given, "mixed", 100);
    const struct ladle_plan *plan = given.plan;
    /* 64 + 32 | 400 | 16 + 8 + 0 + 1 */
    assert_int_equal(plan->shard_count, 3);
    assert_string_equal(plan->shards[0].name, "model-00001-of-00003.safetensors");
    assert_string_equal(plan->shards[2].name, "model-00003-of-00003.safetensors");
    assert_string_equal(given_order(&given), "a.b a.a a.c a.d a.f a.e a.g");
    assert_int_equal(plan->shards[0].job_count, 2);
    assert_int_equal(plan->shards[1].job_count, 1);
    assert_int_equal(plan->shards[0].bytes, plan->shards[0].header_bytes + 96);
    given_finish(&given);
    given_cut(&given, "mixed", 96);
    assert_int_equal(given.plan->shards[0].job_count, 2);
    given_finish(&given);
    given_cut(&given, "mixed", 95);
    assert_int_equal(given.plan->shards[0].job_count, 1);
    given_finish(&given);
}

static void a_tensor_larger_than_a_shard_has_its_own(void **state)
{
    struct given given;
    given_cut(&given, "mixed", 10);
    /* 64 | 32 | 400 | 16 | 8 + 0 + 1 */
    assert_int_equal(given.plan->shard_count, 5);
    assert_int_equal(given.plan->shards[0].job_count, 1);
    assert_int_equal(given.plan->shards[4].job_count, 3);
    given_finish(&given);
}

static void everything_lies_end_to_end_in_shards_that_begin_with_a_chunk(void **state)
{
    struct given given;
    given_cut(&given, "mixed", 100);
    struct ladle_plan *plan = given.plan;
    for (unsigned again = 0; again < 2; again++) {
        uint64_t chunk = again ? 65536 : LADLE_CHUNK_BYTES, job = 0;
        if (again)
            assert_int_equal(ladle_plan_lay_out(plan, chunk, given.error), LADLE_OK);
        for (uint32_t i = 0; i < plan->shard_count; i++) {
            const struct ladle_shard *shard = &plan->shards[i];
            uint64_t position = shard->position;
            assert_int_equal(position, chunk * i);
            assert_int_equal(shard->header_bytes % 4096, 0);
            assert_int_equal(plan->jobs[job].action, LADLE_ACTION_TEXT);
            assert_int_equal(plan->jobs[job].elems, shard->header_bytes);
            assert_int_equal(shard->first_job, job + 1);
            for (uint64_t k = 0; k <= shard->job_count; k++, job++) {
                assert_int_equal(plan->jobs[job].position, position);
                assert_int_equal(plan->jobs[job].shard, i);
                position += plan->jobs[job].bytes;
            }
            assert_int_equal(position, shard->position + shard->bytes);
        }
        assert_int_equal(job, plan->job_count);
    }
    given_finish(&given);
}

/* All bytes of a shard's header, made in pieces of `step` bytes. */
static uint8_t *make_header(struct given *given, uint32_t shard, size_t step)
{
    const struct ladle_plan *plan = given->plan;
    const struct ladle_job *job = &plan->jobs[plan->shards[shard].first_job - 1];
    uint8_t *bytes = malloc(job->elems);
    for (uint64_t at = 0; at < job->elems; at += step) {
        size_t count = job->elems - at < step ? job->elems - at : step;
        uint8_t *piece = malloc(count); /* of its own, so that writing too far is seen */
        assert_int_equal(ladle_plan_text(plan, job, at, count, piece, given->error), LADLE_OK);
        memcpy(bytes + at, piece, count);
        free(piece);
    }
    return bytes;
}

static void a_header_comes_out_the_same_in_any_pieces(void **state)
{
    const size_t steps[] = {1u << 20, 4096, 1000, 7, 1};
    struct given given;
    given_cut(&given, "many", 0);
    uint64_t size = given.plan->shards[0].header_bytes;
    uint8_t *whole = make_header(&given, 0, size);
    assert_true(size > 100000);
    for (unsigned i = 0; i < 5; i++) {
        /* Single bytes of all of it would take long: the beginning and the neighbourhood of two marks do. */
        uint64_t first = i < 3 ? 0 : i == 3 ? 60000 : 0, past = i < 3 ? size : i == 3 ? 90000 : 3000;
        for (uint64_t at = first; at < past; at += steps[i]) {
            uint8_t piece[1u << 20];
            size_t count = size - at < steps[i] ? size - at : steps[i];
            assert_int_equal(ladle_plan_text(given.plan, &given.plan->jobs[0], at, count, piece, given.error), LADLE_OK);
            assert_memory_equal(piece, whole + at, count);
        }
    }
    free(whole);
    given_finish(&given);
}

static void a_header_reads_back_as_the_plan_says(void **state)
{
    struct given given;
    struct ladle_arena arena = {0};
    struct ladle_safetensors_header read;
    given_cut(&given, "many", 4000);
    for (uint32_t i = 0; i < given.plan->shard_count; i++) {
        const struct ladle_shard *shard = &given.plan->shards[i];
        uint8_t *header = make_header(&given, i, 4096);
        int fd = open("shard", O_RDWR | O_CREAT | O_TRUNC, 0666);
        assert_int_equal(write(fd, header, shard->header_bytes), shard->header_bytes);
        assert_int_equal(ftruncate(fd, (off_t)shard->bytes), 0);
        struct ladle_bytes bytes;
        assert_int_equal(ladle_bytes_of_file(&bytes, fd, "shard", given.error), LADLE_OK);
        assert_int_equal(ladle_safetensors_read(&bytes, 0, &arena, &read, given.error), LADLE_OK);
        assert_int_equal(read.count, shard->job_count);
        for (uint64_t k = 0; k < read.count; k++) {
            const struct ladle_job *job = &given.plan->jobs[shard->first_job + k];
            const struct ladle_tensor *tensor = ladle_model_find(given.plan->models[0], job->name);
            assert_string_equal(job->name, read.tensors[k].name);
            assert_int_equal(read.tensors[k].dtype, tensor->dtype);
            assert_int_equal(read.tensors[k].elems, tensor->elems);
            assert_int_equal(read.tensors[k].offset, job->position - shard->position);
        }
        close(fd);
        free(header);
    }
    assert_true(given.plan->shard_count > 5);
    ladle_arena_finish(&arena);
    given_finish(&given);
}

static void a_header_says_what_made_it(void **state)
{
    struct given given;
    given_cut(&given, "mixed", 0);
    uint8_t *header = make_header(&given, 0, 512);
    uint64_t length;
    memcpy(&length, header, 8);
    assert_int_equal(length + 8, given.plan->shards[0].header_bytes);
    const char *start =
        "{\"__metadata__\":{\"format\":\"pt\",\"ladle\":\"" LADLE_VERSION "\",\"merge_method\":\"passthrough\","
        "\"seed\":\"42\"}";
    assert_memory_equal(header + 8, start, strlen(start));
    assert_int_equal(header[length + 7], ' ');
    free(header);
    given_finish(&given);
}

static void beyond_a_header_there_is_nothing(void **state)
{
    struct given given;
    uint8_t byte;
    given_cut(&given, "mixed", 0);
    const struct ladle_job *text = &given.plan->jobs[0];
    assert_int_equal(ladle_plan_text(given.plan, text, text->elems, 1, &byte, given.error), LADLE_BAD_REQUEST);
    assert_int_equal(ladle_plan_text(given.plan, text, UINT64_MAX, 1, &byte, given.error), LADLE_BAD_REQUEST);
    given_finish(&given);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_file_has_the_plain_name),
        cmocka_unit_test(wider_types_come_first_and_keep_their_order),
        cmocka_unit_test(a_shard_holds_at_most_so_many_bytes),
        cmocka_unit_test(a_tensor_larger_than_a_shard_has_its_own),
        cmocka_unit_test(everything_lies_end_to_end_in_shards_that_begin_with_a_chunk),
        cmocka_unit_test(a_header_comes_out_the_same_in_any_pieces),
        cmocka_unit_test(a_header_reads_back_as_the_plan_says),
        cmocka_unit_test(a_header_says_what_made_it),
        cmocka_unit_test(beyond_a_header_there_is_nothing),
    };
    return cmocka_run_group_tests(tests, make_models, given_no_folder);
}
