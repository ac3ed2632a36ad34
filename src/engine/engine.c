/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <string.h>

#include "base/size.h"
#include "engine/copy.h"
#include "engine/state.h"

/* Workers call through a few levels of small functions; arrays live in their scratch. */
#define WORKER_STACK_BYTES (256u * 1024)

int ladle_engine_stop(struct ladle_engine *engine, int status)
{
    if (!engine->stopping)
        engine->status = status;
    engine->stopping = true;
    pthread_cond_broadcast(&engine->work);
    pthread_cond_broadcast(&engine->stream.ready);
    ladle_io_wake(engine->io);
    return status;
}

/* Messages come from several workers; the caller's function hears one at a time. */
static void pass_message_on(void *user, enum ladle_level level, const char *text)
{
    struct ladle_engine *engine = user;
    const struct ladle_log *log = &engine->plan->options.log;
    pthread_mutex_lock(&engine->log_lock);
    if (log->message)
        log->message(log->user, level, text);
    pthread_mutex_unlock(&engine->log_lock);
}

static unsigned most_sources(const struct ladle_plan *plan)
{
    unsigned most = 1;
    for (uint64_t i = 0; i < plan->job_count; i++)
        most = plan->jobs[i].source_count > most ? plan->jobs[i].source_count : most;
    return most;
}

/* `count` pieces of memory of one size, linked through their first word. */
static bool make_linked(struct ladle_arena *arena, void **list, uint64_t count, uint64_t bytes)
{
    bytes = ladle_round_up(ladle_max(bytes, sizeof(void *)), 64);
    for (uint64_t i = 0; i < count; i++) {
        uint8_t *item = ladle_arena_take(arena, bytes + 64);
        if (!item)
            return false;
        item += (64 - (uintptr_t)item % 64) % 64;
        memcpy(item, list, sizeof *list);
        *list = item;
    }
    return true;
}

static bool make_blocks(struct ladle_engine *engine)
{
    unsigned sources = most_sources(engine->plan);
    uint32_t count = engine->plan->memory.blocks;
    struct ladle_loaded *blocks = ladle_arena_take_array(&engine->arena, count, sizeof *blocks);
    struct ladle_run *runs = ladle_arena_take_array(&engine->arena, count, sizeof *runs);
    for (uint32_t i = 0; blocks && runs && i < count; i++) {
        blocks[i].data = ladle_arena_take_array(&engine->arena, sources, sizeof *blocks[i].data);
        blocks[i].pieces = ladle_arena_take_array(&engine->arena, sources, sizeof *blocks[i].pieces);
        runs[i].dtypes = ladle_arena_take(&engine->arena, sources);
        if (!blocks[i].data || !blocks[i].pieces || !runs[i].dtypes)
            return false;
        blocks[i].next = engine->free_blocks;
        engine->free_blocks = &blocks[i];
        runs[i].next = engine->free_runs;
        engine->free_runs = &runs[i];
    }
    return blocks && runs;
}

static bool make_requests(struct ladle_engine *engine)
{
    engine->read_requests = ladle_arena_take_array(&engine->arena, LADLE_ENGINE_DEPTH, sizeof *engine->read_requests);
    for (unsigned i = 0; engine->read_requests && i < LADLE_ENGINE_DEPTH; i++) {
        engine->read_requests[i].next = engine->free_requests;
        engine->free_requests = &engine->read_requests[i];
    }
    return engine->read_requests != NULL;
}

static bool make_workers(struct ladle_engine *engine)
{
    const struct ladle_memory *memory = &engine->plan->memory;
    unsigned pieces = ladle_chunks_most_pieces(engine->plan);
    engine->workers = ladle_arena_take_array(&engine->arena, engine->plan->threads, sizeof *engine->workers);
    for (unsigned i = 0; engine->workers && i < engine->plan->threads; i++) {
        struct ladle_worker *worker = &engine->workers[i];
        worker->engine = engine;
        worker->number = i;
        worker->pieces = ladle_arena_take_array(&engine->arena, pieces, sizeof *worker->pieces);
        worker->counts = ladle_arena_take_array(&engine->arena, memory->tallies + 1, sizeof *worker->counts);
        worker->before = ladle_arena_take_array(&engine->arena, memory->tallies + 1, sizeof *worker->before);
        void *scratch = NULL;
        if (!make_linked(&engine->arena, &scratch, 1, memory->scratch_bytes) || !worker->pieces || !worker->counts ||
            !worker->before)
            return false;
        worker->scratch = scratch;
    }
    return engine->workers != NULL;
}

static uint64_t jobs_with_bytes(const struct ladle_plan *plan, uint64_t from)
{
    uint64_t count = 0;
    for (uint64_t i = from; i < plan->job_count; i++)
        count += ladle_job_blocks(&plan->jobs[i]) > 0;
    return count;
}

/* The first job with output at or behind a position; everything before it is done. */
static uint64_t first_job_behind(const struct ladle_plan *plan, uint64_t position)
{
    uint64_t job = 0;
    const struct ladle_job *jobs = plan->jobs;
    while (job < plan->job_count && (jobs[job].bytes == 0 || jobs[job].position + jobs[job].bytes <= position))
        job++;
    return job;
}

