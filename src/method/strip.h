/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_METHOD_STRIP_H
#define LADLE_METHOD_STRIP_H

/* Working through a block strip by strip: elements in, task vectors, results out; and carving a method's scratch memory into
 * arrays. All arrays hold elements of the task's working type T. */

#include <string.h>

#include "method/method.h"

/* The kernels for the task's working type. */
static inline const struct ladle_arithmetic *ladle_strip_kernels(const struct ladle_task *task)
{
    return &task->kernels->real[task->real];
}

/* Elements of the strip that begins at element `at` of a block of `elems`. */
static inline size_t ladle_strip_elems(size_t at, size_t elems)
{
    return elems - at < LADLE_STRIP ? elems - at : LADLE_STRIP;
}

static inline size_t ladle_stored_bytes(enum ladle_dtype dtype)
{
    return ladle_dtype_bits(dtype) / 8;
}

/* Asks the processor for memory that the strip after this one reads, writes. A block is gone through once, in several places
 * in turn, some KiB at a time, which the processor's own prefetching does not see through: simple methods then wait for
 * memory more than half of the time. */
static inline void ladle_strip_expect_read(const uint8_t *in, size_t bytes)
{
    for (size_t line = 0; line < bytes; line += 64)
        __builtin_prefetch(in + line, 0, 3);
}

static inline void ladle_strip_expect_write(const uint8_t *out, size_t bytes)
{
    for (size_t line = 0; line < bytes; line += 64)
        __builtin_prefetch(out + line, 1, 3);
}

/* n elements from element `at` of a block on, of source number `source` (the base is source 0 if there is one), into out. */
static inline void ladle_strip_read(const struct ladle_task *task, const struct ladle_block *block, unsigned source,
                                    size_t at, size_t n, void *out)
{
    enum ladle_dtype dtype = task->dtypes[source];
    size_t each_bytes = ladle_stored_bytes(dtype);
    const uint8_t *in = (const uint8_t *)block->data[source] + at * each_bytes;
    ladle_strip_expect_read(in + n * each_bytes, ladle_strip_elems(at + n, block->elems) * each_bytes);
    ladle_strip_kernels(task)->widen[dtype](out, in, n);
}

/* The same of model number `model`, the base not counted. */
static inline void ladle_strip_model(const struct ladle_task *task, const struct ladle_block *block, unsigned model,
                                     size_t at, size_t n, void *out)
{
    ladle_strip_read(task, block, model + task->has_base, at, n, out);
}

/* d_k = x_k - b of model number `model`, given the base's elements of the same range. */
static inline void ladle_strip_delta(const struct ladle_task *task, const struct ladle_block *block, unsigned model,
                                     size_t at, size_t n, const void *base, void *out)
{
    ladle_strip_model(task, block, model, at, n, out);
    ladle_strip_kernels(task)->sub(out, out, base, n);
}

/* A place in the output of a block; begins at its first element. */
struct ladle_cursor {
    const struct ladle_output *output;
    unsigned piece;
    size_t at; /* in the piece */
};

static inline struct ladle_cursor ladle_cursor_begin(const struct ladle_output *output)
{
    return (struct ladle_cursor){output, 0, 0};
}

/* The next stretch of the output, of at most n elements: its address, and its length into *part. */
static inline void *ladle_cursor_next(struct ladle_cursor *cursor, size_t n, size_t *part)
{
    const struct ladle_piece *piece = &cursor->output->pieces[cursor->piece];
    while (cursor->at == piece->elems) {
        piece++;
        cursor->piece++;
        cursor->at = 0;
    }
    size_t left = piece->elems - cursor->at;
    *part = n < left ? n : left;
    void *place = (uint8_t *)piece->data + cursor->at * ladle_stored_bytes(cursor->output->dtype);
    cursor->at += *part;
    return place;
}

/* Bytes of the output that follow the cursor in its piece, of at most n elements. */
static inline size_t ladle_cursor_ahead_bytes(const struct ladle_cursor *cursor, size_t n)
{
    size_t left = cursor->output->pieces[cursor->piece].elems - cursor->at;
    return (n < left ? n : left) * ladle_stored_bytes(cursor->output->dtype);
}

/* Stores n elements of T, and moves on behind them. */
static inline void ladle_cursor_store(const struct ladle_task *task, struct ladle_cursor *cursor, const void *values,
                                      size_t n)
{
    const uint8_t *in = values;
    while (n > 0) {
        size_t part;
        void *place = ladle_cursor_next(cursor, n, &part);
        ladle_strip_expect_write((uint8_t *)place + part * ladle_stored_bytes(cursor->output->dtype),
                                 ladle_cursor_ahead_bytes(cursor, part));
        ladle_strip_kernels(task)->narrow[cursor->output->dtype](place, in, part, cursor->output->counts);
        in += part * ladle_real_bytes(task->real);
        n -= part;
    }
}

/* Sizes and places of arrays in scratch or state memory: each array begins at a multiple of 64 bytes. */
static inline size_t ladle_array_bytes(size_t count, size_t each_bytes)
{
    return (count * each_bytes + 63) / 64 * 64;
}

/* The next array of `count` elements of `each_bytes` from *memory, which moves behind it. */
static inline void *ladle_array_take(void **memory, size_t count, size_t each_bytes)
{
    void *array = *memory;
    *memory = (uint8_t *)array + ladle_array_bytes(count, each_bytes);
    return array;
}

/* Bytes of an array of one strip of T, as ladle_array_take(memory, LADLE_STRIP, ladle_real_bytes(real)) takes it. */
static inline size_t ladle_strip_bytes(const struct ladle_task *task)
{
    return ladle_array_bytes(LADLE_STRIP, ladle_real_bytes(task->real));
}

static inline void *ladle_strip_take(const struct ladle_task *task, void **memory)
{
    return ladle_array_take(memory, LADLE_STRIP, ladle_real_bytes(task->real));
}

/* Where the segment ends that begins at element `start` of `elems`. */
static inline size_t ladle_segment_end(size_t start, size_t elems)
{
    return elems - start < LADLE_SEGMENT ? elems : start + LADLE_SEGMENT;
}

/* Segments that a block of `elems` elements touches. */
static inline size_t ladle_segments(uint64_t elems)
{
    return (size_t)((elems + LADLE_SEGMENT - 1) / LADLE_SEGMENT);
}

/* The most elements a block of the task has. */
static inline uint64_t ladle_block_most(const struct ladle_task *task)
{
    return task->block_elems < task->elems ? task->block_elems : task->elems;
}

#endif
