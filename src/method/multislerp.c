/* SPDX-License-Identifier: Apache-2.0 */
/* multislerp: the weighted mean of several directions on the sphere. One statistics pass for the dot products.
 * Source: spec methods.md "multislerp". */
#include <math.h>

#include "method/mix.h"
#include "method/registry.h"
#include "method/sphere.h"

enum { WEIGHT, EACH };
enum { NORMALIZE, EPS, SHARED };

static const struct ladle_parameter each[EACH] = {
    [WEIGHT] = {.name = "weight",
                .type = LADLE_NUMBER,
                .preset = LADLE_NO_DEFAULT,
                .least = -INFINITY,
                .most = INFINITY,
                .about = "how strongly this model draws the mean towards itself; only ratios count unless normalize_weights "
                         "is false, 1 each treats all alike"},
};

static const struct ladle_parameter shared[SHARED] = {
    [NORMALIZE] = {.name = "normalize_weights",
                   .type = LADLE_BOOLEAN,
                   .preset = 1,
                   .least = 0,
                   .most = 1,
                   .about = "divide the weights by their sum, which may then not be 0"},
    [EPS] = {.name = "eps",
             .type = LADLE_NUMBER,
             .preset = 1e-8,
             .least = 0,
             .most = INFINITY,
             .about = "lengths below this count as nothing; leave it at 1e-8"},
};

static enum ladle_gram_vectors vectors_of(const struct ladle_task *task)
{
    return task->has_base ? LADLE_GRAM_DELTAS : LADLE_GRAM_MODELS;
}

static bool check(const struct ladle_task *task, struct ladle_mistake *mistake)
{
    return task->shared[NORMALIZE] != 0 &&
           ladle_mix_cancel(task, "normalize_weights: false takes them as they are", mistake);
}

/* The state: a triangle of products, a square of them, the weights, the coefficients. */
struct state {
    double *triangle, *square, *weights, *coefficients;
};

static struct state state_of(const struct ladle_task *task, const void *memory)
{
    void *next = (void *)(uintptr_t)memory;
    struct state state;

    state.triangle = ladle_array_take(&next, ladle_gram_pairs(task->models), sizeof(double));
    state.square = ladle_array_take(&next, (size_t)task->models * task->models, sizeof(double));
    state.weights = ladle_array_take(&next, task->models, sizeof(double));
    state.coefficients = ladle_array_take(&next, task->models, sizeof(double));
    return state;
}

static void needs(const struct ladle_task *task, struct ladle_needs *needs)
{
    needs->scratch_bytes = ladle_mix_scratch_bytes(task);
    if (task->models < 2)
        return;
    needs->passes = 1;
    needs->scratch_bytes += ladle_gram_scratch_bytes(task, vectors_of(task));
    needs->partial_bytes = ladle_gram_partial_bytes(task, vectors_of(task));
    needs->state_bytes = ladle_gram_state_bytes(task, vectors_of(task)) +
                         ladle_array_bytes((size_t)task->models * task->models, sizeof(double)) +
                         2 * ladle_array_bytes(task->models, sizeof(double));
}

static void accumulate(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                       const uint64_t *before, void *partial, void *scratch)
{
    ladle_gram_accumulate(task, vectors_of(task), block, partial, scratch);
}

static void combine(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                    const void *partial)
{
    ladle_gram_combine(task, vectors_of(task), block, partial, state);
}

static enum ladle_next resolve(const struct ladle_task *task, void *memory, unsigned pass, const struct ladle_log *log)
{
    struct state state = state_of(task, memory);
    double sum = task->shared[NORMALIZE] != 0 ? ladle_mix_weights(task) : 1;

    for (unsigned k = 0; k < task->models; k++)
        state.weights[k] = task->each[k * EACH + WEIGHT] / sum;
    ladle_gram_square(task->models, state.triangle, state.square);
    if (ladle_sphere_finite(state.square, task->models)) {
        ladle_sphere_multislerp(state.square, task->models, state.weights, task->shared[EPS], state.coefficients);
    } else {
        memcpy(state.coefficients, state.weights, task->models * sizeof(double));
        ladle_mix_warn_linear(task, log);
    }
    return LADLE_NEXT_APPLY;
}

static void apply(const struct ladle_task *task, const void *state, const struct ladle_block *block, const uint64_t *before,
                  const struct ladle_output *output, void *scratch)
{
    if (task->models < 2)
        ladle_mix_copy(task, block, task->has_base, output, scratch);
    else
        ladle_mix_block(task, block, vectors_of(task), state_of(task, state).coefficients, output, scratch);
}

const struct ladle_method ladle_method_multislerp = {
    .info =
        {.name = "multislerp",
         .title = "Multi-SLERP",
         .about =
             "Averages the directions of any number of models on the sphere, by weight, and gives the result the weighted "
             "mean of their lengths. With a base model it averages the differences from the base and adds the result "
             "to it.",
         .advice = "slerp for three and more models: a blend that does not shrink as a plain average does. Directions that "
                   "cancel each other are averaged plainly.",
         .cost = "two passes over the data (one read where a tensor fits in the memory budget), memory for the dot products "
                 "of all pairs of models",
         .source = "mergekit 0.1.5 (barycentric interpolation on a hypersphere)",
         .base = LADLE_BASE_OPTIONAL,
         .least_models = 1,
         .most_models = LADLE_ANY_NUMBER_OF_MODELS,
         .each = each,
         .each_count = EACH,
         .shared = shared,
         .shared_count = SHARED},
    .check = check,
    .needs = needs,
    .accumulate = accumulate,
    .combine = combine,
    .resolve = resolve,
    .apply = apply,
};
