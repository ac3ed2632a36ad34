/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/state.h"

#include <string.h>

#include "base/size.h"
#include "engine/copy.h"

void ladle_run_begin(const struct ladle_engine *engine, struct ladle_run *run)
{
    const struct ladle_memory *memory = &engine->plan->memory;
    memset(run->state, 0, run->state_bytes);
    run->tally = (uint64_t *)((uint8_t *)run->state + memory->tally_offset);
    memset(run->tally, 0, memory->tallies * sizeof *run->tally);
    if (run->method->begin)
        run->method->begin(&run->task, run->state);
}

/* Counts what the block adds to the running counts and waits for those of all blocks before it. Returns the sums before it,
 * or NULL if the method needs none in this pass. */
static const uint64_t *hand_tally_on(struct ladle_worker *worker, const struct ladle_work *work)
{
    struct ladle_engine *engine = worker->engine;
    struct ladle_run *run = work->run;
    uint32_t tallies = engine->plan->memory.tallies;
    if (!run->method->tally || tallies == 0)
        return NULL;
    memset(worker->counts, 0, tallies * sizeof *worker->counts);
    if (!run->method->tally(&run->task, run->state, run->pass, &work->loaded->block, worker->counts, worker->scratch))
        return NULL;

    pthread_mutex_lock(&engine->lock);
    while (run->tallied != work->loaded->block.index && !engine->stopping)
        pthread_cond_wait(&engine->work, &engine->lock);
    memcpy(worker->before, run->tally, tallies * sizeof *worker->before);
    for (uint32_t i = 0; i < tallies; i++)
        run->tally[i] += worker->counts[i];
    run->tallied++;
    pthread_cond_broadcast(&engine->work);
    pthread_mutex_unlock(&engine->lock);
    return worker->before;
}

static int apply(struct ladle_worker *worker, const struct ladle_work *work, struct ladle_findings *findings)
{
    struct ladle_engine *engine = worker->engine;
    struct ladle_run *run = work->run;
    struct ladle_output output = {.dtype = (enum ladle_dtype)run->job->dtype,
                                  .pieces = worker->pieces,
                                  .piece_count = work->piece_count,
                                  .counts = &findings->nonfinite,
                                  .fallbacks = &findings->fallbacks};
    if (run->method) {
        const uint64_t *before = hand_tally_on(worker, work);
        run->method->apply(&run->task, run->state, &work->loaded->block, before, &output, worker->scratch);
        return LADLE_OK;
    }
    return ladle_copy_block(engine, run->job, &work->loaded->block, &output, worker->scratch);
}

/* Carries out one piece of work without the lock. */
static int carry_out(struct ladle_worker *worker, const struct ladle_work *work, struct ladle_findings *findings)
{
    struct ladle_run *run = work->run;
    switch (work->kind) {
    case LADLE_DO_BEGIN:
        ladle_run_begin(worker->engine, run);
        return LADLE_OK;
    case LADLE_DO_SAMPLE:
        run->method->sample(&run->task, run->state, &work->loaded->block, worker->scratch);
        return LADLE_OK;
    case LADLE_DO_ACCUMULATE: {
        const uint64_t *before = hand_tally_on(worker, work);
        run->method->accumulate(&run->task, run->state, run->pass, &work->loaded->block, before, work->loaded->partial,
                                worker->scratch);
        return LADLE_OK;
    }
    case LADLE_DO_APPLY:
        return apply(worker, work, findings);
    case LADLE_DO_PACK:
        return ladle_stream_pack(worker->engine, worker->number, work->chunk, work->frame);
    case LADLE_DO_TOUCH:
        ladle_pool_touch(work->part, work->part_bytes);
        return LADLE_OK;
    }
    return LADLE_OK;
}

void *ladle_worker_main(void *argument)
{
    struct ladle_worker *worker = argument;
    struct ladle_engine *engine = worker->engine;
    pthread_mutex_lock(&engine->lock);
    while (!engine->stopping && !(engine->all_done && ladle_stream_is_done(engine))) {
        struct ladle_work work;
        if (!ladle_dispatch_next(engine, &work, worker->pieces)) {
            pthread_cond_wait(&engine->work, &engine->lock);
            continue;
        }
        pthread_mutex_unlock(&engine->lock);
        struct ladle_findings findings = {0};
        int status = carry_out(worker, &work, &findings);
        pthread_mutex_lock(&engine->lock);
        if (work.run)
            ladle_findings_add(&work.run->findings, &findings);
        if (status != LADLE_OK)
            ladle_engine_stop(engine, status);
        else if (!engine->stopping)
            ladle_dispatch_done(engine, &work);
    }
    pthread_mutex_unlock(&engine->lock);
    return NULL;
}
