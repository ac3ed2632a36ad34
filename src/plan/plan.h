/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_PLAN_PLAN_H
#define LADLE_PLAN_PLAN_H

/* A recipe applied to models: one job for each output tensor, in the order in which the output stores them, every byte's
 * place known. Made in steps, each a file of this room:
 *
 *   inputs.c    opens the models that the recipe names          jobs.c    recipe x models -> jobs, with the help of
 *   values.c    parameters of every job, resolved and checked             parts.c, walk.c, missing.c, types.c (see making.h)
 *   layout.c    jobs -> shards, positions in the output          origins.c what the output's config.json has to say
 *   gaps.c      the same as one stream, for archives             config.c  that config.json, and what writing it takes
 *   demand.c    blocks, passes, bytes to read                    budget.c  memory
 *   task.c      a job as its method sees it                      report.c  what the public plan functions answer
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "ladle/merge.h"
#include "method/method.h"
#include "model/config.h"
#include "model/model.h"
#include "recipe/recipe.h"

/* A stored tensor as source of a job's elements: `elems` of the job from `offset` of a file on. */
struct ladle_source {
    uint64_t offset;  /* in its file, of the first element; aligned to nothing */
    uint32_t file;    /* index in plan->files */
    uint16_t model;   /* index in plan->models */
    uint8_t dtype;    /* enum ladle_dtype, as stored */
};

enum ladle_action {
    LADLE_ACTION_MERGE,
    LADLE_ACTION_COPY,          /* source 0, converted to the stored type if that differs */
    LADLE_ACTION_COPY_IF_EQUAL, /* integers: all sources hold the same bytes, else an error */
    LADLE_ACTION_TEXT,          /* no sources: bytes that ladle_plan_text makes (shard headers, gaps) */
};

struct ladle_job {
    const char *name;             /* of the output tensor; for a text: of what it is ("header of model.safetensors") */
    const uint64_t *shape;        /* points into a model or the plan's arena */
    uint64_t elems;               /* for a text: bytes */
    uint64_t bytes;               /* stored size in the output */
    uint64_t position;            /* of its first byte in the output space, see ladle_extent */
    struct ladle_source *sources; /* base first if the method uses it, then models in order */
    const double *each;           /* parameter values, as in ladle_task; NULL where the action is no merge */
    const double *shared;
    uint64_t block_elems;         /* budget.c */
    uint64_t resident_blocks;     /* the first blocks, kept between passes */
    uint32_t shard;               /* for a gap: the one behind it */
    uint16_t source_count;
    uint16_t passes;              /* statistics passes expected */
    uint8_t rank;
    uint8_t dtype;                /* stored type, enum ladle_dtype */
    uint8_t action;               /* enum ladle_action */
    uint8_t real;                 /* enum ladle_real */
    bool has_base;
    bool gap;                     /* a text between shards, see ladle_gaps; else a text is a shard's header */
};

/* A file with tensors in the output. The header text comes first in it. */
struct ladle_shard {
    const char *name;
    uint64_t position;      /* in the output space */
    uint64_t bytes;         /* of the file */
    uint64_t header_bytes;  /* 8 + length, a multiple of 4096 */
    uint64_t first_job, job_count; /* its tensors (the header's own text job comes before first_job) */
    uint64_t first_tensor;  /* which of the output's tensors its first one is */
    uint64_t *marks;        /* where in the header's text some of its tensors begin; header.c */
};

/* The output space is one line of bytes, extent after extent, each beginning at a multiple of the chunk size. In a directory
 * every shard is an extent; a stream, which holds all files of the output, is one. */
struct ladle_extent {
    const char *name;       /* for messages */
    uint64_t position;      /* in the output space */
    uint64_t bytes;
};

