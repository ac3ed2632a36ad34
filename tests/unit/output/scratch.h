/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_TESTS_OUTPUT_SCRATCH_H
#define LADLE_TESTS_OUTPUT_SCRATCH_H

/* A folder for one test and what it holds. The test works inside it. Every function fails the test if it cannot do
 * its work. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"

/* For cmocka: makes an empty folder and goes there; goes away and removes it. */
int scratch_setup(void **state);
int scratch_teardown(void **state);

/* Real path of the folder. Static. */
const char *scratch_path(void);

void scratch_folder(const char *path);
void scratch_write(const char *path, const char *text);
void scratch_sparse(const char *path, uint64_t bytes);
void scratch_link(const char *target, const char *path);

/* Removes a folder with all in it. Returns 0 if it was there and is gone. */
int scratch_remove(const char *path);

bool scratch_exists(const char *path);
/* Whether a file holds exactly this text. */
bool scratch_holds(const char *path, const char *text);
/* The sorted names in a folder, each followed by a blank: "a b c ". Static. */
const char *scratch_list(const char *path);

/* What warnings and details said: a log that remembers; each message ends with a newline. Cleared by scratch_setup. */
struct ladle_log scratch_log(void);
const char *scratch_messages(void);

/* Whether the first message of an error contains a text; shows the message if not. */
bool scratch_says(const struct ladle_error *error, const char *text);

#endif
