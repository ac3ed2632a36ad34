/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/chunks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/size.h"

int ladle_chunks_init(struct ladle_chunks *chunks, const struct ladle_plan *plan, uint64_t start, uint64_t first_kept)
{
    uint32_t count = plan->memory.chunks;
    *chunks = (struct ladle_chunks){.plan = plan, .count = count, .start = start, .first_kept = first_kept};
    chunks->next_number = start / plan->memory.chunk_bytes;
    chunks->full_end = &chunks->full;
    chunks->memory_bytes = plan->memory.chunk_bytes * count;
    chunks->all = calloc(count, sizeof *chunks->all);
    if (!chunks->all)
        return LADLE_NO_MEMORY;
    void *memory = mmap(NULL, chunks->memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        free(chunks->all);
        chunks->all = NULL;
        return LADLE_NO_MEMORY;
    }
    chunks->memory = memory;
    madvise(memory, chunks->memory_bytes, MADV_HUGEPAGE);
    for (uint32_t i = count; i-- > 0;) {
        chunks->all[i].data = chunks->memory + i * plan->memory.chunk_bytes;
        ladle_chunks_release(chunks, &chunks->all[i]);
    }
    return LADLE_OK;
}

void ladle_chunks_finish(struct ladle_chunks *chunks)
{
    if (chunks->memory)
        munmap(chunks->memory, chunks->memory_bytes);
    free(chunks->all);
    memset(chunks, 0, sizeof *chunks);
}

unsigned ladle_chunks_most_pieces(const struct ladle_plan *plan) { return plan->memory.chunks + 1; }

/* Opens the next chunk of the output; there must be unused memory. */
static void open_next(struct ladle_chunks *chunks)
{
    const struct ladle_plan *plan = chunks->plan;
    struct ladle_chunk *chunk = chunks->unused;
    chunks->unused = chunk->next;
    chunks->unused_count--;

    uint64_t start = chunks->next_number * plan->memory.chunk_bytes;
    while (start >= plan->extents[chunks->next_extent].position + plan->extents[chunks->next_extent].bytes)
        chunks->next_extent++;
    const struct ladle_extent *extent = &plan->extents[chunks->next_extent];
    chunk->number = chunks->next_number++;
    chunk->in_use = true;
    chunk->extent = chunks->next_extent;
    chunk->expected = ladle_min(plan->memory.chunk_bytes, extent->position + extent->bytes - start);
    chunk->filled = chunks->start > start ? chunks->start - start : 0;
    chunk->next = chunks->open;
    chunks->open = chunk;
}

static struct ladle_chunk *find_open(struct ladle_chunks *chunks, uint64_t number)
{
    struct ladle_chunk *chunk = chunks->open;
    while (chunk->number != number)
        chunk = chunk->next;
    return chunk;
}

unsigned ladle_chunks_reserve(struct ladle_chunks *chunks, uint64_t position, uint64_t bytes, unsigned elem_bytes,
                              struct ladle_piece *pieces)
{
    uint64_t chunk_bytes = chunks->plan->memory.chunk_bytes;
    uint64_t last = (position + bytes - 1) / chunk_bytes;
    if (last >= chunks->next_number && last - chunks->next_number + 1 > chunks->unused_count)
        return 0;
    while (chunks->next_number <= last)
        open_next(chunks);

    unsigned count = 0;
    while (bytes > 0) {
        uint64_t within = position % chunk_bytes, part = ladle_min(bytes, chunk_bytes - within);
        struct ladle_chunk *chunk = find_open(chunks, position / chunk_bytes);
        pieces[count++] = (struct ladle_piece){.data = chunk->data + within, .elems = part / elem_bytes};
        position += part;
        bytes -= part;
    }
    return count;
}

static void close_full(struct ladle_chunks *chunks, struct ladle_chunk *chunk)
{
    struct ladle_chunk **link = &chunks->open;
    while (*link != chunk)
        link = &(*link)->next;
    *link = chunk->next;
    if (chunk->number < chunks->first_kept) {
        ladle_chunks_release(chunks, chunk);
        return;
    }
    chunk->next = NULL;
    *chunks->full_end = chunk;
    chunks->full_end = &chunk->next;
}

bool ladle_chunks_filled(struct ladle_chunks *chunks, uint64_t position, uint64_t bytes)
{
    uint64_t chunk_bytes = chunks->plan->memory.chunk_bytes;
    bool any_full = false;
    while (bytes > 0) {
        uint64_t part = ladle_min(bytes, chunk_bytes - position % chunk_bytes);
        struct ladle_chunk *chunk = find_open(chunks, position / chunk_bytes);
        chunk->filled += part;
        if (chunk->filled == chunk->expected) {
            close_full(chunks, chunk);
            any_full = true;
        }
        position += part;
        bytes -= part;
    }
    return any_full;
}

struct ladle_chunk *ladle_chunks_next_full(struct ladle_chunks *chunks, bool direct)
{
    struct ladle_chunk *chunk = chunks->full;
    if (!chunk)
        return NULL;
    chunks->full = chunk->next;
    if (!chunks->full)
        chunks->full_end = &chunks->full;
    uint64_t bytes = direct ? ladle_round_up(chunk->expected, LADLE_IO_ALIGNMENT) : chunk->expected;
    memset(chunk->data + chunk->expected, 0, bytes - chunk->expected);
    chunk->request = (struct ladle_io_request){
        .kind = LADLE_IO_WRITE,
        .buffer = chunk->data,
        .bytes = bytes,
        .least = bytes,
        .offset = chunk->number * chunks->plan->memory.chunk_bytes - chunks->plan->extents[chunk->extent].position,
        .owner = chunk,
    };
    return chunk;
}

struct ladle_chunk *ladle_chunks_take_full(struct ladle_chunks *chunks, uint64_t number)
{
    for (struct ladle_chunk **link = &chunks->full; *link; link = &(*link)->next) {
        struct ladle_chunk *chunk = *link;
        if (chunk->number != number)
            continue;
        *link = chunk->next;
        if (!*link)
            chunks->full_end = link;
        return chunk;
    }
    return NULL;
}

void ladle_chunks_release(struct ladle_chunks *chunks, struct ladle_chunk *chunk)
{
    chunk->in_use = false;
    chunk->next = chunks->unused;
    chunks->unused = chunk;
    chunks->unused_count++;
}
