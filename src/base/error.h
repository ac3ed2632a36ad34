/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_BASE_ERROR_H
#define LADLE_BASE_ERROR_H

/* Making errors and warnings, for the rooms of the library; the public side is ladle/error.h. All functions accept a NULL
 * error or log. Formatted text is masked: control characters and broken UTF-8 become '?'; of a longer text only the first
 * 4,000 bytes are kept. */

#include "ladle/error.h"
#include "ladle/log.h"

/* Records a failure unless one is recorded already, and returns `status`, so that callers can write
 * `return ladle_fail(error, LADLE_BAD_INPUT, "%s: ...", path)`. One line, no "ladle:" in front, no full stop. */
int ladle_fail(struct ladle_error *error, enum ladle_status status, const char *format, ...) LADLE_PRINTF(3, 4);

/* As ladle_fail, with ": " and the text of the errno value `code` (positive) behind it. */
int ladle_fail_errno(struct ladle_error *error, enum ladle_status status, int code, const char *format, ...)
    LADLE_PRINTF(4, 5);

/* Records a further message even if others are there, up to 20: for the mistakes of a recipe. Returns `status`. */
int ladle_fail_also(struct ladle_error *error, enum ladle_status status, const char *format, ...) LADLE_PRINTF(3, 4);

/* Adds an indented line of help to the message recorded last. */
void ladle_error_help(struct ladle_error *error, const char *format, ...) LADLE_PRINTF(2, 3);

/* Help added from here on belongs to the message recorded last, even if failures came after it that were not recorded. */
void ladle_error_reopen(struct ladle_error *error);

/* Adds the messages of another error behind those that are there, up to 20, as ladle_fail_also does, and empties it. */
void ladle_error_append(struct ladle_error *error, struct ladle_error *other);

/* Shorthand for "no memory for WHAT". Returns LADLE_NO_MEMORY. */
int ladle_fail_memory(struct ladle_error *error, const char *what);

/* Sends one message to a log. A newline in the format starts an indented line of help. */
void ladle_warn(const struct ladle_log *log, const char *format, ...) LADLE_PRINTF(2, 3);
/* The same for a message whose number of lines is not known beforehand: the first line, then `count` lines of help. A line
 * break within one of them is masked like all that does not print. */
void ladle_warn_lines(const struct ladle_log *log, const char *first, const char *const *help, size_t count);
void ladle_note(const struct ladle_log *log, const char *format, ...) LADLE_PRINTF(2, 3);
void ladle_detail(const struct ladle_log *log, const char *format, ...) LADLE_PRINTF(2, 3);

#endif
