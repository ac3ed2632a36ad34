/* SPDX-License-Identifier: Apache-2.0 */
/* nuslerp: from one model towards another along a great circle; the whole tensor, its rows or its columns being the vectors.
 * Whole tensors need three dot products, found in a statistics pass; so do columns, three for each. Rows need only
 * themselves and are done while applying. Source: spec methods.md "nuslerp". */
#include <math.h>

#include "method/mix.h"
#include "method/registry.h"
#include "method/sphere.h"

enum { WEIGHT, EACH };
enum { FLATTEN, ALONG_COLUMNS, SHARED };

static const struct ladle_parameter each[EACH] = {
    [WEIGHT] = {.name = "weight",
                .type = LADLE_NUMBER,
                .preset = LADLE_NO_DEFAULT,
                .least = -INFINITY,
                .most = INFINITY,
                .about = "share of this model; only the ratio of the two counts (0.5 and 0.5: the middle)"},
};

static const struct ladle_parameter shared[SHARED] = {
    [FLATTEN] = {.name = "nuslerp_flatten",
                 .type = LADLE_BOOLEAN,
                 .preset = 1,
                 .least = 0,
                 .most = 1,
                 .about = "the whole tensor is one vector; false: every row (a neuron's weights) is one"},
    [ALONG_COLUMNS] = {.name = "nuslerp_row_wise",
                       .type = LADLE_BOOLEAN,
                       .preset = 0,
                       .least = 0,
                       .most = 1,
                       .about = "with nuslerp_flatten false: every column (along the first axis) is one vector"},
};

enum shape { WHOLE, ROWS, COLUMNS };

static enum shape shape_of(const struct ladle_task *task)
{
    if (task->shared[FLATTEN] != 0 || task->rank < 2)
        return WHOLE;
    return task->shared[ALONG_COLUMNS] != 0 ? COLUMNS : ROWS;
}

static enum ladle_gram_vectors vectors_of(const struct ladle_task *task)
{
    return task->has_base ? LADLE_GRAM_DELTAS : LADLE_GRAM_MODELS;
}

static double share_of(const struct ladle_task *task)
{
    return ladle_sphere_share(task->each[WEIGHT], task->each[EACH + WEIGHT]);
}

/* Elements of a row of the matrix whose columns are the vectors: everything but the first axis. */
static size_t column_count(const struct ladle_task *task)
{
    return task->elems > 0 ? (size_t)(task->elems / task->shape[0]) : 0;
}

/* The state of whole tensors: a triangle of products, then two coefficients. Of columns: three products a column, of which
 * the outer two become the coefficients, then room for the strips of one thread. */
struct columns {
    double *first, *mixed, *second;
    void *base, *vectors[2];
};

static struct columns columns_of(const struct ladle_task *task, void *state)
{
    size_t count = column_count(task);
    struct columns columns;

    columns.first = ladle_array_take(&state, count, sizeof(double));
    columns.mixed = ladle_array_take(&state, count, sizeof(double));
    columns.second = ladle_array_take(&state, count, sizeof(double));
    columns.base = ladle_strip_take(task, &state);
    columns.vectors[0] = ladle_strip_take(task, &state);
    columns.vectors[1] = ladle_strip_take(task, &state);
    return columns;
}

static void needs(const struct ladle_task *task, struct ladle_needs *needs)
{
    enum ladle_gram_vectors vectors = vectors_of(task);

    needs->scratch_bytes = ladle_mix_scratch_bytes(task);
    if (task->elems == 0)
        return;
    if (shape_of(task) == COLUMNS) {
        needs->passes = 1;
        needs->state_bytes = 3 * ladle_array_bytes(column_count(task), sizeof(double)) + 3 * ladle_strip_bytes(task);
        needs->scratch_bytes = 5 * ladle_strip_bytes(task);
        return;
    }
    needs->scratch_bytes += ladle_gram_scratch_bytes(task, vectors);
    if (shape_of(task) == ROWS) {
        needs->rows = true;
        needs->scratch_bytes += ladle_array_bytes(ladle_segments(task->row_elems) * ladle_gram_pairs(2), sizeof(double));
    } else {
        needs->passes = 1;
        needs->state_bytes = ladle_gram_state_bytes(task, vectors) + sizeof(struct ladle_pair);
        needs->partial_bytes = ladle_gram_partial_bytes(task, vectors);
    }
}

