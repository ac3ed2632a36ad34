/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/state.h"

#include <string.h>

#include "base/size.h"

/* Pieces of a sample at most. */
#define MOST_PIECES 512u

/* The pieces of a source stand side by side in a slot until all are there, each with room to be read in aligned form. */
static uint64_t stride_bytes(uint8_t dtype)
{
    return ladle_round_up(ladle_stored_bytes(dtype, LADLE_SAMPLE_ELEMS), LADLE_IO_ALIGNMENT) + LADLE_IO_ALIGNMENT;
}

uint32_t ladle_sample_pieces(const struct ladle_engine *engine, const struct ladle_job *job)
{
    uint64_t widest = LADLE_IO_ALIGNMENT;
    for (unsigned i = 0; i < job->source_count; i++)
        widest = ladle_max(widest, stride_bytes(job->sources[i].dtype));
    uint64_t room = engine->pool.slot_bytes / widest, whole = job->elems / LADLE_SAMPLE_ELEMS;
    return (uint32_t)ladle_min(ladle_min(room, whole), MOST_PIECES);
}

/* How many the sample has: its block is as long as all of them. */
static uint64_t piece_count(const struct ladle_loaded *sample)
{
    return sample->block.elems / LADLE_SAMPLE_ELEMS;
}

uint64_t ladle_sample_place(const struct ladle_loaded *sample, unsigned source, uint32_t piece, uint8_t **memory)
{
    const struct ladle_job *job = sample->run->job;
    *memory = sample->pieces[source] + piece * stride_bytes(job->sources[source].dtype);
    return job->elems / piece_count(sample) * piece;
}

void ladle_sample_gather(struct ladle_loaded *sample)
{
    const struct ladle_job *job = sample->run->job;
    for (unsigned i = 0; i < job->source_count; i++) {
        const struct ladle_source *source = &job->sources[i];
        uint64_t bytes = ladle_stored_bytes(source->dtype, LADLE_SAMPLE_ELEMS);
        for (uint32_t piece = 0; piece < piece_count(sample); piece++) {
            uint8_t *memory;
            uint64_t first = ladle_sample_place(sample, i, piece, &memory);
            uint64_t start = source->offset + ladle_stored_bytes(source->dtype, first);
            memmove(sample->pieces[i] + piece * bytes, memory + start % LADLE_IO_ALIGNMENT, bytes);
        }
        sample->data[i] = sample->pieces[i];
    }
}
