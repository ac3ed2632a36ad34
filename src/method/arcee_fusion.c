/* SPDX-License-Identifier: Apache-2.0 */
/* arcee_fusion: from the other model only what matters most. The importance of an element is its change, times how far the
 * softmax of its row diverges from that of the base's row; a threshold comes from quartiles of the importances of the
 * tensor. Blocks hold whole rows: the first statistics pass finds divergences and begins to rank, the next settles the
 * ranks. Source: spec methods.md "arcee_fusion". */
#include <math.h>

#include "method/registry.h"
#include "method/selection.h"
#include "method/strip.h"

/* Divergences of that many rows are kept for the passes that follow; of tensors with more rows they are found again. */
#define ROWS_KEPT 131072u

/* Of rows up to this long, exp of all elements is kept until their sum is known; of longer ones it is found twice. */
#define POWERS_KEPT 16384u

/* The state of a job; the divergences that are kept and the selection of importances follow it. */
struct fusion {
    double threshold;
};

static struct fusion *parts_of(const struct ladle_task *task, const void *state, double **kept,
                               struct ladle_selection **selection)
{
    void *next = (void *)(uintptr_t)state;
    struct fusion *fusion = ladle_array_take(&next, 1, sizeof(struct fusion));
    uint64_t rows = task->elems / task->row_elems;

    *kept = rows <= ROWS_KEPT ? ladle_array_take(&next, (size_t)rows, sizeof(double)) : NULL;
    *selection = next;
    return fusion;
}

/* Strips of one thread: elements of both models, and what their softmax is made of. The powers are those of a whole row if
 * `whole`, else of a strip. */
struct strips {
    void *x, *base, *importance;
    double *x_power, *base_power, *terms;
    bool whole;
};

static size_t power_elems(const struct ladle_task *task)
{
    return task->row_elems > LADLE_STRIP && task->row_elems <= POWERS_KEPT ? (size_t)task->row_elems : LADLE_STRIP;
}

static size_t strips_bytes(const struct ladle_task *task)
{
    return 3 * ladle_strip_bytes(task) + 2 * ladle_array_bytes(power_elems(task), sizeof(double)) +
           ladle_array_bytes(LADLE_STRIP, sizeof(double));
}

static struct strips strips_take(const struct ladle_task *task, void **scratch)
{
    struct strips strips;

    strips.x = ladle_strip_take(task, scratch);
    strips.base = ladle_strip_take(task, scratch);
    strips.importance = ladle_strip_take(task, scratch);
    strips.x_power = ladle_array_take(scratch, power_elems(task), sizeof(double));
    strips.base_power = ladle_array_take(scratch, power_elems(task), sizeof(double));
    strips.terms = ladle_array_take(scratch, LADLE_STRIP, sizeof(double));
    strips.whole = task->row_elems <= power_elems(task);
    return strips;
}

/* A sample would not help: importances grow with the third power of a row's scale, and it sees too few rows to tell their
 * quartiles to a few hundredths. So the selection is made for passes that cost nothing. */
static struct ladle_task unsampled_task(const struct ladle_task *task)
{
    struct ladle_task unsampled = *task;

    unsampled.resident = true;
    return unsampled;
}

static void needs(const struct ladle_task *task, struct ladle_needs *needs)
{
    needs->rows = true;
    needs->scratch_bytes = strips_bytes(task);
    if (task->elems == 0)
        return;
    uint64_t rows = task->elems / task->row_elems;
    struct ladle_task unsampled = unsampled_task(task);
    needs->passes = ladle_selection_passes(&unsampled);
    needs->scratch_bytes += ladle_selection_scratch_bytes(task);
    needs->state_bytes = ladle_array_bytes(1, sizeof(struct fusion)) +
                         ladle_array_bytes(rows <= ROWS_KEPT ? (size_t)rows : 0, sizeof(double)) +
                         ladle_selection_state_bytes(&unsampled, 3);
}

/* Quantile q is the element in place floor(q * (n - 1)) from below, counted from 0. */
static uint64_t rank_of(const struct ladle_task *task, double quantile)
{
    return task->elems - (uint64_t)(quantile * (double)(task->elems - 1));
}

