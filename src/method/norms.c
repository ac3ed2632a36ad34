/* SPDX-License-Identifier: Apache-2.0 */
/* The statistics pass for rescaling by norms: for each model a sum (l1, l2) or the greatest (linf) over all elements of its
 * task vector and over the kept ones.
 *
 * Sums have a fixed order, by segments of the tensor. Blocks of whole rows cut segments anywhere; of a segment that is not
 * whole within a block, the block can only say which elements it keeps; `combine`, which sees blocks in order, adds up. */
#include <math.h>

#include "method/task_vectors.h"

enum { ALL, KEPT, BOTH };

/* The part of a segment that lies in a block; element numbers count from the block's first. */
struct piece {
    size_t number; /* in the block */
    size_t at, end;
    size_t offset; /* of `at` in its segment */
    bool ends;     /* the segment ends with it */
    bool whole;    /* it is the whole segment */
};

/* A block's part of the sums; the two pieces that may be cut are the first and the last. */
struct partial {
    double *totals; /* [pieces][models][BOTH], of whole pieces */
    uint8_t *marks; /* [2][models][LADLE_SEGMENT / 8], bits of kept elements, of cut pieces */
};

#define MARK_BYTES (LADLE_SEGMENT / 8)

static size_t pieces_most(const struct ladle_task *task)
{
    return ladle_segments(ladle_block_most(task)) + 1;
}

static struct partial partial_of(const struct ladle_task *task, void *memory)
{
    struct partial partial;
    partial.totals = ladle_array_take(&memory, pieces_most(task) * task->models * BOTH, sizeof(double));
    partial.marks = memory;
    return partial;
}

size_t ladle_norms_partial_bytes(const struct ladle_task *task, bool rows)
{
    return ladle_array_bytes(pieces_most(task) * task->models * BOTH, sizeof(double)) +
           (rows ? 2 * (size_t)task->models * MARK_BYTES : 0);
}

size_t ladle_norms_state_bytes(const struct ladle_task *task, bool rows)
{
    size_t lanes = ladle_array_bytes((size_t)task->models * BOTH * LADLE_LANES, sizeof(double));
    return rows ? lanes + 3 * ladle_strip_bytes(task) : 0;
}

size_t ladle_norms_scratch_bytes(const struct ladle_family *family, const struct ladle_task *task, bool rows)
{
    size_t chunk = ladle_array_bytes(ladle_chunk_most(task, rows), ladle_real_bytes(task->real));
    return 3 * chunk + ladle_array_bytes((size_t)task->models * BOTH * LADLE_LANES, sizeof(double)) +
           ladle_array_bytes((size_t)task->models * LADLE_BAND_TALLIES, sizeof(uint64_t)) +
           ladle_thin_scratch_bytes(family, task, rows);
}

/* The piece that element `at` of a block is in. */
static struct piece piece_around(const struct ladle_task *task, const struct ladle_block *block, size_t at)
{
    uint64_t last = block->first + block->elems, segment = (block->first + at) / LADLE_SEGMENT;
    uint64_t begin = segment * LADLE_SEGMENT, end = last - begin < LADLE_SEGMENT ? last : begin + LADLE_SEGMENT;
    uint64_t from = begin > block->first ? begin : block->first;
    struct piece piece = {.number = (size_t)(segment - block->first / LADLE_SEGMENT),
                          .at = (size_t)(from - block->first),
                          .end = (size_t)(end - block->first),
                          .offset = (size_t)(from - begin),
                          .ends = end - begin == LADLE_SEGMENT || end == task->elems};
    piece.whole = piece.offset == 0 && piece.ends;
    return piece;
}

