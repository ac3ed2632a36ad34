/* SPDX-License-Identifier: Apache-2.0 */
/* The methods of the family of task arithmetic as people see them, and where they differ. */
#include <math.h>
#include <stdio.h>

#include "method/rank.h"
#include "method/registry.h"
#include "method/task_vectors.h"

#define WEIGHT                                                                                                              \
    [LADLE_EACH_WEIGHT] = {                                                                                                 \
        .name = "weight",                                                                                                   \
        .type = LADLE_NUMBER,                                                                                               \
        .preset = LADLE_NO_DEFAULT,                                                                                         \
        .least = -INFINITY,                                                                                                 \
        .most = INFINITY,                                                                                                   \
        .about = "how much of this model's task vector to add; 0.3 to 1 are usual, below 0 takes away what it learnt"}
#define DENSITY(text)                                                                                                       \
    [LADLE_EACH_DENSITY] = {.name = "density", .type = LADLE_NUMBER, .preset = 1, .least = 0, .most = 1, .about = text}

static const struct ladle_parameter each_plain[] = {
    WEIGHT,
    [LADLE_EACH_DENSITY] = {.name = "density",
                            .type = LADLE_NUMBER,
                            .preset = 1,
                            .least = 0,
                            .most = 1,
                            .about = "without effect here",
                            .unused = true},
};
static const struct ladle_parameter each_largest[] = {
    WEIGHT,
    DENSITY("share of the elements of the task vector to keep, the largest ones; 0.2 to 0.7 are usual"),
};
static const struct ladle_parameter each_random[] = {
    WEIGHT,
    DENSITY("chance of each element of the task vector to be kept; 0.1 to 0.7 are usual"),
};
static const struct ladle_parameter each_inner[] = {
    WEIGHT,
    DENSITY("share of the elements of the task vector to keep: the largest after those that gamma leaves out; 0.9 is usual"),
    [LADLE_EACH_THIRD] =
        {.name = "gamma",
         .type = LADLE_NUMBER,
         .preset = 0.01,
         .least = 0,
         .most = 1,
         .about = "share of the largest elements to drop as outliers; 0.01 is usual, with density 1 nothing is dropped"},
};
static const struct ladle_parameter each_by_rank[] = {
    WEIGHT,
    DENSITY("mean chance of the elements of the task vector to be kept; 0.1 to 0.7 are usual"),
    [LADLE_EACH_THIRD] = {.name = "epsilon",
                          .type = LADLE_NUMBER,
                          .preset = 0.15,
                          .least = -INFINITY,
                          .most = INFINITY,
                          .about =
                              "how far chances rise with an element's rank in its row: from density - epsilon to density + "
                              "epsilon, both between 0 and 1; 0.1 to 0.2 are usual"},
};

static const char *const norms[] = {"expected", "l1", "l2", "linf", NULL};

#define NORMALIZE(value, text)                                                                                              \
    [LADLE_SHARED_NORMALIZE] = {                                                                                            \
        .name = "normalize", .type = LADLE_BOOLEAN, .preset = value, .least = 0, .most = 1, .about = text}
#define LAMBDA                                                                                                              \
    [LADLE_SHARED_LAMBDA] = {.name = "lambda",                                                                              \
                             .type = LADLE_NUMBER,                                                                          \
                             .preset = 1,                                                                                   \
                             .least = -INFINITY,                                                                            \
                             .most = INFINITY,                                                                              \
                             .about =                                                                                       \
                                 "factor for the merged task vector before it is added to the base; 0.3 to 1.5 are usual"}
#define INT8_MASK                                                                                                           \
    [LADLE_SHARED_INT8] = {.name = "int8_mask",                                                                             \
                           .type = LADLE_BOOLEAN,                                                                           \
                           .preset = 0,                                                                                     \
                           .least = 0,                                                                                      \
                           .most = 1,                                                                                       \
                           .about = "without effect here",                                                                  \
                           .unused = true}
#define RESCALE(value)                                                                                                      \
    [LADLE_SHARED_RESCALE] = {.name = "rescale",                                                                            \
                              .type = LADLE_BOOLEAN,                                                                        \
                              .preset = value,                                                                              \
                              .least = 0,                                                                                   \
                              .most = 1,                                                                                    \
                              .about = "make up for dropped elements by enlarging the kept ones, see rescale_norm"}
