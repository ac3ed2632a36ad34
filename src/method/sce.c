/* SPDX-License-Identifier: Apache-2.0 */
/* sce: of the elements in which the models differ most (select), a sum weighted by how much each model changed the tensor
 * (calculate), without those changes that go against the majority (erase). Statistics: with select_topk < 1 the ranks of the
 * variances, whose number is known only when they have been seen; then the energies of what was selected.
 * Source: arXiv:2408.07990, spec methods.md "sce". */
#include <math.h>

#include "method/band.h"
#include "method/mix.h"
#include "method/registry.h"

enum { SELECT_TOPK, INT8_MASK, SHARED };

static const struct ladle_parameter shared[SHARED] = {
    [SELECT_TOPK] = {.name = "select_topk",
                     .type = LADLE_NUMBER,
                     .preset = 1,
                     .least = -INFINITY,
                     .most = INFINITY,
                     .about = "share of the elements to keep, those with the largest variance between the models; 1: all, "
                              "0.1 to 0.2 are usual"},
    [INT8_MASK] = {.name = "int8_mask",
                   .type = LADLE_BOOLEAN,
                   .preset = 0,
                   .least = 0,
                   .most = 1,
                   .about = "without effect here",
                   .unused = true},
};

struct sce {
    struct ladle_band band;
    uint64_t equal;    /* elements seen, in order, that are equal to the band's threshold */
    uint64_t boundary; /* where only some of the equal elements are kept: behind the last of them */
    bool selected;     /* the band is known */
    bool undefined;    /* a weight is NaN, and with it the whole result */
};

/* What the state of a job consists of, in this order. */
struct parts {
    struct sce *sce;
    double *energies, *weights; /* [models] */
    void *room;                 /* strips, if anything is selected */
    struct ladle_selection *selection;
};

/* Whether anything depends on ranks; everything or nothing is selected otherwise. */
static bool selects(const struct ladle_task *task)
{
    return task->shared[SELECT_TOPK] > 0 && task->shared[SELECT_TOPK] < 1 && task->elems > 0;
}

/* What a block says of energies: sums of squares for each segment and model. Of a block with elements equal to the threshold
 * there are two sets, with all of these kept and with none; which one counts depends on the blocks before. */
#define BOTH 2u
struct partial {
    uint64_t equal; /* such elements */
    double sums[];  /* [segments][BOTH][models]: with them, without them */
};

static size_t partial_sums(const struct ladle_task *task)
{
    return ladle_segments(ladle_block_most(task)) * BOTH * task->models;
}

/* Strips of one thread: the base, every model's task vector, and what is made of them. */
struct strips {
    void *base, *variance, **deltas, *merged, *divisor;
    double *lanes;
};

static size_t strips_bytes(const struct ladle_task *task)
{
    return (task->models + 4) * ladle_strip_bytes(task) + ladle_array_bytes(task->models, sizeof(void *)) +
           ladle_array_bytes((size_t)task->models * BOTH * LADLE_LANES, sizeof(double));
}

static struct strips strips_take(const struct ladle_task *task, void **scratch)
{
    struct strips strips;

    strips.base = ladle_strip_take(task, scratch);
    strips.variance = ladle_strip_take(task, scratch);
    strips.merged = ladle_strip_take(task, scratch);
    strips.divisor = ladle_strip_take(task, scratch);
    strips.lanes = ladle_array_take(scratch, (size_t)task->models * BOTH * LADLE_LANES, sizeof(double));
    strips.deltas = ladle_array_take(scratch, task->models, sizeof(void *));
    for (unsigned k = 0; k < task->models; k++)
        strips.deltas[k] = ladle_strip_take(task, scratch);
    return strips;
}

static struct parts parts_of(const struct ladle_task *task, const void *state)
{
    void *next = (void *)(uintptr_t)state;
    struct parts parts;

    parts.sce = ladle_array_take(&next, 1, sizeof(struct sce));
    parts.energies = ladle_array_take(&next, task->models, sizeof(double));
    parts.weights = ladle_array_take(&next, task->models, sizeof(double));
    parts.room = ladle_array_take(&next, 1, selects(task) ? strips_bytes(task) : 0);
    parts.selection = next;
    return parts;
}

static void needs(const struct ladle_task *task, struct ladle_needs *needs)
{
    needs->scratch_bytes = strips_bytes(task);
    if (task->models == 0)
        return;
    needs->passes = 1;
    needs->partial_bytes = sizeof(struct partial) + partial_sums(task) * sizeof(double);
    needs->state_bytes = ladle_array_bytes(1, sizeof(struct sce)) + 2 * ladle_array_bytes(task->models, sizeof(double));
    if (!selects(task))
        return;
    needs->passes += ladle_selection_passes(task);
    needs->sample = ladle_selection_samples(task);
    needs->state_bytes += ladle_selection_state_bytes(task, 1) + strips_bytes(task);
    needs->scratch_bytes += ladle_selection_scratch_bytes(task);
}