static void begin(const struct ladle_task *task, void *state)
{
    double *kept;
    struct ladle_selection *selection;

    if (task->elems == 0)
        return;
    parts_of(task, state, &kept, &selection);
    ladle_selection_begin(selection, 3);
    ladle_selection_ask(selection, 0, rank_of(task, 0.25));
    ladle_selection_ask(selection, 1, rank_of(task, 0.5));
    ladle_selection_ask(selection, 2, rank_of(task, 0.75));
}

static void read_strip(const struct ladle_task *task, const struct ladle_block *block, size_t at, size_t n,
                       struct strips *strips)
{
    ladle_strip_read(task, block, 0, at, n, strips->base);
    ladle_strip_model(task, block, 0, at, n, strips->x);
}

/* What a softmax of a row divides by and subtracts. */
struct softmax {
    double most, sum;
};

/* exp(x - most) of n elements from place `at` of a row on, whose elements begin at `first` of the block. */
static void find_powers(const struct ladle_task *task, const struct ladle_block *block, size_t first, size_t at, size_t n,
                        const struct softmax *x, const struct softmax *base, struct strips *strips)
{
    size_t place = strips->whole ? at : 0;

    read_strip(task, block, first + at, n, strips);
    ladle_strip_kernels(task)->power(strips->x_power + place, strips->x, x->most, n);
    ladle_strip_kernels(task)->power(strips->base_power + place, strips->base, base->most, n);
}

static void find_softmax(const struct ladle_task *task, const struct ladle_block *block, size_t first, size_t elems,
                         struct softmax *x, struct softmax *base, struct strips *strips)
{
    const struct ladle_arithmetic *kernels = ladle_strip_kernels(task), *wide = &task->kernels->real[LADLE_REAL_F64];

    *x = *base = (struct softmax){-INFINITY, 0};
    for (size_t at = 0; at < elems; at += LADLE_STRIP) {
        size_t n = ladle_strip_elems(at, elems);
        read_strip(task, block, first + at, n, strips);
        x->most = kernels->largest(x->most, strips->x, n);
        base->most = kernels->largest(base->most, strips->base, n);
    }
    for (size_t start = 0; start < elems; start += LADLE_SEGMENT) {
        size_t end = ladle_segment_end(start, elems);
        double x_lanes[LADLE_LANES] = {0}, base_lanes[LADLE_LANES] = {0};
        for (size_t at = start; at < end; at += LADLE_STRIP) {
            size_t n = ladle_strip_elems(at, end), place = strips->whole ? at : 0;
            find_powers(task, block, first, at, n, x, base, strips);
            wide->sum(x_lanes, strips->x_power + place, n);
            wide->sum(base_lanes, strips->base_power + place, n);
        }
        x->sum += ladle_lanes_fold(x_lanes);
        base->sum += ladle_lanes_fold(base_lanes);
    }
}

/* How far the row of `elems` elements from `first` on diverges from the base's. */
static double find_divergence(const struct ladle_task *task, const struct ladle_block *block, size_t first, size_t elems,
                              struct strips *strips)
{
    struct softmax x, base;
    double total = 0;

    find_softmax(task, block, first, elems, &x, &base, strips);
    for (size_t start = 0; start < elems; start += LADLE_SEGMENT) {
        size_t end = ladle_segment_end(start, elems);
        double lanes[LADLE_LANES] = {0};
        for (size_t at = start; at < end; at += LADLE_STRIP) {
            size_t n = ladle_strip_elems(at, end), place = strips->whole ? at : 0;
            if (!strips->whole)
                find_powers(task, block, first, at, n, &x, &base, strips);
            ladle_strip_kernels(task)->divergence(strips->terms, strips->x_power + place, x.sum, strips->base_power + place,
                                                  base.sum, n);
            task->kernels->real[LADLE_REAL_F64].sum(lanes, strips->terms, n);
        }
        total += ladle_lanes_fold(lanes);
    }
    return total < 0 ? 0 : total;
}

