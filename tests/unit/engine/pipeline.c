/* SPDX-License-Identifier: Apache-2.0 */

/* The engine as a whole: real plans of small models, files in memory as the output. */

#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "../temporary.h"
#include "ladle/ladle.h"

#define MIB (1u << 20)
/* A tensor of several chunks that is no multiple of anything, many that share one, and one that is not merged. */
#define BIG 900001u
#define SMALL 700u
#define SMALL_COUNT 40u
#define WHOLE 5u

static char folder[PATH_MAX];

static float value_at(unsigned tensor, unsigned at)
{
    return (float)((at * 7 + tensor) % 1000);
}

/* A model whose value at every place is `factor` times value_at. Its file holds the tensors in order, or backwards. */
static void make_model_in_order(const char *name, float factor, bool backwards)
{
    char path[PATH_MAX + 32], header[16384];
    size_t offset = 0, length = 0;
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    length += (size_t)snprintf(header, sizeof header, "{\"whole\":{\"dtype\":\"I64\",\"shape\":[%u],\"data_offsets\":[0,%u]}", WHOLE,
                               WHOLE * 8);
    offset = WHOLE * 8;
    for (unsigned place = 0; place <= SMALL_COUNT; place++) {
        unsigned tensor = backwards ? SMALL_COUNT - place : place;
        unsigned elems = tensor == SMALL_COUNT ? BIG : SMALL;
        length += (size_t)snprintf(header + length, sizeof header - length,
                                   ",\"model.layers.%u.weight\":{\"dtype\":\"F32\",\"shape\":[%u],\"data_offsets\":[%zu,%zu]}", tensor,
                                   elems, offset, offset + 4 * (size_t)elems);
        offset += 4 * (size_t)elems;
    }
    header[length++] = '}';
    uint64_t header_bytes = length;
    fwrite(&header_bytes, 8, 1, file);
    fwrite(header, 1, length, file);
    for (int64_t at = 0; at < WHOLE; at++)
        fwrite(&at, 8, 1, file);
    for (unsigned place = 0; place <= SMALL_COUNT; place++) {
        unsigned tensor = backwards ? SMALL_COUNT - place : place;
        for (unsigned at = 0; at < (tensor == SMALL_COUNT ? BIG : SMALL); at++) {
            float value = factor * value_at(tensor, at);
            fwrite(&value, 4, 1, file);
        }
    }
    assert_int_equal(fclose(file), 0);
}

static void make_model(const char *name, float factor)
{
    make_model_in_order(name, factor, false);
}

static int make_models(void **state)
{
    if (!temporary_folder(folder))
        return -1;
    make_model("a", 4);
    make_model("b", 8);
    make_model("base", 1);
    make_model_in_order("a-backwards", 4, true);
    make_model_in_order("b-backwards", 8, true);
    return 0;
}

static int remove_models(void **state)
{
    for (const char *const *name = (const char *const[]){"a", "b", "base", "a-backwards", "b-backwards", NULL}; *name; name++) {
        char path[PATH_MAX + 32];
        snprintf(path, sizeof path, "%s/%s.safetensors", folder, *name);
        unlink(path);
    }
    return rmdir(folder);
}

static const char linear[] = "merge_method: linear\nmodels:\n- {model: a.safetensors, parameters: {weight: 0.25}}\n"
                             "- {model: b.safetensors, parameters: {weight: 0.75}}\n";
static const char ties[] = "merge_method: ties\nbase_model: base.safetensors\nmodels:\n"
                           "- {model: a.safetensors, parameters: {weight: 0.25, density: 0.4}}\n"
                           "- {model: b.safetensors, parameters: {weight: 0.75, density: 0.7}}\n";

/* The same with the tensors in another order in one of the files or in both. */
static const char linear_one_backwards[] = "merge_method: linear\nmodels:\n- {model: a.safetensors, parameters: {weight: 0.25}}\n"
                                           "- {model: b-backwards.safetensors, parameters: {weight: 0.75}}\n";
static const char linear_backwards[] =
    "merge_method: linear\nmodels:\n- {model: a-backwards.safetensors, parameters: {weight: 0.25}}\n"
    "- {model: b-backwards.safetensors, parameters: {weight: 0.75}}\n";
