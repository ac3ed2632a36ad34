/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zstd.h>

#include "engine/state.h"

/* How long the writing thread waits for a slow reader before it asks whether to stop. */
#define POLL_MS 100
/* A larger pipe saves the reader and us some turns; the system may refuse. */
#define PIPE_BYTES (1 << 20)

static bool compressed(const struct ladle_engine *engine) { return engine->target->zstd_level > 0; }

static bool make_contexts(struct ladle_engine *engine)
{
    struct ladle_stream *stream = &engine->stream;
    stream->contexts = ladle_arena_take_array(&engine->arena, engine->plan->threads, sizeof *stream->contexts);
    for (unsigned i = 0; stream->contexts && i < engine->plan->threads; i++) {
        ZSTD_CCtx *context = ZSTD_createCCtx();
        stream->contexts[i] = context;
        if (!context || ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, engine->target->zstd_level)) ||
            ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)))
            return false;
    }
    return stream->contexts != NULL;
}

static bool make_frames(struct ladle_engine *engine)
{
    struct ladle_stream *stream = &engine->stream;
    const struct ladle_memory *memory = &engine->plan->memory;
    stream->frame_count = memory->frames;
    stream->frames = ladle_arena_take_array(&engine->arena, memory->frames, sizeof *stream->frames);
    for (uint32_t i = 0; stream->frames && i < memory->frames; i++) {
        stream->frames[i].data = ladle_arena_take(&engine->arena, memory->frame_bytes);
        if (!stream->frames[i].data)
            return false;
    }
    return stream->frames != NULL;
}

/* One write that does not block for longer than the reader needs for it. A pipe that polls writable takes PIPE_BUF bytes at
 * least; RWF_NOWAIT takes as many as there is room for, where the kernel knows it. */
static ssize_t write_some(int fd, const uint8_t *bytes, size_t count, bool seekable, uint64_t offset)
{
    if (seekable)
        return pwrite(fd, bytes, count, (off_t)offset);
    struct pollfd poller = {.fd = fd, .events = POLLOUT};
    int ready = poll(&poller, 1, POLL_MS);
    if (ready <= 0) {
        errno = ready == 0 ? EAGAIN : errno;
        return -1;
    }
    struct iovec all = {.iov_base = (void *)bytes, .iov_len = count};
    ssize_t written = pwritev2(fd, &all, 1, -1, RWF_NOWAIT);
    if (written < 0 && (errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS || errno == ESPIPE))
        written = write(fd, bytes, count < PIPE_BUF ? count : PIPE_BUF);
    return written;
}

/* Pushes what a stream file holds in the page cache out and drops it, so that it does not count against the budget. Returns 0
 * or an errno value. */
static int drop_written(int fd, uint64_t before, uint64_t after)
{
    const uint64_t step = 8u << 20, behind = 16u << 20;
    if (before / step == after / step)
        return 0;
    sync_file_range(fd, (off_t)(after - after % step - (after >= step ? step : 0)), (off_t)step, SYNC_FILE_RANGE_WRITE);
    if (after < behind + step)
        return 0;
    uint64_t end = after - after % step - behind, start = end > behind ? end - behind : 0;
    int code = ladle_io_push_out(fd, start, end - start);
    posix_fadvise(fd, (off_t)start, (off_t)(end - start), POSIX_FADV_DONTNEED);
    return code;
}

static bool must_stop(struct ladle_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    bool stop = engine->stopping;
    pthread_mutex_unlock(&engine->lock);
    return stop;
}

static int write_failure(struct ladle_engine *engine, int code)
{
    const char *name = engine->target->stream_name;
    if (code == EPIPE)
        return ladle_fail(engine->error, LADLE_FAILED, "%s: the reader at the other end went away", name);
    return ladle_fail_errno(engine->error, LADLE_FAILED, code, "%s: writing", name);
}

/* Writes one frame whole, or until the merge stops. */
static int write_frame(struct ladle_engine *engine, const uint8_t *bytes, size_t count, bool seekable)
{
    struct ladle_stream *stream = &engine->stream;
    int fd = engine->target->stream;
    while (count > 0) {
        ssize_t written = write_some(fd, bytes, count, seekable, stream->file_offset);
        if (written < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (must_stop(engine))
                return LADLE_STOPPED;
            continue;
        }
        if (written <= 0)
            return -1;
        int code = seekable ? drop_written(fd, stream->file_offset, stream->file_offset + (uint64_t)written) : 0;
        if (code != 0) {
            errno = code;
            return -1;
        }
        stream->file_offset += (uint64_t)written;
        bytes += written;
        count -= (size_t)written;
    }
    return LADLE_OK;
}

/* What goes out next, if it is ready: a frame, or the chunk itself where nothing is compressed. */
static bool next_to_write(struct ladle_engine *engine, struct ladle_frame **frame, struct ladle_chunk **chunk)
{
    struct ladle_stream *stream = &engine->stream;
    *frame = NULL;
    *chunk = NULL;
    if (!compressed(engine)) {
        *chunk = ladle_chunks_take_full(&engine->chunks, stream->next_write);
        return *chunk != NULL;
    }
    for (uint32_t i = 0; i < stream->frame_count; i++)
        if (stream->frames[i].ready && stream->frames[i].number == stream->next_write)
            *frame = &stream->frames[i];
    return *frame != NULL;
}

