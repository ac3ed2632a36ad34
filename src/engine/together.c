/* SPDX-License-Identifier: Apache-2.0 */
#include "base/size.h"
#include "engine/state.h"

/* Small tensors that lie side by side in their files are read by one request a source: a request costs the same whatever it
 * brings, and there are models of 100,000 tensors. */

/* More gain nothing. */
#define MOST_TOGETHER 64u
/* Bytes between two tensors that are read along with them. */
#define GAP_BYTES 4096u

static uint64_t source_bytes(const struct ladle_job *job, unsigned source)
{
    return ladle_stored_bytes(job->sources[source].dtype, job->elems);
}

/* A single block, which no pass reads again. */
static bool is_read_once(const struct ladle_job *job)
{
    return job->source_count > 0 && ladle_job_blocks(job) == 1 && (job->passes == 0 || job->resident_blocks > 0);
}

/* Whether `next` lies behind `job` in all files, and what is read from `first` on still goes into one slot. */
static bool goes_along(const struct ladle_engine *engine, const struct ladle_job *first, const struct ladle_job *job,
                       const struct ladle_job *next)
{
    if (!is_read_once(next) || next->source_count != job->source_count)
        return false;
    for (unsigned i = 0; i < job->source_count; i++) {
        const struct ladle_source *from = &job->sources[i], *to = &next->sources[i];
        uint64_t end = from->offset + source_bytes(job, i);
        uint64_t bytes = to->offset + source_bytes(next, i) - first->sources[i].offset;
        if (to->file != from->file || to->offset < end || to->offset - end > GAP_BYTES ||
            bytes + 2 * LADLE_IO_ALIGNMENT > engine->pool.slot_bytes)
            return false;
    }
    return true;
}

uint32_t ladle_reader_together(const struct ladle_engine *engine)
{
    const struct ladle_job *first = &engine->plan->jobs[engine->reader.job];
    const struct ladle_run *run = engine->free_runs;
    const struct ladle_loaded *block = engine->free_blocks;
    uint64_t left = engine->plan->job_count - engine->reader.job;
    uint32_t count = 1;
    if (!is_read_once(first))
        return 1;
    while (count < left && count < MOST_TOGETHER && run && run->next && block && block->next &&
           goes_along(engine, first, &first[count - 1], &first[count])) {
        count++;
        run = run->next;
        block = block->next;
    }
    return count;
}