static void begin(const struct ladle_task *task, void *state)
{
    if (task->models == 0)
        return;
    struct parts parts = parts_of(task, state);
    struct sce *sce = parts.sce;
    sce->selected = !selects(task);
    sce->band = task->shared[SELECT_TOPK] > 0 ? ladle_band_all() : ladle_band_none();
    if (!sce->selected)
        ladle_selection_begin(parts.selection, 1);
}

static void read_deltas(const struct ladle_task *task, const struct ladle_block *block, size_t at, size_t n,
                        struct strips *strips)
{
    ladle_strip_read(task, block, 0, at, n, strips->base);
    for (unsigned k = 0; k < task->models; k++)
        ladle_strip_delta(task, block, k, at, n, strips->base, strips->deltas[k]);
}

static void read_variance(const struct ladle_task *task, const struct ladle_block *block, size_t at, size_t n,
                          struct strips *strips)
{
    read_deltas(task, block, at, n, strips);
    ladle_strip_kernels(task)->variance(strips->variance, strips->deltas, task->models, n);
}

/* Sets the deltas to +0 where the variance was. */
static void mask_deltas(const struct ladle_task *task, size_t n, struct strips *strips)
{
    for (unsigned k = 0; k < task->models; k++)
        ladle_strip_kernels(task)->mask(strips->deltas[k], strips->variance, n);
}

static void sample(const struct ladle_task *task, void *state, const struct ladle_block *block, void *scratch)
{
    struct ladle_selection *selection = parts_of(task, state).selection;
    struct strips strips = strips_take(task, &scratch);
    size_t zeros = 0;

    ladle_selection_open(task, scratch);
    for (size_t at = 0; at < block->elems; at += LADLE_STRIP) {
        size_t n = ladle_strip_elems(at, block->elems);
        read_variance(task, block, at, n, &strips);
        zeros += ladle_strip_kernels(task)->count(strips.variance, 0, n);
        ladle_selection_add(task, selection, block->first + at, strips.variance, n, scratch);
    }
    if (zeros == block->elems)
        return;
    double nonzero = (double)(block->elems - zeros) / (double)block->elems;
    ladle_selection_ask(selection, 0, 1 + (uint64_t)(task->shared[SELECT_TOPK] * nonzero * (double)(task->elems - 1)));
    ladle_selection_estimate(task, selection, block->elems, scratch);
}

static void rank_variances(const struct ladle_task *task, struct ladle_selection *selection, const struct ladle_block *block,
                           void *scratch)
{
    struct strips strips = strips_take(task, &scratch);

    ladle_selection_open(task, scratch);
    for (size_t at = 0; at < block->elems; at += LADLE_STRIP) {
        size_t n = ladle_strip_elems(at, block->elems);
        read_variance(task, block, at, n, &strips);
        ladle_selection_add(task, selection, block->first + at, strips.variance, n, scratch);
    }
    ladle_selection_close(task, selection, scratch);
}

/* The band with all elements equal to its threshold kept, or none of them. */
static struct ladle_band band_alike(const struct ladle_band *band, bool kept)
{
    struct ladle_band alike = *band;

    if (band->low_counts)
        alike.low_some = kept ? UINT64_MAX : 0;
    alike.low_counts = false;
    return alike;
}

/* Sets variances and deltas to +0 that the band does not hold. */
static void select_by(const struct ladle_task *task, const struct ladle_band *band, size_t n, struct strips *strips)
{
    uint64_t counts[LADLE_BAND_TALLIES] = {0};

    ladle_band_apply(task, band, 1, strips->variance, n, counts);
    mask_deltas(task, n, strips);
}

static void add_energies(const struct ladle_task *task, size_t n, const struct strips *strips, double *lanes)
{
    for (unsigned k = 0; k < task->models; k++)
        ladle_strip_kernels(task)->dot(lanes + k * LADLE_LANES, strips->deltas[k], strips->deltas[k], n);
}

static void add_strip(const struct ladle_task *task, const struct sce *sce, const struct ladle_block *block, size_t at,
                      size_t n, struct strips *strips, struct partial *partial)
{
    struct ladle_band with = band_alike(&sce->band, true), without = band_alike(&sce->band, false);

    if (task->shared[SELECT_TOPK] < 1) {
        read_variance(task, block, at, n, strips);
        if (sce->band.low_counts)
            partial->equal += ladle_strip_kernels(task)->count(strips->variance, sce->band.low, n);
        select_by(task, &with, n, strips);
    } else {
        read_deltas(task, block, at, n, strips);
    }
    add_energies(task, n, strips, strips->lanes);
    if (sce->band.low_counts) {
        select_by(task, &without, n, strips);
        add_energies(task, n, strips, strips->lanes + task->models * LADLE_LANES);
    }
}

