/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/state.h"

#include <string.h>

#include "base/size.h"

uint64_t ladle_reader_done_blocks(const struct ladle_engine *engine, const struct ladle_job *job)
{
    uint64_t done = engine->target->first_chunk * engine->plan->memory.chunk_bytes;
    if (done <= job->position || job->passes > 0)
        return 0;
    if (job->action == LADLE_ACTION_MERGE) {
        struct ladle_task task;
        struct ladle_needs needs = {0};
        uint8_t *dtypes = engine->free_runs->dtypes; /* nobody's at the moment */
        ladle_plan_task(engine->plan, job, dtypes, &task);
        engine->plan->method->needs(&task, &needs);
        if (needs.tallies > 0) /* the next blocks count on from these */
            return 0;
    }
    return (done - job->position) / ladle_output_bytes(job, job->block_elems);
}

static struct ladle_run *open_run(struct ladle_engine *engine, const struct ladle_job *job, uint64_t done)
{
    struct ladle_run *run = engine->free_runs;
    engine->free_runs = run->next;
    uint8_t *dtypes = run->dtypes;
    *run = (struct ladle_run){.dtypes = dtypes, .job = job};
    run->kept_end = &run->kept;
    run->stream_end = &run->stream;
    run->blocks = ladle_job_blocks(run->job);
    run->dispatched = run->finished = done;
    if (run->job->action == LADLE_ACTION_MERGE) {
        run->method = engine->plan->method;
        ladle_plan_task(engine->plan, run->job, dtypes, &run->task);
        run->resident = run->job->passes > 0 ? run->job->resident_blocks : 0;
        run->apply_pass = run->job->passes > 0 ? LADLE_PASS_UNKNOWN : 0;
        struct ladle_needs needs = {0};
        run->method->needs(&run->task, &needs);
        run->state_bytes = needs.state_bytes;
        run->sample_wanted = needs.sample && run->job->passes > 0 && run->resident < run->blocks &&
                             ladle_sample_pieces(engine, run->job) > 0;
    }
    *engine->runs_end = run;
    engine->runs_end = &run->next;
    return run;
}

/* A descriptor, which there must be, for a block of a run. */
static struct ladle_loaded *take_descriptor(struct ladle_engine *engine, struct ladle_run *run)
{
    struct ladle_loaded *loaded = engine->free_blocks;
    engine->free_blocks = loaded->next;
    loaded->run = run;
    loaded->next = loaded->beside = NULL;
    loaded->sample = loaded->resident = false;
    loaded->loaded = run->job->source_count == 0;
    loaded->partial = NULL;
    loaded->pass = engine->reader.pass;
    return loaded;
}

/* Bytes that may come of a source for a block and those read together with it. */
static size_t piece_bytes(const struct ladle_engine *engine, unsigned source, uint64_t elems)
{
    const struct ladle_job *job = engine->reader.run->job, *last = job + engine->reader.together - 1;
    uint64_t before = last->sources[source].offset - job->sources[source].offset;
    elems = last == job ? elems : last->elems;
    return ladle_round_up(before + ladle_stored_bytes(last->sources[source].dtype, elems) + LADLE_IO_ALIGNMENT - 1,
                          LADLE_IO_ALIGNMENT);
}

/* Takes a descriptor and memory for the next block, or nothing if either is scarce. */
static struct ladle_loaded *open_block(struct ladle_engine *engine, uint64_t elems, bool sample)
{
    struct ladle_run *run = engine->reader.run;
    struct ladle_loaded *loaded = engine->free_blocks;
    if (!loaded)
        return NULL;
    struct ladle_pool_mark mark = ladle_pool_mark(&engine->pool);
    for (unsigned i = 0; i < run->job->source_count; i++) {
        size_t bytes = sample ? engine->pool.slot_bytes : piece_bytes(engine, i, elems);
        loaded->pieces[i] = ladle_pool_take(&engine->pool, bytes);
        if (!loaded->pieces[i]) {
            while (i-- > 0)
                ladle_pool_give(&engine->pool, loaded->pieces[i]);
            ladle_pool_rewind(&engine->pool, mark);
            return NULL;
        }
    }
    loaded = take_descriptor(engine, run);
    loaded->sample = sample;
    return loaded;
}

