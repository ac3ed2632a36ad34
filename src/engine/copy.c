/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/copy.h"

#include <string.h>

#include "base/size.h"

static void copy_bytes(const struct ladle_job *job, const struct ladle_block *block, const struct ladle_output *output)
{
    const uint8_t *from = block->data[0];
    for (unsigned i = 0; i < output->piece_count; i++) {
        size_t bytes = output->pieces[i].elems * ladle_output_unit_bytes(job);
        memcpy(output->pieces[i].data, from, bytes);
        from += bytes;
    }
}

static int write_text(struct ladle_engine *engine, const struct ladle_job *job, const struct ladle_block *block,
                      const struct ladle_output *output)
{
    uint64_t first = block->first;
    for (unsigned i = 0; i < output->piece_count; i++) {
        int status = ladle_plan_text(engine->plan, job, first, output->pieces[i].elems, output->pieces[i].data, NULL);
        if (status != LADLE_OK) { /* once more for the message, which is the lock's */
            pthread_mutex_lock(&engine->lock);
            ladle_plan_text(engine->plan, job, first, output->pieces[i].elems, output->pieces[i].data, engine->error);
            status = ladle_fail(engine->error, status, "%s: cannot be made", job->name);
            pthread_mutex_unlock(&engine->lock);
            return status;
        }
        first += output->pieces[i].elems;
    }
    return LADLE_OK;
}

/* Only floating-point tensors can be merged: others must be the same everywhere. */
static int check_equal(struct ladle_engine *engine, const struct ladle_job *job, const struct ladle_block *block)
{
    size_t bytes = ladle_stored_bytes(job->dtype, block->elems);
    for (unsigned i = 1; i < job->source_count; i++) {
        if (memcmp(block->data[0], block->data[i], bytes) == 0)
            continue;
        pthread_mutex_lock(&engine->lock);
        int status = ladle_fail(engine->error, LADLE_FAILED,
                                "%s: holds %s that differ between '%s' and '%s'; only floating-point tensors can be merged",
                                job->name, ladle_dtype_name(job->dtype),
                                ladle_plan_model_name(engine->plan, job->sources[0].model),
                                ladle_plan_model_name(engine->plan, job->sources[i].model));
        pthread_mutex_unlock(&engine->lock);
        return status;
    }
    return LADLE_OK;
}

/* To the stored type by way of T, a strip at a time. */
static void convert(struct ladle_engine *engine, const struct ladle_job *job, const struct ladle_block *block,
                    const struct ladle_output *output, void *scratch)
{
    const struct ladle_arithmetic *arithmetic = &engine->kernels->real[job->real];
    const uint8_t *from = block->data[0];
    uint64_t from_bytes = ladle_stored_bytes(job->sources[0].dtype, 1), to_bytes = ladle_stored_bytes(job->dtype, 1);
    for (unsigned i = 0; i < output->piece_count; i++) {
        uint8_t *to = output->pieces[i].data;
        for (size_t left = output->pieces[i].elems, elems; left > 0; left -= elems) {
            elems = ladle_min(LADLE_STRIP, left);
            arithmetic->widen[job->sources[0].dtype](scratch, from, elems);
            arithmetic->narrow[job->dtype](to, scratch, elems, output->counts);
            from += elems * from_bytes;
            to += elems * to_bytes;
        }
    }
}

/* A base that nothing is merged into is the result of a merge all the same, in which NaN is the positive quiet one. */
static bool is_merged(const struct ladle_job *job)
{
    return job->action == LADLE_ACTION_COPY && job->has_base && ladle_dtype_mergeable(job->dtype);
}

int ladle_copy_block(struct ladle_engine *engine, const struct ladle_job *job, const struct ladle_block *block,
                     const struct ladle_output *output, void *scratch)
{
    if (job->action == LADLE_ACTION_TEXT)
        return write_text(engine, job, block, output);
    if (job->action == LADLE_ACTION_COPY_IF_EQUAL) {
        int status = check_equal(engine, job, block);
        if (status != LADLE_OK)
            return status;
    }
    if (job->sources[0].dtype == job->dtype && !is_merged(job))
        copy_bytes(job, block, output);
    else
        convert(engine, job, block, output, scratch);
    return LADLE_OK;
}
