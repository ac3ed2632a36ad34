/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MERGE_H
#define LADLE_MERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "ladle/dtype.h"
#include "ladle/error.h"
#include "ladle/log.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What reads and writes; auto: io_uring where the system allows it, else threads that block. */
enum ladle_io { LADLE_IO_AUTO, LADLE_IO_URING, LADLE_IO_THREADS };
/* Whether to pass by the page cache (O_DIRECT); auto: where a file allows it. On: an input that does not is an error. */
enum ladle_direct { LADLE_DIRECT_AUTO, LADLE_DIRECT_ON, LADLE_DIRECT_OFF };
/* What an output is: a model directory, or an archive of its files; auto: see ladle_format_of. */
enum ladle_format { LADLE_FORMAT_AUTO, LADLE_FORMAT_DIRECTORY, LADLE_FORMAT_TAR, LADLE_FORMAT_TAR_ZST };

/* How far a merge has come. */
struct ladle_progress {
    uint64_t bytes_read, bytes_to_read;
    uint64_t bytes_written, bytes_to_write;
    const char *tensor; /* output tensor being written; "" before the first and after the last */
    double seconds;     /* since the start */
};

/* More workers than this are refused. */
#define LADLE_MOST_THREADS 1024u

/* What a caller can choose. Fill with ladle_options_init, then change. */
struct ladle_options {
    uint64_t memory_bytes;  /* memory budget; 0: 256 MiB, or what the memory cgroup leaves if less */
    unsigned threads;       /* workers, fewer if memory is short; at most LADLE_MOST_THREADS; 0: the cores it may use */
    enum ladle_io io;
    enum ladle_direct direct;
    uint64_t shard_bytes;   /* most bytes of tensor data in a shard; 0: one file. Default 5,000,000,000 */
    bool have_seed;         /* whether `seed` overrides the recipe's */
    uint64_t seed;
    const char *dtype;      /* override the recipe's, as written there; NULL: do not */
    const char *out_dtype;
    bool allow_missing;     /* merge tensors that some inputs lack */
    bool truncate_embeddings;
    bool force;             /* replace an existing output */
    bool restart;           /* start anew instead of going on with an unfinished output */
    int zstd_level;         /* archives; 1 to 19, default 3 */
    enum ladle_format format; /* of the output; auto: by its name */
    unsigned cpu_mask;      /* instruction sets not to use, for tests: 1 AVX-512, 2 AVX2 */
    uint64_t block_bytes;   /* bytes of one source in one block, for tests; 0: chosen by the plan */
    unsigned checkpoint_ms; /* between notes of how far the output is on the disk, for tests; 0: two seconds */

    struct ladle_log log;
    /* Called a few times a second by the thread that called ladle_merge. May be NULL. */
    void (*progress)(void *user, const struct ladle_progress *progress);
    void *progress_user;
    /* Asked often; a merge that is told true stops soon with LADLE_STOPPED. Called from that same thread. May be NULL. */
    bool (*stop)(void *user);
    void *stop_user;
};

/* Fills the options with their defaults. */
LADLE_API void ladle_options_init(struct ladle_options *options);

/* A recipe whose models were found, opened and checked, with every output byte's place known. Immutable. */
struct ladle_plan;

/* Plans a merge. Reads the recipe, configurations and tensor headers; no tensor data.
 *   plan         receives the object; free with ladle_plan_destroy. Untouched on failure.
 *   recipe_path  file that holds the recipe, for messages and relative model paths
 *   text, bytes  the recipe itself if it does not come from that file (standard input), else NULL and 0
 *   options      kept by copy; the texts and callbacks must outlive the plan. NULL: the defaults
 *   error        receives what is wrong; may be NULL, here and in every other function that fills one
 * Returns LADLE_OK; LADLE_BAD_REQUEST for options out of range; LADLE_BAD_INPUT for a recipe or model that cannot be
 * accepted; LADLE_OVER_BUDGET; LADLE_FAILED if reading fails; LADLE_NO_MEMORY. */
LADLE_API int ladle_plan_create(struct ladle_plan **plan, const char *recipe_path, const char *text, size_t bytes,
                                const struct ladle_options *options, struct ladle_error *error);

/* Frees a plan; NULL is accepted. */
LADLE_API void ladle_plan_destroy(struct ladle_plan *plan);

