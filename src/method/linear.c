/* SPDX-License-Identifier: Apache-2.0 */
/* linear: the weighted sum, or average, of models. Source: spec methods.md "linear". */
#include <math.h>

#include "method/mix.h"
#include "method/registry.h"

enum { WEIGHT, EACH };
enum { NORMALIZE, SHARED };

static const struct ladle_parameter each[EACH] = {
    [WEIGHT] = {.name = "weight",
                .type = LADLE_NUMBER,
                .preset = LADLE_NO_DEFAULT,
                .least = -INFINITY,
                .most = INFINITY,
                .about = "share of this model in the sum; 0.5 each for the middle of two"},
};

static const struct ladle_parameter shared[SHARED] = {
    [NORMALIZE] = {.name = "normalize",
                   .type = LADLE_BOOLEAN,
                   .preset = 1,
                   .least = 0,
                   .most = 1,
                   .about = "divide by the sum of the weights, so that only their ratio counts"},
};

static bool check(const struct ladle_task *task, struct ladle_mistake *mistake)
{
    return task->shared[NORMALIZE] != 0 && ladle_mix_cancel(task, "normalize: false adds them as they are", mistake);
}

static void needs(const struct ladle_task *task, struct ladle_needs *needs)
{
    needs->scratch_bytes = 2 * ladle_strip_bytes(task);
}

static void apply(const struct ladle_task *task, const void *state, const struct ladle_block *block, const uint64_t *before,
                  const struct ladle_output *output, void *scratch)
{
    (void)state, (void)before;
    const struct ladle_arithmetic *kernels = ladle_strip_kernels(task);
    struct ladle_cursor cursor = ladle_cursor_begin(output);
    double sum = ladle_mix_weights(task);
    void *total = ladle_strip_take(task, &scratch), *x = ladle_strip_take(task, &scratch);
    for (size_t at = 0; at < block->elems; at += LADLE_STRIP) {
        size_t n = ladle_strip_elems(at, block->elems);
        kernels->fill(total, 0, n);
        for (unsigned k = 0; k < task->models; k++) {
            ladle_strip_model(task, block, k, at, n, x);
            kernels->axpy(total, task->each[k * EACH + WEIGHT], x, n);
        }
        if (task->shared[NORMALIZE] != 0)
            kernels->divide(total, total, sum, n);
        ladle_cursor_store(task, &cursor, total, n);
    }
}

const struct ladle_method ladle_method_linear = {
    .info = {.name = "linear",
             .title = "Linear",
             .about =
                 "Averages the weights of models, each with a share of its own. Models that come from one ancestor and were "
                 "trained on similar data often give an average better than any of them.",
             .advice = "The first thing to try with fine-tunes of one base, or with checkpoints of one run.",
             .cost = "one pass over the data, no memory beyond its blocks",
             .source = "Wortsman et al., Model soups, arXiv:2203.05482",
             .base = LADLE_BASE_IGNORED,
             .least_models = 1,
             .most_models = LADLE_ANY_NUMBER_OF_MODELS,
             .each = each,
             .shared = shared,
             .each_count = EACH,
             .shared_count = SHARED},
    .check = check,
    .needs = needs,
    .apply = apply,
};
