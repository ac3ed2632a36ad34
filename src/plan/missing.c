/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "plan/making.h"

/* Tensors that are named one by one when they are merged without some of their inputs. */
#define SHOWN_WARNINGS 20u

/* What one model lacks. */
struct lack {
    const char *first; /* tensor */
    uint16_t other;    /* a model that has it */
    struct ladle_few names;
};

struct ladle_missing {
    struct lack *lacks; /* [model_count] */
    uint64_t warnings;
};

static struct ladle_missing *missing_of(struct ladle_making *making)
{
    if (!making->missing) {
        struct ladle_missing *missing = ladle_arena_take(&making->arena, sizeof(*missing));
        if (missing)
            missing->lacks = ladle_arena_take_array(&making->arena, making->plan->model_count, sizeof(*missing->lacks));
        if (!missing || !missing->lacks)
            return NULL;
        making->missing = missing;
    }
    return making->missing;
}

static uint16_t model_of(const struct ladle_draft *draft, size_t source)
{
    return draft->part->sources[source].model;
}

/* The first source that has the tensor, the base before all others. */
static size_t first_with(const struct ladle_draft *draft)
{
    size_t source = 0;

    if (draft->part->base >= 0 && draft->tensors[draft->part->base])
        return (size_t)draft->part->base;
    while (!draft->tensors[source])
        source++;
    return source;
}

/* Notes the tensor for every source that lacks it. */
static int note_lacks(struct ladle_making *making, const struct ladle_draft *draft)
{
    struct ladle_missing *missing = missing_of(making);
    size_t first = first_with(draft);

    if (!missing)
        return ladle_fail_memory(making->error, "missing tensors");
    for (size_t i = 0; i < draft->part->source_count; i++) {
        if (draft->tensors[i])
            continue;
        struct lack *lack = &missing->lacks[model_of(draft, i)];
        const char *name = draft->tensors[first]->name;
        if (lack->names.count == 0)
            *lack = (struct lack){.first = name, .other = model_of(draft, first), .names.most = LADLE_NAMES_SHOWN};
        ladle_few_add(&lack->names, "%.200s", name);
    }
    making->status = LADLE_BAD_INPUT;
    return LADLE_OK;
}

/* Whether what is left without the sources that lack the tensor is still a merge. */
static bool enough_left(const struct ladle_making *making, const struct ladle_draft *draft)
{
    unsigned models = draft->present - draft->part->has_base;

    if (draft->part->has_base && !draft->tensors[0])
        return false;
    return models > 0 && models >= making->plan->method->info.least_models;
}

static void warn_left_out(struct ladle_making *making, const struct ladle_draft *draft, bool copied, size_t from)
{
    struct ladle_few without = {.most = LADLE_NAMES_SHOWN};

    if (making->missing->warnings++ >= SHOWN_WARNINGS)
        return;
    for (size_t i = 0; i < draft->part->source_count; i++)
        if (!draft->tensors[i])
            ladle_few_add(&without, "%.200s", ladle_plan_model_name(making->plan, model_of(draft, i)));
    const char *names = ladle_few_show(&without);
    if (copied)
        ladle_warn(making->log, "%s: missing in %s: copied from %s", draft->name, names,
                   ladle_plan_model_name(making->plan, model_of(draft, from)));
    else
        ladle_warn(making->log, "%s: missing in %s: merged from the others", draft->name, names);
    ladle_few_finish(&without);
}

int ladle_missing_settle(struct ladle_making *making, const struct ladle_draft *draft, enum ladle_missing_verdict *verdict,
                         size_t *copy)
{
    *copy = first_with(draft);
    if (ladle_name_is_buffer(draft->name)) {
        *verdict = LADLE_MISSING_COPY;
        return LADLE_OK;
    }
    if (!making->plan->options.allow_missing) {
        *verdict = LADLE_MISSING_ERROR;
        return note_lacks(making, draft);
    }
    if (!missing_of(making))
        return ladle_fail_memory(making->error, "missing tensors");
    *verdict = enough_left(making, draft) ? LADLE_MISSING_MERGE : LADLE_MISSING_COPY;
    warn_left_out(making, draft, *verdict == LADLE_MISSING_COPY, *copy);
    return LADLE_OK;
}

void ladle_missing_report(struct ladle_making *making)
{
    const struct ladle_missing *missing = making->missing;
    const struct ladle_plan *plan = making->plan;

    if (!missing)
        return;
    if (missing->warnings > SHOWN_WARNINGS)
        ladle_warn(making->log, "%" PRIu64 " more tensor%s missing in some of the models",
                   missing->warnings - SHOWN_WARNINGS, missing->warnings - SHOWN_WARNINGS == 1 ? " is" : "s are");
    for (size_t i = 0; i < plan->model_count; i++) {
        struct lack *lack = &missing->lacks[i];
        if (lack->names.count == 0)
            continue;
        ladle_making_fail(making, "%s: %s: missing here, but stored in %s", ladle_plan_model_name(plan, (uint16_t)i),
                          lack->first, ladle_plan_model_name(plan, lack->other));
        if (lack->names.count > 1)
            ladle_error_help(making->error, "%zu tensors are missing here: %s", lack->names.count,
                             ladle_few_show(&lack->names));
        ladle_error_help(making->error, "--allow-missing merges such tensors from the models that have them");
    }
}

void ladle_missing_finish(struct ladle_making *making)
{
    for (size_t i = 0; making->missing && i < making->plan->model_count; i++)
        ladle_few_finish(&making->missing->lacks[i].names);
}
