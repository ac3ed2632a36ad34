/* SPDX-License-Identifier: Apache-2.0 */
/* The output as one stream: src/plan/gaps.c. */
#include "given.h"

#include <stdlib.h>

static int make_models(void **state)
{
    if (given_folder(state) != 0)
        return -1;
    given_model("mixed", NULL, "a.a BF16 32\na.b F32 8\na.c U8 400\na.d F64 2\na.e F8_E4M3 8\na.f BF16 0\na.g F4 2\n");
    return 0;
}

static void given_shards(struct given *given, uint64_t shard_bytes)
{
    struct ladle_options options;
    ladle_options_init(&options);
    options.shard_bytes = shard_bytes;
    given_plan(given, "merge_method: passthrough\nmodels: [{model: mixed}]\n", &options);
    given_is_planned(given);
}

/* Gap 1 is all ones, gap 2 all twos. */
static int make_gap(void *self, uint32_t gap, uint64_t first, size_t count, uint8_t *out, struct ladle_error *error)
{
    memset(out, (int)gap, count);
    return *(int *)self;
}

static int made = LADLE_OK;

static void gaps_and_shards_lie_end_to_end(void **state)
{
    static const uint64_t bytes[] = {1000, 0, 512, 70000, 5, 7};
    const struct ladle_gaps gaps = {.name = "a stream", .bytes = bytes, .make = make_gap, .self = &made};
    static const uint64_t sizes[] = {0, 100, 10};
    static const uint32_t counts[] = {1, 3, 5};
    for (unsigned at = 0; at < 3; at++) {
        struct given given;
        given_shards(&given, sizes[at]);
        struct ladle_plan *plan = given.plan;
        uint64_t before = plan->job_count, position = 0, job = 0;
        char *order = strdup(given_order(&given));
        assert_int_equal(plan->shard_count, counts[at]);
        assert_int_equal(plan->extent_count, counts[at]);
        assert_int_equal(ladle_plan_lay_out_stream(plan, &gaps, given.error), LADLE_OK);
        assert_int_equal(plan->job_count, before + counts[at] + 1);
        for (uint32_t i = 0; i <= counts[at]; i++) {
            const struct ladle_job *gap = &plan->jobs[job++];
            assert_true(gap->gap);
            assert_int_equal(gap->action, LADLE_ACTION_TEXT);
            assert_int_equal(gap->bytes, bytes[i]);
            assert_int_equal(gap->elems, bytes[i]);
            assert_int_equal(gap->position, position);
            position += bytes[i];
            if (i == counts[at])
                break;
            const struct ladle_shard *shard = &plan->shards[i];
            assert_int_equal(shard->position, position);
            assert_int_equal(shard->first_job, job + 1);
            for (uint64_t k = 0; k <= shard->job_count; k++, job++) {
                assert_false(plan->jobs[job].gap);
                assert_int_equal(plan->jobs[job].action == LADLE_ACTION_TEXT, k == 0);
                assert_int_equal(plan->jobs[job].position, position);
                position += plan->jobs[job].bytes;
            }
            assert_int_equal(position, shard->position + shard->bytes);
        }
        assert_int_equal(job, plan->job_count);
        assert_int_equal(plan->extent_count, 1);
        assert_int_equal(plan->extents[0].position, 0);
        assert_int_equal(plan->extents[0].bytes, position);
        assert_string_equal(plan->extents[0].name, "a stream");
        assert_int_equal(ladle_plan_space_bytes(plan), position);
        assert_string_equal(given_order(&given), order);
        free(order);
        given_finish(&given);
    }
}

