/* SPDX-License-Identifier: Apache-2.0 */
/* nearswap: towards the other model where the two are near each other anyway. Element by element, no statistics.
 * Source: spec methods.md "nearswap". */
#include <math.h>

#include "method/registry.h"
#include "method/strip.h"

enum { NEARNESS, SHARED };

static const struct ladle_parameter shared[SHARED] = {
    [NEARNESS] = {.name = "t",
                  .type = LADLE_NUMBER,
                  .preset = LADLE_NO_DEFAULT,
                  .least = -INFINITY,
                  .most = INFINITY,
                  .about =
                      "elements that differ by up to this much are taken from the other model; 0.0001 to 0.001 are usual"},
};

static void needs(const struct ladle_task *task, struct ladle_needs *needs)
{
    needs->scratch_bytes = 2 * ladle_strip_bytes(task);
}

static void apply(const struct ladle_task *task, const void *state, const struct ladle_block *block, const uint64_t *before,
                  const struct ladle_output *output, void *scratch)
{
    struct ladle_cursor cursor = ladle_cursor_begin(output);
    void *base = ladle_strip_take(task, &scratch), *x = ladle_strip_take(task, &scratch);

    for (size_t at = 0; at < block->elems; at += LADLE_STRIP) {
        size_t n = ladle_strip_elems(at, block->elems);
        ladle_strip_read(task, block, 0, at, n, base);
        ladle_strip_model(task, block, 0, at, n, x);
        ladle_strip_kernels(task)->near(x, x, base, task->shared[NEARNESS], n);
        ladle_cursor_store(task, &cursor, x, n);
    }
}

const struct ladle_method ladle_method_nearswap = {
    .info =
        {.name = "nearswap",
         .title = "NearSwap",
         .about =
             "Takes each element from the other model where it differs from the base by no more than t, and moves it less "
             "and less where the two are further apart. What the base knows well stays; what it hardly decided changes.",
         .advice = "To colour a strong base with the manner of another fine-tune without touching what sets the base apart.",
         .cost = "one pass over the data, no memory beyond its blocks",
         .source = "alchemonaut, QuartetAnemoi-70B-t0.0001; as in mergekit 0.1.5",
         .base = LADLE_BASE_REQUIRED,
         .least_models = 1,
         .most_models = 1,
         .shared = shared,
         .shared_count = SHARED},
    .needs = needs,
    .apply = apply,
};
