/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_TESTS_METHOD_NAMED_H
#define LADLE_TESTS_METHOD_NAMED_H

/* Jobs whose parameters are set by name and are the method's defaults otherwise: for tests that hold of many methods. */

#include "runner.h"

enum { NAMED_MODELS = 4 };

/* The job points into the rest: not to be copied. */
struct named {
    struct job job;
    const struct ladle_method_info *info;
    unsigned models;
    double each[NAMED_MODELS * 4], shared[8];
};

/* An F32 job on a tensor of this shape, with a base if the method requires one, or allows it and `based`.
 *   models  how many, at most NAMED_MODELS
 *   data    the base, which is left out if the job has none, and the models */
void named_job(struct named *named, const char *method, unsigned rank, const uint64_t *shape, bool based, unsigned models,
               float *const *data);

/* Sets a parameter of the tensor, or of all models. The method must have it. */
void named_set(struct named *named, const char *name, double value);

/* Sets a parameter of one model. */
void named_set_model(struct named *named, unsigned model, const char *name, double value);

bool named_has(const struct named *named, const char *name);

/* The result, made in one piece, to free(). */
float *named_run(const struct named *named);

#endif
