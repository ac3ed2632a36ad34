/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/state.h"

#include <string.h>

#include "base/size.h"

/* A state that is made ready sooner than the lock is let go of and taken again. */
#define SMALL_STATE_BYTES 4096u

static void *take_linked(void **list)
{
    void *item = *list;
    if (item)
        memcpy(list, item, sizeof *list);
    return item;
}

static void give_linked(void **list, void *item)
{
    memcpy(item, list, sizeof *list);
    *list = item;
}

static bool in_apply_pass(const struct ladle_run *run) { return run->pass == run->apply_pass; }

/* The block that comes next in the run's pass; NULL if it is not opened or not loaded yet. */
static struct ladle_loaded *next_loaded(const struct ladle_run *run)
{
    if (run->dispatched == run->blocks)
        return NULL; /* what is in the stream belongs to the next pass */
    struct ladle_loaded *loaded = run->dispatched < run->resident ? run->kept_next : run->stream;
    return loaded && loaded->loaded ? loaded : NULL;
}

static void advance(struct ladle_run *run, struct ladle_loaded *loaded)
{
    if (run->dispatched < run->resident) {
        run->kept_next = loaded->next;
    } else {
        run->stream = loaded->next;
        if (!run->stream)
            run->stream_end = &run->stream;
        loaded->next = NULL;
    }
    run->dispatched++;
}

/* A job's method gets its memory when its first block is there, in job order, so that the oldest job always has some. */
static bool take_state(struct ladle_engine *engine, struct ladle_run *run)
{
    if (!run->method || run->state)
        return true;
    run->state = take_linked(&engine->free_states);
    return run->state != NULL;
}

/* A block may be there before the one that goes before it. Who takes that one wakes somebody for what waited behind it. */
static void wake_for_next(struct ladle_engine *engine, const struct ladle_run *run)
{
    const struct ladle_run *next = run->dispatched < run->blocks ? run : run->next;
    if (next && next_loaded(next))
        pthread_cond_signal(&engine->work);
}

static bool try_statistics(struct ladle_engine *engine, struct ladle_run *run, struct ladle_work *work)
{
    struct ladle_loaded *loaded = next_loaded(run);
    if (!loaded || !engine->free_partials)
        return false;
    loaded->partial = take_linked(&engine->free_partials);
    advance(run, loaded);
    wake_for_next(engine, run);
    *work = (struct ladle_work){.kind = LADLE_DO_ACCUMULATE, .run = run, .loaded = loaded};
    return true;
}

/* Where the result of a block begins in the output. */
static uint64_t output_position(const struct ladle_job *job, const struct ladle_block *block)
{
    return job->position + ladle_output_bytes(job, block->first);
}

static bool try_apply(struct ladle_engine *engine, struct ladle_run *run, struct ladle_work *work,
                      struct ladle_piece *pieces)
{
    const struct ladle_job *job = run->job;
    struct ladle_loaded *loaded = next_loaded(run);
    if (!loaded)
        return false;
    unsigned count =
        ladle_chunks_reserve(&engine->chunks, output_position(job, &loaded->block),
                             ladle_output_bytes(job, loaded->block.elems), ladle_output_unit_bytes(job), pieces);
    if (count == 0)
        return false;
    advance(run, loaded);
    wake_for_next(engine, run);
    engine->tensor_index = (uint64_t)(job - engine->plan->jobs);
    *work = (struct ladle_work){.kind = LADLE_DO_APPLY, .run = run, .loaded = loaded, .piece_count = count};
    return true;
}

/* What this run offers. `first_to_apply` is whether all earlier runs have handed out all their output. */
static bool try_run(struct ladle_engine *engine, struct ladle_run *run, bool first_to_apply, struct ladle_work *work,
                    struct ladle_piece *pieces)
{
    if (run->busy_beginning)
        return false;
    if (run->method && !run->begun && run->state_bytes <= SMALL_STATE_BYTES) {
        ladle_run_begin(engine, run);
        run->begun = true;
    }
    if (run->method && !run->begun) {
        run->busy_beginning = true;
        *work = (struct ladle_work){.kind = LADLE_DO_BEGIN, .run = run};
        return true;
    }
    if (run->sample_wanted) {
        if (!run->sample || !run->sample->loaded)
            return false;
        run->busy_beginning = true;
        *work = (struct ladle_work){.kind = LADLE_DO_SAMPLE, .run = run, .loaded = run->sample};
        return true;
    }
    if (!in_apply_pass(run))
        return try_statistics(engine, run, work);
    return first_to_apply && try_apply(engine, run, work, pieces);
}

static bool try_runs(struct ladle_engine *engine, struct ladle_work *work, struct ladle_piece *pieces)
{
    bool first_to_apply = true;
    for (struct ladle_run *run = engine->runs; run; run = run->next) {
        bool any_block = run->kept || run->stream || run->sample || run->dispatched > 0;
        if (!any_block || !take_state(engine, run))
            return false;
        if (try_run(engine, run, first_to_apply, work, pieces))
            return true;
        first_to_apply = first_to_apply && in_apply_pass(run) && run->dispatched == run->blocks;
    }
    return false;
}