#define RESCALE_NORM(value, text)                                                                                           \
    [LADLE_SHARED_NORM] = {.name = "rescale_norm",                                                                          \
                           .type = LADLE_CHOICE,                                                                            \
                           .preset = value,                                                                                 \
                           .least = 0,                                                                                      \
                           .most = 3,                                                                                       \
                           .choices = norms,                                                                                \
                           .about = text}

#define BY_WEIGHTS "divide by the sum of the weights: a mean of the task vectors instead of a sum"
#define BY_AGREEING "divide each element by the sum of the weights of the models that agree there"
#define AFTER_CHANCE "what stays the same: the expected value (1 / chance of being kept), or the l1, l2 or linf norm"
#define AFTER_CHOICE "which norm of the task vector stays the same: l1, l2 or linf; expected is for dare and della"

static const struct ladle_parameter shared_plain[] = {
    NORMALIZE(0, BY_WEIGHTS),
    [LADLE_SHARED_RESCALE] = {.name = "rescale",
                              .type = LADLE_BOOLEAN,
                              .preset = 0,
                              .least = 0,
                              .most = 1,
                              .about = "without effect here",
                              .unused = true},
    LAMBDA,
    [LADLE_SHARED_NORM] = {.name = "rescale_norm",
                           .type = LADLE_CHOICE,
                           .preset = LADLE_NORM_L1,
                           .least = 0,
                           .most = 3,
                           .choices = norms,
                           .about = "without effect here",
                           .unused = true},
    INT8_MASK,
};
static const struct ladle_parameter shared_ties[] = {NORMALIZE(1, BY_AGREEING), RESCALE(0), LAMBDA,
                                                     RESCALE_NORM(LADLE_NORM_L1, AFTER_CHOICE), INT8_MASK};
static const struct ladle_parameter shared_inner[] = {NORMALIZE(0, BY_WEIGHTS), RESCALE(0), LAMBDA,
                                                      RESCALE_NORM(LADLE_NORM_L1, AFTER_CHOICE), INT8_MASK};
static const struct ladle_parameter shared_inner_ties[] = {NORMALIZE(0, BY_AGREEING), RESCALE(0), LAMBDA,
                                                           RESCALE_NORM(LADLE_NORM_L1, AFTER_CHOICE), INT8_MASK};
static const struct ladle_parameter shared_random[] = {NORMALIZE(0, BY_WEIGHTS), RESCALE(1), LAMBDA,
                                                       RESCALE_NORM(LADLE_NORM_EXPECTED, AFTER_CHANCE), INT8_MASK};
static const struct ladle_parameter shared_random_ties[] = {NORMALIZE(0, BY_AGREEING), RESCALE(1), LAMBDA,
                                                            RESCALE_NORM(LADLE_NORM_EXPECTED, AFTER_CHANCE), INT8_MASK};
static const struct ladle_parameter shared_della[] = {NORMALIZE(1, BY_AGREEING), RESCALE(1), LAMBDA,
                                                      RESCALE_NORM(LADLE_NORM_EXPECTED, AFTER_CHANCE), INT8_MASK};

static bool check_norm(const struct ladle_family *family, const struct ladle_task *task, struct ladle_mistake *mistake)
{
    bool by_chance = family->thinning == LADLE_KEEP_RANDOM || family->thinning == LADLE_KEEP_BY_RANK;
    if (task->shared[LADLE_SHARED_NORM] != LADLE_NORM_EXPECTED || task->shared[LADLE_SHARED_RESCALE] == 0 || by_chance)
        return false;
    mistake->parameter = "rescale_norm";
    snprintf(mistake->text, sizeof mistake->text,
             "rescale_norm: 'expected' is for methods that keep elements by chance (dare_*, della*); use l1, l2 or linf");
    return true;
}

/* Of one model. */
static bool check_epsilon(const struct ladle_task *task, double density, double epsilon, struct ladle_mistake *mistake)
{
    if (density <= 0 || density >= 1)
        return false;
    if (task->row_elems > LADLE_RANK_MOST) {
        snprintf(mistake->text, sizeof mistake->text, "rows of more than %u elements cannot be ranked", LADLE_RANK_MOST);
        return true;
    }
    if (epsilon >= 0 && density - epsilon > 0 && density + epsilon < 1)
        return false;
    mistake->parameter = "epsilon";
    snprintf(mistake->text, sizeof mistake->text,
             "epsilon: %g with density %g: density - epsilon must be above 0 and density + epsilon below 1", epsilon,
             density);
    return true;
}