static void sum_energies(const struct ladle_task *task, const struct sce *sce, const struct ladle_block *block,
                         struct partial *partial, void *scratch)
{
    struct strips strips = strips_take(task, &scratch);
    double *sums = partial->sums;
    size_t count = (size_t)task->models * BOTH;

    partial->equal = 0;
    for (size_t start = 0; start < block->elems; start += LADLE_SEGMENT, sums += count) {
        size_t end = ladle_segment_end(start, block->elems);
        memset(strips.lanes, 0, count * LADLE_LANES * sizeof(double));
        for (size_t at = start; at < end; at += LADLE_STRIP)
            add_strip(task, sce, block, at, ladle_strip_elems(at, end), &strips, partial);
        for (size_t k = 0; k < count; k++)
            sums[k] = ladle_lanes_fold(strips.lanes + k * LADLE_LANES);
    }
}

static void accumulate(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                       const uint64_t *before, void *partial, void *scratch)
{
    struct parts parts = parts_of(task, state);

    if (parts.sce->selected)
        sum_energies(task, parts.sce, block, partial, scratch);
    else
        rank_variances(task, parts.selection, block, scratch);
}

/* Sets variances to +0 that are not selected, `first` being the place of the first one in the tensor. */
static void select_variances(const struct ladle_task *task, const struct sce *sce, uint64_t first, size_t n, void *variances)
{
    struct ladle_band with = band_alike(&sce->band, true), without = band_alike(&sce->band, false);
    uint64_t counts[LADLE_BAND_TALLIES] = {0};
    uint64_t before = sce->boundary > first ? sce->boundary - first : 0;
    size_t part = !sce->band.low_counts || before > n ? n : (size_t)before;

    ladle_band_apply(task, &with, 1, variances, part, counts);
    ladle_band_apply(task, &without, 1, (char *)variances + part * ladle_real_bytes(task->real), n - part, counts);
}

/* Behind the block's first `some` elements that are equal to the threshold. */
static uint64_t find_boundary(const struct ladle_task *task, const struct sce *sce, const struct ladle_block *block,
                              uint64_t some, struct strips *strips)
{
    const struct ladle_arithmetic *kernels = ladle_strip_kernels(task);
    size_t at = 0, n = ladle_strip_elems(0, block->elems);

    for (; at < block->elems; at += n) {
        n = ladle_strip_elems(at, block->elems);
        read_variance(task, block, at, n, strips);
        uint64_t count = kernels->count(strips->variance, sce->band.low, n);
        if (count >= some)
            break;
        some -= count;
    }
    return block->first + at + kernels->reach(strips->variance, sce->band.low, (size_t)some, n);
}

/* The energies of the one block in which the boundary lies. */
static void add_divided(const struct ladle_task *task, const struct sce *sce, const struct ladle_block *block,
                        struct strips *strips, double *energies)
{
    for (size_t start = 0; start < block->elems; start += LADLE_SEGMENT) {
        size_t end = ladle_segment_end(start, block->elems);
        memset(strips->lanes, 0, (size_t)task->models * LADLE_LANES * sizeof(double));
        for (size_t at = start, n; at < end; at += n) {
            n = ladle_strip_elems(at, end);
            read_variance(task, block, at, n, strips);
            select_variances(task, sce, block->first + at, n, strips->variance);
            mask_deltas(task, n, strips);
            add_energies(task, n, strips, strips->lanes);
        }
        for (unsigned k = 0; k < task->models; k++)
            energies[k] += ladle_lanes_fold(strips->lanes + k * LADLE_LANES);
    }
}

static void combine(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                    const void *partial_)
{
    struct parts parts = parts_of(task, state);
    struct sce *sce = parts.sce;
    const struct partial *partial = partial_;
    const double *sums = partial->sums;

    if (!sce->selected)
        return;
    uint64_t some = sce->band.low_counts ? sce->band.low_some : UINT64_MAX, before = sce->equal;
    sce->equal += partial->equal;
    if (before < some && sce->equal >= some) {
        struct strips strips = strips_take(task, &parts.room);
        sce->boundary = find_boundary(task, sce, block, some - before, &strips);
        add_divided(task, sce, block, &strips, parts.energies);
        return;
    }
    sums += before < some ? 0 : task->models; /* with equal ones, or without */
    for (size_t s = 0; s < ladle_segments(block->elems); s++, sums += BOTH * task->models)
        for (unsigned k = 0; k < task->models; k++)
            parts.energies[k] += sums[k];
}