/* Whether the run's next read is its sample; opens it. */
static struct ladle_loaded *open_sample(struct ladle_engine *engine)
{
    struct ladle_run *run = engine->reader.run;
    struct ladle_loaded *loaded = open_block(engine, 0, true);
    if (!loaded)
        return NULL;
    uint32_t pieces = ladle_sample_pieces(engine, run->job);
    loaded->block = (struct ladle_block){.elems = (size_t)pieces * LADLE_SAMPLE_ELEMS, .data = loaded->data};
    loaded->requests_left = pieces * run->job->source_count;
    run->sample = loaded;
    return loaded;
}

/* Enters a block into its run. */
static void add_block(struct ladle_run *run, struct ladle_loaded *loaded, uint64_t index, uint64_t elems)
{
    loaded->block = (struct ladle_block){
        .first = index * run->job->block_elems, .elems = (size_t)elems, .index = index, .data = loaded->data};
    loaded->requests_left = run->job->source_count;
    loaded->resident = index < run->resident;
    struct ladle_loaded ***end = loaded->resident ? &run->kept_end : &run->stream_end;
    **end = loaded;
    *end = &loaded->next;
    if (loaded->resident && !run->kept_next)
        run->kept_next = loaded;
}

/* Opens the jobs that are read together with this block's, and their only blocks, in the same memory. */
static void open_beside(struct ladle_engine *engine, struct ladle_loaded *loaded)
{
    const struct ladle_job *job = loaded->run->job;
    for (uint32_t i = 1; i < engine->reader.together; i++) {
        struct ladle_run *run = open_run(engine, &job[i], 0);
        struct ladle_loaded *more = take_descriptor(engine, run);
        for (unsigned source = 0; source < job->source_count; source++) {
            more->pieces[source] = loaded->pieces[source];
            ladle_pool_share(&engine->pool, more->pieces[source]);
        }
        add_block(run, more, 0, run->job->elems);
        loaded->beside = more;
        loaded = more;
    }
}

static struct ladle_loaded *open_next_block(struct ladle_engine *engine)
{
    struct ladle_reader *reader = &engine->reader;
    struct ladle_run *run = reader->run;
    uint64_t first = reader->block * run->job->block_elems;
    uint64_t elems = ladle_min(run->job->block_elems, run->job->elems - first);
    struct ladle_loaded *loaded = open_block(engine, elems, false);
    if (!loaded)
        return NULL;
    add_block(run, loaded, reader->block++, elems);
    open_beside(engine, loaded);
    if (loaded->loaded)
        pthread_cond_signal(&engine->work);
    return loaded;
}

/* Tells the blocks where their elements of a source will be, in memory that is filled from `aligned` of the file on. Returns
 * the end in the file of what they need. */
static uint64_t place_elements(struct ladle_loaded *loaded, unsigned source, uint64_t aligned, uint64_t *useful_bytes)
{
    uint64_t end = 0;
    *useful_bytes = 0;
    for (; loaded; loaded = loaded->beside) {
        const struct ladle_source *from = &loaded->run->job->sources[source];
        uint64_t start = from->offset + ladle_stored_bytes(from->dtype, loaded->block.first);
        uint64_t bytes = ladle_stored_bytes(from->dtype, loaded->block.elems);
        loaded->data[source] = loaded->pieces[source] + (start - aligned);
        *useful_bytes += bytes;
        end = start + bytes;
    }
    return end;
}

/* Where a request's bytes lie in the file and in its piece of memory. */
static void prepare_request(struct ladle_engine *engine, struct ladle_read_request *request)
{
    const struct ladle_reader *reader = &engine->reader;
    struct ladle_loaded *loaded = reader->loaded;
    const struct ladle_job *job = loaded->run->job;
    const struct ladle_source *source = &job->sources[reader->source];
    uint64_t first = loaded->block.first, elems = loaded->block.elems;
    uint8_t *memory = loaded->pieces[reader->source];

    if (loaded->sample) {
        first = ladle_sample_place(loaded, reader->source, reader->piece, &memory);
        elems = LADLE_SAMPLE_ELEMS;
    }
    uint64_t start = source->offset + ladle_stored_bytes(source->dtype, first);
    uint64_t bytes = ladle_stored_bytes(source->dtype, elems);
    uint64_t aligned = start - start % LADLE_IO_ALIGNMENT, end = start + bytes;
    if (!loaded->sample)
        end = place_elements(loaded, reader->source, aligned, &bytes);
    struct ladle_open_file *file = &engine->files.open[source->file];
    ladle_files_use_again(&engine->files, source->file); /* until the request is back */
    if (!file->direct)
        memory += start - aligned;
    uint64_t offset = file->direct ? aligned : start;
    request->loaded = loaded;
    request->source = reader->source;
    request->useful_bytes = bytes;
    request->io = (struct ladle_io_request){
        .kind = LADLE_IO_READ,
        .fd = file->fd,
        .buffer = memory,
        .bytes = file->direct ? ladle_round_up(end - aligned, LADLE_IO_ALIGNMENT) : end - start,
        .least = end - offset,
        .offset = offset,
        .owner = request,
    };
}

