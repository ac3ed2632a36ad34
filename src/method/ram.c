/* SPDX-License-Identifier: Apache-2.0 */
/* ram and ramplus_tl: where one model alone moved an element its move counts whole, where several did their mean. ramplus_tl
 * strengthens sole moves by a factor that follows from how many elements of the tensor a model shares with others; a
 * statistics pass counts them. Source: arXiv:2601.13572, spec methods.md "ram", "ramplus_tl". */
#include <math.h>

#include "method/mix.h"
#include "method/registry.h"

enum { EPSILON, SHARED };
enum { RATE = SHARED, ALPHA, SHARED_PLUS };

#define EPSILON_PARAMETER                                                                                                   \
    {                                                                                                                       \
        .name = "epsilon", .type = LADLE_NUMBER, .preset = 1e-5, .least = 0, .most = INFINITY,                              \
        .about = "an element counts as changed if it differs from the base by more than this; 0 counts every difference"    \
    }

static const struct ladle_parameter shared[SHARED] = {[EPSILON] = EPSILON_PARAMETER};

static const struct ladle_parameter shared_plus[SHARED_PLUS] = {
    [EPSILON] = EPSILON_PARAMETER,
    [RATE] = {.name = "r",
              .type = LADLE_NUMBER,
              .preset = 0.1,
              .least = -INFINITY,
              .most = INFINITY,
              .about = "what a model changed alone is multiplied by 1 + r * (the ratio of its shared changes to those, at "
                       "most alpha); 0 makes it ram"},
    [ALPHA] = {.name = "alpha",
               .type = LADLE_NUMBER,
               .preset = 0.2,
               .least = -INFINITY,
               .most = INFINITY,
               .about = "the largest ratio that counts; 0.2 with r 0.1 strengthens by 2 per cent at most"},
};

/* What a tensor's elements say about one model: how many it moved together with others, and alone. */
struct moves {
    uint64_t together, alone;
};

/* Strips: base, delta, and what the kernels count and sum up in. */
static void needs_ram(const struct ladle_task *task, struct ladle_needs *needs)
{
    needs->scratch_bytes = 5 * ladle_strip_bytes(task);
}

static void needs_plus(const struct ladle_task *task, struct ladle_needs *needs)
{
    needs_ram(task, needs);
    if (task->models == 0)
        return;
    needs->passes = 1;
    needs->partial_bytes = task->models * sizeof(struct moves);
    needs->state_bytes = task->models * sizeof(struct moves);
}

static void accumulate(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                       const uint64_t *before, void *partial, void *scratch)
{
    const struct ladle_arithmetic *kernels = ladle_strip_kernels(task);
    struct moves *moves = partial;
    void *base = ladle_strip_take(task, &scratch), *delta = ladle_strip_take(task, &scratch);
    void *owner = ladle_strip_take(task, &scratch);

    memset(moves, 0, task->models * sizeof(*moves));
    for (size_t at = 0; at < block->elems; at += LADLE_STRIP) {
        size_t n = ladle_strip_elems(at, block->elems);
        ladle_strip_read(task, block, 0, at, n, base);
        kernels->fill(owner, 0, n);
        for (unsigned k = 0; k < task->models; k++) {
            ladle_strip_delta(task, block, k, at, n, base, delta);
            moves[k].together += kernels->claim(owner, delta, task->shared[EPSILON], k + 1, n);
        }
        for (unsigned k = 0; k < task->models; k++)
            moves[k].alone += kernels->count(owner, ladle_key_of(task->real, k + 1), n);
    }
    for (unsigned k = 0; k < task->models; k++)
        moves[k].together -= moves[k].alone;
}

static void combine(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                    const void *partial)
{
    struct moves *total = state;
    const struct moves *moves = partial;

    for (unsigned k = 0; k < task->models; k++) {
        total[k].together += moves[k].together;
        total[k].alone += moves[k].alone;
    }
}

static enum ladle_next resolve(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_log *log)
{
    return LADLE_NEXT_APPLY;
}

/* The factor of model k's sole moves. */
static double factor_of(const struct ladle_task *task, const struct moves *moves)
{
    double alone = (double)moves->alone, ratio;

    ratio = (double)moves->together / (task->shared[EPSILON] > alone ? task->shared[EPSILON] : alone);
    ratio = ratio > 0 ? ratio : 0;
    return 1 + task->shared[RATE] * (task->shared[ALPHA] < ratio ? task->shared[ALPHA] : ratio);
}

