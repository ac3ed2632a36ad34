/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "plan/making.h"

/* Blocks of values that are looked through for one to be shared: the tensors of a layer bring few kinds. */
#define RECENT 16u

/* A parameter of a part's models or tensors. */
enum slot_state { SLOT_NEW, SLOT_CONSTANT, SLOT_VARIES, SLOT_FAILED };
struct slot {
    enum slot_state state;
    double value;
};

/* Values that jobs may share. */
struct block {
    const double *values;
    size_t count;
};

/* What the method's own check was asked about: values, and rows of this length, which are all that it looks at. */
struct checked {
    const double *each, *shared;
    uint64_t row_elems;
    unsigned models;
    bool refused;
};

struct ladle_values {
    struct slot **slots; /* [part_count]; each: [source_count][each_count], then [shared_count] */
    double *scratch;     /* for the values of one job */
    uint8_t *dtypes;
    struct block recent[RECENT];
    unsigned next_recent;
    struct checked checked[RECENT];
    unsigned next_checked;
    bool failed;    /* some value is missing or wrong: no use in asking whether they go together */
    size_t refused; /* index + 1 of the part whose values were last found not to go together */
};

static const double no_values[1];

static struct ladle_values *values_of(struct ladle_making *making)
{
    const struct ladle_method_info *info = &making->plan->method->info;
    struct ladle_values *values = making->values;
    size_t most = making->most_sources;

    if (values)
        return values;
    values = ladle_arena_take(&making->arena, sizeof(*values));
    if (!values)
        return NULL;
    values->slots = ladle_arena_take_array(&making->arena, making->part_count, sizeof(*values->slots));
    values->scratch =
        ladle_arena_take_array(&making->arena, most * info->each_count + info->shared_count + 1, sizeof(double));
    values->dtypes = ladle_arena_take(&making->arena, most);
    if (!values->slots || !values->scratch || !values->dtypes)
        return NULL;
    return making->values = values;
}

static struct slot *slots_of(struct ladle_making *making, size_t part)
{
    const struct ladle_method_info *info = &making->plan->method->info;
    struct slot **slots = &making->values->slots[part];

    if (!*slots)
        *slots = ladle_arena_take_array(
            &making->arena, making->parts[part].source_count * info->each_count + info->shared_count + 1, sizeof(**slots));
    return *slots;
}

/* One value that is wanted. */
struct question {
    const struct ladle_parameter *parameter;
    const struct ladle_part *part;
    const struct ladle_part_source *source; /* NULL: a per-tensor parameter */
    const struct ladle_node *const *scopes;
    size_t scope_count;
    const char *tensor;
    double t;
};

/* Says that the parameter is given, but with filters of which none fits. Returns false if it is not given at all. */
static bool help_filtered(struct ladle_making *making, const struct question *question)
{
    char where[512];

    for (size_t i = 0; i < question->scope_count; i++) {
        const struct ladle_node *setting = ladle_node_get(question->scopes[i], question->parameter->name);
        if (!setting || (setting->kind == LADLE_NODE_LIST && setting->count == 0))
            continue;
        ladle_error_help(making->error,
                         "%s: no filter here fits that name; {value: ...} without a filter, behind the others, is for the "
                         "rest",
                         ladle_recipe_where(&making->plan->recipe, setting, where));
        return true;
    }
    return false;
}

static void fail_missing(struct ladle_making *making, const struct question *question)
{
    const struct ladle_plan *plan = making->plan;
    const struct ladle_part_source *source = question->source;
    const char *name = question->parameter->name;

    if (source)
        ladle_making_fail_at(making, source->node, "no %s is given for model %s (tensor %s); %s needs one for each model",
                             name, ladle_plan_model_name(plan, source->model), question->tensor, plan->method->info.name);
    else
        ladle_making_fail_at(making, NULL, "no %s is given (tensor %s); %s needs it", name, question->tensor,
                             plan->method->info.name);
    if (!help_filtered(making, question))
        ladle_recipe_help_missing(&plan->recipe, name, question->part->slice, source ? source->asked : NULL, making->error);
}

/* Answers a question; one that was answered for all tensors, or that failed, is not asked again. */
static int answer(struct ladle_making *making, struct slot *slot, const struct question *question, double *value)
{
    const struct ladle_node *given;

    *value = slot->value;
    if (slot->state == SLOT_CONSTANT || slot->state == SLOT_FAILED)
        return LADLE_OK;
    if (slot->state == SLOT_NEW)
        slot->state =
            ladle_recipe_varies(question->parameter, question->scopes, question->scope_count) ? SLOT_VARIES : SLOT_CONSTANT;
    int status = ladle_recipe_value(&making->plan->recipe, question->parameter, question->scopes, question->scope_count,
                                    question->tensor, question->t, value, &given, making->error);
    if (status == LADLE_OK) {
        slot->value = *value;
        return LADLE_OK;
    }
    if (status != 1 && status != LADLE_BAD_INPUT)
        return status;
    if (status == 1)
        fail_missing(making, question);
    making->status = LADLE_BAD_INPUT;
    making->values->failed = true;
    slot->state = SLOT_FAILED;
    slot->value = *value = 0;
    return LADLE_OK;
}

/* The values of all models of a job into the scratch; *count receives how many. */
static int answer_each(struct ladle_making *making, const struct ladle_draft *draft, struct slot *slots, size_t *count)
{
    const struct ladle_method_info *info = &making->plan->method->info;

    *count = 0;
    for (size_t i = draft->part->has_base; i < draft->part->source_count; i++) {
        const struct ladle_part_source *source = &draft->part->sources[i];
        if (!draft->tensors[i])
            continue;
        struct question question = {.part = draft->part,
                                    .source = source,
                                    .scopes = source->scopes,
                                    .scope_count = 3,
                                    .tensor = ladle_draft_source_name(draft, i),
                                    .t = draft->t};
        for (size_t k = 0; k < info->each_count; k++) {
            question.parameter = &info->each[k];
            int status = answer(making, &slots[i * info->each_count + k], &question, &making->values->scratch[(*count)++]);
            if (status)
                return status;
        }
    }
    return LADLE_OK;
}

