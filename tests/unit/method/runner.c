/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t stored_bytes(enum ladle_dtype dtype)
{
    return ladle_dtype_bits(dtype) / 8;
}

uint64_t job_elems(const struct job *job)
{
    uint64_t elems = 1;
    for (unsigned i = 0; i < job->rank; i++)
        elems *= job->shape[i];
    return elems;
}

static void keep_warning(void *user, enum ladle_level level, const char *text)
{
    if (level == LADLE_WARNING)
        snprintf(((struct outcome *)user)->warning, 512, "%s", text);
}

/* Everything one run owns. */
struct running {
    const struct ladle_method *method;
    struct ladle_task task;
    uint8_t dtypes[16];
    struct ladle_needs needs;
    uint64_t blocks;
    void *state, *scratch;
    void **partials;  /* [blocks] */
    uint64_t *before; /* [blocks][tallies] */
    bool tallied;
};

/* Exactly so many bytes, so that a sanitizer sees the first one beyond; full of rubbish. */
static void *rubbish(size_t bytes)
{
    void *memory = NULL;
    if (posix_memalign(&memory, 64, bytes) != 0)
        fail();
    memset(memory, 0xA5, bytes);
    return memory;
}

static void make_task(struct running *running, const struct job *job, const struct manner *manner)
{
    for (unsigned i = 0; i < job->sources; i++)
        running->dtypes[i] = job->dtypes[i];
    uint64_t elems = job_elems(job);
    running->task = (struct ladle_task){
        .tensor = job->tensor,
        .shape = job->shape,
        .rank = job->rank,
        .elems = elems,
        .row_elems = job->rank < 2 ? elems : job->shape[job->rank - 1],
        .sources = job->sources,
        .models = job->sources - job->has_base,
        .has_base = job->has_base,
        .real = job->real,
        .each = job->each,
        .shared = job->shared,
        .dtypes = running->dtypes,
        .seed = job->seed,
        .block_elems = elems,
        .resident = manner->resident,
        .kernels = ladle_kernels_choose(manner->cpu_mask),
    };
}

static void cut_blocks(struct running *running, const struct manner *manner)
{
    struct ladle_task *task = &running->task;
    struct ladle_needs needs = {0};
    running->method->needs(task, &needs);
    uint64_t step = needs.rows ? task->row_elems : LADLE_SEGMENT;
    if (manner->block_elems > 0 && step > 0)
        task->block_elems = (manner->block_elems + step - 1) / step * step;
    if (task->block_elems > task->elems)
        task->block_elems = task->elems;
    running->blocks = task->elems == 0 ? 0 : (task->elems + task->block_elems - 1) / task->block_elems;
    running->method->needs(task, &running->needs);
}

static void block_at(const struct running *running, const struct job *job, uint64_t index, const void **data,
                     struct ladle_block *block)
{
    const struct ladle_task *task = &running->task;
    uint64_t first = index * task->block_elems, left = task->elems - first;
    for (unsigned i = 0; i < job->sources; i++)
        data[i] = (const uint8_t *)job->data[i] + first * stored_bytes(job->dtypes[i]);
    *block = (struct ladle_block){.first = first, .index = index, .data = data};
    block->elems = (size_t)(left < task->block_elems ? left : task->block_elems);
}

/* Every fifth stretch of 500 elements. */
static void show_sample(struct running *running, const struct job *job)
{
    enum { STRETCH = 500 };
    uint8_t *copies[16];
    const void *data[16];
    size_t elems = 0;
    for (unsigned i = 0; i < job->sources; i++)
        data[i] = copies[i] = malloc((size_t)running->task.elems * stored_bytes(job->dtypes[i]) + 1);
    for (uint64_t first = 0; first + STRETCH <= running->task.elems; first += 5 * STRETCH, elems += STRETCH)
        for (unsigned i = 0; i < job->sources; i++) {
            size_t bytes = stored_bytes(job->dtypes[i]);
            memcpy(copies[i] + elems * bytes, (const uint8_t *)job->data[i] + first * bytes, STRETCH * bytes);
        }
    struct ladle_block block = {.elems = elems, .data = data};
    running->method->sample(&running->task, running->state, &block, running->scratch);
    for (unsigned i = 0; i < job->sources; i++)
        free(copies[i]);
}

/* The tallies of all blocks, summed up before each. */
static void tally(struct running *running, const struct job *job, unsigned pass)
{
    unsigned tallies = running->needs.tallies;
    running->tallied = running->method->tally != NULL && tallies > 0;
    if (!running->tallied)
        return;
    uint64_t *counts = rubbish(tallies * sizeof *counts);
    memset(running->before, 0, tallies * sizeof *running->before);
    for (uint64_t index = 0; index < running->blocks && running->tallied; index++) {
        const void *data[16];
        struct ladle_block block;
        block_at(running, job, index, data, &block);
        memset(counts, 0, tallies * sizeof *counts);
        running->tallied = running->method->tally(&running->task, running->state, pass, &block, counts, running->scratch);
        for (unsigned i = 0; i < tallies; i++)
            running->before[(index + 1) * tallies + i] = running->before[index * tallies + i] + counts[i];
    }
    free(counts);
}

static const uint64_t *before(const struct running *running, uint64_t index)
{
    return running->tallied ? running->before + index * running->needs.tallies : NULL;
}

