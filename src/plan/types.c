/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "plan/making.h"

/* Tensors with a mistake of shape or type that are named one by one. */
#define SHOWN_MISTAKES 5u

/* A thousand times the largest tensor that is known of. What a method says of memory, and the sizes of blocks, are products
 * of elements with bytes and models: none of them reaches 2^64. */
#define MOST_ELEMS ((uint64_t)1 << 44)

/* How many floating-point tensors a model has, and how many of them have elements of fewer than so many bits. */
struct census {
    uint64_t floats;
    uint64_t narrower[65];
};

struct ladle_types {
    struct census *models;       /* [model_count]; counted when first needed */
    struct ladle_few narrowed;   /* by dtype, though the models keep them wider than their other tensors */
    enum ladle_dtype wide;       /* type of the first of them */
    uint64_t mistakes;
    bool cut; /* whether it was said that embeddings are cut */
};

static struct ladle_types *types_of(struct ladle_making *making)
{
    if (!making->types)
        making->types = ladle_arena_take(&making->arena, sizeof(*making->types));
    return making->types;
}

/* Whether one more mistake is to be shown; beyond the first few they are counted. */
static bool count_mistake(struct ladle_making *making)
{
    making->status = LADLE_BAD_INPUT;
    return making->types->mistakes++ < SHOWN_MISTAKES;
}

static const char *name_of(const struct ladle_making *making, const struct ladle_draft *draft, size_t source)
{
    return ladle_plan_model_name(making->plan, draft->part->sources[source].model);
}

static size_t first_present(const struct ladle_draft *draft)
{
    size_t source = 0;

    while (!draft->tensors[source])
        source++;
    return source;
}

/* "[32, 8]" into `out`. Returns out. */
static char *show_shape(const struct ladle_tensor *tensor, char *out, size_t bytes)
{
    size_t used = (size_t)snprintf(out, bytes, "[");

    for (unsigned i = 0; i < tensor->rank && used < bytes; i++)
        used += (size_t)snprintf(out + used, bytes - used, "%s%" PRIu64, i ? ", " : "", tensor->shape[i]);
    if (used < bytes)
        snprintf(out + used, bytes - used, "]");
    return out;
}

/* Source: spec methods.md "Stored type". */
static enum ladle_dtype stored_type(const struct ladle_plan *plan, enum ladle_dtype promoted)
{
    const struct ladle_recipe *recipe = &plan->recipe;

    if (recipe->out_dtype_input)
        return promoted;
    if (recipe->have_out_dtype)
        return recipe->out_dtype;
    return recipe->have_dtype ? recipe->dtype : promoted;
}

/* Source: spec methods.md "Arithmetic". */
static enum ladle_real working_type(const struct ladle_plan *plan, bool has_f64)
{
    const struct ladle_recipe *recipe = &plan->recipe;
    bool asked = (recipe->have_dtype && recipe->dtype == LADLE_F64) ||
                 (recipe->have_out_dtype && !recipe->out_dtype_input && recipe->out_dtype == LADLE_F64);

    return has_f64 || asked ? LADLE_REAL_F64 : LADLE_REAL_F32;
}

/* Sets the stored type and size of a job whose shape is known. */
static int set_type(struct ladle_making *making, struct ladle_job *job, enum ladle_dtype dtype)
{
    job->dtype = (uint8_t)dtype;
    if (job->elems > MOST_ELEMS)
        ladle_making_fail(making, "%s: has %" PRIu64 " elements; a tensor may have %" PRIu64, job->name, job->elems,
                          MOST_ELEMS);
    else if (!ladle_dtype_bytes(dtype, job->elems, &job->bytes))
        ladle_making_fail(making, "%s: too large to be stored as %s", job->name, ladle_dtype_name(dtype));
    return LADLE_OK;
}

int ladle_types_copy(struct ladle_making *making, const struct ladle_tensor *tensor, struct ladle_job *job)
{
    enum ladle_dtype dtype = (enum ladle_dtype)tensor->dtype;

    job->action = LADLE_ACTION_COPY;
    job->shape = tensor->shape;
    job->rank = tensor->rank;
    job->elems = tensor->elems;
    job->real = (uint8_t)working_type(making->plan, dtype == LADLE_F64);
    return set_type(making, job, ladle_dtype_mergeable(dtype) ? stored_type(making->plan, dtype) : dtype);
}

static bool same_shape(const struct ladle_tensor *a, const struct ladle_tensor *b)
{
    return a->rank == b->rank && (a->rank == 0 || memcmp(a->shape, b->shape, a->rank * sizeof(*a->shape)) == 0);
}

/* Whether two tensors differ in their first axis at most. */
static bool same_rows(const struct ladle_tensor *a, const struct ladle_tensor *b)
{
    return a->rank == b->rank && a->rank > 0 && memcmp(a->shape + 1, b->shape + 1, (a->rank - 1u) * sizeof(*a->shape)) == 0;
}

/* Whether the first axis of a source's tensor counts tokens: the token embedding, and of the output head (which may also
 * hold classes) what has as many rows as that. */
