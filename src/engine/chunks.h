/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_ENGINE_CHUNKS_H
#define LADLE_ENGINE_CHUNKS_H

/* The output stream in aligned pieces. Workers fill chunks with results, several tensors to a chunk or several chunks to a
 * tensor; a full one is written and its memory used again. Chunks are opened in the order of the output, so what is open is
 * always the earliest part not yet written, and the blocks that will fill it are under way or next: nobody waits for ever.
 * The engine's lock guards everything here. */

#include <stdbool.h>

#include "engine/engine.h"
#include "engine/io.h"

struct ladle_chunk {
    uint64_t number;       /* position / chunk_bytes */
    uint8_t *data;
    uint64_t expected;     /* bytes of the output in it */
    uint64_t filled;
    uint32_t extent;
    bool in_use;           /* from being opened until it is written */
    struct ladle_io_request request;
    struct ladle_chunk *next;
};

struct ladle_chunks {
    const struct ladle_plan *plan;
    uint8_t *memory;
    uint64_t memory_bytes;
    struct ladle_chunk *all;
    uint32_t count;
    struct ladle_chunk *unused;          /* memory that is free */
    uint32_t unused_count;
    struct ladle_chunk *full, **full_end; /* waiting to be written, in the order they became full */
    struct ladle_chunk *open;            /* being filled, latest first */
    uint64_t next_number;                /* the chunk to be opened next */
    uint64_t first_kept;                 /* chunks before this one were written by an earlier run */
    uint32_t next_extent;
    uint64_t start;                      /* the first position that will be filled */
};

/*   start       position of the first byte that will come; what is before it in its chunk counts as there
 *   first_kept  chunks before this one are filled but not written: an earlier run did
 * Returns LADLE_OK or LADLE_NO_MEMORY. */
int ladle_chunks_init(struct ladle_chunks *chunks, const struct ladle_plan *plan, uint64_t start, uint64_t first_kept);
void ladle_chunks_finish(struct ladle_chunks *chunks);

/* Most stretches that one block's output is spread over. */
unsigned ladle_chunks_most_pieces(const struct ladle_plan *plan);

/* Finds room for the output bytes [position, position + bytes): opens chunks as needed.
 *   pieces  receives the stretches in order, `elems` counted in units of elem_bytes
 * Returns how many; 0 if there are not enough free chunks now. */
unsigned ladle_chunks_reserve(struct ladle_chunks *chunks, uint64_t position, uint64_t bytes, unsigned elem_bytes,
                              struct ladle_piece *pieces);

/* Says that these output bytes are in place. A chunk that becomes full waits to be written; one that an earlier run wrote
 * gives its memory back. Returns whether there was one of either kind. */
bool ladle_chunks_filled(struct ladle_chunks *chunks, uint64_t position, uint64_t bytes);

/* The next full chunk, with its request ready but for the descriptor; NULL if there is none. */
struct ladle_chunk *ladle_chunks_next_full(struct ladle_chunks *chunks, bool direct);

/* Takes the full chunk of this number out of those waiting; NULL if it is not among them. */
struct ladle_chunk *ladle_chunks_take_full(struct ladle_chunks *chunks, uint64_t number);

/* Gives a written chunk's memory back. */
void ladle_chunks_release(struct ladle_chunks *chunks, struct ladle_chunk *chunk);

#endif
