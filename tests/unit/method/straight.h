/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_TESTS_METHOD_STRAIGHT_H
#define LADLE_TESTS_METHOD_STRAIGHT_H

/* What the specification defines, written down as plainly as it is there, to compare methods with; and numbers to feed both.
 */

#include <stddef.h>
#include <stdint.h>

#include "runner.h"

/* R(u * v) of n floats: segments of 65,536, sixteen accumulators each. */
double straight_dot(const float *u, const float *v, size_t n);

/* R(v) of n doubles. */
double straight_sum(const double *v, size_t n);

/* Repeatable numbers around 0 of about this size, in memory to free(). Different seeds are different models. */
float *straight_numbers(size_t n, unsigned seed, float size);

/* The same, of only a few different values, many of them 0. */
float *straight_ticks(size_t n, unsigned seed, float step);

/* An F32 job for a method on a tensor of this shape; parameters are the caller's. Source 0 is the base if has_base. */
struct job straight_job(const char *method, unsigned rank, const uint64_t *shape, bool has_base, unsigned sources,
                        float *const *data, const double *each, const double *shared);

#endif