bool ladle_task_vectors_check(const struct ladle_family *family, const struct ladle_task *task,
                              struct ladle_mistake *mistake)
{
    if (family->thinning != LADLE_KEEP_ALL && check_norm(family, task, mistake))
        return true;
    for (unsigned k = 0; k < task->models && family->thinning == LADLE_KEEP_BY_RANK; k++) {
        const double *each = task->each + (size_t)k * family->each_count;
        if (check_epsilon(task, each[LADLE_EACH_DENSITY], each[LADLE_EACH_THIRD], mistake)) {
            mistake->model = (int)k;
            return true;
        }
    }
    return false;
}

/* The functions that must know which method they are of; all others find it in the state. */
#define MEMBER(method, ...)                                                                                                 \
    static const struct ladle_family family_##method = {__VA_ARGS__};                                                       \
    static bool check_##method(const struct ladle_task *task, struct ladle_mistake *mistake)                                \
    {                                                                                                                       \
        return ladle_task_vectors_check(&family_##method, task, mistake);                                                   \
    }                                                                                                                       \
    static void needs_##method(const struct ladle_task *task, struct ladle_needs *needs)                                    \
    {                                                                                                                       \
        ladle_task_vectors_needs(&family_##method, task, needs);                                                            \
    }                                                                                                                       \
    static void begin_##method(const struct ladle_task *task, void *state)                                                  \
    {                                                                                                                       \
        ladle_task_vectors_begin(&family_##method, task, state);                                                            \
    }

MEMBER(task_arithmetic, .thinning = LADLE_KEEP_ALL, .each_count = 2)
MEMBER(ties, .thinning = LADLE_KEEP_LARGEST, .elects = true, .each_count = 2)
MEMBER(dare_linear, .thinning = LADLE_KEEP_RANDOM, .each_count = 2)
MEMBER(dare_ties, .thinning = LADLE_KEEP_RANDOM, .elects = true, .each_count = 2)
MEMBER(breadcrumbs, .thinning = LADLE_KEEP_INNER, .each_count = 3)
MEMBER(breadcrumbs_ties, .thinning = LADLE_KEEP_INNER, .elects = true, .each_count = 3)
MEMBER(della_linear, .thinning = LADLE_KEEP_BY_RANK, .each_count = 3)
MEMBER(della, .thinning = LADLE_KEEP_BY_RANK, .elects = true, .each_count = 3)

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What all of them have alike. */
#define FAMILY(method, each_parameters, shared_parameters)                                                                  \
    .info.name = #method, .info.base = LADLE_BASE_REQUIRED, .info.most_models = LADLE_ANY_NUMBER_OF_MODELS,                 \
    .info.each = each_parameters, .info.each_count = COUNT(each_parameters), .info.shared = shared_parameters,              \
    .info.shared_count = COUNT(shared_parameters), .check = check_##method, .needs = needs_##method,                        \
    .begin = begin_##method, .sample = ladle_task_vectors_sample, .tally = ladle_task_vectors_tally,                        \
    .accumulate = ladle_task_vectors_accumulate, .combine = ladle_task_vectors_combine,                                     \
    .resolve = ladle_task_vectors_resolve, .apply = ladle_task_vectors_apply

#define ONE_PASS "one pass over the data, no memory beyond its blocks"
#define SELECTING(memory)                                                                                                   \
    "two passes over the data, or three in memory (one read) where a tensor fits in the budget; one more with rescale; up " \
    "to " memory " MiB a model"
#define BY_CHANCE "one pass over the data; two with rescale_norm l1, l2 or linf"
#define BY_ROWS "one pass over the data, in blocks of whole rows; two with rescale_norm l1, l2 or linf"

const struct ladle_method ladle_method_task_arithmetic = {
    FAMILY(task_arithmetic, each_plain, shared_plain),
    .info.title = "Task Arithmetic",
    .info.about = "Adds up what fine-tunes have learnt: their task vectors (fine-tune minus base) by weight, added to the "
                  "base. A negative weight takes a skill away, and task vectors can be combined to analogies.",
    .info.advice =
        "For two or three fine-tunes of one base with separate skills, or to strengthen, weaken or undo a fine-tune.",
    .info.cost = ONE_PASS,
    .info.source = "Ilharco et al., Editing models with task arithmetic, arXiv:2212.04089",
};

const struct ladle_method ladle_method_ties = {
    FAMILY(ties, each_largest, shared_ties),
    .info.title = "TIES",
    .info.about = "Keeps the largest elements of each task vector (fine-tune minus base), elects a sign for every element, "
                  "and averages the models that agree with it. Small changes and contradictions between models thus do not "
                  "blur each other.",
    .info.advice = "For several fine-tunes of one base that disturb each other when simply added (task_arithmetic).",
    .info.cost = SELECTING("1.5"),
    .info.source = "Yadav et al., TIES-Merging, arXiv:2306.01708",
};

const struct ladle_method ladle_method_dare_linear = {
    FAMILY(dare_linear, each_random, shared_random),
    .info.title = "DARE",
    .info.about =
        "Drops elements of each task vector (fine-tune minus base) at random, enlarges the others to make up for it, and "
        "adds the task vectors up. Most of a fine-tune's changes are redundant, and thinned-out ones meet less often.",
    .info.advice = "Where task_arithmetic of several models degrades; low densities suit models that are close to their "
                   "base. The result depends on the seed.",
    .info.cost = BY_CHANCE,
    .info.source = "Yu et al., Language models are super mario, arXiv:2311.03099",
};

const struct ladle_method ladle_method_dare_ties = {
    FAMILY(dare_ties, each_random, shared_random_ties),
    .info.title = "DARE TIES",
    .info.about = "Drops elements of each task vector (fine-tune minus base) at random and enlarges the others, as "
                  "dare_linear does. Then it elects a sign for every element and adds up the models that agree with it.",
    .info.advice = "For several fine-tunes of one base that contradict each other; low densities suit models that are close "
                   "to their base. The result depends on the seed.",
    .info.cost = BY_CHANCE,
    .info.source = "Yu et al., Language models are super mario, arXiv:2311.03099; signs as in arXiv:2306.01708",
};

const struct ladle_method ladle_method_breadcrumbs = {
    FAMILY(breadcrumbs, each_inner, shared_inner),
    .info.title = "Model Breadcrumbs",
    .info.about = "Drops both the very largest and the small elements of each task vector (fine-tune minus base), and adds "
                  "the task vectors up. Both extremes are taken for noise.",
    .info.advice = "For many fine-tunes of one base; density 0.9 with gamma 0.01 is a start.",
    .info.cost = SELECTING("2.5"),
    .info.source = "Davari and Belilovsky, Model Breadcrumbs, arXiv:2312.06795",
};

const struct ladle_method ladle_method_breadcrumbs_ties = {
    FAMILY(breadcrumbs_ties, each_inner, shared_inner_ties),
    .info.title = "Model Breadcrumbs with TIES",
    .info.about = "Drops both the very largest and the small elements of each task vector (fine-tune minus base), as "
                  "breadcrumbs does. Then it elects a sign for every element and adds up the models that agree with it.",
    .info.advice = "For many fine-tunes of one base that contradict each other; density 0.9 with gamma 0.01 is a start.",
    .info.cost = SELECTING("2.5"),
    .info.source = "Davari and Belilovsky, Model Breadcrumbs, arXiv:2312.06795; signs as in arXiv:2306.01708",
};

const struct ladle_method ladle_method_della = {
    FAMILY(della, each_by_rank, shared_della),
    .info.title = "DELLA",
    .info.about = "Drops elements of each task vector (fine-tune minus base) at random, small ones of a row rather than "
                  "large ones, and enlarges the others to make up for it. Then it elects a sign for every element and "
                  "averages the models that agree with it.",
    .info.advice = "As dare_ties, where dropping large changes by chance hurts; the result depends on the seed.",
    .info.cost = BY_ROWS,
    .info.source = "Deep et al., DELLA-Merging, arXiv:2406.11617",
};

const struct ladle_method ladle_method_della_linear = {
    FAMILY(della_linear, each_by_rank, shared_random),
    .info.title = "DELLA linear",
    .info.about = "Drops elements of each task vector (fine-tune minus base) at random, small ones of a row rather than "
                  "large ones, and enlarges the others to make up for it. Then it adds the task vectors up.",
    .info.advice = "As dare_linear, where dropping large changes by chance hurts; the result depends on the seed.",
    .info.cost = BY_ROWS,
    .info.source = "Deep et al., DELLA-Merging, arXiv:2406.11617",
};