static void accumulate(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                       const uint64_t *before, void *partial, void *scratch)
{
    if (shape_of(task) == WHOLE)
        ladle_gram_accumulate(task, vectors_of(task), block, partial, scratch);
}

/* n elements of either vector from flat index `first` on, their products each added to its column. */
static void add_to_columns(const struct ladle_task *task, const struct columns *columns, uint64_t first, size_t n)
{
    size_t count = column_count(task), column = (size_t)(first % count), real_bytes = ladle_real_bytes(task->real);
    const char *x = columns->vectors[0], *y = columns->vectors[1];

    for (size_t at = 0, part; at < n; at += part, column = 0) {
        part = n - at < count - column ? n - at : count - column;
        ladle_strip_kernels(task)->dot_columns(columns->first + column, columns->mixed + column, columns->second + column,
                                               x + at * real_bytes, y + at * real_bytes, part);
    }
}

/* Rows come in order because blocks do. */
static void combine_columns(const struct ladle_task *task, void *state, const struct ladle_block *block)
{
    struct columns columns = columns_of(task, state);

    for (size_t at = 0; at < block->elems; at += LADLE_STRIP) {
        size_t n = ladle_strip_elems(at, block->elems);
        if (task->has_base)
            ladle_strip_read(task, block, 0, at, n, columns.base);
        for (unsigned k = 0; k < 2; k++) {
            if (task->has_base)
                ladle_strip_delta(task, block, k, at, n, columns.base, columns.vectors[k]);
            else
                ladle_strip_model(task, block, k, at, n, columns.vectors[k]);
        }
        add_to_columns(task, &columns, block->first + at, n);
    }
}

static void combine(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                    const void *partial)
{
    if (shape_of(task) == COLUMNS)
        combine_columns(task, state, block);
    else
        ladle_gram_combine(task, vectors_of(task), block, partial, state);
}

static bool is_finite(double first, double mixed, double second)
{
    return isfinite(first + mixed + second);
}

static bool resolve_columns(const struct ladle_task *task, void *state)
{
    struct columns columns = columns_of(task, state);
    double t = share_of(task);
    bool finite = true;

    for (size_t c = 0; c < column_count(task); c++) {
        finite = finite && is_finite(columns.first[c], columns.mixed[c], columns.second[c]);
        struct ladle_pair pair = ladle_sphere_nuslerp(columns.first[c], columns.mixed[c], columns.second[c], t);
        columns.first[c] = pair.first;
        columns.second[c] = pair.second;
    }
    return finite;
}

static struct ladle_pair *whole_pair(const struct ladle_task *task, const void *state)
{
    return (struct ladle_pair *)((char *)state + ladle_gram_state_bytes(task, vectors_of(task)));
}

static enum ladle_next resolve(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_log *log)
{
    const double *products = state;
    bool finite;

    if (shape_of(task) == COLUMNS) {
        finite = resolve_columns(task, state);
    } else {
        finite = is_finite(products[0], products[1], products[2]);
        *whole_pair(task, state) = ladle_sphere_nuslerp(products[0], products[1], products[2], share_of(task));
    }
    if (!finite)
        ladle_mix_warn_linear(task, log);
    return LADLE_NEXT_APPLY;
}

static void apply_rows(const struct ladle_task *task, const struct ladle_block *block, const struct ladle_output *output,
                       void *scratch)
{
    enum ladle_gram_vectors vectors = vectors_of(task);
    size_t segments = ladle_segments(task->row_elems);
    double *partial = ladle_array_take(&scratch, segments * ladle_gram_pairs(2), sizeof(double));
    struct ladle_cursor cursor = ladle_cursor_begin(output);
    double t = share_of(task);

    for (size_t at = 0; at < block->elems; at += (size_t)task->row_elems) {
        const void *data[3];
        struct ladle_block row;
        double products[3] = {0};
        ladle_mix_row(task, block, at, data, &row);
        ladle_gram_accumulate(task, vectors, &row, partial, scratch);
        ladle_gram_combine(task, vectors, &row, partial, products);
        *output->fallbacks += !is_finite(products[0], products[1], products[2]);
        struct ladle_pair pair = ladle_sphere_nuslerp(products[0], products[1], products[2], t);
        const double coefficients[2] = {pair.first, pair.second};
        ladle_mix_range(task, block, at, row.elems, vectors, coefficients, 1, &cursor, scratch);
    }
}