/* `moves`: of each model, or NULL for ram, where sole moves count as they are. */
static void apply_moves(const struct ladle_task *task, const struct moves *moves, const struct ladle_block *block,
                        const struct ladle_output *output, void *scratch)
{
    const struct ladle_arithmetic *kernels = ladle_strip_kernels(task);
    struct ladle_cursor cursor = ladle_cursor_begin(output);
    void *base = ladle_strip_take(task, &scratch), *delta = ladle_strip_take(task, &scratch);
    void *count = ladle_strip_take(task, &scratch), *together = ladle_strip_take(task, &scratch);
    void *alone = ladle_strip_take(task, &scratch);

    for (size_t at = 0; at < block->elems; at += LADLE_STRIP) {
        size_t n = ladle_strip_elems(at, block->elems);
        ladle_strip_read(task, block, 0, at, n, base);
        kernels->fill(count, 0, n);
        kernels->fill(together, 0, n);
        kernels->fill(alone, 0, n);
        for (unsigned k = 0; k < task->models; k++) {
            ladle_strip_delta(task, block, k, at, n, base, delta);
            kernels->active(count, together, alone, delta, task->shared[EPSILON], moves ? factor_of(task, &moves[k]) : 1, n);
        }
        kernels->most(delta, count, 1, n);
        kernels->div(together, together, delta, n);
        kernels->choose(alone, count, 1, alone, together, n);
        kernels->choose(alone, count, 2, together, alone, n);
        kernels->add(alone, base, alone, n);
        ladle_cursor_store(task, &cursor, alone, n);
    }
}

static void apply_ram(const struct ladle_task *task, const void *state, const struct ladle_block *block,
                      const uint64_t *before, const struct ladle_output *output, void *scratch)
{
    if (task->models == 0)
        ladle_mix_copy(task, block, 0, output, scratch);
    else
        apply_moves(task, NULL, block, output, scratch);
}

static void apply_plus(const struct ladle_task *task, const void *state, const struct ladle_block *block,
                       const uint64_t *before, const struct ladle_output *output, void *scratch)
{
    if (task->models == 0)
        ladle_mix_copy(task, block, 0, output, scratch);
    else
        apply_moves(task, state, block, output, scratch);
}

const struct ladle_method ladle_method_ram = {
    .info = {.name = "ram",
             .title = "RAM (Reinforced Agent Merging)",
             .about =
                 "Adds to the base what one model alone changed in full, and the mean of the changes where several models "
                 "changed the same element. Changes that do not meet are thus not watered down.",
             .advice =
                 "For models trained by reinforcement learning or with sparse updates, whose changes hardly overlap. Where "
                 "every model changed every element it is the mean of the models.",
             .cost = "one pass over the data, no memory beyond its blocks",
             .source = "Yuan et al., Behavior Knowledge Merge in Reinforced Agentic Models, arXiv:2601.13572",
             .base = LADLE_BASE_REQUIRED,
             .least_models = 0,
             .most_models = LADLE_ANY_NUMBER_OF_MODELS,
             .shared = shared,
             .shared_count = SHARED},
    .needs = needs_ram,
    .apply = apply_ram,
};

const struct ladle_method ladle_method_ramplus_tl = {
    .info =
        {.name = "ramplus_tl",
         .title = "RAM+ (Reinforced Agent Merging Plus, tensor-local)",
         .about = "Does as ram does, and strengthens what a model changed alone: the more of its changes it shares with "
                  "others, the more. The ratio is taken tensor by tensor.",
         .advice = "When ram's result has every model's skill, but weakly, because shared changes were averaged.",
         .cost =
             "two passes over the data (one read where a tensor fits in the memory budget), memory for two counts a model",
         .source = "Yuan et al., Behavior Knowledge Merge in Reinforced Agentic Models, arXiv:2601.13572",
         .base = LADLE_BASE_REQUIRED,
         .least_models = 0,
         .most_models = LADLE_ANY_NUMBER_OF_MODELS,
         .shared = shared_plus,
         .shared_count = SHARED_PLUS},
    .needs = needs_plus,
    .accumulate = accumulate,
    .combine = combine,
    .resolve = resolve,
    .apply = apply_plus,
};
