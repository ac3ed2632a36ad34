/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/state.h"

#include <errno.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/size.h"

/* How often the caller hears of progress and is asked whether to stop, while nothing else happens. */
#define TICK_MS 100u

/* Bytes written through the page cache before some are dropped from it; how far behind, so that waiting for them is short;
 * and how far back, since large folios straddle the ends of a range. */
#define FLUSH_EVERY_BYTES (4ull << 20)
#define FLUSH_BEHIND_BYTES (6ull << 20)
#define FLUSH_WINDOW_BYTES (20ull << 20)

static void issue_writes(struct ladle_engine *engine)
{
    struct ladle_chunk *chunk;
    while (ladle_io_has_room(engine->io) && (chunk = ladle_chunks_next_full(&engine->chunks, engine->target->direct))) {
        chunk->request.fd = engine->target->fds[chunk->extent];
        ladle_io_submit(engine->io, &chunk->request);
    }
}

/* Pages of the output count against the same budget as everything else where a cgroup charges them; at the end of a file all
 * go. Waiting for pages takes note of an error that a later sync would have told, so it must be told here. Returns 0 or an
 * errno value. */
static int flush_page_cache(const struct ladle_engine *engine, const struct ladle_chunk *chunk)
{
    uint64_t end = chunk->request.offset + chunk->expected;
    bool last = end == engine->plan->extents[chunk->extent].bytes;
    int fd = chunk->request.fd;
    if (engine->target->direct)
        return 0;
    sync_file_range(fd, (off_t)chunk->request.offset, (off_t)chunk->expected, SYNC_FILE_RANGE_WRITE);
    if (!last && (end % FLUSH_EVERY_BYTES != 0 || end <= FLUSH_BEHIND_BYTES))
        return 0;
    end -= last ? 0 : FLUSH_BEHIND_BYTES;
    uint64_t start = end > FLUSH_WINDOW_BYTES ? end - FLUSH_WINDOW_BYTES : 0;
    return ladle_io_push_out(fd, start, end - start);
}

static void finish_write(struct ladle_engine *engine, struct ladle_chunk *chunk)
{
    int code = chunk->request.result;
    if (code == 0) { /* the lock is not held while a device is waited for; the chunk is nobody else's */
        pthread_mutex_unlock(&engine->lock);
        code = flush_page_cache(engine, chunk);
        pthread_mutex_lock(&engine->lock);
    }
    if (code != 0) {
        engine->checkpoint.failed = engine->checkpoint.failed || chunk->request.result == 0;
        const char *name = engine->plan->extents[chunk->extent].name;
        ladle_engine_stop(engine, ladle_fail_errno(engine->error, LADLE_FAILED, code,
                                                   "%s: writing %zu bytes at %llu of the output", name, chunk->request.bytes,
                                                   (unsigned long long)chunk->request.offset));
        return;
    }
    engine->bytes_written += chunk->expected;
    ladle_chunks_release(&engine->chunks, chunk);
    pthread_cond_broadcast(&engine->work);
}

static void finish_requests(struct ladle_engine *engine, struct ladle_io_request *list)
{
    for (struct ladle_io_request *next; list; list = next) {
        next = list->next;
        if (list->kind == LADLE_IO_READ)
            ladle_reader_finish(engine, list->owner);
        else if (list->kind == LADLE_IO_SYNC)
            ladle_checkpoint_continue(engine);
        else
            finish_write(engine, list->owner);
    }
}

static void tell_progress(struct ladle_engine *engine, double started)
{
    const struct ladle_options *options = &engine->plan->options;
    if (options->stop && options->stop(options->stop_user)) {
        pthread_mutex_lock(&engine->lock);
        ladle_engine_stop(engine, ladle_fail(engine->error, LADLE_STOPPED, "stopped"));
        pthread_mutex_unlock(&engine->lock);
    }
    if (!options->progress)
        return;
    pthread_mutex_lock(&engine->lock);
    const struct ladle_plan *plan = engine->plan;
    struct ladle_progress progress = {
        .bytes_read = engine->read_before + engine->bytes_read,
        .bytes_to_read = plan->read_bytes,
        .bytes_written = engine->written_before + engine->bytes_written,
        .bytes_to_write = ladle_plan_space_bytes(plan),
        .tensor = engine->tensor_index < plan->job_count ? plan->jobs[engine->tensor_index].name : "",
        .seconds = ladle_seconds_now() - started,
    };
    pthread_mutex_unlock(&engine->lock);
    options->progress(options->progress_user, &progress);
}

int ladle_pump(struct ladle_engine *engine)
{
    double started = ladle_seconds_now(), told = started;
    engine->checkpoint.last = started;
    bool more = true;
    while (more) {
        pthread_mutex_lock(&engine->lock);
        if (!engine->stopping) {
            if (!engine->target->sender)
                issue_writes(engine);
            ladle_reader_issue(engine);
            ladle_checkpoint_begin(engine, ladle_seconds_now());
        }
        bool working = !engine->stopping &&
                       (!engine->all_done || engine->chunks.full != NULL || !ladle_stream_is_done(engine));
        pthread_mutex_unlock(&engine->lock);
        more = working || engine->io->in_flight > 0;
        if (!more)
            break;
        struct ladle_io_request *list = ladle_io_wait(engine->io, TICK_MS);
        pthread_mutex_lock(&engine->lock);
        finish_requests(engine, list);
        pthread_mutex_unlock(&engine->lock);
        if (ladle_seconds_now() - told >= TICK_MS * 1e-3) {
            told = ladle_seconds_now();
            tell_progress(engine, started);
        }
    }
    return engine->status;
}
