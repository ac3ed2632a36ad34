/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/stream.h"

#define ZSTD_STATIC_LINKING_ONLY /* for contexts in memory of ours */
#include <zstd.h>

#include "base/size.h"
#include "engine/state.h"

static bool is_compressed(const struct ladle_engine *engine)
{
    return engine->target->zstd_level > 0;
}

static bool make_contexts(struct ladle_engine *engine)
{
    struct ladle_stream *stream = &engine->stream;
    stream->contexts = ladle_arena_take_array(&engine->arena, engine->plan->threads, sizeof *stream->contexts);
    for (unsigned i = 0; stream->contexts && i < engine->plan->threads; i++) {
        stream->contexts[i] = ladle_arena_take(&engine->arena, engine->plan->memory.pack_bytes);
        if (!stream->contexts[i])
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

static bool must_stop(void *self)
{
    struct ladle_engine *engine = self;
    pthread_mutex_lock(&engine->lock);
    bool stop = engine->stopping;
    pthread_mutex_unlock(&engine->lock);
    return stop;
}

/* What goes out next, if it is ready: a frame, or the chunk itself where nothing is compressed. */
static bool next_to_write(struct ladle_engine *engine, struct ladle_frame **frame, struct ladle_chunk **chunk)
{
    struct ladle_stream *stream = &engine->stream;
    *frame = NULL;
    *chunk = NULL;
    if (!is_compressed(engine)) {
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
    uint64_t left = ladle_plan_space_bytes(engine->plan) - stream->next_write * LADLE_CHUNK_BYTES;
    engine->bytes_written += ladle_min(left, LADLE_CHUNK_BYTES);
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

    pthread_mutex_lock(&engine->lock);
    while (!engine->stopping && stream->next_write < stream->chunks) {
        struct ladle_frame *frame;
        struct ladle_chunk *chunk;
        if (!next_to_write(engine, &frame, &chunk)) {
            pthread_cond_wait(&stream->ready, &engine->lock);
            continue;
        }
        pthread_mutex_unlock(&engine->lock);
        int code = frame ? ladle_sender_send(engine->target->sender, frame->data, frame->bytes)
                         : ladle_sender_send(engine->target->sender, chunk->data, chunk->expected);
        pthread_mutex_lock(&engine->lock);
        if (code == 0)
            book_written(engine, frame, chunk);
        else if (!engine->stopping)
            ladle_engine_stop(engine, ladle_sender_fail(engine->target->sender, code, engine->error));
    }
    pthread_mutex_unlock(&engine->lock);
    return NULL;
}

int ladle_stream_begin(struct ladle_engine *engine)
{
    struct ladle_stream *stream = &engine->stream;
    stream->next_pack = stream->next_write = engine->target->first_chunk;
    stream->chunks = ladle_plan_chunks(engine->plan);
    if (is_compressed(engine) && (!make_frames(engine) || !make_contexts(engine)))
        return ladle_fail_memory(engine->error, "compression");
    engine->target->sender->stop = must_stop;
    engine->target->sender->self = engine;
    int code = pthread_create(&stream->thread, NULL, write_in_order, engine);
    if (code != 0)
        return ladle_fail_errno(engine->error, LADLE_FAILED, code, "starting the writing thread");
    stream->started = true;
    return LADLE_OK;
}

void ladle_stream_end(struct ladle_engine *engine)
{
    struct ladle_stream *stream = &engine->stream;
    if (!stream->started)
        return;
    pthread_mutex_lock(&engine->lock);
    engine->stopping = true; /* where nobody else came so far as to say it */
    pthread_cond_broadcast(&stream->ready);
    pthread_mutex_unlock(&engine->lock);
    pthread_join(stream->thread, NULL);
    engine->target->sender->stop = NULL;
}

bool ladle_stream_next_pack(struct ladle_engine *engine, struct ladle_chunk **chunk, struct ladle_frame **frame)
{
    struct ladle_stream *stream = &engine->stream;
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

/* A context that has seen nothing yet. One that is used again gives, in some versions of zstd, other bytes: it salts its
 * tables with what it compressed before, and that would depend on which worker took which chunk. Returns NULL if there is
 * not enough memory for one. */
static ZSTD_CCtx *fresh_context(struct ladle_engine *engine, unsigned worker)
{
    ZSTD_CCtx *context = ZSTD_initStaticCCtx(engine->stream.contexts[worker], engine->plan->memory.pack_bytes);
    if (!context || ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, engine->target->zstd_level)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1)) || /* in memory of ours it is off */
        ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)))
        return NULL;
    return context;
}

int ladle_stream_pack(struct ladle_engine *engine, unsigned worker, const struct ladle_chunk *chunk,
                      struct ladle_frame *frame)
{
    ZSTD_CCtx *context = fresh_context(engine, worker);
    size_t bytes = 0;
    if (context) {
        bytes = ZSTD_compress2(context, frame->data, engine->plan->memory.frame_bytes, chunk->data, chunk->expected);
        if (!ZSTD_isError(bytes)) {
            frame->bytes = bytes;
            return LADLE_OK;
        }
    }
    pthread_mutex_lock(&engine->lock);
    int status = ladle_fail(engine->error, LADLE_FAILED, "%s: zstd: %s", engine->target->sender->name,
                            context ? ZSTD_getErrorName(bytes) : "no context");
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
    return !engine->target->sender || engine->stream.next_write == engine->stream.chunks;
}
