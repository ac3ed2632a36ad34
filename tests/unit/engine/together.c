/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/state.h"

#define JOBS 100u
#define ELEMS 1000u
#define BYTES (2 * ELEMS)
#define SLOT (64u * 1024)

/* Jobs of two sources of BF16, side by side in both files, with runs and blocks for all. */
struct given {
    struct ladle_engine engine;
    struct ladle_plan plan;
    struct ladle_job jobs[JOBS];
    struct ladle_source sources[JOBS][2];
    struct ladle_run runs[JOBS];
    struct ladle_loaded blocks[JOBS];
};

static void give(struct given *given)
{
    memset(given, 0, sizeof *given);
    for (unsigned i = 0; i < JOBS; i++) {
        for (unsigned source = 0; source < 2; source++)
            given->sources[i][source] =
                (struct ladle_source){.offset = 77 + source + i * BYTES, .file = source, .dtype = LADLE_BF16};
        given->jobs[i] = (struct ladle_job){.elems = ELEMS, .block_elems = LADLE_SEGMENT, .sources = given->sources[i],
                                            .source_count = 2, .dtype = LADLE_BF16};
        given->runs[i].next = i + 1 < JOBS ? &given->runs[i + 1] : NULL;
        given->blocks[i].next = i + 1 < JOBS ? &given->blocks[i + 1] : NULL;
    }
    given->plan.jobs = given->jobs;
    given->plan.job_count = JOBS;
    given->engine.plan = &given->plan;
    given->engine.free_runs = given->runs;
    given->engine.free_blocks = given->blocks;
    given->engine.pool.slot_bytes = SLOT;
}

static void test_neighbours_are_read_as_far_as_a_slot_reaches(void **state)
{
    struct given given;
    give(&given);
    /* The slot has room for what is read beyond both ends to aligned places. */
    assert_int_equal(ladle_reader_together(&given.engine), (SLOT - 2 * LADLE_IO_ALIGNMENT) / BYTES);
    given.engine.reader.job = JOBS - 3;
    assert_int_equal(ladle_reader_together(&given.engine), 3);
    given.engine.reader.job = 0;
    given.engine.pool.slot_bytes = 1u << 30;
    assert_int_equal(ladle_reader_together(&given.engine), 64);
    given.engine.pool.slot_bytes = BYTES + 2 * LADLE_IO_ALIGNMENT;
    assert_int_equal(ladle_reader_together(&given.engine), 1);
}

static void test_each_has_a_run_and_a_block(void **state)
{
    struct given given;
    give(&given);
    given.runs[4].next = NULL;
    assert_int_equal(ladle_reader_together(&given.engine), 5);
    given.blocks[2].next = NULL;
    assert_int_equal(ladle_reader_together(&given.engine), 3);
    given.engine.free_blocks = NULL;
    assert_int_equal(ladle_reader_together(&given.engine), 1);
}

/* How many go along with the first when something is wrong with the sixth; `spoil` says what. */
static void spoilt(void (*spoil)(struct ladle_job *job), unsigned expected)
{
    struct given given;
    give(&given);
    spoil(&given.jobs[5]);
    assert_int_equal(ladle_reader_together(&given.engine), expected);
}

static void lie_elsewhere(struct ladle_job *job) { job->sources[1].file = 2; }
static void lie_before(struct ladle_job *job) { job->sources[1].offset -= BYTES; }
static void lie_a_byte_too_far(struct ladle_job *job) { job->sources[1].offset += 4097; }
static void lie_far_enough(struct ladle_job *job) { job->sources[1].offset += 4096; }
static void have_other_sources(struct ladle_job *job) { job->source_count = 1; }
static void be_text(struct ladle_job *job) { job->source_count = 0; }
static void be_empty(struct ladle_job *job) { job->elems = 0; }
static void have_two_blocks(struct ladle_job *job) { job->block_elems = ELEMS - 1; }
static void be_read_twice(struct ladle_job *job) { job->passes = 1; }
static void stay_in_memory(struct ladle_job *job) { job->passes = job->resident_blocks = 1; }

static void test_what_does_not_fit_is_read_alone(void **state)
{
    const unsigned all = (SLOT - 2 * LADLE_IO_ALIGNMENT) / BYTES;
    spoilt(lie_elsewhere, 5);
    spoilt(lie_before, 5);
    spoilt(lie_a_byte_too_far, 5);
    spoilt(lie_far_enough, 6); /* but then the one behind it does not lie behind it any more */
    spoilt(have_other_sources, 5);
    spoilt(be_text, 5);
    spoilt(be_empty, 5);
    spoilt(have_two_blocks, 5);
    spoilt(be_read_twice, 5);
    spoilt(stay_in_memory, all);
}

static void test_a_first_one_that_is_read_in_parts_is_alone(void **state)
{
    void (*const spoilers[])(struct ladle_job *) = {be_text, have_two_blocks, be_read_twice};
    for (unsigned i = 0; i < sizeof spoilers / sizeof *spoilers; i++) {
        struct given given;
        give(&given);
        spoilers[i](&given.jobs[0]);
        assert_int_equal(ladle_reader_together(&given.engine), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_neighbours_are_read_as_far_as_a_slot_reaches),
        cmocka_unit_test(test_each_has_a_run_and_a_block),
        cmocka_unit_test(test_what_does_not_fit_is_read_alone),
        cmocka_unit_test(test_a_first_one_that_is_read_in_parts_is_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