static void book_written(struct ladle_engine *engine, struct ladle_frame *frame, struct ladle_chunk *chunk)
{
    struct ladle_stream *stream = &engine->stream;
    uint64_t left = engine->plan->shards[0].bytes - stream->next_write * LADLE_CHUNK_BYTES;
    engine->bytes_written += left < LADLE_CHUNK_BYTES ? left : LADLE_CHUNK_BYTES;
    stream->next_write++;
    if (frame)
        frame->taken = frame->ready = false;
    else
        ladle_chunks_release(&engine->chunks, chunk);
    pthread_cond_broadcast(&engine->work);
    ladle_io_wake(engine->io);
}

static void *write_in_order(void *argument)
{
    struct ladle_engine *engine = argument;
    struct ladle_stream *stream = &engine->stream;
    struct stat about;
    bool seekable = fstat(engine->target->stream, &about) == 0 && S_ISREG(about.st_mode);
    if (seekable) {
        off_t position = lseek(engine->target->stream, 0, SEEK_CUR);
        stream->file_offset = position > 0 ? (uint64_t)position : 0;
    } else {
        fcntl(engine->target->stream, F_SETPIPE_SZ, PIPE_BYTES);
    }

    pthread_mutex_lock(&engine->lock);
    while (!engine->stopping && stream->next_write < stream->chunks) {
        struct ladle_frame *frame;
        struct ladle_chunk *chunk;
        if (!next_to_write(engine, &frame, &chunk)) {
            pthread_cond_wait(&stream->ready, &engine->lock);
            continue;
        }
        pthread_mutex_unlock(&engine->lock);
        int status = frame ? write_frame(engine, frame->data, frame->bytes, seekable)
                           : write_frame(engine, chunk->data, chunk->expected, seekable);
        int code = errno;
        pthread_mutex_lock(&engine->lock);
        if (status == LADLE_OK)
            book_written(engine, frame, chunk);
        else if (!engine->stopping)
            ladle_engine_stop(engine, write_failure(engine, code));
    }
    pthread_mutex_unlock(&engine->lock);
    if (seekable)
        lseek(engine->target->stream, (off_t)stream->file_offset, SEEK_SET);
    return NULL;
}

int ladle_stream_begin(struct ladle_engine *engine)
{
    struct ladle_stream *stream = &engine->stream;
    stream->chunks = (engine->plan->shards[0].bytes + LADLE_CHUNK_BYTES - 1) / LADLE_CHUNK_BYTES;
    if (compressed(engine) && (!make_frames(engine) || !make_contexts(engine)))
        return ladle_fail_memory(engine->error, "compression");
    int code = pthread_create(&stream->thread, NULL, write_in_order, engine);
    if (code != 0)
        return ladle_fail_errno(engine->error, LADLE_FAILED, code, "starting the writing thread");
    stream->started = true;
    return LADLE_OK;
}

void ladle_stream_finish(struct ladle_engine *engine)
{
    struct ladle_stream *stream = &engine->stream;
    if (stream->started) {
        pthread_mutex_lock(&engine->lock);
        engine->stopping = true; /* where nobody else came so far as to say it */
        pthread_cond_broadcast(&stream->ready);
        pthread_mutex_unlock(&engine->lock);
        pthread_join(stream->thread, NULL);
    }
    for (unsigned i = 0; stream->contexts && i < engine->plan->threads; i++)
        ZSTD_freeCCtx(stream->contexts[i]);
    pthread_cond_destroy(&stream->ready);
}

bool ladle_stream_next_pack(struct ladle_engine *engine, struct ladle_chunk **chunk, struct ladle_frame **frame)
{
    struct ladle_stream *stream = &engine->stream;
    if (!stream->frames)
        return false;
    for (uint32_t i = 0; i < stream->frame_count; i++) {
        if (stream->frames[i].taken)
            continue;
        *chunk = ladle_chunks_take_full(&engine->chunks, stream->next_pack);
        if (!*chunk)
            return false;
        *frame = &stream->frames[i];
        **frame = (struct ladle_frame){.data = (*frame)->data, .number = stream->next_pack++, .taken = true};
        return true;
    }
    return false;
}

int ladle_stream_pack(struct ladle_engine *engine, unsigned worker, const struct ladle_chunk *chunk, struct ladle_frame *frame)
{
    size_t bytes = ZSTD_compress2(engine->stream.contexts[worker], frame->data, engine->plan->memory.frame_bytes, chunk->data,
                                  chunk->expected);
    if (!ZSTD_isError(bytes)) {
        frame->bytes = bytes;
        return LADLE_OK;
    }
    pthread_mutex_lock(&engine->lock);
    int status = ladle_fail(engine->error, LADLE_FAILED, "%s: zstd: %s", engine->target->stream_name, ZSTD_getErrorName(bytes));
    pthread_mutex_unlock(&engine->lock);
    return status;
}

void ladle_stream_packed(struct ladle_engine *engine, struct ladle_chunk *chunk, struct ladle_frame *frame)
{
    if (engine->target->frame_bytes)
        engine->target->frame_bytes[frame->number] = (uint32_t)frame->bytes;
    frame->ready = true;
    ladle_chunks_release(&engine->chunks, chunk);
    pthread_cond_signal(&engine->stream.ready);
    pthread_cond_broadcast(&engine->work);
}

bool ladle_stream_is_done(const struct ladle_engine *engine)
{
    return !engine->target->stream_name || engine->stream.next_write == engine->stream.chunks;
}