static bool counts_tokens(const struct ladle_making *making, const struct ladle_draft *draft, size_t source)
{
    const struct ladle_model *model = making->plan->models[draft->part->sources[source].model];
    const struct ladle_tensor *tensor = draft->tensors[source];

    if (tensor->rank == 0)
        return false;
    if (ladle_name_is_embedding(draft->name))
        return true;
    if (!ladle_name_is_head(draft->name) || model->embedding < 0)
        return false;
    const struct ladle_tensor *embedding = &model->tensors[model->embedding];
    return embedding->rank > 0 && embedding->shape[0] == tensor->shape[0];
}

/* Whether two sources of a tensor differ only in how many tokens they have. */
static bool differ_in_tokens(const struct ladle_making *making, const struct ladle_draft *draft, size_t a, size_t b)
{
    return same_rows(draft->tensors[a], draft->tensors[b]) && counts_tokens(making, draft, a) &&
           counts_tokens(making, draft, b);
}

static void fail_shapes(struct ladle_making *making, const struct ladle_draft *draft, size_t a, size_t b)
{
    char one[768], other[768];

    if (!count_mistake(making))
        return;
    ladle_making_fail(making, "%s: %s: its shape %s differs from %s in %s", name_of(making, draft, b),
                      ladle_draft_source_name(draft, b), show_shape(draft->tensors[b], one, sizeof(one)),
                      show_shape(draft->tensors[a], other, sizeof(other)), name_of(making, draft, a));
    if (differ_in_tokens(making, draft, a, b))
        ladle_error_help(making->error, "the vocabularies differ: --unsafe-truncate-embeddings cuts them to the smallest "
                                        "number of rows; 'tokenizer', which aligns them, is not supported yet");
}

/* Cuts a tensor that counts tokens to the smallest number of rows. */
static int cut_rows(struct ladle_making *making, const struct ladle_draft *draft, struct ladle_job *job)
{
    uint64_t *shape = ladle_arena_take_array(&making->plan->arena, job->rank, sizeof(*shape));
    uint64_t row = 1;

    if (!shape)
        return ladle_fail_memory(making->error, "a shape");
    memcpy(shape, job->shape, job->rank * sizeof(*shape));
    for (size_t i = 0; i < draft->part->source_count; i++)
        if (draft->tensors[i] && draft->tensors[i]->shape[0] < shape[0])
            shape[0] = draft->tensors[i]->shape[0];
    for (unsigned i = 1; i < job->rank; i++)
        row *= shape[i];
    job->shape = shape;
    job->elems = shape[0] * row;
    if (!making->types->cut)
        ladle_warn(making->log, "%s: the vocabularies differ: cut to %" PRIu64 " rows, tokens beyond are lost", draft->name,
                   shape[0]);
    making->types->cut = true;
    return LADLE_OK;
}

/* Settles the shape. *sound: false after a mistake. */
static int settle_shape(struct ladle_making *making, const struct ladle_draft *draft, struct ladle_job *job, bool *sound)
{
    size_t first = first_present(draft);
    bool may_cut = making->plan->options.truncate_embeddings;
    bool cut = false;

    job->shape = draft->tensors[first]->shape;
    job->rank = draft->tensors[first]->rank;
    job->elems = draft->tensors[first]->elems;
    for (size_t i = first + 1; i < draft->part->source_count; i++) {
        const struct ladle_tensor *tensor = draft->tensors[i];
        if (!tensor || same_shape(tensor, draft->tensors[first]))
            continue;
        if (!may_cut || !differ_in_tokens(making, draft, first, i)) {
            fail_shapes(making, draft, first, i);
            *sound = false;
            return LADLE_OK;
        }
        cut = true;
    }
    return cut ? cut_rows(making, draft, job) : LADLE_OK;
}

/* Integers and other types without arithmetic: all inputs must hold the same. */
static int settle_equal(struct ladle_making *making, const struct ladle_draft *draft, struct ladle_job *job, bool *sound)
{
    size_t first = first_present(draft);
    const struct ladle_tensor *one = draft->tensors[first];

    for (size_t i = first + 1; i < draft->part->source_count; i++) {
        const struct ladle_tensor *tensor = draft->tensors[i];
        if (!tensor || tensor->dtype == one->dtype)
            continue;
        if (count_mistake(making))
            ladle_making_fail(making, "%s: %s: %s here and %s in %s; only floating-point tensors can be merged",
                              name_of(making, draft, i), ladle_draft_source_name(draft, i),
                              ladle_dtype_name((enum ladle_dtype)tensor->dtype),
                              ladle_dtype_name((enum ladle_dtype)one->dtype), name_of(making, draft, first));
        *sound = false;
        return LADLE_OK;
    }
    job->action = draft->present > 1 ? LADLE_ACTION_COPY_IF_EQUAL : LADLE_ACTION_COPY;
    return set_type(making, job, (enum ladle_dtype)one->dtype);
}