static enum ladle_next do_pass(struct running *running, const struct job *job, const struct manner *manner, unsigned pass,
                               const struct ladle_log *log)
{
    const void *data[16];
    struct ladle_block block;
    tally(running, job, pass);
    for (uint64_t i = 0; i < running->blocks; i++) {
        uint64_t index = manner->backwards ? running->blocks - 1 - i : i;
        block_at(running, job, index, data, &block);
        memset(running->scratch, 0x5A, running->needs.scratch_bytes);
        running->method->accumulate(&running->task, running->state, pass, &block, before(running, index),
                                    running->partials[index], running->scratch);
    }
    for (uint64_t index = 0; index < running->blocks; index++) {
        block_at(running, job, index, data, &block);
        if (running->method->combine)
            running->method->combine(&running->task, running->state, pass, &block, running->partials[index]);
    }
    return running->method->resolve(&running->task, running->state, pass, log);
}

static void apply(struct running *running, const struct job *job, const struct manner *manner, unsigned pass,
                  struct outcome *outcome)
{
    size_t bytes = stored_bytes(job->stored);
    tally(running, job, pass);
    for (uint64_t i = 0; i < running->blocks; i++) {
        uint64_t index = manner->backwards ? running->blocks - 1 - i : i;
        const void *data[16];
        struct ladle_block block;
        block_at(running, job, index, data, &block);
        size_t most = manner->piece_elems ? block.elems / manner->piece_elems + 1 : 1, count = 0;
        struct ladle_piece *pieces = calloc(most, sizeof *pieces);
        for (size_t at = 0; at < block.elems; at += pieces[count++].elems) {
            pieces[count].data = (uint8_t *)outcome->bytes + (block.first + at) * bytes;
            pieces[count].elems =
                manner->piece_elems && block.elems - at > manner->piece_elems ? manner->piece_elems : block.elems - at;
        }
        struct ladle_output output = {.dtype = job->stored,
                                      .pieces = pieces,
                                      .piece_count = (unsigned)count,
                                      .counts = &outcome->counts,
                                      .fallbacks = &outcome->fallbacks};
        memset(running->scratch, 0x5A, running->needs.scratch_bytes);
        running->method->apply(&running->task, running->state, &block, before(running, index), &output, running->scratch);
        free(pieces);
    }
}

static void reserve(struct running *running)
{
    const struct ladle_needs *needs = &running->needs;
    running->state = rubbish(needs->state_bytes);
    memset(running->state, 0, needs->state_bytes);
    running->scratch = rubbish(needs->scratch_bytes);
    running->partials = calloc(running->blocks + 1, sizeof *running->partials);
    for (uint64_t i = 0; i < running->blocks; i++)
        running->partials[i] = rubbish(needs->partial_bytes);
    running->before = rubbish((running->blocks + 1) * needs->tallies * sizeof *running->before);
}

static void release(struct running *running)
{
    for (uint64_t i = 0; i < running->blocks; i++)
        free(running->partials[i]);
    free(running->partials);
    free(running->before);
    free(running->scratch);
    free(running->state);
}

void run(const struct job *job, const struct manner *manner, struct outcome *outcome)
{
    struct running running = {.method = ladle_method_of(ladle_method_find(job->method))};
    *outcome = (struct outcome){.mistake.model = -1};
    if (!running.method)
        fail_msg("no method %s", job->method);
    make_task(&running, job, manner);
    if (running.method->check && running.method->check(&running.task, &outcome->mistake))
        return;
    cut_blocks(&running, manner);
    reserve(&running);
    outcome->size = (size_t)job_elems(job) * stored_bytes(job->stored);
    outcome->bytes = rubbish(outcome->size);

    struct ladle_log log = {.message = keep_warning, .user = outcome};
    if (running.method->begin)
        running.method->begin(&running.task, running.state);
    if (running.needs.sample && !manner->resident && running.blocks > 0)
        show_sample(&running, job);
    enum ladle_next next = running.needs.passes > 0 ? LADLE_NEXT_PASS : LADLE_NEXT_APPLY;
    while (next == LADLE_NEXT_PASS)
        next = do_pass(&running, job, manner, outcome->passes++, &log);
    apply(&running, job, manner, outcome->passes, outcome);
    release(&running);
}

void *run_all_ways(const struct job *job, const void *expected, size_t size)
{
    static const struct manner manners[] = {
        {0, true, false, 0, 0},
        {LADLE_SEGMENT, true, true, 0, 5000},
        {LADLE_SEGMENT, false, false, 0, 7},
        {3 * LADLE_SEGMENT, false, true, LADLE_CPU_NO_AVX512, 100000},
        {1, true, false, LADLE_CPU_NO_AVX512 | LADLE_CPU_NO_AVX2, 1234},
        {2 * LADLE_SEGMENT, false, true, LADLE_CPU_NO_AVX512 | LADLE_CPU_NO_AVX2, 0},
    };
    struct outcome first = {0};
    for (size_t i = 0; i < sizeof manners / sizeof *manners; i++) {
        struct outcome outcome;
        run(job, &manners[i], &outcome);
        if (outcome.mistake.text[0])
            fail_msg("%s: %s", job->method, outcome.mistake.text);
        if (i == 0) {
            first = outcome;
            assert_true(!expected || size == first.size);
        }
        for (size_t at = 0; at < first.size; at++) {
            const uint8_t *wanted = expected ? expected : first.bytes, *got = outcome.bytes;
            if (got[at] != wanted[at])
                fail_msg("%s, manner %zu: byte %zu (element %zu) is %02x, should be %02x", job->method, i, at,
                         at / stored_bytes(job->stored), got[at], wanted[at]);
        }
        assert_memory_equal(&outcome.counts, &first.counts, sizeof first.counts);
        assert_int_equal(outcome.fallbacks, first.fallbacks);
        assert_string_equal(outcome.warning, first.warning);
        if (i > 0)
            free(outcome.bytes);
    }
    return first.bytes;
}
