/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_TESTS_MODEL_REWRITTEN_H
#define LADLE_TESTS_MODEL_REWRITTEN_H

/* Rewriting the config of a model made by names: begin, change, expect. */

#include <stdio.h>

#include "made.h"

#include "base/text.h"
#include "model/config.h"

/* What is asked for; reset by rewritten_begin. */
extern struct ladle_config_change rewritten_change;

/* A donor, see made_model; ends what was begun before. Returns it. */
struct ladle_model *rewritten_begin(const char *names, const char *config);

/* A further model that layers can come from. */
struct ladle_model *rewritten_model(const char *names, const char *config);

/* The donor's stack of this prefix without one layer. */
void rewritten_leave_out(const char *prefix, uint32_t layer);

/* One more output layer for the stack of this prefix. */
void rewritten_add(const char *prefix, const struct ladle_model *model, uint32_t layer);

/* Rewrites and compares, both written anew in the same manner. */
void rewritten_expect(const char *expected);

/* Ends what was begun. For cmocka. */
int rewritten_end(void **state);
#define rewritten_test(function) cmocka_unit_test_teardown(function, rewritten_end)

#endif