static const char ties_one_backwards[] = "merge_method: ties\nbase_model: base.safetensors\nmodels:\n"
                                         "- {model: a-backwards.safetensors, parameters: {weight: 0.25, density: 0.4}}\n"
                                         "- {model: b.safetensors, parameters: {weight: 0.75, density: 0.7}}\n";

/* One run of the engine and what it left. */
struct run {
    struct ladle_options options;
    struct ladle_plan *plan;
    struct ladle_target target;
    struct ladle_engine_result result;
    struct ladle_error *error;
    int fds[64];
    uint64_t recorded;     /* by the last checkpoint */
    unsigned checkpoints;
    unsigned stop_after;   /* checkpoints; 0: never */
};

static void open_run(struct run *run, const char *recipe, unsigned threads, enum ladle_io io)
{
    char path[PATH_MAX + 32];
    *run = (struct run){.error = ladle_error_create()};
    ladle_options_init(&run->options);
    run->options.memory_bytes = 64 * MIB;
    run->options.threads = threads;
    run->options.io = io;
    run->options.shard_bytes = 2 * MIB;
    run->options.block_bytes = 256 * 1024;
    snprintf(path, sizeof path, "%s/recipe.yml", folder);
    assert_int_equal(ladle_plan_create(&run->plan, path, recipe, strlen(recipe), &run->options, run->error), LADLE_OK);
    assert_true(run->plan->shard_count >= 2 && run->plan->shard_count <= 64);
    for (uint32_t i = 0; i < run->plan->shard_count; i++) {
        run->fds[i] = memfd_create("output", MFD_CLOEXEC);
        assert_true(run->fds[i] >= 0);
        assert_int_equal(ftruncate(run->fds[i], (off_t)run->plan->shards[i].bytes), 0);
    }
    run->target = (struct ladle_target){.fds = run->fds, .self = run};
}

static void close_run(struct run *run)
{
    for (uint32_t i = 0; i < run->plan->shard_count; i++)
        close(run->fds[i]);
    ladle_plan_destroy(run->plan);
    ladle_error_destroy(run->error);
}

static int go(struct run *run)
{
    return ladle_engine_run(run->plan, &run->target, &run->result, run->error);
}

/* Bytes of the output space; what is between files is zero. The caller's. */
static uint8_t *output_of(const struct run *run, uint64_t *bytes)
{
    const struct ladle_shard *last = &run->plan->shards[run->plan->shard_count - 1];
    *bytes = last->position + last->bytes;
    uint8_t *all = calloc(1, *bytes);
    assert_non_null(all);
    for (uint32_t i = 0; i < run->plan->shard_count; i++) {
        const struct ladle_shard *shard = &run->plan->shards[i];
        ssize_t got = pread(run->fds[i], all + shard->position, shard->bytes, 0);
        assert_true(got == (ssize_t)shard->bytes || got == 0); /* 0: a file that a test spoiled */
    }
    return all;
}

/* The output of a run that nothing disturbs, with one thread. The caller's. */
static uint8_t *undisturbed(const char *recipe, uint64_t *bytes)
{
    struct run run;
    open_run(&run, recipe, 1, LADLE_IO_THREADS);
    assert_int_equal(go(&run), LADLE_OK);
    uint8_t *all = output_of(&run, bytes);
    close_run(&run);
    return all;
}

static void test_every_element_is_in_its_place(void **state)
{
    struct run run;
    uint64_t bytes;
    open_run(&run, linear, 3, LADLE_IO_AUTO);
    assert_int_equal(go(&run), LADLE_OK);
    uint8_t *all = output_of(&run, &bytes);
    unsigned seen = 0;
    for (uint64_t i = 0; i < run.plan->job_count; i++) {
        const struct ladle_job *job = &run.plan->jobs[i];
        unsigned tensor;
        if (job->action == LADLE_ACTION_TEXT)
            continue;
        seen++;
        if (sscanf(job->name, "model.layers.%u.weight", &tensor) != 1) {
            for (int64_t at = 0; at < WHOLE; at++)
                assert_memory_equal(all + job->position + 8 * (size_t)at, &at, 8);
            continue;
        }
        for (unsigned at = 0; at < job->elems; at++) { /* 0.25 * 4 x + 0.75 * 8 x */
            float value;
            memcpy(&value, all + job->position + 4 * (size_t)at, 4);
            assert_true(value == 7 * value_at(tensor, at));
        }
    }
    assert_int_equal(seen, SMALL_COUNT + 2);
    uint64_t data = 4 * (uint64_t)(BIG + SMALL * SMALL_COUNT);
    assert_int_equal(run.result.bytes_read, 2 * (data + 8 * WHOLE));
    free(all);
    close_run(&run);
}

