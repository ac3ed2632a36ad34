/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_ERROR_H
#define LADLE_ERROR_H

#include <stddef.h>

#include "ladle/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a function of this library returns: 0, or one of the negative values. */
enum ladle_status {
    LADLE_OK = 0,
    /* Reading, writing or syncing failed, a disk is full, or data changed or is damaged. */
    LADLE_FAILED = -1,
    /* An option or argument of the caller is out of range. */
    LADLE_BAD_REQUEST = -2,
    /* The recipe or a model cannot be accepted; found before any tensor data was read. */
    LADLE_BAD_INPUT = -3,
    /* The memory budget cannot do this recipe; the message names the smallest that can. */
    LADLE_OVER_BUDGET = -4,
    /* The caller asked to stop. */
    LADLE_STOPPED = -5,
    /* The system gave no memory for bookkeeping. */
    LADLE_NO_MEMORY = -6,
};

/* What went wrong, for a person: one message, or several where a recipe has several mistakes. The first failure
 * decides the status and is kept. Not to be shared between threads while a function that was given it runs. */
struct ladle_error;

/* A new, empty error object; NULL without memory. Free with ladle_error_destroy. */
LADLE_API struct ladle_error *ladle_error_create(void);

/* Frees an error object; NULL is accepted. */
LADLE_API void ladle_error_destroy(struct ladle_error *error);

/* Forgets everything, so that the object can be used for another call. */
LADLE_API void ladle_error_clear(struct ladle_error *error);

/* The status of the first failure; LADLE_OK if there was none. */
LADLE_API enum ladle_status ladle_error_status(const struct ladle_error *error);

/* How many messages there are: 0 to 20. */
LADLE_API size_t ladle_error_count(const struct ladle_error *error);

/* Message `at`, 0-based: one line that stands alone, "FILE:LINE:COLUMN: ..." or "FILE: TENSOR: ...", then perhaps
 * further lines of help, each indented by two blanks. No newline at the end. Characters that do not print are masked.
 * Owned by the object; valid until it is changed. "" if there is no such message. */
LADLE_API const char *ladle_error_message(const struct ladle_error *error, size_t at);

#ifdef __cplusplus
}
#endif
#endif
