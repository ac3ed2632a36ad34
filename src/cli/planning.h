/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_CLI_PLANNING_H
#define LADLE_CLI_PLANNING_H

/* The first half of merge and plan: from a recipe's name to a plan. */

#include "arguments.h"
#include "messages.h"

/* A recipe to be read by the library from its file, or read here from standard input or a pipe. */
struct cli_recipe {
    const char *path; /* the argument, or "standard input" */
    char *text;       /* NULL if it is a file */
    size_t bytes;
};

/* Reads standard input if the operand is "-", or the pipe that it names. Returns 0, or an exit code with everything said. */
int cli_recipe_read(struct cli_recipe *recipe, const char *operand, struct cli_messages *messages);
void cli_recipe_finish(struct cli_recipe *recipe);

/* Makes a plan. Returns 0 with *plan to be destroyed, or an exit code with everything said. */
int cli_planning(struct cli_recipe *recipe, const struct ladle_options *options, struct cli_messages *messages,
                 struct ladle_plan **plan);

#endif