bool ladle_dispatch_next(struct ladle_engine *engine, struct ladle_work *work, struct ladle_piece *pieces)
{
    *work = (struct ladle_work){.kind = LADLE_DO_PACK};
    if (ladle_stream_next_pack(engine, &work->chunk, &work->frame) || try_runs(engine, work, pieces))
        return true;
    work->kind = LADLE_DO_TOUCH; /* what only those do who have nothing better to do */
    return ladle_pool_next_untouched(&engine->pool, &work->part, &work->part_bytes);
}

static void begin_pass(struct ladle_engine *engine, struct ladle_run *run)
{
    run->dispatched = run->combined = run->finished = run->tallied = 0;
    run->kept_next = run->kept;
    if (run->tally)
        memset(run->tally, 0, engine->plan->memory.tallies * sizeof *run->tally);
    pthread_cond_broadcast(&engine->work);
}

static void end_run(struct ladle_engine *engine, struct ladle_run *run)
{
    ladle_notes_add(&engine->notes, run->job->name, (enum ladle_dtype)run->job->dtype, &run->findings);
    if (run->state)
        give_linked(&engine->free_states, run->state);
    struct ladle_run **link = &engine->runs;
    while (*link != run)
        link = &(*link)->next;
    *link = run->next;
    if (!*link)
        engine->runs_end = link;
    run->next = engine->free_runs;
    engine->free_runs = run;
    if (--engine->jobs_left == 0)
        engine->all_done = true;
    if (engine->all_done)
        pthread_cond_broadcast(&engine->work);
    else
        pthread_cond_signal(&engine->work); /* for the state; who gives it back takes part in looking for work */
    ladle_io_wake(engine->io);
}

static void apply_done(struct ladle_engine *engine, struct ladle_run *run, struct ladle_loaded *loaded)
{
    bool wake = ladle_chunks_filled(&engine->chunks, output_position(run->job, &loaded->block),
                                    ladle_output_bytes(run->job, loaded->block.elems));
    if (wake) {
        pthread_cond_signal(&engine->work); /* a chunk may be compressed now, or filled anew */
        pthread_cond_signal(&engine->stream.ready);
    }
    if (loaded->resident) {
        /* It is the first of those kept only if blocks end in order, which nobody promises. */
        struct ladle_loaded **link = &run->kept;
        while (*link != loaded)
            link = &(*link)->next;
        *link = loaded->next;
    }
    ladle_loaded_release(engine, loaded);
    if (++run->finished == run->blocks)
        end_run(engine, run);
    else if (wake || run->job->source_count > 0)
        ladle_io_wake(engine->io);
}

static struct ladle_loaded *take_accumulated(struct ladle_run *run, uint64_t index)
{
    for (struct ladle_loaded **link = &run->accumulated; *link; link = &(*link)->accumulated_next) {
        if ((*link)->block.index == index) {
            struct ladle_loaded *loaded = *link;
            *link = loaded->accumulated_next;
            return loaded;
        }
    }
    return NULL;
}

static void resolve(struct ladle_engine *engine, struct ladle_run *run)
{
    pthread_mutex_unlock(&engine->lock);
    enum ladle_next next = run->method->resolve(&run->task, run->state, run->pass, &engine->log);
    pthread_mutex_lock(&engine->lock);
    run->pass++;
    if (next == LADLE_NEXT_APPLY)
        run->apply_pass = run->pass;
    else if (run->pass >= run->job->passes)
        engine->extra_passes++;
    begin_pass(engine, run);
    ladle_io_wake(engine->io);
}

/* Folds partials as far as their turn has come; one worker does it for all. A resident block waits in the list of those
 * kept, so the waiting list has links of its own. */
static void combine_in_order(struct ladle_engine *engine, struct ladle_run *run)
{
    struct ladle_loaded *loaded;
    if (run->combining)
        return;
    run->combining = true;
    while ((loaded = take_accumulated(run, run->combined)) != NULL) {
        if (run->method->combine) {
            pthread_mutex_unlock(&engine->lock);
            run->method->combine(&run->task, run->state, run->pass, &loaded->block, loaded->partial);
            pthread_mutex_lock(&engine->lock);
        }
        run->combined++;
        give_linked(&engine->free_partials, loaded->partial);
        loaded->partial = NULL;
        if (!loaded->resident)
            ladle_loaded_release(engine, loaded);
        pthread_cond_signal(&engine->work);
        ladle_io_wake(engine->io);
    }
    run->combining = false;
    if (run->combined == run->blocks)
        resolve(engine, run);
}

void ladle_dispatch_done(struct ladle_engine *engine, const struct ladle_work *work)
{
    struct ladle_run *run = work->run;
    switch (work->kind) {
    case LADLE_DO_BEGIN:
        run->busy_beginning = false;
        run->begun = true;
        pthread_cond_broadcast(&engine->work);
        break;
    case LADLE_DO_SAMPLE:
        run->busy_beginning = false;
        run->sample_wanted = false;
        run->sample = NULL;
        ladle_loaded_release(engine, work->loaded);
        pthread_cond_broadcast(&engine->work);
        ladle_io_wake(engine->io);
        break;
    case LADLE_DO_ACCUMULATE:
        work->loaded->accumulated_next = run->accumulated;
        run->accumulated = work->loaded;
        combine_in_order(engine, run);
        break;
    case LADLE_DO_APPLY:
        apply_done(engine, run, work->loaded);
        break;
    case LADLE_DO_PACK:
        ladle_stream_packed(engine, work->chunk, work->frame);
        break;
    case LADLE_DO_TOUCH:
        break;
    }
}
