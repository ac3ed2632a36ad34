/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_CLI_MESSAGES_H
#define LADLE_CLI_MESSAGES_H

/* Everything the program says on standard error: errors, warnings and their summary, details, and a status line that stands
 * below them on a terminal. Results go to standard output and are none of this file's business. */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "ladle/error.h"
#include "ladle/export.h"
#include "ladle/log.h"

/* Warnings kept for the summary; further ones are only counted. */
#define CLI_WARNINGS_KEPT 20

struct cli_messages {
    pthread_mutex_t lock; /* the library may warn from a worker thread while the status line is drawn */
    bool quiet, verbose;
    bool json;     /* every message is one JSON object */
    bool terminal; /* standard error is one, and it understands escape sequences */
    bool colour;
    bool status_shown;
    char *status;
    char *warnings[CLI_WARNINGS_KEPT]; /* first lines */
    size_t warning_count;
};

/* Looks at standard error and NO_COLOR. The other settings are false and may be set afterwards. */
void cli_messages_init(struct cli_messages *messages);
void cli_messages_finish(struct cli_messages *messages);

/* The library's log: warnings are shown and kept, details are shown if verbose. `user` is a struct cli_messages. */
void cli_messages_log(void *user, enum ladle_level level, const char *text);

/* One error of the program's own, "ladle: " in front. Characters that do not print are masked. */
void cli_messages_error(struct cli_messages *messages, const char *format, ...) LADLE_PRINTF(2, 3);

/* An indented line of help below an error or warning. Nothing in JSON mode. */
void cli_messages_help(struct cli_messages *messages, const char *format, ...) LADLE_PRINTF(2, 3);

/* All messages of an error object. */
void cli_messages_report(struct cli_messages *messages, const struct ladle_error *error);

/* Information that --quiet silences; `event` is its kind in JSON mode. */
void cli_messages_say(struct cli_messages *messages, const char *event, const char *format, ...) LADLE_PRINTF(3, 4);

/* One line that is complete as it is (a JSON object, a line of plain progress), whatever the settings. */
void cli_messages_line(struct cli_messages *messages, const char *line);

/* Replaces the status line; NULL takes it away. Only on a terminal. */
void cli_messages_status(struct cli_messages *messages, const char *line);

/* Repeats the first lines of the warnings so far, unless there were none or the program is quiet. */
void cli_messages_summary(struct cli_messages *messages);

/* The first line of a text. Free the result; NULL without memory. */
char *cli_first_line(const char *text);

/* The exit code for a library status other than LADLE_STOPPED; see the contract in docs/ladle.1. */
int cli_exit_code(int status);

#endif