/* Issues requests of the block being opened; returns false when requests are scarce. */
static bool issue_requests(struct ladle_engine *engine)
{
    struct ladle_reader *reader = &engine->reader;
    struct ladle_loaded *loaded = reader->loaded;
    uint32_t pieces = loaded->sample ? (uint32_t)(loaded->block.elems / LADLE_SAMPLE_ELEMS) : 1;
    while (reader->source < loaded->run->job->source_count) {
        struct ladle_read_request *request = engine->free_requests;
        if (!request || !ladle_io_has_room(engine->io) || reader->bytes_in_flight >= LADLE_ENGINE_READ_BYTES)
            return false;
        engine->free_requests = request->next;
        prepare_request(engine, request);
        reader->bytes_in_flight += request->io.bytes;
        ladle_io_submit(engine->io, &request->io);
        if (++reader->piece == pieces) {
            reader->piece = 0;
            reader->source++;
        }
    }
    reader->loaded = NULL;
    return true;
}

/* Opens the files of the next job. Returns LADLE_FILES_WAIT where its turn has not come. */
static int use_files(struct ladle_engine *engine, const struct ladle_job *job)
{
    bool others = engine->files.uses > 0;
    for (unsigned i = 0; i < job->source_count; i++) {
        int status = ladle_files_use(&engine->files, job->sources[i].file, engine->error);
        if (status == LADLE_OK)
            continue;
        while (i-- > 0)
            ladle_files_leave(&engine->files, job->sources[i].file);
        if (status == LADLE_FILES_WAIT && !others)
            return ladle_fail(engine->error, LADLE_FAILED,
                              "%s: not as many files may be open as have a part in it (raise ulimit -n)", job->name);
        return status;
    }
    return LADLE_OK;
}

/* Slots that a run will keep until it is applied, and those of reads under way and of blocks being worked on. */
static void expect_slots(struct ladle_engine *engine, const struct ladle_run *run)
{
    uint64_t sources = run->job->source_count;
    uint64_t moving = LADLE_ENGINE_READ_BYTES / engine->pool.slot_bytes + (engine->thread_count + 1) * sources;
    if (ladle_pool_expect(&engine->pool, run->resident * sources + moving))
        pthread_cond_broadcast(&engine->work);
}

static int begin_job(struct ladle_engine *engine)
{
    const struct ladle_job *job = &engine->plan->jobs[engine->reader.job];
    int status = use_files(engine, job);
    if (status != LADLE_OK)
        return status;
    engine->reader.pass = 0;
    engine->reader.block = ladle_reader_done_blocks(engine, job);
    engine->reader.together = ladle_reader_together(engine);
    engine->reader.run = open_run(engine, job, engine->reader.block);
    expect_slots(engine, engine->reader.run);
    return LADLE_OK;
}

/* Every block of the pass is opened: goes to the next pass or job. Returns false if that must wait for a resolve. */
static bool end_pass(struct ladle_engine *engine)
{
    struct ladle_reader *reader = &engine->reader;
    struct ladle_run *run = reader->run;
    bool read_again = run->resident < run->blocks && reader->pass != run->apply_pass;
    if (read_again) {
        /* Pass p+1 follows unless p is the apply pass, and what p is was decided by the resolve after p-1. */
        if (reader->pass > 0 && run->apply_pass == LADLE_PASS_UNKNOWN && run->pass < reader->pass)
            return false;
        reader->pass++;
        reader->block = run->resident;
        return true;
    }
    for (unsigned i = 0; i < run->job->source_count; i++)
        ladle_files_leave(&engine->files, run->job->sources[i].file);
    reader->run = NULL;
    reader->job += reader->together;
    return true;
}

