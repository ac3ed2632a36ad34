/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_RECIPE_GIVEN_H
#define TEST_RECIPE_GIVEN_H

/* A recipe parsed for a test, with everything that was said about it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/text.h"
#include "recipe/recipe.h"

struct given {
    struct ladle_recipe recipe;
    struct ladle_error *error;
    struct ladle_text warnings; /* one a line */
    size_t warning_count;
    int status;
};

/* Parses a text as "r.yml". */
void given_recipe(struct given *given, const char *text);
void given_finish(struct given *given);

/* Fail unless parsing succeeded or failed in this way. An expected text need only be part of a message. */
void given_is_accepted(const struct given *given);
void given_is_refused(const struct given *given, size_t messages);
void given_has_error(const struct given *given, const char *part);
void given_has_warning(const struct given *given, const char *part);
void given_has_warnings(const struct given *given, size_t count);

/* A recipe that must be refused with one message that holds `part`. */
void refused(const char *text, const char *part);

/* A recipe that must be accepted with one warning that holds `part`; with none if that is NULL. */
void accepted(const char *text, const char *part);

#endif
