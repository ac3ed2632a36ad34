/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_METHOD_METHOD_H
#define LADLE_METHOD_METHOD_H

/* What a method is to the engine. A job makes one output tensor; its elements come in blocks of all sources at once. A
 * method reads the blocks zero or more times to learn about the whole tensor (statistics passes) and then once more to make
 * the output (the apply pass):
 *
 *   begin -> for each statistics pass: accumulate on every block (any thread, any order)
 *                                      combine on every block (one at a time, in block order)
 *                                      resolve once: another statistics pass, or apply
 *         -> apply on every block (any thread, any order)
 *
 * All memory comes from the caller, sized beforehand by `needs`. Reductions follow the fixed order of spec methods.md
 * "Arithmetic": blocks begin at multiples of LADLE_SEGMENT elements (or hold whole rows), so sums do not depend on how a
 * tensor was cut. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/kernel.h"
#include "ladle/dtype.h"
#include "ladle/log.h"
#include "ladle/method.h"

/* Elements of a reduction segment (spec methods.md "Reductions"). */
#define LADLE_SEGMENT 65536u

/* What one output tensor asks of its method. Made by the plan; constant while the job runs. Sources are numbered: the base
 * first if there is one (source 0), then the models in recipe order. */
struct ladle_task {
    const char *tensor;    /* name of the output tensor */
    const uint64_t *shape; /* of the output */
    unsigned rank;
    uint64_t elems;
    uint64_t row_elems; /* size of the last axis; elems for rank 0 and 1 */
    unsigned sources;   /* models plus base */
    unsigned models;
    bool has_base;
    enum ladle_real real;  /* the working type T */
    const double *each;    /* [models][each_count of the method] */
    const double *shared;  /* [shared_count] */
    const uint8_t *dtypes; /* [sources] enum ladle_dtype, all mergeable */
    uint64_t seed;
    uint64_t block_elems; /* most elements in one block; a multiple of LADLE_SEGMENT or of row_elems, or >= elems */
    bool resident;        /* all blocks stay in memory between passes, so another pass costs no reading */
    const struct ladle_kernels *kernels; /* ladle_kernels_choose(options.cpu_mask) */
};

/* What a job needs; all sizes in bytes, rounded up by the caller to 64. */
struct ladle_needs {
    bool rows;            /* blocks must hold whole rows (row_elems) */
    unsigned passes;      /* statistics passes expected, given parameters and residency */
    bool sample;          /* wants `sample` called once before the first pass, when not resident */
    size_t state_bytes;   /* for the job, while it runs */
    size_t partial_bytes; /* from `accumulate` to `combine`, for one block of block_elems */
    size_t scratch_bytes; /* for one thread */
    unsigned tallies;     /* counters handed from block to block, at most LADLE_TALLIES_MOST */
};
#define LADLE_TALLIES_MOST 8192u

/* Elements of one range, of all sources at once: as stored. */
struct ladle_block {
    uint64_t first; /* flat index of the first element (for a sample: of no meaning) */
    size_t elems;
    uint64_t index;          /* 0-based number of the block in its tensor */
    const void *const *data; /* [sources] stored elements, aligned to nothing */
};

/* Where results go: up to LADLE_PIECES consecutive stretches of output chunks, which the block fills completely. */
struct ladle_piece {
    void *data; /* aligned to the stored element size */
    size_t elems;
};
struct ladle_output {
    enum ladle_dtype dtype;
    const struct ladle_piece *pieces;
    unsigned piece_count;
    struct ladle_nonfinite *counts; /* of this block; add to it (see kernel.h) */
    uint64_t *fallbacks; /* of this block: rows merged with linear coefficients, their dot products not being finite;
                            add to it */
};

/* Values of parameters that do not go together. Before a check all zeros but model -1. */
struct ladle_mistake {
    const char *parameter; /* name of the one to blame; NULL: none in particular */
    int model;             /* number of the model whose value it is; -1: the tensor's, or of all models together */
    char text[512];        /* "NAME: what is wrong" */
};

enum ladle_next { LADLE_NEXT_PASS, LADLE_NEXT_APPLY };

struct ladle_method {
    struct ladle_method_info info;

    /* Checks parameter values of one task beyond their single ranges (epsilon against density, weights that cannot be
     * normalized). Returns whether something is wrong, and says what in *mistake. NULL: nothing to check. */
    bool (*check)(const struct ladle_task *task, struct ladle_mistake *mistake);

    /* Fills `needs` (zeroed). */
    void (*needs)(const struct ladle_task *task, struct ladle_needs *needs);

    /* Prepares `state` (state_bytes, zeroed, aligned to 64). NULL: nothing to do. */
    void (*begin)(const struct ladle_task *task, void *state);

    /* Sees a sample of the tensor: strided pieces strung together; not part of any sum. NULL: never asked for. */
    void (*sample)(const struct ladle_task *task, void *state, const struct ladle_block *block, void *scratch);

    /* Counts of one block for the tallies that `accumulate` or `apply` will need (elements equal to a threshold). Called
     * before them in any thread; `counts` is zeroed. `pass` is the statistics pass, or that of apply (the number of passes
     * done). Returns false if this pass needs no tallies. NULL: none ever. */
    bool (*tally)(const struct ladle_task *task, const void *state, unsigned pass, const struct ladle_block *block,
                  uint64_t *counts, void *scratch);

    /* One block of a statistics pass. `before` holds the sums of the tallies of all earlier blocks (NULL if none).
     * `state` may be read; what several threads add to at once must be atomic. */
    void (*accumulate)(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                       const uint64_t *before, void *partial, void *scratch);

    /* Folds a block's partial in; in block order, one at a time. NULL: nothing to fold. */
    void (*combine)(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_block *block,
                    const void *partial);

    /* After the last combine of a pass. May warn, with the tensor's name. */
    enum ladle_next (*resolve)(const struct ladle_task *task, void *state, unsigned pass, const struct ladle_log *log);

    /* Makes the output elements of one block. */
    void (*apply)(const struct ladle_task *task, const void *state, const struct ladle_block *block, const uint64_t *before,
                  const struct ladle_output *output, void *scratch);
};

/* The engine's side of the method with this info. */
const struct ladle_method *ladle_method_of(const struct ladle_method_info *info);

#endif