static void what_the_plan_tells_of_tensors_stays(void **state)
{
    static const uint64_t bytes[] = {1, 2, 3, 4, 5, 6};
    const struct ladle_gaps gaps = {.name = "a stream", .bytes = bytes, .make = make_gap, .self = &made};
    struct given given;
    struct ladle_plan_tensor was[7], is;
    given_shards(&given, 10);
    for (unsigned i = 0; i < 7; i++)
        assert_true(ladle_plan_tensor_at(given.plan, i, &was[i]));
    assert_int_equal(ladle_plan_lay_out_stream(given.plan, &gaps, given.error), LADLE_OK);
    for (unsigned i = 0; i < 7; i++) {
        assert_true(ladle_plan_tensor_at(given.plan, i, &is));
        assert_string_equal(is.name, was[i].name);
        assert_string_equal(is.shard, was[i].shard);
        assert_int_equal(is.bytes, was[i].bytes);
    }
    assert_false(ladle_plan_tensor_at(given.plan, 7, &is));
    given_finish(&given);
}

static void texts_come_from_who_makes_them(void **state)
{
    static const uint64_t bytes[] = {10, 20, 30, 40};
    const struct ladle_gaps gaps = {.name = "a stream", .bytes = bytes, .make = make_gap, .self = &made};
    struct given given;
    uint8_t before[100], after[100];
    given_shards(&given, 100);
    assert_int_equal(ladle_plan_text(given.plan, &given.plan->jobs[0], 0, 100, before, given.error), LADLE_OK);
    assert_int_equal(ladle_plan_lay_out_stream(given.plan, &gaps, given.error), LADLE_OK);
    const struct ladle_job *header = &given.plan->jobs[1], *gap = &given.plan->jobs[given.plan->shards[1].first_job - 2];
    assert_int_equal(ladle_plan_text(given.plan, header, 0, 100, after, given.error), LADLE_OK);
    assert_memory_equal(before, after, 100);
    assert_int_equal(ladle_plan_text(given.plan, gap, 5, 15, after, given.error), LADLE_OK);
    assert_int_equal(after[0], 1);
    assert_int_equal(after[14], 1);
    assert_int_equal(ladle_plan_text(given.plan, gap, 5, 16, after, NULL), LADLE_BAD_REQUEST);
    made = LADLE_FAILED;
    assert_int_equal(ladle_plan_text(given.plan, gap, 0, 1, after, NULL), LADLE_FAILED);
    made = LADLE_OK;
    given_finish(&given);
}

static void no_stream_is_longer_than_any_file(void **state)
{
    static const uint64_t bytes[] = {5, INT64_MAX / 2};
    const struct ladle_gaps gaps = {.name = "a stream", .bytes = bytes, .make = make_gap, .self = &made};
    struct given given;
    given_shards(&given, 0);
    assert_int_equal(ladle_plan_lay_out_stream(given.plan, &gaps, given.error), LADLE_BAD_INPUT);
    given_finish(&given);
}

/* More memory, or the same with fewer blocks; and the least that works grows with the level. */
static void compression_counts_against_the_budget(void **state)
{
    struct given given;
    struct ladle_options options;
    uint64_t least[3];
    static const int levels[] = {0, 3, 19};
    for (unsigned i = 0; i < 3; i++) {
        ladle_options_init(&options);
        options.threads = 2;
        options.memory_bytes = 64 << 20;
        options.format = levels[i] ? LADLE_FORMAT_TAR_ZST : LADLE_FORMAT_TAR;
        options.zstd_level = levels[i];
        given_plan(&given, "merge_method: passthrough\nmodels: [{model: mixed}]\n", &options);
        given_is_planned(&given);
        const struct ladle_memory *memory = &given.plan->memory;
        assert_true(memory->total_bytes <= options.memory_bytes);
        assert_int_equal(memory->frames > 0, levels[i] > 0);
        assert_true(levels[i] == 0 || memory->frame_bytes > LADLE_CHUNK_BYTES);
        least[i] = given.plan->least_bytes;
        given_finish(&given);
    }
    assert_true(least[0] + (4 << 20) < least[1] && least[1] + (4 << 20) < least[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_and_shards_lie_end_to_end),        cmocka_unit_test(what_the_plan_tells_of_tensors_stays),
        cmocka_unit_test(texts_come_from_who_makes_them),        cmocka_unit_test(no_stream_is_longer_than_any_file),
        cmocka_unit_test(compression_counts_against_the_budget),
    };
    return cmocka_run_group_tests(tests, make_models, given_no_folder);
}