/* Adds n elements, the first of them being number `offset` of its segment. */
static void add(const struct ladle_task *task, enum ladle_norm norm, double *lanes, size_t offset, const void *x, size_t n)
{
    const struct ladle_arithmetic *kernels = ladle_strip_kernels(task);
    double turned[LADLE_LANES];
    if (norm == LADLE_NORM_LINF) {
        lanes[0] = kernels->max_abs(lanes[0], x, n);
        return;
    }
    for (size_t j = 0; j < LADLE_LANES; j++)
        turned[j] = lanes[(j + offset) % LADLE_LANES];
    if (norm == LADLE_NORM_L1)
        kernels->sum_abs(turned, x, n);
    else
        kernels->dot(turned, x, x, n);
    for (size_t j = 0; j < LADLE_LANES; j++)
        lanes[(j + offset) % LADLE_LANES] = turned[j];
}

/* What a segment comes to, and its lanes ready for the next. */
static double finish(enum ladle_norm norm, double *lanes)
{
    double total = norm == LADLE_NORM_LINF ? lanes[0] : ladle_lanes_fold(lanes);
    memset(lanes, 0, LADLE_LANES * sizeof *lanes);
    return total;
}

static double join(enum ladle_norm norm, double sum, double total)
{
    if (norm != LADLE_NORM_LINF)
        return sum + total;
    return isnan(sum) || sum >= total ? sum : total;
}

static void mark(const struct ladle_task *task, const void *kept, size_t n, uint8_t *marks, size_t at)
{
    for (size_t i = 0; i < n; i++, at++) {
        bool is = task->real == LADLE_REAL_F64 ? ((const double *)kept)[i] != 0 : ((const float *)kept)[i] != 0;
        marks[at / 8] |= (uint8_t)(is << at % 8);
    }
}

static void unmark(const struct ladle_task *task, void *d, size_t n, const uint8_t *marks, size_t at)
{
    for (size_t i = 0; i < n; i++, at++) {
        bool is = marks[at / 8] >> at % 8 & 1;
        if (task->real == LADLE_REAL_F64)
            ((double *)d)[i] = is ? ((double *)d)[i] : 0;
        else
            ((float *)d)[i] = is ? ((float *)d)[i] : 0;
    }
}

static size_t total_place(const struct ladle_task *task, const struct piece *piece, unsigned model)
{
    return (piece->number * task->models + model) * BOTH;
}

static size_t mark_place(const struct ladle_task *task, const struct piece *piece, unsigned model)
{
    return ((piece->number > 0) * (size_t)task->models + model) * MARK_BYTES;
}

/* One model's chunk of a block, from element `at` on: all of it and what is kept, into lanes, totals or marks. */
static void add_chunk(const struct ladle_task *task, const struct ladle_task_vectors *state, const struct ladle_block *block,
                      unsigned model, size_t at, size_t n, const void *all, const void *kept, double *lanes,
                      const struct partial *partial)
{
    const uint8_t *parts[BOTH] = {all, kept};
    for (size_t end = at + n, part; at < end; at += part) {
        struct piece piece = piece_around(task, block, at);
        part = piece.end < end ? piece.end - at : end - at;
        if (!piece.whole)
            mark(task, parts[KEPT], part, partial->marks + mark_place(task, &piece, model), at - piece.at);
        for (unsigned which = ALL; which < BOTH; which++) {
            double *these = lanes + which * LADLE_LANES;
            if (piece.whole)
                add(task, state->norm, these, at - piece.at, parts[which], part);
            if (piece.whole && at + part == piece.end)
                partial->totals[total_place(task, &piece, model) + which] = finish(state->norm, these);
            parts[which] += part * ladle_real_bytes(task->real);
        }
    }
}

