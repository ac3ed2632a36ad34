/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_TESTS_METHOD_STRAIGHT_VECTORS_H
#define LADLE_TESTS_METHOD_STRAIGHT_VECTORS_H

/* Task arithmetic and its kin as the specification has them, on whole arrays. */

#include "runner.h"

enum { MOST_MODELS = 4 };

enum kind { PLAIN, LARGEST, RANDOM, INNER, BY_RANK };
enum norm { EXPECTED, L1, L2, LINF };

struct method {
    const char *name;
    enum kind kind;
    bool elects;
    unsigned each_count;
};

/* Parameters of a job: those of each model, and the shared ones. */
struct setting {
    double weight[MOST_MODELS], density[MOST_MODELS], third[MOST_MODELS];
    bool normalize, rescale;
    enum norm norm;
    double lambda;
};

/* The result, as the bytes of T, to free(). Inputs are arrays of T, the base first. */
void *straight_vectors(const struct job *job, const struct method *method, const struct setting *setting);

#endif
