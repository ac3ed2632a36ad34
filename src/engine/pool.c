/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/size.h"
#include "engine/io.h"
#include "ladle/error.h"

#define NO_SLOT UINT32_MAX
/* A huge page, so that each is cleared by one hand. */
#define PART_BYTES ((size_t)2 << 20)

int ladle_pool_init(struct ladle_pool *pool, size_t slot_bytes, uint32_t slots)
{
    *pool = (struct ladle_pool){.slot_bytes = slot_bytes, .slots = slots, .free_count = slots, .open_slot = NO_SLOT};
    pool->bytes = slot_bytes * slots;
    pool->free_list = calloc(slots ? slots : 1, sizeof *pool->free_list);
    pool->uses = calloc(slots ? slots : 1, sizeof *pool->uses);
    if (!pool->free_list || !pool->uses)
        goto fail;
    if (pool->bytes > 0) {
        void *base = mmap(NULL, pool->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (base == MAP_FAILED)
            goto fail;
        pool->base = base;
        /* Without huge pages the kernel pins 512 times as many pages for each transfer: 6 to 28 % slower. */
        madvise(base, pool->bytes, MADV_HUGEPAGE);
    }
    for (uint32_t i = 0; i < slots; i++)
        pool->free_list[i] = slots - 1 - i;
    return LADLE_OK;
fail:
    ladle_pool_finish(pool);
    return LADLE_NO_MEMORY;
}

void ladle_pool_finish(struct ladle_pool *pool)
{
    if (pool->base)
        munmap(pool->base, pool->bytes);
    free(pool->free_list);
    free(pool->uses);
    memset(pool, 0, sizeof *pool);
}

static void put_back(struct ladle_pool *pool, uint32_t slot) { pool->free_list[pool->free_count++] = slot; }

/* Lets go of the slot that small pieces share; it is free at once if none is in use any more. */
static void close_open_slot(struct ladle_pool *pool)
{
    if (pool->open_slot != NO_SLOT && pool->uses[pool->open_slot] == 0)
        put_back(pool, pool->open_slot);
    pool->open_slot = NO_SLOT;
    pool->open_used = 0;
}

uint8_t *ladle_pool_take(struct ladle_pool *pool, size_t bytes)
{
    bytes = ladle_round_up(bytes, LADLE_IO_ALIGNMENT);
    bool small = bytes <= pool->slot_bytes / 2;
    if (small && pool->open_slot != NO_SLOT && pool->open_used + bytes <= pool->slot_bytes) {
        uint8_t *piece = pool->base + pool->open_slot * pool->slot_bytes + pool->open_used;
        pool->open_used += bytes;
        pool->uses[pool->open_slot]++;
        return piece;
    }
    if (pool->free_count == 0 && pool->open_slot != NO_SLOT && pool->uses[pool->open_slot] == 0)
        close_open_slot(pool);
    if (pool->free_count == 0)
        return NULL;
    if (small)
        close_open_slot(pool);
    uint32_t slot = pool->free_list[--pool->free_count];
    pool->uses[slot] = 1;
    pool->reached = slot < pool->reached ? pool->reached : slot + 1;
    if (small) {
        pool->open_slot = slot;
        pool->open_used = bytes;
    }
    return pool->base + slot * pool->slot_bytes;
}

static uint32_t slot_of(const struct ladle_pool *pool, const uint8_t *piece)
{
    return (uint32_t)((size_t)(piece - pool->base) / pool->slot_bytes);
}

void ladle_pool_share(struct ladle_pool *pool, const uint8_t *piece) { pool->uses[slot_of(pool, piece)]++; }

void ladle_pool_give(struct ladle_pool *pool, const uint8_t *piece)
{
    uint32_t slot = slot_of(pool, piece);
    if (--pool->uses[slot] > 0)
        return;
    if (slot == pool->open_slot)
        pool->open_used = 0; /* stays open, empty again */
    else
        put_back(pool, slot);
}

bool ladle_pool_expect(struct ladle_pool *pool, uint64_t slots)
{
    uint32_t before = pool->expected;
    pool->expected = (uint32_t)ladle_min(pool->slots, ladle_max(before, slots));
    return pool->expected > before;
}

/* The list of free slots is a stack that the first slots lie on top of, so that the mapping is used from its beginning. */
bool ladle_pool_next_untouched(struct ladle_pool *pool, uint8_t **part, size_t *bytes)
{
    if (pool->reached >= pool->expected)
        return false;
    size_t begin = ladle_max(pool->ready_bytes, pool->reached * pool->slot_bytes), end = pool->expected * pool->slot_bytes;
    begin += (PART_BYTES - (uintptr_t)(pool->base + begin) % PART_BYTES) % PART_BYTES;
    if (begin + PART_BYTES > end)
        return false;
    pool->ready_bytes = begin + PART_BYTES;
    *part = pool->base + begin;
    *bytes = PART_BYTES;
    return true;
}

void ladle_pool_touch(uint8_t *part, size_t bytes)
{
#ifdef MADV_POPULATE_WRITE
    madvise(part, bytes, MADV_POPULATE_WRITE);
#else
    (void)part, (void)bytes;
#endif
}

struct ladle_pool_mark ladle_pool_mark(const struct ladle_pool *pool)
{
    return (struct ladle_pool_mark){.open_slot = pool->open_slot, .open_used = pool->open_used};
}

void ladle_pool_rewind(struct ladle_pool *pool, struct ladle_pool_mark mark)
{
    if (pool->open_slot == mark.open_slot && pool->open_used > mark.open_used)
        pool->open_used = mark.open_used;
}
