/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_CLI_COMMAND_H
#define LADLE_CLI_COMMAND_H

/* The commands as a table: what help prints, what the arguments may be, and the function that does it. */

#include <stdbool.h>

#include "arguments.h"
#include "messages.h"

/* Bits that say which commands an option belongs to. */
enum cli_command_bit {
    CLI_MERGE = 1,
    CLI_PLAN = 2,
    CLI_INSPECT = 4,
    CLI_METHODS = 8,
    CLI_HELP = 16,
};

#define CLI_PARAGRAPHS 5

struct cli_command {
    const char *name;
    enum cli_command_bit bit;
    const char *operand; /* name of the one operand in help */
    bool operand_required;
    const char *usage; /* what must stand behind "ladle NAME"; the options follow */
    const char *about; /* one line */
    const char *more[CLI_PARAGRAPHS]; /* for its own help; NULL behind the last */
    /* Does it; returns the exit code. */
    int (*run)(const struct cli_arguments *arguments, struct cli_messages *messages);
};

/* Command `at`, 0-based, in the order of the help; NULL beyond the last. */
const struct cli_command *cli_command_at(unsigned at);

/* The command of this name, or NULL. */
const struct cli_command *cli_command_find(const char *name);

/* Says that there is no such command and what may have been meant. Returns the exit code 2. */
int cli_command_unknown(struct cli_messages *messages, const char *name);

int cli_merge(const struct cli_arguments *arguments, struct cli_messages *messages);
int cli_plan(const struct cli_arguments *arguments, struct cli_messages *messages);
int cli_inspect(const struct cli_arguments *arguments, struct cli_messages *messages);
int cli_methods(const struct cli_arguments *arguments, struct cli_messages *messages);
int cli_help(const struct cli_arguments *arguments, struct cli_messages *messages);

/* complete.c, for shells: prints what may stand in the place of the last word of a command line, a line each, as far as
 * the tables of commands, options and methods know. Nothing where a file or a number is due.
 *   words   behind the program's name; the last one is begun, perhaps empty
 * Returns the exit code. */
int cli_complete(int count, char **words);

/* The help of one command, or of the program if it is NULL, on standard output. */
void cli_help_print(const struct cli_command *command);

#endif
