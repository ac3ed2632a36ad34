/* SPDX-License-Identifier: Apache-2.0 */
/* passthrough: one model's tensors as they are, or scaled. Source: spec methods.md "passthrough". */
#include <math.h>

#include "method/registry.h"
#include "method/strip.h"

enum { SCALE, EACH };

static const struct ladle_parameter each[EACH] = {
    [SCALE] =
        {.name = "scale",
         .type = LADLE_NUMBER,
         .preset = LADLE_ABSENT,
         .least = -INFINITY,
         .most = INFINITY,
         .about =
             "factor for every element; 0 silences a part of a layer (o_proj, down_proj), none copies the tensor as it is"},
};

static void needs(const struct ladle_task *task, struct ladle_needs *needs)
{
    needs->scratch_bytes = ladle_strip_bytes(task);
}

/* The same bytes, payloads of NaN included. */
static void copy(const struct ladle_block *block, const struct ladle_output *output)
{
    struct ladle_cursor cursor = ladle_cursor_begin(output);
    size_t each_bytes = ladle_stored_bytes(output->dtype);
    const uint8_t *in = block->data[0];
    for (size_t at = 0, part; at < block->elems; at += part) {
        void *place = ladle_cursor_next(&cursor, block->elems - at, &part);
        memcpy(place, in + at * each_bytes, part * each_bytes);
    }
}

static void apply(const struct ladle_task *task, const void *state, const struct ladle_block *block, const uint64_t *before,
                  const struct ladle_output *output, void *scratch)
{
    (void)state, (void)before;
    double scale = task->each[SCALE];
    if (isnan(scale) && task->dtypes[0] == output->dtype) {
        copy(block, output);
        return;
    }
    struct ladle_cursor cursor = ladle_cursor_begin(output);
    for (size_t at = 0; at < block->elems; at += LADLE_STRIP) {
        size_t n = ladle_strip_elems(at, block->elems);
        ladle_strip_model(task, block, 0, at, n, scratch);
        if (!isnan(scale))
            ladle_strip_kernels(task)->scale(scratch, scale, scratch, n);
        ladle_cursor_store(task, &cursor, scratch, n);
    }
}

const struct ladle_method ladle_method_passthrough = {
    .info = {.name = "passthrough",
             .title = "Passthrough",
             .about =
                 "Copies the tensors of one model, converted to the stored type and scaled if asked to. With several slices "
                 "it stacks layers of one or more models on each other (depth up-scaling, \"frankenmerging\").",
             .advice =
                 "For changing a model's depth, taking layers out, converting it, or damping repeated layers with scale.",
             .cost = "one pass over the data, no memory beyond its blocks",
             .source = "Kim et al., SOLAR 10.7B (depth up-scaling), arXiv:2312.15166",
             .base = LADLE_BASE_IGNORED,
             .least_models = 1,
             .most_models = 1,
             .each = each,
             .each_count = EACH},
    .needs = needs,
    .apply = apply,
};
