/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_PLAN_GIVEN_H
#define TEST_PLAN_GIVEN_H

/* Models and recipes made for a test in a folder of its own, and the plan that comes of them, with all that was said. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "plan/plan.h"

/* For cmocka's group setup and teardown: makes a temporary folder and goes there; leaves and removes it. */
int given_folder(void **state);
int given_no_folder(void **state);

/* Writes a model directory.
 *   config   text of config.json; NULL: none
 *   tensors  a line each: NAME DTYPE SHAPE, such as "lm_head.weight BF16 12x8"; "-" is the shape of a scalar. All bytes
 *            are 0. */
void given_model(const char *name, const char *config, const char *tensors);

/* The same without a config, whose file is a hole in memory of up to 2^63 bytes, which few disks take. */
void given_huge_model(const char *name, const char *tensors);

/* A model like most, all BF16: embedding [rows, 4], layers of an input_layernorm [4] and an up_proj [6, 4], norm [4], head
 * [rows, 4] if `head`, and then `more` lines. config.json counts the layers and says whether the head is tied. */
void given_decoder(const char *name, unsigned layers, unsigned rows, bool head, const char *more);

struct given {
    struct ladle_plan *plan; /* NULL if it was refused */
    struct ladle_error *error;
    struct ladle_text warnings; /* one a line */
    size_t warning_count;
    int status;
};

/* Plans a recipe; its path is "r.yml". options: NULL for the defaults; the log is the test's. */
void given_plan(struct given *given, const char *recipe, const struct ladle_options *options);
void given_finish(struct given *given);

void given_is_planned(const struct given *given);
void given_is_refused(const struct given *given, size_t messages);
void given_has_error(const struct given *given, const char *part);
void given_has_warning(const struct given *given, const char *part);
void given_has_no_warning(const struct given *given);

/* Plans and fails unless the recipe is refused with one message that holds `part`. */
void refused(const char *recipe, const char *part);

/* The job of an output tensor; fails if there is none. */
const struct ladle_job *given_job(const struct given *given, const char *name);

/* Whether the output has a tensor of this name. */
bool given_has_job(const struct given *given, const char *name);

/* "NAME:TENSOR NAME:TENSOR": which tensor of which model each source of a job is, in their order. Valid until the next
 * call. */
const char *given_sources(const struct given *given, const struct ladle_job *job);

/* Names of all output tensors in their order, a blank between. Valid until the next call. */
const char *given_order(const struct given *given);

#endif