/* The coefficients of n columns from flat index `first` on, going round, rounded to T. */
static void read_columns(const struct ladle_task *task, const double *of_columns, uint64_t first, size_t n, void *out)
{
    size_t count = column_count(task), column = (size_t)(first % count);

    for (size_t at = 0, part; at < n; at += part, column = 0) {
        part = n - at < count - column ? n - at : count - column;
        void *place = (char *)out + at * ladle_real_bytes(task->real);
        ladle_strip_kernels(task)->from_f64(place, of_columns + column, part);
    }
}

static void apply_columns(const struct ladle_task *task, const void *state, const struct ladle_block *block,
                          const struct ladle_output *output, void *scratch)
{
    const struct ladle_arithmetic *kernels = ladle_strip_kernels(task);
    struct columns columns = columns_of(task, (void *)(uintptr_t)state);
    struct ladle_cursor cursor = ladle_cursor_begin(output);
    void *base = ladle_strip_take(task, &scratch), *vector = ladle_strip_take(task, &scratch);
    void *total = ladle_strip_take(task, &scratch), *coefficients = ladle_strip_take(task, &scratch);

    for (size_t at = 0; at < block->elems; at += LADLE_STRIP) {
        size_t n = ladle_strip_elems(at, block->elems);
        kernels->fill(total, 0, n);
        if (task->has_base)
            ladle_strip_read(task, block, 0, at, n, base);
        for (unsigned k = 0; k < 2; k++) {
            ladle_strip_model(task, block, k, at, n, vector);
            if (task->has_base)
                kernels->sub(vector, vector, base, n);
            read_columns(task, k == 0 ? columns.first : columns.second, block->first + at, n, coefficients);
            kernels->mul(vector, coefficients, vector, n);
            kernels->add(total, total, vector, n);
        }
        if (task->has_base)
            kernels->add(total, base, total, n);
        ladle_cursor_store(task, &cursor, total, n);
    }
}

static void apply(const struct ladle_task *task, const void *state, const struct ladle_block *block, const uint64_t *before,
                  const struct ladle_output *output, void *scratch)
{
    if (shape_of(task) == ROWS) {
        apply_rows(task, block, output, scratch);
    } else if (shape_of(task) == COLUMNS) {
        apply_columns(task, state, block, output, scratch);
    } else {
        const struct ladle_pair *pair = whole_pair(task, state);
        const double coefficients[2] = {pair->first, pair->second};
        ladle_mix_block(task, block, vectors_of(task), coefficients, output, scratch);
    }
}

const struct ladle_method ladle_method_nuslerp = {
    .info = {.name = "nuslerp",
             .title = "NuSLERP",
             .about =
                 "Turns from the first model towards the second along the great circle between them, as far as the second's "
                 "share of the weights says. With a base model it does so with the two differences from the base and adds "
                 "the result to it.",
             .advice =
                 "For two models of one family that should both stay recognisable: norms are kept where a plain average "
                 "shrinks them. Leave nuslerp_flatten on unless every neuron is to be turned by an angle of its own.",
             .cost = "two passes over the data (one read where a tensor fits in the memory budget), memory for three "
                     "numbers a tensor; by rows one pass, in blocks of whole rows; by columns 24 bytes a column",
             .source = "Shoemake 1985, Animating rotation with quaternion curves; parameters as in mergekit 0.1.5",
             .base = LADLE_BASE_OPTIONAL,
             .least_models = 2,
             .most_models = 2,
             .each = each,
             .each_count = EACH,
             .shared = shared,
             .shared_count = SHARED},
    .needs = needs,
    .accumulate = accumulate,
    .combine = combine,
    .resolve = resolve,
    .apply = apply,
};
