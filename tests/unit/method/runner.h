/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_TESTS_METHOD_RUNNER_H
#define LADLE_TESTS_METHOD_RUNNER_H

/* Drives a method over arrays, one block after another: what the engine does, in as few lines as possible. */

#include "method/method.h"

/* One output tensor to make. */
struct job {
    const char *method;
    const char *tensor;
    uint64_t shape[4];
    unsigned rank;
    bool has_base;
    unsigned sources; /* with the base */
    enum ladle_dtype dtypes[16];
    const void *data[16];        /* of the sources */
    const double *each, *shared; /* values in the order of the method's parameters */
    uint64_t seed;
    enum ladle_real real;
    enum ladle_dtype stored;
};

/* How to make it; whatever these are, the bytes must be the same. */
struct manner {
    uint64_t block_elems; /* rounded up to whole segments or rows; 0: all in one block */
    bool resident;
    bool backwards; /* accumulate and apply the blocks last to first */
    unsigned cpu_mask;
    unsigned piece_elems; /* of the output; 0: one piece */
};

struct outcome {
    void *bytes; /* the output, free() it */
    size_t size;
    struct ladle_nonfinite counts;
    uint64_t fallbacks; /* rows merged with linear coefficients */
    unsigned passes;
    struct ladle_mistake mistake; /* of the method's check; nothing else is filled if there is a text in it */
    char warning[512];
};

/* Runs a job. Memory that a method gets is exactly as large as it asked for, full of rubbish unless promised to be zero. */
void run(const struct job *job, const struct manner *manner, struct outcome *outcome);

/* Elements of a job. */
uint64_t job_elems(const struct job *job);

/* Runs a job in many manners and fails the test unless all give these `size` bytes; NULL: those of the first manner. Returns
 * the bytes of the first manner, to free(). */
void *run_all_ways(const struct job *job, const void *expected, size_t size);

#endif