void ladle_norms_accumulate(const struct ladle_task *task, const struct ladle_task_vectors *state,
                            const struct ladle_block *block, const uint64_t *before, void *partial_, void *scratch)
{
    size_t most = ladle_chunk_most(task, state->rows), real_bytes = ladle_real_bytes(task->real);
    struct partial partial = partial_of(task, partial_);
    void *base = ladle_array_take(&scratch, most, real_bytes), *all = ladle_array_take(&scratch, most, real_bytes);
    void *kept = ladle_array_take(&scratch, most, real_bytes);
    size_t lane_count = (size_t)task->models * BOTH * LADLE_LANES, count_count = (size_t)task->models * LADLE_BAND_TALLIES;
    double *lanes = ladle_array_take(&scratch, lane_count, sizeof(double));
    uint64_t *counts = ladle_array_take(&scratch, count_count, sizeof(uint64_t));
    memset(lanes, 0, lane_count * sizeof *lanes);
    memset(counts, 0, count_count * sizeof *counts);
    if (before)
        memcpy(counts, before, count_count * sizeof *counts);
    if (state->rows)
        memset(partial.marks, 0, 2 * (size_t)task->models * MARK_BYTES);

    for (size_t at = 0, n; at < block->elems; at += n) {
        n = block->elems - at < most ? block->elems - at : most;
        ladle_strip_read(task, block, 0, at, n, base);
        for (unsigned k = 0; k < task->models; k++) {
            if (!state->models[k].normed)
                continue;
            ladle_strip_delta(task, block, k, at, n, base, all);
            memcpy(kept, all, n * real_bytes);
            ladle_thin(task, state, k, block->first + at, kept, n, true, counts + (size_t)k * LADLE_BAND_TALLIES, scratch);
            add_chunk(task, state, block, k, at, n, all, kept, lanes + (size_t)k * BOTH * LADLE_LANES, &partial);
        }
    }
}

/* A cut piece of one model, added to the lanes that go on from block to block. */
static void replay(const struct ladle_task *task, struct ladle_task_vectors *state, const struct ladle_block *block,
                   unsigned model, const struct piece *piece, const uint8_t *marks)
{
    void *memory = state->norms;
    double *lanes = ladle_array_take(&memory, (size_t)task->models * BOTH * LADLE_LANES, sizeof(double));
    void *base = ladle_strip_take(task, &memory), *all = ladle_strip_take(task, &memory);
    lanes += (size_t)model * BOTH * LADLE_LANES;
    for (size_t at = piece->at, n; at < piece->end; at += n) {
        n = ladle_strip_elems(at, piece->end);
        size_t offset = piece->offset + (at - piece->at);
        ladle_strip_read(task, block, 0, at, n, base);
        ladle_strip_delta(task, block, model, at, n, base, all);
        add(task, state->norm, lanes + ALL * LADLE_LANES, offset, all, n);
        unmark(task, all, n, marks, at - piece->at);
        add(task, state->norm, lanes + KEPT * LADLE_LANES, offset, all, n);
    }
    for (unsigned which = ALL; which < BOTH && piece->ends; which++) {
        double *norm = &state->models[model].norms[which];
        *norm = join(state->norm, *norm, finish(state->norm, lanes + which * LADLE_LANES));
    }
}

void ladle_norms_combine(const struct ladle_task *task, struct ladle_task_vectors *state, const struct ladle_block *block,
                         const void *partial_)
{
    struct partial partial = partial_of(task, (void *)partial_);
    struct piece piece;
    for (size_t at = 0; at < block->elems; at = piece.end) {
        piece = piece_around(task, block, at);
        for (unsigned k = 0; k < task->models; k++) {
            struct ladle_thinned *model = &state->models[k];
            const double *totals = partial.totals + total_place(task, &piece, k);
            if (!model->normed)
                continue;
            if (!piece.whole)
                replay(task, state, block, k, &piece, partial.marks + mark_place(task, &piece, k));
            for (unsigned which = ALL; which < BOTH && piece.whole; which++)
                model->norms[which] = join(state->norm, model->norms[which], totals[which]);
        }
    }
}

void ladle_norms_resolve(const struct ladle_task *task, struct ladle_task_vectors *state)
{
    for (unsigned k = 0; k < task->models; k++) {
        struct ladle_thinned *model = &state->models[k];
        double all = model->norms[ALL], kept = model->norms[KEPT];
        if (state->norm == LADLE_NORM_L2) {
            all = sqrt(all);
            kept = sqrt(kept);
        }
        if (model->normed && all >= 1e-7 && kept >= 1e-7 && isfinite(all / kept))
            model->factor = all / kept;
    }
}
