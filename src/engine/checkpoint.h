/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_ENGINE_CHECKPOINT_H
#define LADLE_ENGINE_CHECKPOINT_H

/* Making what was written last, every few seconds: the files are synced beside the running merge, then the caller may record
 * how far the output is on the disk. Used by the pump alone. */

#include <stdbool.h>
#include <stdint.h>

#include "engine/io.h"

struct ladle_engine;

struct ladle_checkpoint {
    double last;         /* when the last one began */
    uint64_t recorded;   /* chunks before this one were recorded */
    uint64_t chunk;      /* chunks before this one are being synced */
    uint32_t extent;     /* whose file is being synced */
    bool syncing;
    bool failed;         /* a sync failed: the next one would not tell, so nothing is recorded any more */
    struct ladle_io_request request;
};

/* Begins a checkpoint if it is time. With the engine's lock held. */
void ladle_checkpoint_begin(struct ladle_engine *engine, double now);

/* A sync came back: syncs the next file, or records. With the lock held. */
void ladle_checkpoint_continue(struct ladle_engine *engine);

/* Syncs and records what a merge that ends early has done, when no other thread is left. Failures are not reported: the
 * merge has failed already, and the record before this one still holds. */
void ladle_checkpoint_last(struct ladle_engine *engine);

#endif
