/* SPDX-License-Identifier: Apache-2.0 */
#include "method/mix.h"

#include <math.h>
#include <stdio.h>

#include "base/error.h"

size_t ladle_mix_scratch_bytes(const struct ladle_task *task)
{
    return 3 * ladle_strip_bytes(task);
}

void ladle_mix_range(const struct ladle_task *task, const struct ladle_block *block, size_t at, size_t n,
                     enum ladle_gram_vectors vectors, const double *coefficients, double factor, struct ladle_cursor *cursor,
                     void *scratch)
{
    const struct ladle_arithmetic *kernels = ladle_strip_kernels(task);
    unsigned count = ladle_gram_count(task, vectors), first = vectors == LADLE_GRAM_SOURCES ? 0 : task->has_base;
    void *base = ladle_strip_take(task, &scratch), *vector = ladle_strip_take(task, &scratch);
    void *total = ladle_strip_take(task, &scratch);

    for (size_t end = at + n, part; at < end; at += part) {
        part = ladle_strip_elems(at, end);
        kernels->fill(total, 0, part);
        if (vectors == LADLE_GRAM_DELTAS)
            ladle_strip_read(task, block, 0, at, part, base);
        for (unsigned k = 0; k < count; k++) {
            ladle_strip_read(task, block, first + k, at, part, vector);
            if (vectors == LADLE_GRAM_DELTAS)
                kernels->sub(vector, vector, base, part);
            kernels->axpy(total, coefficients ? coefficients[k] : 1, vector, part);
        }
        if (factor != 1)
            kernels->scale(total, factor, total, part);
        if (vectors == LADLE_GRAM_DELTAS)
            kernels->add(total, base, total, part);
        ladle_cursor_store(task, cursor, total, part);
    }
}

void ladle_mix_block(const struct ladle_task *task, const struct ladle_block *block, enum ladle_gram_vectors vectors,
                     const double *coefficients, const struct ladle_output *output, void *scratch)
{
    struct ladle_cursor cursor = ladle_cursor_begin(output);

    ladle_mix_range(task, block, 0, block->elems, vectors, coefficients, 1, &cursor, scratch);
}

void ladle_mix_copy(const struct ladle_task *task, const struct ladle_block *block, unsigned source,
                    const struct ladle_output *output, void *scratch)
{
    struct ladle_cursor cursor = ladle_cursor_begin(output);

    for (size_t at = 0; at < block->elems; at += LADLE_STRIP) {
        size_t n = ladle_strip_elems(at, block->elems);
        ladle_strip_read(task, block, source, at, n, scratch);
        ladle_cursor_store(task, &cursor, scratch, n);
    }
}

void ladle_mix_row(const struct ladle_task *task, const struct ladle_block *block, size_t at, const void **data,
                   struct ladle_block *row)
{
    for (unsigned k = 0; k < task->sources; k++)
        data[k] = (const uint8_t *)block->data[k] + at * ladle_stored_bytes(task->dtypes[k]);
    *row = (struct ladle_block){.first = block->first + at, .elems = (size_t)task->row_elems, .data = data};
}

double ladle_mix_weights(const struct ladle_task *task)
{
    double sum = 0;

    for (unsigned k = 0; k < task->models; k++)
        sum += task->each[k];
    return sum;
}

bool ladle_mix_cancel(const struct ladle_task *task, const char *otherwise, struct ladle_mistake *mistake)
{
    double sum = ladle_mix_weights(task);

    if (fabs(sum) >= 1e-8)
        return false;
    mistake->parameter = "weight";
    snprintf(mistake->text, sizeof mistake->text,
             "weight: the weights of all models add up to %g and cannot be normalized (%s)", sum, otherwise);
    return true;
}

void ladle_mix_warn_linear(const struct ladle_task *task, const struct ladle_log *log)
{
    ladle_warn(log, "%s: dot products are not finite (an input holds NaN or Inf): merged with linear coefficients",
               task->tensor);
}