static void test_threads_back_end_and_budget_change_no_byte(void **state)
{
    const char *const recipes[] = {linear, ties};
    for (unsigned i = 0; i < 2; i++) {
        uint64_t bytes, more;
        uint8_t *expected = undisturbed(recipes[i], &bytes);
        for (unsigned way = 0; way < 8; way++) {
            struct run run;
            open_run(&run, recipes[i], way & 1 ? 4 : 2, way & 2 ? LADLE_IO_THREADS : LADLE_IO_AUTO);
            if (way & 4) { /* too small for the big tensor to stay between its passes */
                ladle_plan_destroy(run.plan);
                run.options.block_bytes = 64 * 1024;
                run.options.memory_bytes = 20 * MIB;
                char path[PATH_MAX + 32];
                snprintf(path, sizeof path, "%s/recipe.yml", folder);
                assert_int_equal(ladle_plan_create(&run.plan, path, recipes[i], strlen(recipes[i]), &run.options, run.error),
                                 LADLE_OK);
            }
            assert_int_equal(go(&run), LADLE_OK);
            uint8_t *all = output_of(&run, &more);
            assert_int_equal(more, bytes);
            assert_memory_equal(all, expected, bytes);
            free(all);
            close_run(&run);
        }
        free(expected);
    }
}

/* Neighbours are read together; where the files have other neighbours, or none in common, they are not. */
static void test_the_order_in_files_changes_no_byte(void **state)
{
    static const struct {
        const char *recipe, *other;
    } pairs[] = {{linear, linear_one_backwards}, {linear, linear_backwards}, {ties, ties_one_backwards}};
    for (unsigned i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        uint64_t bytes, more;
        uint8_t *expected = undisturbed(pairs[i].recipe, &bytes);
        for (unsigned threads = 1; threads <= 4; threads++) {
            struct run run;
            open_run(&run, pairs[i].other, threads, threads & 1 ? LADLE_IO_AUTO : LADLE_IO_THREADS);
            assert_int_equal(go(&run), LADLE_OK);
            uint8_t *all = output_of(&run, &more);
            assert_int_equal(more, bytes);
            assert_memory_equal(all, expected, bytes);
            free(all);
            close_run(&run);
        }
        free(expected);
    }
}

/* Fills the chunks before `chunk` with a mark. */
static void mark(const struct run *run, uint64_t chunk)
{
    for (uint32_t i = 0; i < run->plan->shard_count; i++) {
        const struct ladle_shard *shard = &run->plan->shards[i];
        for (uint64_t at = shard->position; at < shard->position + shard->bytes && at < chunk * MIB; at += MIB) {
            uint64_t left = shard->position + shard->bytes - at;
            uint8_t *bytes = malloc(MIB);
            assert_non_null(bytes);
            memset(bytes, 0xAA, MIB);
            assert_true(pwrite(run->fds[i], bytes, left < MIB ? left : MIB, (off_t)(at - shard->position)) > 0);
            free(bytes);
        }
    }
}

static void test_what_is_done_is_neither_read_nor_written_again(void **state)
{
    const char *const recipes[] = {linear, ties};
    for (unsigned i = 0; i < 2; i++) {
        uint64_t bytes, read_before = UINT64_MAX;
        uint8_t *expected = undisturbed(recipes[i], &bytes);
        uint64_t chunks = (bytes + MIB - 1) / MIB;
        for (uint64_t first = 0; first <= chunks; first++) {
            struct run run;
            open_run(&run, recipes[i], 2, LADLE_IO_AUTO);
            mark(&run, first);
            run.target.first_chunk = first;
            assert_int_equal(go(&run), LADLE_OK);
            uint8_t *all = output_of(&run, &bytes);
            for (uint32_t shard = 0; shard < run.plan->shard_count; shard++) {
                uint64_t from = run.plan->shards[shard].position, to = from + run.plan->shards[shard].bytes;
                for (uint64_t at = from; at < to; at++)
                    if (all[at] != (at < first * MIB ? 0xAA : expected[at]))
                        fail_msg("byte %llu after going on at chunk %llu", (unsigned long long)at, (unsigned long long)first);
            }
            assert_true(run.result.bytes_read <= read_before);
            read_before = run.result.bytes_read;
            free(all);
            close_run(&run);
        }
        assert_int_equal(read_before, 0);
        free(expected);
    }
}

