/* SPDX-License-Identifier: Apache-2.0 */
/* karcher: the point of the sphere nearest to all models at once. One statistics pass for the dot products; the search
 * itself goes on among coefficients. Source: arXiv:2603.04972, spec methods.md "karcher". */
#include <math.h>

#include "method/mix.h"
#include "method/registry.h"
#include "method/sphere.h"

enum { MAX_ITER, TOL, SHARED };

static const struct ladle_parameter shared[SHARED] = {
    [MAX_ITER] = {.name = "max_iter",
                  .type = LADLE_WHOLE,
                  .preset = 10,
                  .least = 0,
                  .most = 1e6,
                  .about = "most steps of the search, which cost no reading; 10 are enough for fine-tunes of one family"},
    [TOL] = {.name = "tol",
             .type = LADLE_NUMBER,
             .preset = 1e-5,
             .least = 0,
             .most = INFINITY,
             .about = "the search ends with a step shorter than this (radians), and tensors no longer than this take no "
                      "part; leave it at 1e-5"},
};

/* The state: a triangle of products, a square of them, the coefficients, what the search works in. */
struct state {
    double *triangle, *square, *coefficients, *space;
};

static struct state state_of(const struct ladle_task *task, const void *memory)
{
    void *next = (void *)(uintptr_t)memory;
    struct state state;

    state.triangle = ladle_array_take(&next, ladle_gram_pairs(task->models), sizeof(double));
    state.square = ladle_array_take(&next, (size_t)task->models * task->models, sizeof(double));
    state.coefficients = ladle_array_take(&next, task->models, sizeof(double));
    state.space = ladle_array_take(&next, 3 * (size_t)task->models, sizeof(double));
    return state;
}

static void needs(const struct ladle_task *task, struct ladle_needs *needs)
{
    needs->scratch_bytes = ladle_mix_scratch_bytes(task);
    if (task->models < 2)
        return;
    needs->passes = 1;
    needs->scratch_bytes += ladle_gram_scratch_bytes(task, LADLE_GRAM_MODELS);
    needs->partial_bytes = ladle_gram_partial_bytes(task, LADLE_GRAM_MODELS);
    needs->state_bytes = ladle_gram_state_bytes(task, LADLE_GRAM_MODELS) +
                         ladle_array_bytes((size_t)task->models * task->models, sizeof(double)) +
                         ladle_array_bytes(task->models, sizeof(double)) +
                         ladle_array_bytes(3 * (size_t)task->models, sizeof(double));
}

static void accumulate(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                       const uint64_t *before, void *partial, void *scratch)
{
    ladle_gram_accumulate(task, LADLE_GRAM_MODELS, block, partial, scratch);
}

static void combine(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                    const void *partial)
{
    ladle_gram_combine(task, LADLE_GRAM_MODELS, block, partial, state);
}

static enum ladle_next resolve(const struct ladle_task *task, void *memory, unsigned pass, const struct ladle_log *log)
{
    struct state state = state_of(task, memory);

    ladle_gram_square(task->models, state.triangle, state.square);
    if (ladle_sphere_finite(state.square, task->models)) {
        ladle_sphere_karcher(state.square, task->models, task->shared[MAX_ITER], task->shared[TOL], state.coefficients,
                             state.space);
        return LADLE_NEXT_APPLY;
    }
    for (unsigned k = 0; k < task->models; k++)
        state.coefficients[k] = 1 / (double)task->models;
    ladle_mix_warn_linear(task, log);
    return LADLE_NEXT_APPLY;
}

static void apply(const struct ladle_task *task, const void *state, const struct ladle_block *block, const uint64_t *before,
                  const struct ladle_output *output, void *scratch)
{
    if (task->models < 2)
        ladle_mix_copy(task, block, task->has_base, output, scratch);
    else
        ladle_mix_block(task, block, LADLE_GRAM_MODELS, state_of(task, state).coefficients, output, scratch);
}

const struct ladle_method ladle_method_karcher = {
    .info = {.name = "karcher",
             .title = "Karcher mean",
             .about =
                 "Finds the Riemannian mean of the models: the direction whose squared angles to all of them add up to the "
                 "least. The result has the mean of their lengths, and every model counts alike.",
             .advice =
                 "For several models without a common base or a favourite among them; nothing needs to be tuned. For close "
                 "fine-tunes it hardly differs from a plain average.",
             .cost = "two passes over the data (one read where a tensor fits in the memory budget), memory for the dot "
                     "products of all pairs of models, however long the search",
             .source = "Wang, Ye and Yin, LLM Merging on the Fisher-Rao Manifold, arXiv:2603.04972",
             .base = LADLE_BASE_IGNORED,
             .least_models = 1,
             .most_models = LADLE_ANY_NUMBER_OF_MODELS,
             .shared = shared,
             .shared_count = SHARED},
    .needs = needs,
    .accumulate = accumulate,
    .combine = combine,
    .resolve = resolve,
    .apply = apply,
};
