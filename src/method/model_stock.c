/* SPDX-License-Identifier: Apache-2.0 */
/* model_stock: how far from the base the mean of the models may be trusted, from the angles between their task vectors. For
 * whole tensors a statistics pass finds the dot products; rows need only themselves and are done while applying.
 * Source: arXiv:2403.19522, spec methods.md "model_stock". */
#include <math.h>

#include "method/mix.h"
#include "method/registry.h"
#include "method/sphere.h"

enum { FILTER_WISE, SHARED };

static const struct ladle_parameter shared[SHARED] = {
    [FILTER_WISE] = {.name = "filter_wise",
                     .type = LADLE_BOOLEAN,
                     .preset = 0,
                     .least = 0,
                     .most = 1,
                     .about = "an angle for every row instead of one for the tensor"},
};

/* A triangle of products and a square of them. In the state of whole tensors the mean's factor follows; of rows both are
 * scratch. */
struct products {
    double *triangle, *square, *factor;
};

static size_t products_bytes(const struct ladle_task *task)
{
    return ladle_array_bytes(ladle_gram_pairs(task->models), sizeof(double)) +
           ladle_array_bytes((size_t)task->models * task->models, sizeof(double)) + ladle_array_bytes(1, sizeof(double));
}

static struct products products_take(const struct ladle_task *task, void **memory)
{
    struct products products;

    products.triangle = ladle_array_take(memory, ladle_gram_pairs(task->models), sizeof(double));
    products.square = ladle_array_take(memory, (size_t)task->models * task->models, sizeof(double));
    products.factor = ladle_array_take(memory, 1, sizeof(double));
    return products;
}

/* A single row is the whole tensor. */
static bool by_rows(const struct ladle_task *task)
{
    return task->shared[FILTER_WISE] != 0 && task->rank >= 2;
}

static void needs(const struct ladle_task *task, struct ladle_needs *needs)
{
    needs->scratch_bytes = ladle_mix_scratch_bytes(task) + ladle_gram_scratch_bytes(task, LADLE_GRAM_DELTAS);
    if (!by_rows(task)) {
        needs->passes = 1;
        needs->partial_bytes = ladle_gram_partial_bytes(task, LADLE_GRAM_DELTAS);
        needs->state_bytes = products_bytes(task);
        return;
    }
    size_t partials = ladle_segments(task->row_elems) * ladle_gram_pairs(task->models);
    needs->rows = true;
    needs->scratch_bytes += products_bytes(task) + ladle_array_bytes(partials, sizeof(double)) +
                            ladle_array_bytes(task->sources, sizeof(void *));
}

static void accumulate(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                       const uint64_t *before, void *partial, void *scratch)
{
    ladle_gram_accumulate(task, LADLE_GRAM_DELTAS, block, partial, scratch);
}

static void combine(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                    const void *partial)
{
    ladle_gram_combine(task, LADLE_GRAM_DELTAS, block, partial, state);
}

/* t / K, or 0 if the products are not finite; returns whether they are. */
static bool find_factor(const struct ladle_task *task, struct products *products)
{
    ladle_gram_square(task->models, products->triangle, products->square);
    bool finite = ladle_sphere_finite(products->square, task->models);
    *products->factor = finite ? ladle_sphere_stock(products->square, task->models) / task->models : 0;
    return finite;
}

static enum ladle_next resolve(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_log *log)
{
    struct products products = products_take(task, &state);

    if (!find_factor(task, &products))
        ladle_mix_warn_linear(task, log);
    return LADLE_NEXT_APPLY;
}

static void apply_rows(const struct ladle_task *task, const struct ladle_block *block, const struct ladle_output *output,
                       void *scratch)
{
    size_t pairs = ladle_gram_pairs(task->models);
    struct products products = products_take(task, &scratch);
    double *partial = ladle_array_take(&scratch, ladle_segments(task->row_elems) * pairs, sizeof(double));
    const void **data = ladle_array_take(&scratch, task->sources, sizeof(void *));
    struct ladle_cursor cursor = ladle_cursor_begin(output);

    for (size_t at = 0; at < block->elems; at += (size_t)task->row_elems) {
        struct ladle_block row;
        ladle_mix_row(task, block, at, data, &row);
        memset(products.triangle, 0, pairs * sizeof(double));
        ladle_gram_accumulate(task, LADLE_GRAM_DELTAS, &row, partial, scratch);
        ladle_gram_combine(task, LADLE_GRAM_DELTAS, &row, partial, products.triangle);
        *output->fallbacks += !find_factor(task, &products);
        ladle_mix_range(task, block, at, row.elems, LADLE_GRAM_DELTAS, NULL, *products.factor, &cursor, scratch);
    }
}

static void apply(const struct ladle_task *task, const void *state, const struct ladle_block *block, const uint64_t *before,
                  const struct ladle_output *output, void *scratch)
{
    if (by_rows(task)) {
        apply_rows(task, block, output, scratch);
        return;
    }
    void *memory = (void *)(uintptr_t)state;
    struct products products = products_take(task, &memory);
    struct ladle_cursor cursor = ladle_cursor_begin(output);
    ladle_mix_range(task, block, 0, block->elems, LADLE_GRAM_DELTAS, NULL, *products.factor, &cursor, scratch);
}

const struct ladle_method ladle_method_model_stock = {
    .info =
        {.name = "model_stock",
         .title = "Model Stock",
         .about =
             "Averages the models and moves the average towards the base, the further the less their differences from it "
             "agree. The amount follows from the angles between them; there is no weight to choose.",
         .advice = "For two or more fine-tunes of one base, best from similar training with other seeds or data. With "
                   "unrelated skills the angles are near 90 degrees and little more than the base is left.",
         .cost = "two passes over the data (one read where a tensor fits in the memory budget), memory for the dot products "
                 "of all pairs of models; filter_wise one pass, in blocks of whole rows",
         .source = "Jang et al., Model Stock, arXiv:2403.19522",
         .base = LADLE_BASE_REQUIRED,
         .least_models = 2,
         .most_models = LADLE_ANY_NUMBER_OF_MODELS,
         .shared = shared,
         .shared_count = SHARED},
    .needs = needs,
    .accumulate = accumulate,
    .combine = combine,
    .resolve = resolve,
    .apply = apply,
};
