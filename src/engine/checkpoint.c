/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/checkpoint.h"

#include <errno.h>
#include <unistd.h>

#include "engine/state.h"

#define EVERY_SECONDS 2.0

static double interval_seconds(const struct ladle_plan *plan)
{
    unsigned chosen = plan->options.checkpoint_ms;
    return chosen > 0 ? chosen * 1e-3 : EVERY_SECONDS;
}

/* Chunks before the result have been written. */
static uint64_t written_chunks(const struct ladle_engine *engine)
{
    const struct ladle_chunks *chunks = &engine->chunks;
    if (engine->target->sender)
        return engine->stream.next_write;
    uint64_t least = chunks->next_number;
    for (uint32_t i = 0; i < chunks->count; i++)
        if (chunks->all[i].in_use && chunks->all[i].number < least)
            least = chunks->all[i].number;
    return least;
}

static uint32_t extent_of(const struct ladle_plan *plan, uint64_t chunk)
{
    uint32_t extent = 0;
    while (extent + 1 < plan->extent_count && plan->extents[extent + 1].position <= chunk * LADLE_CHUNK_BYTES)
        extent++;
    return extent;
}

static void sync_extent(struct ladle_engine *engine)
{
    struct ladle_checkpoint *checkpoint = &engine->checkpoint;
    checkpoint->request = (struct ladle_io_request){
        .kind = LADLE_IO_SYNC, .fd = engine->target->fds[checkpoint->extent], .owner = checkpoint};
    ladle_io_submit(engine->io, &checkpoint->request);
}

void ladle_checkpoint_begin(struct ladle_engine *engine, double now)
{
    struct ladle_checkpoint *checkpoint = &engine->checkpoint;
    if (!engine->target->checkpoint || checkpoint->syncing || now - checkpoint->last < interval_seconds(engine->plan) ||
        !ladle_io_has_room(engine->io))
        return;
    checkpoint->chunk = written_chunks(engine);
    checkpoint->last = now;
    if (checkpoint->chunk <= checkpoint->recorded)
        return;
    checkpoint->syncing = true;
    checkpoint->extent = extent_of(engine->plan, checkpoint->recorded);
    sync_extent(engine);
}

/* To be called without the lock: a record is synced, and nobody else should wait for that. */
static void record(struct ladle_engine *engine)
{
    struct ladle_checkpoint *checkpoint = &engine->checkpoint;
    pthread_mutex_lock(&engine->log_lock); /* a record that cannot be written is a message */
    engine->target->checkpoint(engine->target->self, checkpoint->chunk);
    pthread_mutex_unlock(&engine->log_lock);
    checkpoint->recorded = checkpoint->chunk;
}

void ladle_checkpoint_continue(struct ladle_engine *engine)
{
    struct ladle_checkpoint *checkpoint = &engine->checkpoint;
    checkpoint->syncing = false;
    if (checkpoint->request.result != 0) {
        checkpoint->failed = true;
        ladle_engine_stop(engine, ladle_fail_errno(engine->error, LADLE_FAILED, checkpoint->request.result, "%s: syncing",
                                                   engine->plan->extents[checkpoint->extent].name));
    } else if (engine->stopping) {
        return; /* the last checkpoint follows when everything in flight is back */
    } else if (checkpoint->extent < extent_of(engine->plan, checkpoint->chunk - 1)) {
        checkpoint->syncing = true;
        checkpoint->extent++;
        sync_extent(engine);
    } else {
        pthread_mutex_unlock(&engine->lock);
        record(engine);
        pthread_mutex_lock(&engine->lock);
    }
}

void ladle_checkpoint_last(struct ladle_engine *engine)
{
    struct ladle_checkpoint *checkpoint = &engine->checkpoint;
    if (!engine->target->checkpoint || checkpoint->failed)
        return;
    checkpoint->chunk = written_chunks(engine);
    if (checkpoint->chunk <= checkpoint->recorded)
        return;
    uint32_t last = extent_of(engine->plan, checkpoint->chunk - 1);
    for (uint32_t extent = extent_of(engine->plan, checkpoint->recorded); extent <= last; extent++)
        if (fdatasync(engine->target->fds[extent]) != 0)
            return;
    record(engine);
}