/* What a stream holds between its shards: member headers of an archive, and the files without tensors. */
struct ladle_gaps {
    const char *name;       /* of the stream, for messages */
    const uint64_t *bytes;  /* [shard_count + 1] before each shard, and behind the last one */
    /* Makes the bytes [first, first + count) of a gap. Called by several threads at once; the error may be NULL.
     * Returns LADLE_OK or a negative status. */
    int (*make)(void *self, uint32_t gap, uint64_t first, size_t count, uint8_t *out, struct ladle_error *error);
    void *self;
};

struct ladle_file {
    const char *path;       /* owned by the model; whoever reads opens it */
    uint64_t bytes;
    uint16_t model;
};

/* The output is made in chunks of this size, whatever the budget, so that a merge can go on under another one. */
#define LADLE_CHUNK_BYTES ((uint64_t)1 << 20)

/* How the budget is spent; all sizes in bytes. */
struct ladle_memory {
    uint64_t slot_bytes;    /* one slot holds the elements of one source in one block, plus slack for aligned reading */
    uint32_t slots;
    uint64_t chunk_bytes;   /* LADLE_CHUNK_BYTES */
    uint32_t chunks;
    uint64_t scratch_bytes; /* of one worker */
    uint64_t state_bytes;   /* of one open job, running counts included */
    uint64_t tally_offset;  /* of the running counts in it */
    uint32_t tallies;       /* most running counts of any job */
    uint64_t partial_bytes; /* of one block between accumulate and combine */
    uint32_t partials;      /* how many of those */
    uint32_t open_jobs;     /* jobs whose statistics may be under way at once */
    uint32_t blocks;        /* descriptors of blocks in memory or on their way there */
    uint64_t frame_bytes;   /* room for one compressed chunk */
    uint32_t frames;        /* how many of those; 0 unless the output is compressed */
    uint64_t pack_bytes;    /* compression state of one worker */
    uint64_t metadata_bytes; /* what the output room holds included */
    uint64_t other_bytes;   /* rings, descriptors of blocks, stacks */
    uint64_t total_bytes;   /* all of the above that counts against the budget */
};

struct ladle_plan {
    bool carried_out;               /* ladle_merge was called */
    struct ladle_quota quota;       /* for all that is held of recipe and models, and while they are read */
    struct ladle_arena arena;
    struct ladle_options options;
    struct ladle_recipe recipe;
    const struct ladle_method *method;

    struct ladle_model **models;    /* owned */
    const char **model_names;       /* as the recipe writes them, for messages */
    size_t model_count;
    uint16_t donor;                 /* index of the model whose side files the output gets */
    struct ladle_file *files;       /* all models' files */
    size_t file_count;
    uint32_t *first_files;          /* index of each model's first file in `files` */
    struct ladle_reference *references; /* what each way of naming a model stands for; inputs.c */
    size_t reference_count;

    struct ladle_job_list *unplaced; /* jobs in model order, before they are laid out; NULL afterwards */
    struct ladle_job *jobs;         /* owned */
    uint64_t job_count;             /* tensors and texts */
    uint64_t job_capacity;          /* of jobs: there is room for the gaps of a stream */
    struct ladle_shard *shards;
    uint32_t shard_count;
    struct ladle_extent *extents;
    uint32_t extent_count;
    const struct ladle_gaps *gaps;  /* NULL: the output is a directory */
    uint64_t held_bytes;            /* what the output room holds in memory while the engine runs */
    uint64_t tensor_count;
    uint64_t parameter_count;       /* elements of the output */
    uint64_t tensor_bytes;          /* of the output's tensors */
    uint64_t read_bytes, input_bytes;
    uint64_t seed;
    unsigned threads;
    bool one_dtype;                 /* for config.json */
    enum ladle_dtype dtype;
    const struct ladle_layer_origin **layer_origins; /* for each of the donor's stacks; see model/config.h */
    uint32_t *layer_counts;
    int tied;
    uint64_t vocabulary;

    struct ladle_memory memory;
    uint64_t least_bytes;           /* the smallest budget that works */
};

