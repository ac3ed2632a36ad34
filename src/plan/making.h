/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_PLAN_MAKING_H
#define LADLE_PLAN_MAKING_H

/* Private to this room: what its files share while a recipe and models become jobs.
 *
 *   parts.c    slices of the recipe -> parts: which models, which layers, which base
 *   regions.c  where the tensors of a model's layers lie
 *   walk.c     parts -> drafts: which tensors of the inputs meet in which output tensor
 *   missing.c  drafts that some inputs lack
 *   types.c    shapes and element types of a draft
 *   values.c   parameter values of a draft
 *   jobs.c     drafts -> jobs
 *   origins.c  what the output's config.json has to say
 *
 * A mistake in recipe or models is recorded in the error object and in `status`, and making goes on to find more of them.
 * The functions return LADLE_OK for "go on", a negative status where that makes no sense. */

#include "base/few.h"
#include "plan/plan.h"

/* Names that one message lists. */
#define LADLE_NAMES_SHOWN 4u

/* One source of a part. */
struct ladle_part_source {
    uint16_t model;                          /* index in plan->models */
    uint32_t first;                          /* layer of the model that is the part's first; 0 without slices */
    const struct ladle_node *node;           /* where the recipe names it */
    const struct ladle_recipe_source *asked; /* NULL: a base that joined unlisted */
    const struct ladle_node *scopes[3];      /* parameters, nearest first: its own, the slice's, the top's */
};

/* A slice of the recipe, or the whole of it without slices. */
struct ladle_part {
    struct ladle_part_source *sources; /* the base first if the method uses it, then the models in order */
    uint16_t source_count;
    bool has_base;
    int base;        /* index of the source that is the base, even if the method ignores bases; -1 */
    uint32_t layers; /* slices only */
    uint32_t first;  /* slices only: output layer that is its first */
    const struct ladle_recipe_slice *slice;
    const struct ladle_node *scopes[2]; /* parameters, nearest first: the slice's, the top's */
};

/* The tensors [begin, end) of a model. */
struct ladle_range {
    uint32_t begin, end;
};
struct ladle_regions {
    struct ladle_range before, after; /* outside the stacks; extra layers count as after */
    struct ladle_range **layers;      /* [stack][layer] */
};

/* One output tensor in the making. */
struct ladle_draft {
    const struct ladle_part *part;
    size_t part_index;
    const char *name;                    /* of the output tensor */
    const struct ladle_tensor **tensors; /* [part->source_count]; NULL: this source lacks it, or is left out */
    uint16_t present;                    /* how many are not NULL */
    bool renamed;                        /* the sources call it by other names */
    double t;                            /* gradient position */
};

/* A growing array of jobs. */
struct ladle_job_list {
    struct ladle_job *jobs;
    size_t count, capacity;
};

struct ladle_missing;
struct ladle_types;
struct ladle_values;

struct ladle_making {
    struct ladle_plan *plan;
    struct ladle_error *error;
    const struct ladle_log *log;
    struct ladle_arena arena; /* freed when all jobs are made */
    int status;               /* LADLE_BAD_INPUT once a mistake was found */
    struct ladle_part *parts;
    size_t part_count;
    size_t most_sources; /* of any part */
    struct ladle_regions *regions; /* [model_count] */
    struct ladle_missing *missing;
    struct ladle_types *types;
    struct ladle_values *values;
    bool *scaled; /* [model_count] whether it was said that this one can only be copied */
};

/* Records a mistake: ladle_fail_also with LADLE_BAD_INPUT. With _at it begins with the place of a node (or the method's, if
 * it is NULL) in the recipe. */
void ladle_making_fail(struct ladle_making *making, const char *format, ...) LADLE_PRINTF(2, 3);
void ladle_making_fail_at(struct ladle_making *making, const struct ladle_node *node, const char *format, ...)
    LADLE_PRINTF(3, 4);

/* parts.c: fills parts, with number and identity of models, bases and layer ranges checked. */
int ladle_parts_resolve(struct ladle_making *making);

/* regions.c: fills regions. */
int ladle_regions_find(struct ladle_making *making);
/* The stack of a model with this prefix; -1 if it has none. */
int64_t ladle_stack_named(const struct ladle_model *model, const char *prefix);

/* walk.c: calls ladle_jobs_add for each output tensor, in model order. */
int ladle_walk(struct ladle_making *making);

/* The name by which filters know a source's tensor of a draft. */
const char *ladle_draft_source_name(const struct ladle_draft *draft, size_t source);

/* jobs.c: makes a draft a job. */
int ladle_jobs_add(struct ladle_making *making, struct ladle_draft *draft);
void ladle_job_list_destroy(struct ladle_job_list *list, struct ladle_quota *quota);

/* missing.c: decides about a draft that some sources lack. */
enum ladle_missing_verdict {
    LADLE_MISSING_MERGE, /* with the sources that have it (allow-missing) */
    LADLE_MISSING_COPY,  /* of source *copy */
    LADLE_MISSING_ERROR, /* recorded; reported by ladle_missing_report */
};
int ladle_missing_settle(struct ladle_making *making, const struct ladle_draft *draft, enum ladle_missing_verdict *verdict,
                         size_t *copy);
/* Turns what was recorded into messages. */
void ladle_missing_report(struct ladle_making *making);
void ladle_missing_finish(struct ladle_making *making);

/* types.c: shape, stored type, action and working type of a job from its draft. *sound is false after a mistake. */
int ladle_types_settle(struct ladle_making *making, const struct ladle_draft *draft, struct ladle_job *job, bool *sound);
/* The same for a copy of one tensor. */
int ladle_types_copy(struct ladle_making *making, const struct ladle_tensor *tensor, struct ladle_job *job);
void ladle_types_report(struct ladle_making *making);
void ladle_types_finish(struct ladle_making *making);

/* values.c: parameter values of a merging job; job->sources and its shape are set. */
int ladle_values_settle(struct ladle_making *making, const struct ladle_draft *draft, struct ladle_job *job);

/* origins.c: layer_origins, layer_counts, tied, vocabulary, one_dtype of the plan, from the finished list. */
int ladle_origins_find(struct ladle_making *making);

#endif