static bool next_block(struct ladle_engine *engine)
{
    struct ladle_reader *reader = &engine->reader;
    struct ladle_run *run = reader->run;
    bool sample = run->sample_wanted && reader->pass == 0 && reader->block == 0 && !run->sample;
    reader->loaded = sample ? open_sample(engine) : open_next_block(engine);
    reader->source = reader->piece = 0;
    return reader->loaded != NULL;
}

void ladle_reader_issue(struct ladle_engine *engine)
{
    struct ladle_reader *reader = &engine->reader;
    for (;;) {
        if (reader->loaded && !issue_requests(engine))
            return;
        if (reader->job == engine->plan->job_count)
            return;
        if (!reader->run) {
            if (ladle_job_blocks(&engine->plan->jobs[reader->job]) == 0) {
                reader->job++;
                continue;
            }
            if (!engine->free_runs)
                return;
            int status = begin_job(engine);
            if (status != LADLE_OK) {
                if (status != LADLE_FILES_WAIT)
                    ladle_engine_stop(engine, status);
                return;
            }
        }
        if (reader->block == reader->run->blocks) {
            if (!end_pass(engine))
                return;
            continue;
        }
        if (!next_block(engine))
            return;
    }
}

/* The tensor, of those that a request brings, whose bytes end behind a position of the file. */
static const struct ladle_job *job_behind(const struct ladle_read_request *request, uint64_t position)
{
    const struct ladle_loaded *loaded = request->loaded;
    for (; loaded->beside; loaded = loaded->beside) {
        const struct ladle_source *source = &loaded->run->job->sources[request->source];
        if (source->offset + ladle_stored_bytes(source->dtype, loaded->run->job->elems) > position)
            break;
    }
    return loaded->run->job;
}

static int read_failure(struct ladle_engine *engine, const struct ladle_read_request *request)
{
    uint64_t reached = request->io.offset + request->io.done;
    const struct ladle_job *job = job_behind(request, reached);
    const char *path = engine->plan->files[job->sources[request->source].file].path;
    int result = request->io.result;
    if (result == LADLE_IO_ENDED)
        return ladle_fail(
            engine->error, LADLE_FAILED,
            "%s: %s: the file ends at byte %llu while %llu are needed: it was cut off while it was being merged", path,
            job->name, (unsigned long long)reached, (unsigned long long)(request->io.offset + request->io.least));
    return ladle_fail_errno(engine->error, LADLE_FAILED, result, "%s: %s: reading %zu bytes at %llu", path, job->name,
                            request->io.bytes, (unsigned long long)request->io.offset);
}

void ladle_reader_finish(struct ladle_engine *engine, struct ladle_read_request *request)
{
    struct ladle_loaded *loaded = request->loaded;
    const struct ladle_job *job = loaded->run->job;
    int status = LADLE_OK;
    engine->reader.bytes_in_flight -= request->io.bytes;
    ladle_files_leave(&engine->files, job->sources[request->source].file);
    if (request->io.result != 0)
        status = ladle_engine_stop(engine, read_failure(engine, request));
    else
        ladle_files_was_read(&engine->files, job->sources[request->source].file, request->io.offset, request->io.bytes);
    if (!loaded->sample)
        engine->bytes_read += request->useful_bytes;
    request->next = engine->free_requests;
    engine->free_requests = request;
    if (loaded->sample && loaded->requests_left == 1 && status == LADLE_OK)
        ladle_sample_gather(loaded);
    for (; loaded; loaded = loaded->beside) {
        loaded->loaded = --loaded->requests_left == 0 && status == LADLE_OK;
        if (loaded->loaded)
            pthread_cond_signal(&engine->work);
    }
}

void ladle_loaded_release(struct ladle_engine *engine, struct ladle_loaded *loaded)
{
    for (unsigned i = 0; i < loaded->run->job->source_count; i++)
        ladle_pool_give(&engine->pool, loaded->pieces[i]);
    loaded->run = NULL;
    loaded->next = engine->free_blocks;
    engine->free_blocks = loaded;
}
