/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_ENGINE_STATE_H
#define LADLE_ENGINE_STATE_H

/* What a running merge consists of. Several hands work on it under one lock, taken a few times a block:
 *
 *   the pump (pump.c)      the calling thread: issues reads in plan order (reader.c) and writes of full chunks, collects
 *                          what is done, reports progress
 *   the workers (worker.c) apply methods to loaded blocks; dispatch.c decides to which
 *   the sender (stream.c)  where the output is one stream: hands it on in order
 *
 * A run is a job under way. Its blocks are read in the order pass, block; the first `resident` blocks stay in memory from
 * the first pass to the last, the others are read again for each pass. Everything here has a fixed size, taken from the
 * budget before the first read. */

#include <pthread.h>
#include <stdbool.h>

#include "engine/checkpoint.h"
#include "engine/chunks.h"
#include "engine/engine.h"
#include "engine/files.h"
#include "engine/io.h"
#include "engine/notes.h"
#include "engine/pool.h"
#include "engine/stream.h"

#define LADLE_PASS_UNKNOWN UINT32_MAX

/* Requests under way at most. */
#define LADLE_ENGINE_DEPTH 256u
/* Bytes of reads under way at most: enough to keep a device busy; more would crowd out the writes. */
#define LADLE_ENGINE_READ_BYTES (8ull << 20)
/* A sample is this many elements at a time, at equal distances. */
#define LADLE_SAMPLE_ELEMS 2048u

/* Bytes of `elems` elements; sub-byte types only occur in whole bytes (checked when headers are read). */
static inline uint64_t ladle_stored_bytes(uint8_t dtype, uint64_t elems)
{
    return elems * ladle_dtype_bits(dtype) / 8;
}

/* Bytes of `elems` elements of a job in the output; a text has bytes for elements. */
static inline uint64_t ladle_output_bytes(const struct ladle_job *job, uint64_t elems)
{
    return job->action == LADLE_ACTION_TEXT ? elems : ladle_stored_bytes(job->dtype, elems);
}

/* What the stretches of a job's output are counted in: its elements, or bytes where those are smaller. */
static inline unsigned ladle_output_unit_bytes(const struct ladle_job *job)
{
    unsigned bytes = (unsigned)ladle_output_bytes(job, 1);
    return bytes > 0 ? bytes : 1;
}

struct ladle_run;

/* Elements of one range, of all sources, in memory or on their way there. */
struct ladle_loaded {
    struct ladle_run *run;
    struct ladle_block block;      /* what methods see; `data` is filled when loaded */
    uint32_t pass;
    bool sample, resident;
    uint32_t requests_left;        /* not yet complete */
    bool loaded;
    const void **data;             /* [most sources] */
    uint8_t **pieces;              /* [most sources] from the pool */
    void *partial;                 /* between accumulate and combine */
    struct ladle_loaded *beside;   /* of the next job, if the same requests bring it */
    struct ladle_loaded *next;             /* in the run's list, or free */
    struct ladle_loaded *accumulated_next; /* waiting to be folded */
};

/* A job under way. The lock guards all but what is constant once reading began. */
struct ladle_run {
    const struct ladle_job *job;
    const struct ladle_method *method; /* NULL: the job is no merge */
    struct ladle_task task;
    uint8_t *dtypes;               /* [most sources] */
    uint64_t blocks, resident;

    void *state;                   /* of the method, then the tallies; NULL: not begun */
    size_t state_bytes;            /* of this job: clearing what the largest would take costs small ones dearly */
    bool begun, busy_beginning;
    bool sample_wanted;
    struct ladle_loaded *sample;

    uint32_t pass;                 /* being worked on: statistics passes, then apply */
    uint32_t apply_pass;           /* the number of statistics passes; LADLE_PASS_UNKNOWN until resolved */
    uint64_t dispatched, combined, finished; /* blocks of this pass */
    bool combining;                /* one worker at a time folds partials */
    struct ladle_loaded *accumulated; /* waiting for their turn to be folded */
    uint64_t tallied;              /* blocks of this pass whose counts are in `tally` */
    uint64_t *tally;

    struct ladle_loaded *kept, **kept_end, *kept_next; /* resident blocks in order; next to be dispatched */
    struct ladle_loaded *stream, **stream_end;         /* others, in the order they are read */
    struct ladle_findings findings;
    bool complete;
    struct ladle_run *next;
};

/* Where reading stands. */
struct ladle_reader {
    uint64_t job;                  /* index in the plan; job_count when all is read */
    uint32_t together;             /* jobs from that one on whose only blocks are read as one; most often 1 */
    struct ladle_run *run;         /* of that job; NULL: not opened */
    uint32_t pass;
    uint64_t block;                /* next to be opened in this pass */
    struct ladle_loaded *loaded;   /* block whose requests are being issued */
    uint32_t source, piece;        /* of it */
    uint64_t bytes_in_flight;
};

struct ladle_read_request {
    struct ladle_io_request io;
    struct ladle_loaded *loaded;   /* and those beside it */
    uint32_t source;
    uint64_t useful_bytes;
    struct ladle_read_request *next;
};

