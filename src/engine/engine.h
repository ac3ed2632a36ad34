/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_ENGINE_ENGINE_H
#define LADLE_ENGINE_ENGINE_H

/* Carrying out a plan: blocks are read, methods applied, output chunks handed to a sink. */

#include "plan/plan.h"

/* Where the output's chunks go: files at known offsets. Filled by the output room before the engine runs. */
struct ladle_target {
    /* For each shard of the plan, a descriptor open for writing; `direct` says whether all were opened with O_DIRECT. */
    const int *fds;
    bool direct;
    uint64_t first_chunk; /* chunks before this one are on the disk from an earlier run */
};

struct ladle_engine_result {
    uint64_t bytes_read, bytes_written, extra_passes;
    double seconds;
};

/* Runs all jobs. On return nothing is in flight and no thread of the engine lives, whatever the result.
 * Returns LADLE_OK: every byte was handed to the kernel, nothing is synced yet; LADLE_FAILED; LADLE_STOPPED; LADLE_NO_MEMORY. */
int ladle_engine_run(const struct ladle_plan *plan, const struct ladle_target *target, struct ladle_engine_result *result,
                     struct ladle_error *error);

#endif
