/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_ENGINE_POOL_H
#define LADLE_ENGINE_POOL_H

/* The memory that blocks are read into: one mapping, cut into slots of one size. What takes half a slot or less shares one
 * with its neighbours in time, so that many small tensors do not waste it. Not thread-safe: the engine's lock guards it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ladle_pool {
    uint8_t *base;
    size_t bytes;
    size_t slot_bytes;
    uint32_t slots, free_count;
    uint32_t *free_list;  /* free_count slot numbers */
    uint32_t *uses;       /* pieces in use of each slot */
    uint32_t open_slot;   /* shared by small pieces; UINT32_MAX: none */
    size_t open_used;     /* bytes of it */
    uint32_t reached;     /* slots from this one on were never taken */
    uint32_t expected;    /* slots up to this one will be */
    size_t ready_bytes;   /* of the mapping, were made ready */
};

/* slot_bytes must be a multiple of LADLE_IO_ALIGNMENT. Returns LADLE_OK or LADLE_NO_MEMORY (nothing is left). */
int ladle_pool_init(struct ladle_pool *pool, size_t slot_bytes, uint32_t slots);
void ladle_pool_finish(struct ladle_pool *pool);

/* A piece of at most slot_bytes, aligned to LADLE_IO_ALIGNMENT; NULL if none is free now. */
uint8_t *ladle_pool_take(struct ladle_pool *pool, size_t bytes);
/* One more user of a piece: it is to be given once more. */
void ladle_pool_share(struct ladle_pool *pool, const uint8_t *piece);
void ladle_pool_give(struct ladle_pool *pool, const uint8_t *piece);

/* Memory that was never used costs the first who touches it: the kernel clears it, and under a virtual machine the host must
 * find it first, which takes longer than reading from a good disk. Whoever submits reads should not be the one to wait.
 *
 * Tells how many slots are going to be in use at once. Returns whether some of them were not expected before. */
bool ladle_pool_expect(struct ladle_pool *pool, uint64_t slots);
/* The next part of the expected memory that nobody has touched; false if there is none. */
bool ladle_pool_next_untouched(struct ladle_pool *pool, uint8_t **part, size_t *bytes);
/* Makes a part ready to be used, without the lock. Kernels before 5.14 cannot; the reads then do it. */
void ladle_pool_touch(uint8_t *part, size_t bytes);

/* Where small pieces are being taken from, to go back to when what was taken since is given back again. */
struct ladle_pool_mark {
    uint32_t open_slot;
    size_t open_used;
};
struct ladle_pool_mark ladle_pool_mark(const struct ladle_pool *pool);
void ladle_pool_rewind(struct ladle_pool *pool, struct ladle_pool_mark mark);

#endif
