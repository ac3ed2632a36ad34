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

/* The state of a job; a weight and an energy for each model and the selection of variances follow it. */
struct sce {
    struct ladle_band band;
    uint64_t boundary; /* where only some of the elements equal to the band's threshold are kept: behind the last of them */
    bool selected;     /* the band is known */
    bool weighed;      /* the weights are, and the boundary */
    bool undefined;    /* a weight is NaN, and with it the whole result */
};

static struct sce *parts_of(const struct ladle_task *task, const void *state, double **energies, double **weights,
                            struct ladle_selection **selection)
{
    void *next = (void *)(uintptr_t)state;
    struct sce *sce = ladle_array_take(&next, 1, sizeof(struct sce));

    *energies = ladle_array_take(&next, task->models, sizeof(double));
    *weights = ladle_array_take(&next, task->models, sizeof(double));
    *selection = next;
    return sce;
}

/* Whether anything depends on ranks; everything or nothing is selected otherwise. */
static bool selects(const struct ladle_task *task)
{
    return task->shared[SELECT_TOPK] > 0 && task->shared[SELECT_TOPK] < 1 && task->elems > 0;
}

/* Strips of one thread: the base, every model's task vector, and what is made of them. */
struct strips {
    void *base, *variance, **deltas, *merged, *divisor;
    double *lanes;
};

static size_t strips_bytes(const struct ladle_task *task)
{
    return (task->models + 4) * ladle_strip_bytes(task) + ladle_array_bytes(task->models, sizeof(void *)) +
           ladle_array_bytes((size_t)task->models * LADLE_LANES, sizeof(double));
}

static struct strips strips_take(const struct ladle_task *task, void **scratch)
{
    struct strips strips;

    strips.base = ladle_strip_take(task, scratch);
    strips.variance = ladle_strip_take(task, scratch);
    strips.merged = ladle_strip_take(task, scratch);
    strips.divisor = ladle_strip_take(task, scratch);
    strips.lanes = ladle_array_take(scratch, (size_t)task->models * LADLE_LANES, sizeof(double));
    strips.deltas = ladle_array_take(scratch, task->models, sizeof(void *));
    for (unsigned k = 0; k < task->models; k++)
        strips.deltas[k] = ladle_strip_take(task, scratch);
    return strips;
}

static void needs(const struct ladle_task *task, struct ladle_needs *needs)
{
    needs->scratch_bytes = strips_bytes(task);
    if (task->models == 0)
        return;
    needs->passes = 1;
    needs->partial_bytes = ladle_segments(ladle_block_most(task)) * task->models * sizeof(double);
    needs->state_bytes = ladle_array_bytes(1, sizeof(struct sce)) + 2 * ladle_array_bytes(task->models, sizeof(double));
    if (!selects(task))
        return;
    needs->passes += ladle_selection_passes(task);
    needs->sample = ladle_selection_samples(task);
    needs->state_bytes += ladle_selection_state_bytes(task, 1);
    needs->scratch_bytes += ladle_selection_scratch_bytes(task);
    needs->tallies = LADLE_BAND_TALLIES;
}