/* What is recorded must be in the files by then. */
static uint8_t *expected_bytes;

static void record(void *self, uint64_t chunk)
{
    struct run *run = self;
    uint64_t bytes;
    uint8_t *all = output_of(run, &bytes);
    assert_true(chunk > run->recorded);
    assert_memory_equal(all, expected_bytes, chunk * MIB < bytes ? chunk * MIB : bytes);
    free(all);
    run->recorded = chunk;
    run->checkpoints++;
}

static bool stop_in_time(void *user)
{
    struct run *run = user;
    return run->stop_after > 0 && run->checkpoints >= run->stop_after;
}

static void open_recording(struct run *run, const char *recipe, enum ladle_io io)
{
    open_run(run, recipe, 2, io);
    run->plan->options.checkpoint_ms = 1;
    run->plan->options.stop = stop_in_time;
    run->plan->options.stop_user = run;
    run->target.checkpoint = record;
}

static void test_checkpoints_speak_of_what_is_there(void **state)
{
    uint64_t bytes;
    expected_bytes = undisturbed(ties, &bytes);
    for (enum ladle_io io = LADLE_IO_AUTO; io <= LADLE_IO_THREADS; io += 2) {
        struct run run;
        open_recording(&run, ties, io);
        assert_int_equal(go(&run), LADLE_OK);
        close_run(&run);
    }
    free(expected_bytes);
}

static bool stop_at_once(void *user)
{
    return true;
}

static void test_a_merge_that_fails_records_what_is_done(void **state)
{
    uint64_t bytes;
    struct run run;
    expected_bytes = undisturbed(linear, &bytes);
    open_recording(&run, linear, LADLE_IO_THREADS);
    run.plan->options.checkpoint_ms = 1000000; /* none but the last */
    run.target.first_chunk = 1;
    uint8_t *first = malloc(MIB);
    assert_non_null(first);
    memcpy(first, expected_bytes, MIB);
    assert_int_equal(pwrite(run.fds[0], first, MIB, 0), MIB);
    free(first);
    close(run.fds[1]); /* the second file cannot be written to */
    run.fds[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    uint64_t most = run.plan->shards[1].position / MIB;
    assert_int_equal(go(&run), LADLE_FAILED);
    assert_non_null(strstr(ladle_error_message(run.error, 0), run.plan->shards[1].name));
    assert_non_null(strstr(ladle_error_message(run.error, 0), "writing"));
    assert_true(run.recorded <= most);
    close_run(&run);
    free(expected_bytes);
}

static void test_a_stop_is_no_failure(void **state)
{
    uint64_t bytes;
    struct run run;
    expected_bytes = undisturbed(ties, &bytes);
    open_recording(&run, ties, LADLE_IO_AUTO);
    run.plan->options.stop = stop_at_once;
    int status = go(&run); /* it may be done before it asks */
    assert_true(status == LADLE_STOPPED || status == LADLE_OK);
    assert_int_equal(ladle_error_status(run.error), status);
    close_run(&run);
    free(expected_bytes);
}

static void test_an_input_that_is_cut_off_is_told(void **state)
{
    struct run run;
    char path[PATH_MAX + 32];
    open_run(&run, linear, 2, LADLE_IO_AUTO);
    snprintf(path, sizeof path, "%s/b.safetensors", folder);
    assert_int_equal(truncate(path, 10000), 0);
    assert_int_equal(go(&run), LADLE_FAILED);
    assert_non_null(strstr(ladle_error_message(run.error, 0), "b.safetensors"));
    close_run(&run);
    make_model("b", 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_element_is_in_its_place),
        cmocka_unit_test(test_threads_back_end_and_budget_change_no_byte),
        cmocka_unit_test(test_the_order_in_files_changes_no_byte),
        cmocka_unit_test(test_what_is_done_is_neither_read_nor_written_again),
        cmocka_unit_test(test_checkpoints_speak_of_what_is_there),
        cmocka_unit_test(test_a_merge_that_fails_records_what_is_done),
        cmocka_unit_test(test_a_stop_is_no_failure),
        cmocka_unit_test(test_an_input_that_is_cut_off_is_told),
    };
    return cmocka_run_group_tests(tests, make_models, remove_models);
}