struct ladle_engine {
    const struct ladle_plan *plan;
    const struct ladle_target *target;
    const struct ladle_kernels *kernels;
    struct ladle_error *error;     /* lock */
    struct ladle_log log;          /* serialised */

    struct ladle_queue *io;           /* pump only */
    struct ladle_files files;      /* pump only */
    struct ladle_reader reader;    /* pump only */
    struct ladle_checkpoint checkpoint; /* pump only */
    struct ladle_stream stream;
    struct ladle_read_request *read_requests, *free_requests; /* pump only */

    pthread_mutex_t lock;
    pthread_mutex_t log_lock;
    pthread_cond_t work;           /* a block was loaded, a chunk freed, a pass begun, a tally handed on, or stop */
    bool stopping;                 /* lock; something failed or the caller wants to stop */
    int status;                    /* lock; why */
    bool all_done;                 /* lock */

    struct ladle_pool pool;        /* lock */
    struct ladle_chunks chunks;    /* lock */
    struct ladle_run *runs, **runs_end; /* lock; in job order */
    struct ladle_run *free_runs;   /* lock */
    struct ladle_loaded *free_blocks; /* lock */
    void *free_states, *free_partials; /* lock; linked through their first word */
    uint64_t jobs_left;            /* lock; not complete */
    uint64_t read_before, written_before; /* by an earlier run, for progress */
    uint64_t tensor_index;         /* lock; job whose output is being made, for progress */

    /* counted under the lock */
    uint64_t bytes_read, bytes_written, extra_passes;
    struct ladle_notes notes;

    struct ladle_arena arena;      /* the fixed arrays */
    struct ladle_worker *workers;  /* [plan's threads] */
    unsigned thread_count;         /* started */
};

/* Records a failure (the first wins) and makes everybody stop. With the lock held; wakes all. Returns `status`. */
int ladle_engine_stop(struct ladle_engine *engine, int status);

/* reader.c, pump only, with the lock held: issues reads until something is scarce. A failure stops the engine. */
void ladle_reader_issue(struct ladle_engine *engine);
/* Blocks at the job's start that an earlier run has made and that need not be read again. */
uint64_t ladle_reader_done_blocks(const struct ladle_engine *engine, const struct ladle_job *job);
/* together.c: how many jobs, from the one that is to be read next, are read by the same requests: 1, or more where each has
 * a single block and follows the one before in all its files. There is a run and a block for each. */
uint32_t ladle_reader_together(const struct ladle_engine *engine);
/* A read came back. A failure stops the engine. */
void ladle_reader_finish(struct ladle_engine *engine, struct ladle_read_request *request);

/* sample.c: how many pieces the sample of a job has, so that each source's fit into one slot. */
uint32_t ladle_sample_pieces(const struct ladle_engine *engine, const struct ladle_job *job);
/* The first element of a piece; *memory receives where it goes, as far behind an aligned place as it lies in its file. */
uint64_t ladle_sample_place(const struct ladle_loaded *sample, unsigned source, uint32_t piece, uint8_t **memory);
/* Strings the pieces together at the beginning of their memory, when all have come. */
void ladle_sample_gather(struct ladle_loaded *sample);

/* Gives the memory of a block back; with the lock held. */
void ladle_loaded_release(struct ladle_engine *engine, struct ladle_loaded *loaded);

/* What a worker does next. */
enum ladle_work_kind { LADLE_DO_BEGIN, LADLE_DO_SAMPLE, LADLE_DO_ACCUMULATE, LADLE_DO_APPLY, LADLE_DO_PACK, LADLE_DO_TOUCH };
struct ladle_work {
    enum ladle_work_kind kind;
    struct ladle_run *run;
    struct ladle_loaded *loaded;
    unsigned piece_count;          /* for apply */
    struct ladle_chunk *chunk;     /* for pack */
    struct ladle_frame *frame;
    uint8_t *part;                 /* of the pool, for touch */
    size_t part_bytes;
};
/* dispatch.c, with the lock held: the next thing to do, if there is one. `pieces` is the worker's. */
bool ladle_dispatch_next(struct ladle_engine *engine, struct ladle_work *work, struct ladle_piece *pieces);

/* With the lock held: books what was done. May unlock for a while to fold partials and resolve. */
void ladle_dispatch_done(struct ladle_engine *engine, const struct ladle_work *work);

/* worker.c: makes the state of a run's method ready; by one hand, with the lock or without. */
void ladle_run_begin(const struct ladle_engine *engine, struct ladle_run *run);

/* worker.c: the body of a worker thread; the argument is a struct ladle_worker. */
struct ladle_worker {
    struct ladle_engine *engine;
    unsigned number;
    pthread_t thread;
    uint8_t *scratch;
    struct ladle_piece *pieces;
    uint64_t *counts, *before;     /* tallies */
};
void *ladle_worker_main(void *argument);

/* pump.c: runs until all is done or stopped, then until nothing is in flight. */
int ladle_pump(struct ladle_engine *engine);

#endif
