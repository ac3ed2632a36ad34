/* SPDX-License-Identifier: Apache-2.0 */
/* slerp: from the base to one model along a great circle, each tensor one vector. Source: spec methods.md "slerp". */
#include <math.h>

#include "method/mix.h"
#include "method/registry.h"
#include "method/sphere.h"

enum { AMOUNT, SHARED };

static const struct ladle_parameter shared[SHARED] = {
    [AMOUNT] = {.name = "t",
                .type = LADLE_NUMBER,
                .preset = LADLE_NO_DEFAULT,
                .least = -INFINITY,
                .most = INFINITY,
                .about = "how far to go: 0 is the base, 1 the other model, 0.5 half-way, usually another value for each "
                         "layer; beyond 0 and 1 it extrapolates"},
};

struct slerp {
    struct ladle_pair pair;
    double products[]; /* a triangle: b.b, b.x, x.x */
};

static void needs(const struct ladle_task *task, struct ladle_needs *needs)
{
    needs->passes = 1;
    needs->state_bytes = sizeof(struct slerp) + ladle_gram_state_bytes(task, LADLE_GRAM_SOURCES);
    needs->partial_bytes = ladle_gram_partial_bytes(task, LADLE_GRAM_SOURCES);
    size_t gram = ladle_gram_scratch_bytes(task, LADLE_GRAM_SOURCES), mix = ladle_mix_scratch_bytes(task);
    needs->scratch_bytes = gram > mix ? gram : mix;
}

static void accumulate(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                       const uint64_t *before, void *partial, void *scratch)
{
    (void)state, (void)pass, (void)before;
    ladle_gram_accumulate(task, LADLE_GRAM_SOURCES, block, partial, scratch);
}

static void combine(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                    const void *partial)
{
    (void)pass;
    ladle_gram_combine(task, LADLE_GRAM_SOURCES, block, partial, ((struct slerp *)state)->products);
}

/* Norms that are next to nothing count as 1, so that a zero tensor does not divide by zero. */
static double length_of(double product)
{
    double length = sqrt(product);
    return length <= 1e-8 ? 1 : length;
}

static enum ladle_next resolve(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_log *log)
{
    (void)pass;
    struct slerp *slerp = state;
    const double *products = slerp->products;
    double t = task->shared[AMOUNT];
    slerp->pair = (struct ladle_pair){1 - t, t};
    if (!isfinite(products[0]) || !isfinite(products[1]) || !isfinite(products[2])) {
        ladle_mix_warn_linear(task, log);
        return LADLE_NEXT_APPLY;
    }
    double cosine = products[1] / (length_of(products[0]) * length_of(products[2]));
    if (fabs(cosine) <= 0.9995)
        slerp->pair = ladle_sphere_spherical(cosine, t);
    return LADLE_NEXT_APPLY;
}

static void apply(const struct ladle_task *task, const void *state, const struct ladle_block *block, const uint64_t *before,
                  const struct ladle_output *output, void *scratch)
{
    (void)before;
    const struct slerp *slerp = state;
    double coefficients[2] = {slerp->pair.first, slerp->pair.second};
    ladle_mix_block(task, block, LADLE_GRAM_SOURCES, coefficients, output, scratch);
}

const struct ladle_method ladle_method_slerp = {
    .info = {.name = "slerp",
             .title = "SLERP",
             .about =
                 "Goes from the base to one other model along the great circle between them, tensor by tensor. Unlike the "
                 "straight line, this keeps the length of the weights.",
             .advice = "The usual way to blend two fine-tunes; published recipes let t rise and fall over the layers, in "
                       "opposite directions for self_attn and mlp.",
             .cost = "two passes over the data (one read where a tensor fits in the memory budget), memory for three "
                     "numbers a tensor",
             .source = "Shoemake 1985, Animating rotation with quaternion curves",
             .base = LADLE_BASE_REQUIRED,
             .least_models = 1,
             .most_models = 1,
             .shared = shared,
             .shared_count = SHARED},
    .needs = needs,
    .accumulate = accumulate,
    .combine = combine,
    .resolve = resolve,
    .apply = apply,
};