static void begin(const struct ladle_task *task, void *state)
{
    double *energies, *weights;
    struct ladle_selection *selection;

    if (task->models == 0)
        return;
    struct sce *sce = parts_of(task, state, &energies, &weights, &selection);
    sce->selected = !selects(task);
    sce->band = task->shared[SELECT_TOPK] > 0 ? ladle_band_all() : ladle_band_none();
    if (!sce->selected)
        ladle_selection_begin(selection, 1);
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
    double *energies, *weights;
    struct ladle_selection *selection;
    struct strips strips = strips_take(task, &scratch);
    size_t zeros = 0;

    parts_of(task, state, &energies, &weights, &selection);
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

/* Only for the energies: they find the boundary, which serves for applying. */
static bool tally(const struct ladle_task *task, const void *state, unsigned pass, const struct ladle_block *block,
                  uint64_t *counts, void *scratch)
{
    double *energies, *weights;
    struct ladle_selection *selection;
    const struct sce *sce = parts_of(task, state, &energies, &weights, &selection);

    if (task->models == 0 || !sce->selected || !sce->band.low_counts || sce->weighed)
        return false;
    struct strips strips = strips_take(task, &scratch);
    for (size_t at = 0; at < block->elems; at += LADLE_STRIP) {
        size_t n = ladle_strip_elems(at, block->elems);
        read_variance(task, block, at, n, &strips);
        ladle_band_tally(task, &sce->band, strips.variance, n, counts);
    }
    return true;
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

/* The selected deltas of a strip. `counts` are those of ladle_band_apply; of all threads, one meets the boundary. */
static void select_counting(const struct ladle_task *task, struct sce *sce, const struct ladle_block *block, size_t at,
                            size_t n, struct strips *strips, uint64_t *counts)
{
    uint64_t some = sce->band.low_some - counts[0];

    read_variance(task, block, at, n, strips);
    ladle_band_apply(task, &sce->band, 1, strips->variance, n, counts);
    if (sce->band.low_counts && some > 0 && some <= sce->band.low_some && counts[0] >= sce->band.low_some)
        sce->boundary = block->first + at + ladle_strip_kernels(task)->reach(strips->variance, sce->band.low, some, n);
    mask_deltas(task, n, strips);
}

/* A sum of squares for each segment and model. */
static void sum_energies(const struct ladle_task *task, struct sce *sce, const struct ladle_block *block,
                         const uint64_t *before, double *totals, void *scratch)
{
    struct strips strips = strips_take(task, &scratch);
    uint64_t counts[LADLE_BAND_TALLIES] = {before ? before[0] : 0, before ? before[1] : 0};

    for (size_t start = 0; start < block->elems; start += LADLE_SEGMENT, totals += task->models) {
        size_t end = block->elems - start < LADLE_SEGMENT ? block->elems : start + LADLE_SEGMENT;
        memset(strips.lanes, 0, (size_t)task->models * LADLE_LANES * sizeof(double));
        for (size_t at = start; at < end; at += LADLE_STRIP) {
            size_t n = ladle_strip_elems(at, end);
            if (task->shared[SELECT_TOPK] < 1)
                select_counting(task, sce, block, at, n, &strips, counts);
            else
                read_deltas(task, block, at, n, &strips);
            for (unsigned k = 0; k < task->models; k++)
                ladle_strip_kernels(task)->dot(strips.lanes + k * LADLE_LANES, strips.deltas[k], strips.deltas[k], n);
        }
        for (unsigned k = 0; k < task->models; k++)
            totals[k] = ladle_lanes_fold(strips.lanes + k * LADLE_LANES);
    }
}

static void accumulate(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                       const uint64_t *before, void *partial, void *scratch)
{
    double *energies, *weights;
    struct ladle_selection *selection;
    struct sce *sce = parts_of(task, state, &energies, &weights, &selection);

    if (sce->selected)
        sum_energies(task, sce, block, before, partial, scratch);
    else
        rank_variances(task, selection, block, scratch);
}

static void combine(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                    const void *partial)
{
    double *energies, *weights;
    struct ladle_selection *selection;
    const double *segment = partial;

    if (!parts_of(task, state, &energies, &weights, &selection)->selected)
        return;
    for (size_t s = 0; s < ladle_segments(block->elems); s++, segment += task->models)
        for (unsigned k = 0; k < task->models; k++)
            energies[k] += segment[k];
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
    double *energies, *weights;
    struct ladle_selection *selection;
    struct sce *sce = parts_of(task, state, &energies, &weights, &selection);

    if (!sce->selected) {
        settle_selection(task, sce, selection, pass);
        return LADLE_NEXT_PASS;
    }
    weigh(task, sce, energies, weights);
    sce->weighed = true;
    return LADLE_NEXT_APPLY;
}

/* Sets variances to +0 that are not selected, `first` being the place of the first one in the tensor. */
static void select_variances(const struct ladle_task *task, const struct sce *sce, uint64_t first, size_t n, void *variances)
{
    struct ladle_band all = sce->band, none = sce->band;
    uint64_t counts[LADLE_BAND_TALLIES] = {0};
    uint64_t before = sce->boundary > first ? sce->boundary - first : 0;
    size_t part = !sce->band.low_counts || before > n ? n : (size_t)before;

    all.low_counts = none.low_counts = false;
    all.low_some = sce->band.low_counts ? UINT64_MAX : sce->band.low_some;
    none.low_some = 0;
    ladle_band_apply(task, &all, 1, variances, part, counts);
    ladle_band_apply(task, &none, 1, (char *)variances + part * ladle_real_bytes(task->real), n - part, counts);
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
    double *energies, *weights;
    struct ladle_selection *selection;
    struct ladle_cursor cursor = ladle_cursor_begin(output);

    if (task->models == 0) {
        ladle_mix_copy(task, block, 0, output, scratch);
        return;
    }
    const struct sce *sce = parts_of(task, state, &energies, &weights, &selection);
    struct strips strips = strips_take(task, &scratch);
    for (size_t at = 0; at < block->elems; at += LADLE_STRIP) {
        size_t n = ladle_strip_elems(at, block->elems);
        read_deltas(task, block, at, n, &strips);
        if (task->shared[SELECT_TOPK] < 1) {
            ladle_strip_kernels(task)->variance(strips.variance, strips.deltas, task->models, n);
            select_variances(task, sce, block->first + at, n, strips.variance);
            mask_deltas(task, n, &strips);
        }
        merge_strip(task, weights, n, &strips);
        if (sce->undefined)
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
    .tally = tally,
    .accumulate = accumulate,
    .combine = combine,
    .resolve = resolve,
    .apply = apply,
};
