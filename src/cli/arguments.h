/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_CLI_ARGUMENTS_H
#define LADLE_CLI_ARGUMENTS_H

/* The command line of one command: options in any place, at most one operand. The options are one table, from which the help
 * is printed too. */

#include <stdbool.h>

#include "ladle/merge.h"

struct cli_command;
struct cli_messages;

enum cli_progress_mode { CLI_PROGRESS_AUTO, CLI_PROGRESS_BAR, CLI_PROGRESS_PLAIN, CLI_PROGRESS_JSON, CLI_PROGRESS_NONE };

struct cli_arguments {
    const char *operand; /* RECIPE, MODEL, NAME or COMMAND; NULL if not given */
    const char *output;
    struct ladle_options options; /* callbacks are left alone */
    enum cli_progress_mode progress;
    bool json, quiet, verbose, help;
};

struct cli_option {
    const char *name;     /* "--memory" */
    const char *letter;   /* "-o", or NULL */
    const char *value;    /* name of its value in help, or NULL if it takes none */
    unsigned commands;    /* bits of struct cli_command */
    const char *about;    /* for help; NULL: an option for tests, which help does not show */
    const char *expected; /* what the value must be, for messages */
    /* Stores the value; false if it is not acceptable. */
    bool (*set)(struct cli_arguments *arguments, const char *value);
    const char *const *words; /* the value is one of these; NULL-terminated, or NULL */
};

/* Option `at`, 0-based, in the order of the help; NULL beyond the last. */
const struct cli_option *cli_option_at(unsigned at);

/* The option of a command that a word is ("--memory", "-o") or begins with its value ("--memory=1G", "-oOUT"); NULL if none.
 *   value   receives the value in the word, or NULL */
const struct cli_option *cli_option_find(const struct cli_command *command, const char *word, const char **value);

/* Reads the words after the command's name. Returns 0, or the exit code 2 with the mistake said. With --help nothing else is
 * required. */
int cli_arguments_parse(struct cli_arguments *arguments, const struct cli_command *command, int count, char **words,
                        struct cli_messages *messages);

#endif