static int answer_shared(struct ladle_making *making, const struct ladle_draft *draft, struct slot *slots)
{
    const struct ladle_method_info *info = &making->plan->method->info;
    struct question question = {
        .part = draft->part, .scopes = draft->part->scopes, .scope_count = 2, .tensor = draft->name, .t = draft->t};

    for (size_t k = 0; k < info->shared_count; k++) {
        question.parameter = &info->shared[k];
        int status =
            answer(making, &slots[draft->part->source_count * info->each_count + k], &question, &making->values->scratch[k]);
        if (status)
            return status;
    }
    return LADLE_OK;
}

/* Values for a job to keep: those of another job if they are the same. NULL without memory. */
static const double *keep(struct ladle_making *making, size_t count)
{
    struct ladle_values *values = making->values;

    if (count == 0)
        return no_values;
    for (unsigned i = 0; i < RECENT; i++)
        if (values->recent[i].count == count &&
            memcmp(values->recent[i].values, values->scratch, count * sizeof(double)) == 0)
            return values->recent[i].values;
    double *kept = ladle_arena_take_array(&making->plan->arena, count, sizeof(*kept));
    if (!kept)
        return NULL;
    memcpy(kept, values->scratch, count * sizeof(*kept));
    values->recent[values->next_recent++ % RECENT] = (struct block){.values = kept, .count = count};
    return kept;
}

/* Where to note what becomes of a check; NULL if the same was asked before. Values that were refused once are not asked
 * about again, whatever the rows. */
static struct checked *new_check(struct ladle_values *values, const struct ladle_task *task)
{
    for (unsigned i = 0; i < RECENT; i++) {
        const struct checked *checked = &values->checked[i];
        if (checked->each == task->each && checked->shared == task->shared && checked->models == task->models &&
            (checked->refused || checked->row_elems == task->row_elems))
            return NULL;
    }
    struct checked *checked = &values->checked[values->next_checked++ % RECENT];
    *checked = (struct checked){
        .each = task->each, .shared = task->shared, .row_elems = task->row_elems, .models = task->models};
    return checked;
}

/* The source of the draft that is the n-th model of the job. */
static const struct ladle_part_source *model_source(const struct ladle_draft *draft, int model)
{
    for (size_t i = draft->part->has_base; i < draft->part->source_count; i++)
        if (draft->tensors[i] && model-- == 0)
            return &draft->part->sources[i];
    return NULL;
}

/* Where the recipe gives the value that is to blame; NULL if nowhere. `source` is whose it is, or NULL. */
static const struct ladle_node *place_of(struct ladle_making *making, const struct ladle_draft *draft, const char *name,
                                         const struct ladle_part_source *source)
{
    const struct ladle_method_info *info = &making->plan->method->info;
    const struct ladle_parameter *list = source ? info->each : info->shared;
    size_t count = source ? info->each_count : info->shared_count, at = 0;
    const char *tensor = source ? ladle_draft_source_name(draft, (size_t)(source - draft->part->sources)) : draft->name;
    const struct ladle_node *given = NULL;
    double value;

    while (at < count && name && strcmp(list[at].name, name) != 0)
        at++;
    if (at < count && name)
        (void)ladle_recipe_value(&making->plan->recipe, &list[at], source ? source->scopes : draft->part->scopes,
                                 source ? 3 : 2, tensor, draft->t, &value, &given, NULL);
    return given;
}

/* Asks the method whether the values go together. */
static void check(struct ladle_making *making, const struct ladle_draft *draft, const struct ladle_job *job)
{
    const struct ladle_plan *plan = making->plan;
    struct ladle_task task;
    struct ladle_mistake mistake = {.model = -1};

    if (!plan->method->check || making->values->failed || making->values->refused == draft->part_index + 1)
        return;
    ladle_plan_task(plan, job, making->values->dtypes, &task);
    struct checked *checked = new_check(making->values, &task);
    if (!checked || !plan->method->check(&task, &mistake))
        return;
    checked->refused = true;
    making->values->refused = draft->part_index + 1;
    const struct ladle_part_source *source = mistake.model < 0 ? NULL : model_source(draft, mistake.model);
    const struct ladle_node *place = place_of(making, draft, mistake.parameter, source);
    if (!place && !source) /* it is about the values of all models */
        place = place_of(making, draft, mistake.parameter, model_source(draft, 0));
    if (source)
        ladle_making_fail_at(making, place ? place : source->node, "%s (model %s, tensor %s)", mistake.text,
                             ladle_plan_model_name(plan, source->model), draft->name);
    else
        ladle_making_fail_at(making, place, "%s (tensor %s)", mistake.text, draft->name);
}

int ladle_values_settle(struct ladle_making *making, const struct ladle_draft *draft, struct ladle_job *job)
{
    size_t count;

    if (!values_of(making))
        return ladle_fail_memory(making->error, "parameter values");
    struct slot *slots = slots_of(making, draft->part_index);
    if (!slots)
        return ladle_fail_memory(making->error, "parameter values");
    int status = answer_each(making, draft, slots, &count);
    if (status)
        return status;
    job->each = keep(making, count);
    status = answer_shared(making, draft, slots);
    if (status)
        return status;
    job->shared = keep(making, making->plan->method->info.shared_count);
    if (!job->each || !job->shared)
        return ladle_fail_memory(making->error, "parameter values");
    check(making, draft, job);
    return LADLE_OK;
}