/* Counts the types of all models' tensors. */
static int count_types(struct ladle_making *making)
{
    size_t count = making->plan->model_count;
    struct census *models = ladle_arena_take_array(&making->arena, count, sizeof(*models));

    if (!models)
        return ladle_fail_memory(making->error, "element types");
    for (size_t i = 0; i < count; i++) {
        const struct ladle_model *model = making->plan->models[i];
        for (size_t k = 0; k < model->tensor_count; k++) {
            enum ladle_dtype dtype = (enum ladle_dtype)model->tensors[k].dtype;
            if (!ladle_dtype_mergeable(dtype))
                continue;
            models[i].floats++;
            for (unsigned bits = ladle_dtype_bits(dtype) + 1; bits <= 64; bits++)
                models[i].narrower[bits]++;
        }
    }
    making->types->models = models;
    return LADLE_OK;
}

/* Notes a tensor that all inputs hold in a wider type than most of their tensors, and that dtype narrows. */
static int note_narrowed(struct ladle_making *making, const struct ladle_draft *draft, enum ladle_dtype promoted)
{
    const struct ladle_recipe *recipe = &making->plan->recipe;
    struct ladle_types *types = making->types;

    if (!recipe->have_dtype || recipe->have_out_dtype || recipe->out_dtype_input ||
        ladle_dtype_bits(recipe->dtype) >= ladle_dtype_bits(promoted))
        return LADLE_OK;
    int status = types->models ? LADLE_OK : count_types(making);
    if (status)
        return status;
    for (size_t i = 0; i < draft->part->source_count; i++) {
        const struct census *census = &types->models[draft->part->sources[i].model];
        if (!draft->tensors[i])
            continue;
        if (census->narrower[ladle_dtype_bits((enum ladle_dtype)draft->tensors[i]->dtype)] * 2 <= census->floats)
            return LADLE_OK;
    }
    if (types->narrowed.count == 0)
        types->wide = promoted;
    types->narrowed.most = LADLE_NAMES_SHOWN;
    ladle_few_add(&types->narrowed, "%.200s", draft->name);
    return LADLE_OK;
}

/* The smallest type that holds all sources. Types of 8 bits come last: they give way to any other, also where two of them
 * alone would ask for BF16. */
static enum ladle_dtype promote_all(const struct ladle_draft *draft)
{
    enum ladle_dtype promoted = (enum ladle_dtype)draft->tensors[first_present(draft)]->dtype;

    for (unsigned small = 0; small < 2; small++) {
        for (size_t i = 0; i < draft->part->source_count; i++) {
            if (!draft->tensors[i])
                continue;
            enum ladle_dtype dtype = (enum ladle_dtype)draft->tensors[i]->dtype;
            if ((ladle_dtype_bits(dtype) == 8) == small)
                promoted = ladle_dtype_promote(promoted, dtype);
        }
    }
    return promoted;
}

static int settle_float(struct ladle_making *making, const struct ladle_draft *draft, struct ladle_job *job)
{
    enum ladle_dtype promoted = promote_all(draft);
    bool has_f64 = false;

    for (size_t i = 0; i < draft->part->source_count; i++)
        has_f64 |= draft->tensors[i] && draft->tensors[i]->dtype == LADLE_F64;
    job->action = LADLE_ACTION_MERGE;
    job->real = (uint8_t)working_type(making->plan, has_f64);
    int status = note_narrowed(making, draft, promoted);
    return status ? status : set_type(making, job, stored_type(making->plan, promoted));
}

int ladle_types_settle(struct ladle_making *making, const struct ladle_draft *draft, struct ladle_job *job, bool *sound)
{
    bool plain = true;

    *sound = true;
    if (!types_of(making))
        return ladle_fail_memory(making->error, "element types");
    for (size_t i = 0; i < draft->part->source_count; i++)
        plain &= !draft->tensors[i] || ladle_dtype_mergeable((enum ladle_dtype)draft->tensors[i]->dtype);
    int status = settle_shape(making, draft, job, sound);
    if (status || !*sound)
        return status;
    return plain ? settle_float(making, draft, job) : settle_equal(making, draft, job, sound);
}

void ladle_types_report(struct ladle_making *making)
{
    struct ladle_types *types = making->types;
    const struct ladle_recipe *recipe = &making->plan->recipe;

    if (!types)
        return;
    if (types->mistakes > SHOWN_MISTAKES)
        ladle_error_help(making->error, "so it is with %" PRIu64 " more tensor%s", types->mistakes - SHOWN_MISTAKES,
                         types->mistakes - SHOWN_MISTAKES == 1 ? "" : "s");
    if (types->narrowed.count)
        ladle_warn(making->log,
                   "dtype narrows what the models keep wider than their other tensors (%s to %s): %s\n"
                   "out_dtype: input keeps the types of the models",
                   ladle_dtype_name(types->wide), ladle_dtype_name(recipe->dtype),
                   ladle_few_show(&types->narrowed));
}

void ladle_types_finish(struct ladle_making *making)
{
    if (making->types)
        ladle_few_finish(&making->types->narrowed);
}