static inline bool ladle_format_is_archive(enum ladle_format format)
{
    return format == LADLE_FORMAT_TAR || format == LADLE_FORMAT_TAR_ZST;
}

/* Opens every model of the recipe; fills models, files, donor. */
int ladle_plan_open_inputs(struct ladle_plan *plan, struct ladle_error *error);

/* The index of the model that a reference of the recipe stands for; it was opened before. */
uint16_t ladle_plan_model(const struct ladle_plan *plan, const struct ladle_recipe_model *model);

/* Makes all jobs in model order, with shapes, types, actions and parameter values checked; no layout yet. */
int ladle_plan_make_jobs(struct ladle_plan *plan, struct ladle_error *error);

/* Cuts the jobs into shards, orders them within each (wider element types first), adds the header texts, gives every job
 * its position. chunk_bytes: alignment of shards in the output space, a multiple of 4096. Called again, it only gives new
 * positions for another alignment. */
int ladle_plan_lay_out(struct ladle_plan *plan, uint64_t chunk_bytes, struct ladle_error *error);

/* Lays the output out as one stream: gap, shard, gap, shard, ..., gap. To be called once, after ladle_plan_lay_out. The gaps
 * must last as long as texts are made. The budget must be divided again if what a stream needs was not known before.
 * Returns LADLE_OK or LADLE_BAD_INPUT (larger than any file can be). */
int ladle_plan_lay_out_stream(struct ladle_plan *plan, const struct ladle_gaps *gaps, struct ladle_error *error);

/* What was needed for a while is to be there for the merge: the allocator keeps what is freed otherwise. */
void ladle_plan_give_back(const struct ladle_plan *plan);

/* Writes the output's config.json; nothing if the donor has none. The text counts against the plan's quota. */
int ladle_plan_config(const struct ladle_plan *plan, const struct ladle_log *log, struct ladle_text *out,
                      struct ladle_error *error);

/* The same for nothing but to know whether the budget allows it: before anything is written. */
int ladle_plan_try_config(struct ladle_plan *plan, struct ladle_error *error);

/* Bytes of the whole output space, with what lies unused between extents. */
uint64_t ladle_plan_space_bytes(const struct ladle_plan *plan);

/* Chunks of it, of LADLE_CHUNK_BYTES; the last one may not be full. */
uint64_t ladle_plan_chunks(const struct ladle_plan *plan);

/* What a budget may be exceeded by for lists of tensors and the like: the rest of the 16 MiB is for code and libraries. */
#define LADLE_METADATA_FREE_BYTES (6ull << 20)

/* The budget that the options ask for, or a default; 0 never. */
uint64_t ladle_plan_memory(const struct ladle_plan *plan);

/* Chooses blocks, slots and chunks for the budget; LADLE_OVER_BUDGET if it cannot be done. */
int ladle_plan_budget(struct ladle_plan *plan, struct ladle_error *error);

/* The task of a merging job, for its method. `dtypes` (source_count bytes) is the caller's and is filled. */
void ladle_plan_task(const struct ladle_plan *plan, const struct ladle_job *job, uint8_t *dtypes, struct ladle_task *task);

/* Elements of a row: along the last axis; all of them of a scalar or vector. */
uint64_t ladle_job_row_elems(const struct ladle_job *job);

/* Blocks of a job (0 for an empty tensor). */
uint64_t ladle_job_blocks(const struct ladle_job *job);

/* Bytes of a job's inputs that are read, again where they do not stay in memory between passes. */
uint64_t ladle_job_read_bytes(const struct ladle_job *job);

/* Makes the bytes [first, first + count) of a text job, into `out`. From any thread; the error may be NULL. */
int ladle_plan_text(const struct ladle_plan *plan, const struct ladle_job *job, uint64_t first, size_t count, uint8_t *out,
                    struct ladle_error *error);

/* What messages call a model: its reference in the recipe. */
const char *ladle_plan_model_name(const struct ladle_plan *plan, uint16_t model);

#endif
