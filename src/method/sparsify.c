/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "method/rank.h"
#include "method/task_vectors.h"

static bool by_thresholds(const struct ladle_family *family)
{
    return family->thinning == LADLE_KEEP_LARGEST || family->thinning == LADLE_KEEP_INNER;
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
    bool rescales = task->shared[LADLE_SHARED_RESCALE] != 0;
    bool expected = task->shared[LADLE_SHARED_NORM] == LADLE_NORM_EXPECTED;
    thinned.normed = thinned.thins && rescales && !expected;
    if (thinned.thins && rescales && expected && family->thinning == LADLE_KEEP_RANDOM)
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
    return words + ladle_array_bytes(chunk, sizeof(double)) + ladle_array_bytes(chunk, sizeof(uint32_t)) +
           ladle_array_bytes(chunk, ladle_real_bytes(task->real)) + ladle_rank_scratch_bytes(task, chunk);
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
                     void *d, size_t n, bool plainly, void *scratch)
{
    const struct ladle_thinned *thinned = &state->models[model];
    const struct ladle_arithmetic *kernels = ladle_strip_kernels(task);
    uint32_t *room = ladle_array_take(&scratch, word_count(n), sizeof(uint32_t));
    double *chances = ladle_array_take(&scratch, n, sizeof(double));
    uint32_t *limits = ladle_array_take(&scratch, n, sizeof(uint32_t));
    void *factors = ladle_array_take(&scratch, n, ladle_real_bytes(task->real));

    const uint32_t *order = ladle_rank_order(task, d, n, scratch);
    double least = thinned->density - thinned->third, range = 2 * thinned->third;
    for (size_t rank = 0; rank < n; rank++)
        chances[order[rank]] = n > 1 ? least + range * ((double)rank / (double)(n - 1)) : thinned->density;
    for (size_t i = 0; i < n; i++) {
        int64_t limit = (int64_t)(chances[i] * 0x1p32);
        limits[i] = limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX;
        chances[i] = 1 / chances[i];
    }
    if (state->rescales && state->norm == LADLE_NORM_EXPECTED)
        kernels->from_f64(factors, chances, n);
    else
        kernels->fill(factors, plainly ? 1 : thinned->factor, n);
    kernels->drop_each(d, factors, words_of(task, state, model, first, n, room), limits, n);
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
        thin_row(task, state, model, first, d, n, plainly, scratch);
    } else if (state->family->thinning == LADLE_KEEP_RANDOM) {
        kernels->drop(d, factor, words_of(task, state, model, first, n, scratch), thinned->limit, n);
    } else {
        ladle_band_apply(task, &thinned->band, factor, d, n, counts);
    }
}
