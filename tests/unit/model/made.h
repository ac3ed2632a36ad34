/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_TESTS_MODEL_MADE_H
#define LADLE_TESTS_MODEL_MADE_H

/* Models for the tests of this room: in memory by their names alone, or as files in a folder of the test. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/model.h"

/* A model in memory: tensors F32 [1] of these names, one a line, where [N] stands for all numbers below N:
 * "model.layers.[3].mlp.weight". In model order. `config` is the text of its config.json, or NULL. Free with made_free. */
struct ladle_model *made_model(const char *names, const char *config);
void made_free(struct ladle_model *model);

/* For cmocka: makes an empty folder and goes there; goes away and removes it. */
int made_folder(void **state);
int made_no_folder(void **state);

void made_text(const char *path, const char *text);
void made_directory(const char *path);

/* A safetensors file with these tensors, one a line, "NAME DTYPE SHAPE" as in "a.weight BF16 2x3" ("-" for a scalar). The
 * data are bytes 0, 1, 2, ... 250, 0, ... */
void made_file(const char *path, const char *tensors);

/* A log that remembers; the messages since made_forget, each with its level in front and a newline behind. */
extern const struct ladle_log made_log;
const char *made_messages(void);
void made_forget(void);

/* Fails unless the first message of an error holds a text. */
void made_says(const struct ladle_error *error, const char *text);

#endif
