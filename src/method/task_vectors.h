/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_METHOD_TASK_VECTORS_H
#define LADLE_METHOD_TASK_VECTORS_H

/* Task arithmetic and its kin: task vectors d_k = x_k - b are thinned out, perhaps rescaled, weighted, added up (or only
 * those that agree with the elected sign), and added to the base. Source: spec methods.md "Sparsification of a task vector",
 * "Sign election", "The methods".
 *
 *   task_vector_table.c  the methods as people see them
 *   task_vectors.c       the passes, and what is common to all
 *   sparsify.c           what is kept of a task vector
 *   rank.c               ranks within a row
 *   norms.c              rescaling by norms of all elements and of the kept ones */

#include "method/band.h"
#include "method/method.h"
#include "method/strip.h"

enum ladle_thinning { LADLE_KEEP_ALL, LADLE_KEEP_LARGEST, LADLE_KEEP_INNER, LADLE_KEEP_RANDOM, LADLE_KEEP_BY_RANK };

/* Choices of rescale_norm. */
enum ladle_norm { LADLE_NORM_EXPECTED, LADLE_NORM_L1, LADLE_NORM_L2, LADLE_NORM_LINF };

/* Places of the parameters; the third per-model one is gamma or epsilon, where the method has it. */
enum { LADLE_EACH_WEIGHT, LADLE_EACH_DENSITY, LADLE_EACH_THIRD };
enum { LADLE_SHARED_NORMALIZE, LADLE_SHARED_RESCALE, LADLE_SHARED_NORM, LADLE_SHARED_LAMBDA, LADLE_SHARED_INT8 };

/* What tells one method of the family from another. */
struct ladle_family {
    enum ladle_thinning thinning;
    bool elects;         /* signs */
    unsigned each_count; /* of the method's parameters */
};

/* One model in the state of a job. */
struct ladle_thinned {
    double weight, density, third;
    bool thins;             /* 0 < density < 1, and the method thins */
    bool selects, normed;   /* has thresholds to find, is rescaled by a norm */
    struct ladle_band band; /* what is kept, of LARGEST and INNER; decided once thresholds are known */
    uint32_t limit;         /* RANDOM: random words below it keep */
    const uint32_t *limits; /* BY_RANK: the same for each rank in a row */
    const void *factors;    /* BY_RANK: of kept elements for each rank (T); NULL: `factor` of all */
    double factor;          /* of all kept elements alike */
    double norms[2];        /* sums (or greatest) of all, of the kept elements */
    struct ladle_selection *selection;
};

enum ladle_stage { LADLE_STAGE_SELECT, LADLE_STAGE_NORMS, LADLE_STAGE_APPLY };

struct ladle_task_vectors {
    const struct ladle_family *family;
    enum ladle_stage stage;
    enum ladle_norm norm;
    bool rescales, counts;        /* counts: some band needs tallies */
    bool rows;                    /* chunks are rows */
    uint64_t key;                 /* of Philox, for this tensor */
    struct ladle_thinned *models; /* [models] */
    void *norms;                  /* memory of ladle_norms_state_bytes */
};

/* The parameters of one model, its ranks, whether it takes part in selection and norms; without memory of its own. */
struct ladle_thinned ladle_thinned_of(const struct ladle_family *family, const struct ladle_task *task, unsigned model);

/* Places in the order by abs(d) that bound what LARGEST and INNER keep: top(*kept) without top(*skipped). */
void ladle_thinned_ranks(const struct ladle_family *family, const struct ladle_thinned *model, uint64_t elems,
                         uint64_t *kept, uint64_t *skipped);

/* Tables by rank of one model that thins BY_RANK, which all rows share: their bytes; and made in *memory, which moves on. */
size_t ladle_odds_bytes(const struct ladle_family *family, const struct ladle_task *task, const struct ladle_thinned *model);
void ladle_odds_begin(const struct ladle_family *family, const struct ladle_task *task, struct ladle_thinned *model,
                      void **memory);

/* Elements that are handled at a time: a strip, or a row. */
size_t ladle_chunk_most(const struct ladle_task *task, bool rows);

/* Scratch of ladle_thin. */
size_t ladle_thin_scratch_bytes(const struct ladle_family *family, const struct ladle_task *task, bool rows);

/* Thins one chunk of d_k in place: dropped elements become +0, kept ones are multiplied by their factor, or not (plainly).
 *   first   flat index of the chunk's first element
 *   counts  [LADLE_BAND_TALLIES] of this model and all elements before; moves on */
void ladle_thin(const struct ladle_task *task, const struct ladle_task_vectors *state, unsigned model, uint64_t first,
                void *d, size_t n, bool plainly, uint64_t *counts, void *scratch);

/* Memory of the statistics pass of norms; the pass itself, like the functions of ladle_method. */
size_t ladle_norms_state_bytes(const struct ladle_task *task, bool rows);
size_t ladle_norms_partial_bytes(const struct ladle_task *task, bool rows);
size_t ladle_norms_scratch_bytes(const struct ladle_family *family, const struct ladle_task *task, bool rows);
void ladle_norms_accumulate(const struct ladle_task *task, const struct ladle_task_vectors *state,
                            const struct ladle_block *block, const uint64_t *before, void *partial, void *scratch);
void ladle_norms_combine(const struct ladle_task *task, struct ladle_task_vectors *state, const struct ladle_block *block,
                         const void *partial);
void ladle_norms_resolve(const struct ladle_task *task, struct ladle_task_vectors *state);

/* The functions of ladle_method for one family. */
bool ladle_task_vectors_check(const struct ladle_family *family, const struct ladle_task *task,
                              struct ladle_mistake *mistake);
void ladle_task_vectors_needs(const struct ladle_family *family, const struct ladle_task *task, struct ladle_needs *needs);
void ladle_task_vectors_begin(const struct ladle_family *family, const struct ladle_task *task, void *state);
void ladle_task_vectors_sample(const struct ladle_task *task, void *state, const struct ladle_block *block, void *scratch);
bool ladle_task_vectors_tally(const struct ladle_task *task, const void *state, unsigned pass,
                              const struct ladle_block *block, uint64_t *counts, void *scratch);
void ladle_task_vectors_accumulate(const struct ladle_task *task, void *state, unsigned pass,
                                   const struct ladle_block *block, const uint64_t *before, void *partial, void *scratch);
void ladle_task_vectors_combine(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                                const void *partial);
enum ladle_next ladle_task_vectors_resolve(const struct ladle_task *task, void *state, unsigned pass,
                                           const struct ladle_log *log);
void ladle_task_vectors_apply(const struct ladle_task *task, const void *state, const struct ladle_block *block,
                              const uint64_t *before, const struct ladle_output *output, void *scratch);

#endif