/* Adds the importances of one row, whose divergence is known, to the selection. */
static void rank_row(const struct ladle_task *task, struct ladle_selection *selection, const struct ladle_block *block,
                     size_t first, size_t elems, double divergence, struct strips *strips, void *scratch)
{
    for (size_t at = first; at < first + elems; at += LADLE_STRIP) {
        size_t n = ladle_strip_elems(at, first + elems);
        read_strip(task, block, at, n, strips);
        ladle_strip_kernels(task)->gap(strips->importance, strips->x, strips->base, divergence, n);
        ladle_selection_add(task, selection, block->first + at, strips->importance, n, scratch);
    }
}

static void accumulate(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                       const uint64_t *before, void *partial, void *scratch)
{
    double *kept, divergence;
    struct ladle_selection *selection;
    struct strips strips = strips_take(task, &scratch);
    size_t elems = (size_t)task->row_elems, row = (size_t)(block->first / elems);

    parts_of(task, state, &kept, &selection);
    ladle_selection_open(task, scratch);
    for (size_t at = 0; at < block->elems; at += elems, row++) {
        divergence = pass > 0 && kept ? kept[row] : find_divergence(task, block, at, elems, &strips);
        if (kept)
            kept[row] = divergence;
        rank_row(task, selection, block, at, elems, divergence, &strips, scratch);
    }
    ladle_selection_close(task, selection, scratch);
}

/* The upper quartile's distance from the lower one, half as much again, above the median; in T. */
static double threshold_of(const struct ladle_task *task, const struct ladle_selection *selection)
{
    double q[3];

    for (unsigned i = 0; i < 3; i++)
        q[i] = ladle_key_number(task->real, selection->thresholds[i].key);
    if (task->real == LADLE_REAL_F64)
        return q[1] + 1.5 * (q[2] - q[0]);
    float range = (float)q[2] - (float)q[0], more = 1.5f * range;
    return (float)q[1] + more;
}

static enum ladle_next resolve(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_log *log)
{
    double *kept;
    struct ladle_selection *selection;

    if (task->elems == 0)
        return LADLE_NEXT_APPLY;
    struct fusion *fusion = parts_of(task, state, &kept, &selection);
    if (!ladle_selection_resolve(task, selection))
        return LADLE_NEXT_PASS;
    fusion->threshold = threshold_of(task, selection);
    return LADLE_NEXT_APPLY;
}

static void apply(const struct ladle_task *task, const void *state, const struct ladle_block *block, const uint64_t *before,
                  const struct ladle_output *output, void *scratch)
{
    double *kept;
    struct ladle_selection *selection;
    const struct fusion *fusion = parts_of(task, state, &kept, &selection);
    struct strips strips = strips_take(task, &scratch);
    struct ladle_cursor cursor = ladle_cursor_begin(output);
    size_t elems = (size_t)task->row_elems, row = (size_t)(block->first / elems);

    for (size_t start = 0; start < block->elems; start += elems, row++) {
        double divergence = kept ? kept[row] : find_divergence(task, block, start, elems, &strips);
        for (size_t at = start; at < start + elems; at += LADLE_STRIP) {
            size_t n = ladle_strip_elems(at, start + elems);
            read_strip(task, block, at, n, &strips);
            ladle_strip_kernels(task)->gap(strips.importance, strips.x, strips.base, divergence, n);
            ladle_strip_kernels(task)->choose(strips.x, strips.importance, fusion->threshold, strips.x, strips.base, n);
            ladle_cursor_store(task, &cursor, strips.x, n);
        }
    }
}

const struct ladle_method ladle_method_arcee_fusion = {
    .info = {.name = "arcee_fusion",
             .title = "Arcee Fusion",
             .about = "Takes over the most important changes of another model and leaves all else as in the base. An "
                      "element's importance is its change times how far the softmax of its row diverges from the base's; "
                      "taken is what lies far above the tensor's median.",
             .advice = "To bring in what a fine-tune does most decidedly, without averaging; there is nothing to tune.",
             .cost = "three passes over the data (one read where a tensor fits in the memory budget), the first with an exp "
                     "and a log for every element; blocks of whole rows, up to 2 MiB a tensor",
             .source = "Arcee AI; as in mergekit 0.1.5",
             .base = LADLE_BASE_REQUIRED,
             .least_models = 1,
             .most_models = 1},
    .needs = needs,
    .begin = begin,
    .accumulate = accumulate,
    .resolve = resolve,
    .apply = apply,
};
