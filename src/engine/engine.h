/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_ENGINE_ENGINE_H
#define LADLE_ENGINE_ENGINE_H

/* Carrying out a plan: blocks are read, methods applied, output chunks handed to a sink. */

#include "engine/sender.h"
#include "plan/plan.h"

/* Where the output goes: into files at known offsets, or down a stream front to back. Filled by the output room. */
struct ladle_target {
    /* For each extent of the plan, a descriptor: open for writing, or for syncing alone where a sender writes. `direct` says
     * whether all were opened with O_DIRECT (chunks are then written in multiples of 4096 bytes and the caller cuts the end
     * off). A stream without checkpoints needs none. */
    const int *fds;
    bool direct;
    uint64_t first_chunk; /* chunks before this one are on the disk from an earlier run; a sender stands behind them */

    /* Called by the thread that runs the engine after all chunks before `chunk` were written and their files synced, every
     * few seconds. The workers go on meanwhile, so it may wait for a disk; none of their messages comes before it returns.
     * NULL: nothing is synced before the end. */
    void (*checkpoint)(void *self, uint64_t chunk);

    /* A stream instead of files, if it is not NULL: bytes go out in order, down a pipe or into a file. The plan has one
     * extent then. For checkpoints its file is opened a second time: an error of the disk is told once to each opening, and
     * the sender's may be told first.
     * With zstd_level > 0 each chunk becomes a zstd frame with a checksum, which depends on the chunk and the level alone.
     * What the sender keeps back at the end, whatever the result, is the caller's to send: it may still find that the output
     * must not be whole. */
    struct ladle_sender *sender; /* the engine sets its stop function */
    int zstd_level;
    uint32_t *frame_bytes;   /* [chunks of the output]: receives the size of each frame that is made, and has those of all
                              * chunks that a checkpoint speaks of; NULL without compression */

    void *self;
};

/* What this run moved, and passes beyond those that the plan expected. */
struct ladle_engine_result {
    uint64_t bytes_read, bytes_written, extra_passes;
};

/* Runs all jobs. On return nothing is in flight and no thread of the engine lives, whatever the status.
 *   result   filled in any case
 * Returns LADLE_OK: every byte was handed to the kernel, nothing is synced yet; LADLE_FAILED; LADLE_STOPPED;
 * LADLE_NO_MEMORY. */
int ladle_engine_run(const struct ladle_plan *plan, const struct ladle_target *target, struct ladle_engine_result *result,
                     struct ladle_error *error);

#endif