/* Mean squares to weights that add up to 1. */
static void weigh(const struct ladle_task *task, struct sce *sce, double *energies, double *weights)
{
    double total = 0, elems = task->elems > 0 ? (double)task->elems : 1;

    for (unsigned k = 0; k < task->models; k++) {
        energies[k] /= elems;
        total += energies[k];
    }
    for (unsigned k = 0; k < task->models; k++) {
        weights[k] = total >= 1e-6 ? energies[k] / total : 1 / (double)task->models;
        sce->undefined = sce->undefined || isnan(weights[k]);
    }
}

/* Before the first resolve of the selection the number of variances to keep is not known. */
static void settle_selection(const struct ladle_task *task, struct sce *sce, struct ladle_selection *selection,
                             unsigned pass)
{
    if (pass == 0) {
        double nonzero = (double)ladle_selection_nonzero(task, selection);
        ladle_selection_ask(selection, 0, (uint64_t)(task->shared[SELECT_TOPK] * nonzero));
    }
    sce->selected = ladle_selection_resolve(task, selection);
    if (!sce->selected)
        return;
    if (selection->thresholds[0].rank > 0)
        ladle_band_keep_top(&sce->band, &selection->thresholds[0]);
    else
        sce->band = ladle_band_none();
}

static enum ladle_next resolve(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_log *log)
{
    struct parts parts = parts_of(task, state);

    if (!parts.sce->selected) {
        settle_selection(task, parts.sce, parts.selection, pass);
        return LADLE_NEXT_PASS;
    }
    weigh(task, parts.sce, parts.energies, parts.weights);
    return LADLE_NEXT_APPLY;
}

static void merge_strip(const struct ladle_task *task, const double *weights, size_t n, struct strips *strips)
{
    const struct ladle_arithmetic *kernels = ladle_strip_kernels(task);
    void *sum = strips->variance;

    kernels->fill(sum, 0, n);
    kernels->fill(strips->merged, 0, n);
    kernels->fill(strips->divisor, 0, n);
    for (unsigned k = 0; k < task->models; k++)
        kernels->axpy(sum, 1, strips->deltas[k], n);
    for (unsigned k = 0; k < task->models; k++)
        kernels->elect(strips->merged, strips->divisor, sum, strips->deltas[k], weights[k], weights[k], n);
    kernels->most(strips->divisor, strips->divisor, 1e-6, n);
    kernels->settle(strips->merged, strips->divisor, sum, n);
    kernels->add(strips->merged, strips->base, strips->merged, n);
}

static void apply(const struct ladle_task *task, const void *state, const struct ladle_block *block, const uint64_t *before,
                  const struct ladle_output *output, void *scratch)
{
    struct ladle_cursor cursor = ladle_cursor_begin(output);

    if (task->models == 0) {
        ladle_mix_copy(task, block, 0, output, scratch);
        return;
    }
    struct parts parts = parts_of(task, state);
    struct strips strips = strips_take(task, &scratch);
    for (size_t at = 0; at < block->elems; at += LADLE_STRIP) {
        size_t n = ladle_strip_elems(at, block->elems);
        read_deltas(task, block, at, n, &strips);
        if (task->shared[SELECT_TOPK] < 1) {
            ladle_strip_kernels(task)->variance(strips.variance, strips.deltas, task->models, n);
            select_variances(task, parts.sce, block->first + at, n, strips.variance);
            mask_deltas(task, n, &strips);
        }
        merge_strip(task, parts.weights, n, &strips);
        if (parts.sce->undefined)
            ladle_strip_kernels(task)->fill(strips.merged, NAN, n);
        ladle_cursor_store(task, &cursor, strips.merged, n);
    }
}

const struct ladle_method ladle_method_sce = {
    .info = {.name = "sce",
             .title = "SCE (Select, Calculate, Erase)",
             .about = "Keeps the elements in which the models differ most, weighs the models by how much each changed the "
                      "tensor, and "
                      "leaves out changes that go against the majority. The weights come from the models themselves.",
             .advice =
                 "For several fine-tunes of one base when there are no weights to prefer; select_topk between 0.1 and 0.2 "
                 "for many models. With very small changes, which most fine-tunes make, all models weigh the same.",
             .cost = "two passes over the data (one read where a tensor fits in the memory budget); with select_topk < 1 "
                     "one or two more, to find the exact rank of variances, and up to 1.5 MiB for it",
             .source = "Wan et al., FuseChat, arXiv:2408.07990",
             .base = LADLE_BASE_REQUIRED,
             .least_models = 0,
             .most_models = LADLE_ANY_NUMBER_OF_MODELS,
             .shared = shared,
             .shared_count = SHARED},
    .needs = needs,
    .begin = begin,
    .sample = sample,
    .accumulate = accumulate,
    .combine = combine,
    .resolve = resolve,
    .apply = apply,
};
