/* SPDX-License-Identifier: Apache-2.0 */
#include "method/gram.h"

#include "method/strip.h"

unsigned ladle_gram_count(const struct ladle_task *task, enum ladle_gram_vectors vectors)
{
    return vectors == LADLE_GRAM_SOURCES ? task->sources : task->models;
}

size_t ladle_gram_pairs(unsigned count)
{
    return (size_t)count * (count + 1) / 2;
}

size_t ladle_gram_state_bytes(const struct ladle_task *task, enum ladle_gram_vectors vectors)
{
    return ladle_array_bytes(ladle_gram_pairs(ladle_gram_count(task, vectors)), sizeof(double));
}

size_t ladle_gram_partial_bytes(const struct ladle_task *task, enum ladle_gram_vectors vectors)
{
    size_t pairs = ladle_gram_pairs(ladle_gram_count(task, vectors));
    return ladle_segments(ladle_block_most(task)) * pairs * sizeof(double);
}

size_t ladle_gram_scratch_bytes(const struct ladle_task *task, enum ladle_gram_vectors vectors)
{
    unsigned count = ladle_gram_count(task, vectors);
    return (count + 1) * ladle_strip_bytes(task) + ladle_array_bytes(count, sizeof(void *)) +
           ladle_array_bytes(ladle_gram_pairs(count) * LADLE_LANES, sizeof(double));
}

/* Adds the products of strips (or pieces of rows) to the lanes of each pair. */
static void add_products(const struct ladle_arithmetic *kernels, void *const *strips, unsigned count, size_t n,
                         double *lanes)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = i; j < count; j++, lanes += LADLE_LANES)
            kernels->dot(lanes, strips[i], strips[j], n);
}

static void read_vectors(const struct ladle_task *task, enum ladle_gram_vectors vectors, const struct ladle_block *block,
                         size_t at, size_t n, void *base, void *const *strips, unsigned count)
{
    if (vectors == LADLE_GRAM_DELTAS)
        ladle_strip_read(task, block, 0, at, n, base);
    for (unsigned k = 0; k < count; k++) {
        if (vectors == LADLE_GRAM_DELTAS)
            ladle_strip_delta(task, block, k, at, n, base, strips[k]);
        else if (vectors == LADLE_GRAM_MODELS)
            ladle_strip_model(task, block, k, at, n, strips[k]);
        else
            ladle_strip_read(task, block, k, at, n, strips[k]);
    }
}

void ladle_gram_accumulate(const struct ladle_task *task, enum ladle_gram_vectors vectors, const struct ladle_block *block,
                           void *partial, void *scratch)
{
    unsigned count = ladle_gram_count(task, vectors);
    size_t pairs = ladle_gram_pairs(count);
    void **strips = ladle_array_take(&scratch, count, sizeof(void *));
    double *lanes = ladle_array_take(&scratch, pairs * LADLE_LANES, sizeof(double)), *totals = partial;
    void *base = ladle_strip_take(task, &scratch);
    for (unsigned k = 0; k < count; k++)
        strips[k] = ladle_strip_take(task, &scratch);

    for (size_t start = 0; start < block->elems; start += LADLE_SEGMENT, totals += pairs) {
        size_t end = ladle_segment_end(start, block->elems);
        memset(lanes, 0, pairs * LADLE_LANES * sizeof *lanes);
        for (size_t at = start; at < end; at += LADLE_STRIP) {
            size_t n = ladle_strip_elems(at, end);
            read_vectors(task, vectors, block, at, n, base, strips, count);
            add_products(ladle_strip_kernels(task), strips, count, n, lanes);
        }
        for (size_t p = 0; p < pairs; p++)
            totals[p] = ladle_lanes_fold(lanes + p * LADLE_LANES);
    }
}

void ladle_gram_combine(const struct ladle_task *task, enum ladle_gram_vectors vectors, const struct ladle_block *block,
                        const void *partial, double *totals)
{
    size_t pairs = ladle_gram_pairs(ladle_gram_count(task, vectors));
    const double *segment = partial;
    for (size_t s = 0; s < ladle_segments(block->elems); s++, segment += pairs)
        for (size_t p = 0; p < pairs; p++)
            totals[p] += segment[p];
}

void ladle_gram_square(unsigned count, const double *triangle, double *square)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = i; j < count; j++, triangle++)
            square[(size_t)i * count + j] = square[(size_t)j * count + i] = *triangle;
}
