/* SPDX-License-Identifier: Apache-2.0 */
#include "method/task_vectors.h"

#include <math.h>

#include "base/text.h"

/* What a whole job does, from its parameters alone. */
struct outline {
    unsigned selections, ranks_each;
    bool selects, norms, rows;
    size_t odds_bytes;
};

static struct outline outline_of(const struct ladle_family *family, const struct ladle_task *task)
{
    struct outline outline = {.ranks_each = family->thinning == LADLE_KEEP_INNER ? 2 : 1};
    for (unsigned k = 0; k < task->models; k++) {
        struct ladle_thinned model = ladle_thinned_of(family, task, k);
        outline.selections += model.selects;
        outline.norms |= model.normed;
        outline.rows |= model.thins && family->thinning == LADLE_KEEP_BY_RANK;
        outline.odds_bytes += ladle_odds_bytes(family, task, &model);
    }
    outline.selects = outline.selections > 0;
    return outline;
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t selection_bytes(const struct ladle_task *task, const struct outline *outline)
{
    return ladle_array_bytes(1, ladle_selection_state_bytes(task, outline->ranks_each));
}

/* Apply's arrays: base, sums, vectors of all models if signs are elected, counts. */
static size_t apply_scratch_bytes(const struct ladle_family *family, const struct ladle_task *task, bool rows)
{
    size_t chunk = ladle_array_bytes(ladle_chunk_most(task, rows), ladle_real_bytes(task->real));
    return (4 + (family->elects ? task->models : 1)) * chunk +
           ladle_array_bytes((size_t)task->models * LADLE_BAND_TALLIES, sizeof(uint64_t)) +
           ladle_thin_scratch_bytes(family, task, rows);
}

void ladle_task_vectors_needs(const struct ladle_family *family, const struct ladle_task *task, struct ladle_needs *needs)
{
    struct outline outline = outline_of(family, task);
    needs->rows = outline.rows;
    needs->state_bytes = ladle_array_bytes(1, sizeof(struct ladle_task_vectors)) +
                         ladle_array_bytes(task->models, sizeof(struct ladle_thinned)) + outline.odds_bytes;
    needs->scratch_bytes = apply_scratch_bytes(family, task, outline.rows);
    if (outline.selects) {
        needs->passes += ladle_selection_passes(task);
        needs->sample = ladle_selection_samples(task);
        needs->tallies = task->models * LADLE_BAND_TALLIES;
        needs->state_bytes += outline.selections * selection_bytes(task, &outline);
        needs->scratch_bytes = most(needs->scratch_bytes, 2 * ladle_strip_bytes(task) + ladle_selection_scratch_bytes(task));
    }
    if (outline.norms) {
        needs->passes++;
        needs->state_bytes += ladle_norms_state_bytes(task, outline.rows);
        needs->partial_bytes = ladle_norms_partial_bytes(task, outline.rows);
        needs->scratch_bytes = most(needs->scratch_bytes, ladle_norms_scratch_bytes(family, task, outline.rows));
    }
}

/* The key of the random words of a tensor. Source: spec "Randomness": FNV-1a, and the finaliser of splitmix64. */
static uint64_t mix(uint64_t z)
{
    z ^= z >> 30;
    z *= 0xBF58476D1CE4E5B9;
    z ^= z >> 27;
    z *= 0x94D049BB133111EB;
    return z ^ z >> 31;
}

static uint64_t key_of(const struct ladle_task *task)
{
    uint64_t hash = ladle_fnv(LADLE_FNV_START, task->tensor, strlen(task->tensor));
    return mix(mix(task->seed + 0x9E3779B97F4A7C15) ^ hash);
}

static void begin_selection(const struct ladle_task *task, const struct ladle_family *family, const struct outline *outline,
                            struct ladle_thinned *model, void **memory)
{
    uint64_t kept, skipped;
    model->selection = ladle_array_take(memory, 1, selection_bytes(task, outline));
    ladle_selection_begin(model->selection, outline->ranks_each);
    ladle_thinned_ranks(family, model, task->elems, &kept, &skipped);
    if (kept < task->elems)
        ladle_selection_ask(model->selection, 0, kept);
    if (skipped > 0)
        ladle_selection_ask(model->selection, 1, skipped);
}

static void next_stage(struct ladle_task_vectors *state, bool selects, bool norms)
{
    state->stage = selects ? LADLE_STAGE_SELECT : norms ? LADLE_STAGE_NORMS : LADLE_STAGE_APPLY;
}

void ladle_task_vectors_begin(const struct ladle_family *family, const struct ladle_task *task, void *memory)
{
    struct outline outline = outline_of(family, task);
    struct ladle_task_vectors *state = ladle_array_take(&memory, 1, sizeof *state);
    state->family = family;
    state->norm = (enum ladle_norm)task->shared[LADLE_SHARED_NORM];
    state->rescales = task->shared[LADLE_SHARED_RESCALE] != 0;
    state->rows = outline.rows;
    state->key = key_of(task);
    state->models = ladle_array_take(&memory, task->models, sizeof *state->models);
    for (unsigned k = 0; k < task->models; k++) {
        state->models[k] = ladle_thinned_of(family, task, k);
        if (state->models[k].selects)
            begin_selection(task, family, &outline, &state->models[k], &memory);
        ladle_odds_begin(family, task, &state->models[k], &memory);
    }
    state->norms = memory;
    next_stage(state, outline.selects, outline.norms);
}

/* Shows one model's task vector to its selection. */
static void look(const struct ladle_task *task, const struct ladle_thinned *model, unsigned number,
                 const struct ladle_block *block, void *scratch)
{
    void *base = ladle_strip_take(task, &scratch), *d = ladle_strip_take(task, &scratch);
    ladle_selection_open(task, scratch);
    for (size_t at = 0; at < block->elems; at += LADLE_STRIP) {
        size_t n = ladle_strip_elems(at, block->elems);
        ladle_strip_read(task, block, 0, at, n, base);
        ladle_strip_delta(task, block, number, at, n, base, d);
        ladle_selection_add(task, model->selection, block->first + at, d, n, scratch);
    }
}

/* Where `look` leaves the selection's scratch. */
static void *selection_scratch(const struct ladle_task *task, void *scratch)
{
    ladle_strip_take(task, &scratch);
    ladle_strip_take(task, &scratch);
    return scratch;
}

void ladle_task_vectors_sample(const struct ladle_task *task, void *memory, const struct ladle_block *block, void *scratch)
{
    struct ladle_task_vectors *state = memory;
    for (unsigned k = 0; k < task->models; k++) {
        if (!state->models[k].selects)
            continue;
        look(task, &state->models[k], k, block, scratch);
        ladle_selection_estimate(task, state->models[k].selection, block->elems, selection_scratch(task, scratch));
    }
}

bool ladle_task_vectors_tally(const struct ladle_task *task, const void *memory, unsigned pass,
                              const struct ladle_block *block, uint64_t *counts, void *scratch)
{
    (void)pass;
    const struct ladle_task_vectors *state = memory;
    if (state->stage == LADLE_STAGE_SELECT || !state->counts)
        return false;
    void *base = ladle_strip_take(task, &scratch), *d = ladle_strip_take(task, &scratch);
    for (size_t at = 0; at < block->elems; at += LADLE_STRIP) {
        size_t n = ladle_strip_elems(at, block->elems);
        ladle_strip_read(task, block, 0, at, n, base);
        for (unsigned k = 0; k < task->models; k++) {
            const struct ladle_band *band = &state->models[k].band;
            if (!band->low_counts && !band->high_counts)
                continue;
            ladle_strip_delta(task, block, k, at, n, base, d);
            ladle_band_tally(task, band, d, n, counts + (size_t)k * LADLE_BAND_TALLIES);
        }
    }
    return true;
}

void ladle_task_vectors_accumulate(const struct ladle_task *task, void *memory, unsigned pass,
                                   const struct ladle_block *block, const uint64_t *before, void *partial, void *scratch)
{
    (void)pass;
    struct ladle_task_vectors *state = memory;
    if (state->stage == LADLE_STAGE_NORMS) {
        ladle_norms_accumulate(task, state, block, before, partial, scratch);
        return;
    }
    for (unsigned k = 0; k < task->models; k++) {
        if (!state->models[k].selects || state->models[k].selection->done)
            continue;
        look(task, &state->models[k], k, block, scratch);
        ladle_selection_close(task, state->models[k].selection, selection_scratch(task, scratch));
    }
}

void ladle_task_vectors_combine(const struct ladle_task *task, void *memory, unsigned pass, const struct ladle_block *block,
                                const void *partial)
{
    (void)pass;
    struct ladle_task_vectors *state = memory;
    if (state->stage == LADLE_STAGE_NORMS)
        ladle_norms_combine(task, state, block, partial);
}

static bool resolve_selections(const struct ladle_task *task, struct ladle_task_vectors *state)
{
    bool done = true;
    for (unsigned k = 0; k < task->models; k++)
        if (state->models[k].selects && !state->models[k].selection->done)
            done &= ladle_selection_resolve(task, state->models[k].selection);
    return done;
}

static void decide_bands(const struct ladle_task *task, struct ladle_task_vectors *state)
{
    for (unsigned k = 0; k < task->models; k++) {
        struct ladle_thinned *model = &state->models[k];
        if (!model->selects)
            continue;
        const struct ladle_threshold *thresholds = model->selection->thresholds;
        if (thresholds[0].rank > 0)
            ladle_band_keep_top(&model->band, &thresholds[0]);
        if (thresholds[1].rank > 0)
            ladle_band_skip_top(&model->band, &thresholds[1]);
        state->counts |= model->band.low_counts || model->band.high_counts;
    }
}

static bool any_normed(const struct ladle_task *task, const struct ladle_task_vectors *state)
{
    for (unsigned k = 0; k < task->models; k++)
        if (state->models[k].normed)
            return true;
    return false;
}

enum ladle_next ladle_task_vectors_resolve(const struct ladle_task *task, void *memory, unsigned pass,
                                           const struct ladle_log *log)
{
    (void)pass, (void)log;
    struct ladle_task_vectors *state = memory;
    if (state->stage == LADLE_STAGE_SELECT) {
        if (!resolve_selections(task, state))
            return LADLE_NEXT_PASS;
        decide_bands(task, state);
        next_stage(state, false, any_normed(task, state));
    } else {
        ladle_norms_resolve(task, state);
        next_stage(state, false, false);
    }
    return state->stage == LADLE_STAGE_APPLY ? LADLE_NEXT_APPLY : LADLE_NEXT_PASS;
}

/* Arrays of apply, of one chunk each. */
struct arrays {
    void *base, *sum, *merged, *divisor, *vectors;
    size_t bytes; /* of an array */
    uint64_t *counts;
    void *scratch;
};

static struct arrays arrays_of(const struct ladle_task *task, const struct ladle_task_vectors *state, const uint64_t *before,
                               void *scratch)
{
    size_t chunk = ladle_chunk_most(task, state->rows), real_bytes = ladle_real_bytes(task->real);
    size_t count = (size_t)task->models * LADLE_BAND_TALLIES;
    struct arrays arrays = {.bytes = ladle_array_bytes(chunk, real_bytes)};
    arrays.base = ladle_array_take(&scratch, chunk, real_bytes);
    arrays.sum = ladle_array_take(&scratch, chunk, real_bytes);
    arrays.merged = ladle_array_take(&scratch, chunk, real_bytes);
    arrays.divisor = ladle_array_take(&scratch, chunk, real_bytes);
    arrays.vectors = ladle_array_take(&scratch, state->family->elects ? task->models : 1, arrays.bytes);
    arrays.counts = ladle_array_take(&scratch, count, sizeof(uint64_t));
    arrays.scratch = scratch;
    memset(arrays.counts, 0, count * sizeof *arrays.counts);
    if (before)
        memcpy(arrays.counts, before, count * sizeof *arrays.counts);
    return arrays;
}

/* v_k of one chunk: thinned, weighted, and added to arrays->sum. */
static void make_vector(const struct ladle_task *task, const struct ladle_task_vectors *state,
                        const struct ladle_block *block, unsigned model, size_t at, size_t n, const struct arrays *arrays,
                        void *v)
{
    ladle_strip_delta(task, block, model, at, n, arrays->base, v);
    ladle_thin(task, state, model, block->first + at, v, n, false, arrays->counts + (size_t)model * LADLE_BAND_TALLIES,
               arrays->scratch);
    ladle_strip_kernels(task)->weigh(v, arrays->sum, state->models[model].weight, n);
}

/* The sum of the vectors that agree with its sign, in arrays->merged. */
static void elect(const struct ladle_task *task, const struct ladle_task_vectors *state, size_t n,
                  const struct arrays *arrays)
{
    const struct ladle_arithmetic *kernels = ladle_strip_kernels(task);
    void *divisor = task->shared[LADLE_SHARED_NORMALIZE] != 0 ? arrays->divisor : NULL;
    kernels->fill(arrays->merged, 0, n);
    if (divisor)
        kernels->fill(divisor, 0, n);
    for (unsigned k = 0; k < task->models; k++)
        kernels->elect(arrays->merged, divisor, arrays->sum, (uint8_t *)arrays->vectors + k * arrays->bytes, 1,
                       state->models[k].weight, n);
    kernels->settle(arrays->merged, divisor, arrays->sum, n);
}

static double divisor_of(const struct ladle_task *task, const struct ladle_task_vectors *state)
{
    double sum = 0;
    for (unsigned k = 0; k < task->models; k++)
        sum += state->models[k].weight;
    return fabs(sum) < 1e-8 ? 1 : sum;
}

static void apply_chunk(const struct ladle_task *task, const struct ladle_task_vectors *state,
                        const struct ladle_block *block, size_t at, size_t n, const struct arrays *arrays)
{
    const struct ladle_arithmetic *kernels = ladle_strip_kernels(task);
    bool elects = state->family->elects;
    ladle_strip_read(task, block, 0, at, n, arrays->base);
    if (task->models == 0)
        return;
    kernels->fill(arrays->sum, 0, n);
    for (unsigned k = 0; k < task->models; k++)
        make_vector(task, state, block, k, at, n, arrays, (uint8_t *)arrays->vectors + (elects ? k : 0) * arrays->bytes);
    if (elects)
        elect(task, state, n, arrays);
    else if (task->shared[LADLE_SHARED_NORMALIZE] != 0)
        kernels->divide(arrays->sum, arrays->sum, divisor_of(task, state), n);
    kernels->axpy(arrays->base, task->shared[LADLE_SHARED_LAMBDA], elects ? arrays->merged : arrays->sum, n);
}

void ladle_task_vectors_apply(const struct ladle_task *task, const void *memory, const struct ladle_block *block,
                              const uint64_t *before, const struct ladle_output *output, void *scratch)
{
    const struct ladle_task_vectors *state = memory;
    struct ladle_cursor cursor = ladle_cursor_begin(output);
    struct arrays arrays = arrays_of(task, state, before, scratch);
    size_t chunk = ladle_chunk_most(task, state->rows);
    for (size_t at = 0, n; at < block->elems; at += n) {
        n = block->elems - at < chunk ? block->elems - at : chunk;
        apply_chunk(task, state, block, at, n, &arrays);
        ladle_cursor_store(task, &cursor, arrays.base, n);
    }
}