/* Leaves out what an earlier run has done: everything before `done`. Returns the first position that will be made. */
static uint64_t skip_done(struct ladle_engine *engine, uint64_t done)
{
    const struct ladle_plan *plan = engine->plan;
    for (uint32_t i = 0; i < plan->extent_count && plan->extents[i].position < done; i++)
        engine->written_before += ladle_min(plan->extents[i].bytes, done - plan->extents[i].position);
    for (uint64_t i = 0; i < engine->reader.job; i++)
        engine->read_before += ladle_job_read_bytes(&plan->jobs[i]);
    if (engine->all_done)
        return done;
    const struct ladle_job *job = &plan->jobs[engine->reader.job];
    uint64_t blocks = ladle_reader_done_blocks(engine, job);
    if (blocks > 0)
        engine->read_before += ladle_job_read_bytes(job) / job->elems * (blocks * job->block_elems);
    return job->position + ladle_output_bytes(job, blocks * job->block_elems);
}

static int prepare(struct ladle_engine *engine)
{
    const struct ladle_plan *plan = engine->plan;
    const struct ladle_memory *memory = &plan->memory;
    uint64_t done = engine->target->first_chunk * memory->chunk_bytes;
    engine->checkpoint.recorded = engine->target->first_chunk;
    engine->reader.job = first_job_behind(plan, done);
    engine->jobs_left = jobs_with_bytes(plan, engine->reader.job);
    engine->all_done = engine->jobs_left == 0;
    if (!make_blocks(engine) || !make_requests(engine) || !make_workers(engine) ||
        !make_linked(&engine->arena, &engine->free_states, memory->open_jobs, memory->state_bytes) ||
        !make_linked(&engine->arena, &engine->free_partials, memory->partials, memory->partial_bytes) ||
        ladle_pool_init(&engine->pool, memory->slot_bytes, memory->slots) != LADLE_OK ||
        ladle_chunks_init(&engine->chunks, plan, skip_done(engine, done), engine->target->first_chunk) != LADLE_OK) {
        int status = ladle_fail_memory(engine->error, "blocks and output chunks");
        ladle_error_help(engine->error, "a smaller --memory takes less");
        return status;
    }
    int status = ladle_files_init(&engine->files, plan, &engine->log, engine->error);
    if (status == LADLE_OK)
        status = ladle_io_create(&engine->io, plan->options.io, LADLE_ENGINE_DEPTH, &plan->options.log, engine->error);
    return status;
}

static int start_workers(struct ladle_engine *engine)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return ladle_fail_memory(engine->error, "worker threads");
    pthread_attr_setstacksize(&attributes, WORKER_STACK_BYTES);
    int code = 0;
    while (code == 0 && engine->thread_count < engine->plan->threads) {
        struct ladle_worker *worker = &engine->workers[engine->thread_count];
        code = pthread_create(&worker->thread, &attributes, ladle_worker_main, worker);
        engine->thread_count += code == 0;
    }
    pthread_attr_destroy(&attributes);
    if (engine->thread_count > 0)
        return LADLE_OK; /* fewer workers are slower and give the same bytes */
    return ladle_fail_errno(engine->error, LADLE_FAILED, code, "starting worker threads");
}

/* Waits for workers and sender, which were told to stop or have nothing left to do. */
static void join_threads(struct ladle_engine *engine)
{
    for (unsigned i = 0; i < engine->thread_count; i++)
        pthread_join(engine->workers[i].thread, NULL);
    ladle_stream_end(engine);
}

static void finish(struct ladle_engine *engine)
{
    ladle_io_destroy(engine->io);
    ladle_files_finish(&engine->files);
    ladle_chunks_finish(&engine->chunks);
    ladle_pool_finish(&engine->pool);
    ladle_notes_finish(&engine->notes);
    ladle_arena_finish(&engine->arena);
    pthread_cond_destroy(&engine->stream.ready);
    pthread_cond_destroy(&engine->work);
    pthread_mutex_destroy(&engine->log_lock);
    pthread_mutex_destroy(&engine->lock);
}

int ladle_engine_run(const struct ladle_plan *plan, const struct ladle_target *target, struct ladle_engine_result *result,
                     struct ladle_error *error)
{
    struct ladle_engine engine = {.plan = plan, .target = target, .error = error, .tensor_index = plan->job_count};
    engine.kernels = ladle_kernels_choose(plan->options.cpu_mask);
    engine.log = (struct ladle_log){.message = pass_message_on, .user = &engine};
    engine.runs_end = &engine.runs;
    pthread_mutex_init(&engine.lock, NULL);
    pthread_mutex_init(&engine.log_lock, NULL);
    pthread_cond_init(&engine.work, NULL);
    pthread_cond_init(&engine.stream.ready, NULL);

    int status = prepare(&engine);
    if (status == LADLE_OK && target->sender)
        status = ladle_stream_begin(&engine);
    if (status == LADLE_OK)
        status = start_workers(&engine);
    bool ready = status == LADLE_OK;
    if (ready) {
        ladle_detail(&engine.log, "workers: %u, instruction set: %s", engine.thread_count, engine.kernels->name);
        status = ladle_pump(&engine);
    }
    join_threads(&engine);
    if (status == LADLE_OK)
        ladle_notes_tell(&engine.notes, &engine.log);
    else if (ready)
        ladle_checkpoint_last(&engine);
    *result = (struct ladle_engine_result){
        .bytes_read = engine.bytes_read, .bytes_written = engine.bytes_written, .extra_passes = engine.extra_passes};
    finish(&engine);
    return status;
}