/* What a plan comes to. */
struct ladle_plan_summary {
    const char *method;                   /* as recipes write it; static */
    uint64_t tensors, parameters;         /* of the output */
    uint64_t output_bytes;                /* of all files with tensors */
    uint32_t shards;
    uint64_t read_bytes;                  /* tensor data, re-reads included */
    uint64_t input_bytes;                 /* tensor data if everything were read once */
    unsigned most_passes;                 /* over the data of any tensor */
    uint64_t memory_bytes;                /* the budget */
    uint64_t used_bytes;                  /* what of it is used */
    uint64_t least_bytes;                 /* the smallest budget that works */
    uint64_t metadata_bytes;              /* tensor lists and the plan itself */
    unsigned threads;                     /* workers */
    uint64_t seed;
};

/* Fills the summary. */
LADLE_API void ladle_plan_summarize(const struct ladle_plan *plan, struct ladle_plan_summary *summary);

/* One tensor of the output, in the order in which it is made and stored. What is pointed to is owned by the plan. */
struct ladle_plan_tensor {
    const char *name;
    const uint64_t *shape;
    unsigned rank;
    enum ladle_dtype dtype;
    uint64_t bytes;
    const char *shard;     /* file name */
    const char *action;    /* the method, "copy", or "copy if equal" */
    unsigned inputs;       /* models that it is made from, a base included */
    unsigned passes;       /* over its data */
    uint64_t read_bytes;   /* from all inputs, re-reads included */
};

/* Tensor `at`, 0-based. Returns false beyond the last. */
LADLE_API bool ladle_plan_tensor_at(const struct ladle_plan *plan, uint64_t at, struct ladle_plan_tensor *tensor);

/* A parameter of an output tensor as resolved for it: gradients, filters and scopes are done with. */
struct ladle_plan_parameter {
    const char *name;
    const char *model; /* the model it is for, as the recipe writes it; NULL for a parameter of the tensor */
    double value;      /* see enum ladle_parameter_type; NaN if it was not given and has no default */
    char text[32];     /* the same for a person */
};

/* Parameter `at`, 0-based, of tensor `tensor`: those of the tensor first, then those of each model. Returns false beyond
 * the last. */
LADLE_API bool ladle_plan_parameter_at(const struct ladle_plan *plan, uint64_t tensor, unsigned at,
                                       struct ladle_plan_parameter *parameter);

/* What form an output of this name gets: `asked`, if that is not auto; else an archive if the name ends in .tar or .tar.zst,
 * a compressed one for "-", and a directory for all others. Planning with this form in the options makes the plan's figures
 * right for it. */
LADLE_API enum ladle_format ladle_format_of(const char *output, enum ladle_format asked);

/* What a merge made, and what it took. */
struct ladle_result {
    uint64_t tensors, parameters;
    uint64_t bytes;             /* of the files with tensors; of an archive */
    uint64_t bytes_read, bytes_written;
    uint64_t bytes_resumed;     /* of the output that an earlier run had done */
    double seconds;
    uint64_t peak_bytes;        /* largest resident memory of the process */
    uint64_t extra_passes;      /* over a tensor's data beyond what the plan announced */
};

/* Carries out a plan.
 *   output   a directory, a name ending in .tar or .tar.zst, or "-" for an archive on standard output (options.format
 *            overrides the name; see ladle_format_of)
 *   result   filled on success; may be NULL
 * Returns LADLE_OK: the output is complete and synced, or was handed to the pipe. Otherwise nothing that looks whole is
 * left; the message says what is. A stream that was begun then ends inside a frame, or inside a file of the archive.
 *   LADLE_BAD_REQUEST   the output may not be there, or the plan was carried out before, whatever came of it: once is all
 *   LADLE_OVER_BUDGET   the plan was made for a directory, and compression does not fit in its budget
 *   LADLE_FAILED        reading, writing or syncing failed, or an input changed
 *   LADLE_STOPPED       options.stop said so
 *   LADLE_NO_MEMORY
 * Blocks until all is done; what threads it starts have ended when it returns. */
LADLE_API int ladle_merge(struct ladle_plan *plan, const char *output, struct ladle_result *result,
                          struct ladle_error *error);

#ifdef __cplusplus
}
#endif
#endif
