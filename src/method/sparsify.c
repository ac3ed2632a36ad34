/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "method/rank.h"
#include "method/task_vectors.h"

static bool by_thresholds(const struct ladle_family *family)
{
    return family->thinning == LADLE_KEEP_LARGEST || family->thinning == LADLE_KEEP_INNER;
}

/* Whether kept elements are divided by their chance. */
static bool expects(const struct ladle_task *task)
{
    return task->shared[LADLE_SHARED_RESCALE] != 0 && task->shared[LADLE_SHARED_NORM] == LADLE_NORM_EXPECTED;
}

struct ladle_thinned ladle_thinned_of(const struct ladle_family *family, const struct ladle_task *task, unsigned model)
{
    const double *each = task->each + (size_t)model * family->each_count;
    struct ladle_thinned thinned = {.weight = each[LADLE_EACH_WEIGHT], .density = each[LADLE_EACH_DENSITY], .factor = 1};
    if (family->each_count > LADLE_EACH_THIRD)
        thinned.third = each[LADLE_EACH_THIRD];
    if (family->thinning == LADLE_KEEP_ALL)
        thinned.density = 1;
    thinned.thins = thinned.density > 0 && thinned.density < 1 && task->elems > 0;
    thinned.band = thinned.density > 0 ? ladle_band_all() : ladle_band_none();
    thinned.limit = thinned.thins ? (uint32_t)(thinned.density * 0x1p32) : 0;
    if (thinned.thins && by_thresholds(family)) {
        uint64_t kept, skipped;
        ladle_thinned_ranks(family, &thinned, task->elems, &kept, &skipped);
        if (kept == skipped)
            thinned.band = ladle_band_none();
        thinned.selects = kept != skipped && (kept < task->elems || skipped > 0);
    }
    thinned.normed = thinned.thins && task->shared[LADLE_SHARED_RESCALE] != 0 && !expects(task);
    if (thinned.thins && expects(task) && family->thinning == LADLE_KEEP_RANDOM)
        thinned.factor = 1 / thinned.density;
    return thinned;
}

void ladle_thinned_ranks(const struct ladle_family *family, const struct ladle_thinned *model, uint64_t elems,
                         uint64_t *kept, uint64_t *skipped)
{
    uint64_t keeps = (uint64_t)(model->density * (double)elems);
    uint64_t skips = 0;
    if (family->thinning == LADLE_KEEP_INNER) {
        skips = (uint64_t)(model->third * (double)elems);
        skips = skips < elems - keeps ? skips : elems - keeps;
    } else if (keeps == 0) {
        keeps = 1;
    }
    *kept = skips + keeps;
    *skipped = skips;
}

size_t ladle_chunk_most(const struct ladle_task *task, bool rows)
{
    return rows ? (size_t)task->row_elems : LADLE_STRIP;
}

/* Random words of a chunk, from the one whose counter its first element shares with up to three before it. */
static size_t word_count(size_t chunk)
{
    return (chunk + 3 + 3) / 4 * 4;
}

size_t ladle_thin_scratch_bytes(const struct ladle_family *family, const struct ladle_task *task, bool rows)
{
    size_t chunk = ladle_chunk_most(task, rows);
    size_t words = ladle_array_bytes(word_count(chunk), sizeof(uint32_t));
    if (family->thinning == LADLE_KEEP_RANDOM)
        return words;
    if (family->thinning != LADLE_KEEP_BY_RANK || !rows)
        return 0;
    return words + ladle_array_bytes(chunk, sizeof(uint32_t)) + ladle_rank_scratch_bytes(task, chunk);
}

static bool thins_by_rank(const struct ladle_family *family, const struct ladle_thinned *model)
{
    return model->thins && family->thinning == LADLE_KEEP_BY_RANK;
}

size_t ladle_odds_bytes(const struct ladle_family *family, const struct ladle_task *task, const struct ladle_thinned *model)
{
    size_t row = (size_t)task->row_elems;
    if (!thins_by_rank(family, model))
        return 0;
    return ladle_array_bytes(row, sizeof(uint32_t)) + ladle_array_bytes(row, ladle_real_bytes(task->real));
}

void ladle_odds_begin(const struct ladle_family *family, const struct ladle_task *task, struct ladle_thinned *model,
                      void **memory)
{
    size_t n = (size_t)task->row_elems;
    if (!thins_by_rank(family, model))
        return;
    uint32_t *limits = ladle_array_take(memory, n, sizeof(uint32_t));
    void *factors = ladle_array_take(memory, n, ladle_real_bytes(task->real));
    double least = model->density - model->third, range = 2 * model->third;
    for (size_t rank = 0; rank < n; rank++) {
        double chance = n > 1 ? least + range * ((double)rank / (double)(n - 1)) : model->density, factor = 1 / chance;
        int64_t limit = (int64_t)(chance * 0x1p32);
        limits[rank] = limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX;
        if (task->real == LADLE_REAL_F64)
            ((double *)factors)[rank] = factor;
        else
            ((float *)factors)[rank] = (float)factor;
    }
    model->limits = limits;
    model->factors = expects(task) ? factors : NULL;
}

/* The random words of elements [first, first + n) of a model's task vector, which lie in `room`. */
static const uint32_t *words_of(const struct ladle_task *task, const struct ladle_task_vectors *state, unsigned model,
                                uint64_t first, size_t n, uint32_t *room)
{
    size_t lead = (size_t)(first % 4);
    task->kernels->philox(room, first / 4, (lead + n + 3) / 4, model, state->key);
    return room + lead;
}

/* Probabilities rise with the rank in the row. */
static void thin_row(const struct ladle_task *task, const struct ladle_task_vectors *state, unsigned model, uint64_t first,
                     void *d, size_t n, double factor, void *scratch)
{
    const struct ladle_thinned *thinned = &state->models[model];
    uint32_t *room = ladle_array_take(&scratch, word_count(n), sizeof(uint32_t));
    uint32_t *ranks = ladle_array_take(&scratch, n, sizeof(uint32_t));

    ladle_rank_find(task, d, n, ranks, scratch);
    ladle_strip_kernels(task)->drop_ranked(d, factor, thinned->factors, ranks,
                                           words_of(task, state, model, first, n, room), thinned->limits, n);
}

void ladle_thin(const struct ladle_task *task, const struct ladle_task_vectors *state, unsigned model, uint64_t first,
                void *d, size_t n, bool plainly, uint64_t *counts, void *scratch)
{
    const struct ladle_thinned *thinned = &state->models[model];
    const struct ladle_arithmetic *kernels = ladle_strip_kernels(task);
    double factor = plainly ? 1 : thinned->factor;
    if (thinned->density <= 0) {
        kernels->fill(d, 0, n);
    } else if (!thinned->thins) {
        return;
    } else if (state->family->thinning == LADLE_KEEP_BY_RANK) {
        thin_row(task, state, model, first, d, n, factor, scratch);
    } else if (state->family->thinning == LADLE_KEEP_RANDOM) {
        kernels->drop(d, factor, words_of(task, state, model, first, n, scratch), thinned->limit, n);
    } else {
        ladle_band_apply(task, &thinned->band, factor, d, n, counts);
    }
}
