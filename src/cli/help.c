/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "command.h"
#include "wrap.h"

#define INDENT 30

static void print_option(const struct cli_option *option)
{
    int column = printf("  %s%s%s", option->letter ? option->letter : "  ", option->letter ? ", " : "  ", option->name);
    if (option->value)
        column += printf(" %s", option->value);
    cli_wrap(option->about, INDENT, column);
}

static void print_program(void)
{
    cli_wrap("ladle merges large language models out of core: in fixed memory, at the speed of the disk.", 0, 0);
    printf("\nUsage:\n");
    const struct cli_command *command;
    for (unsigned at = 0; (command = cli_command_at(at)); at++) {
        int column = printf("  ladle %s %s", command->name, command->usage);
        cli_wrap(command->about, INDENT, column);
    }
    printf("\n"
           "Options of a command: 'ladle help COMMAND'. Version: 'ladle --version'.\n"
           "\n"
           "Examples:\n"
           "  ladle plan recipe.yml\n"
           "  ladle merge recipe.yml -o merged\n"
           "  ladle merge recipe.yml -o - | ssh host 'zstd -d | tar x'\n"
           "  ladle methods ties\n");
}

void cli_help_print(const struct cli_command *command)
{
    if (!command) {
        print_program();
        return;
    }
    printf("ladle %s: %s\n\nUsage:\n  ladle %s %s [OPTIONS]\n\n", command->name, command->about, command->name,
           command->usage);
    for (unsigned at = 0; command->more[at]; at++) {
        cli_wrap(command->more[at], 0, 0);
        printf("\n");
    }
    printf("Options:\n");
    const struct cli_option *option;
    for (unsigned at = 0; (option = cli_option_at(at)); at++)
        if ((option->commands & command->bit) && option->about)
            print_option(option);
}

int cli_help(const struct cli_arguments *arguments, struct cli_messages *messages)
{
    if (!arguments->operand) {
        cli_help_print(NULL);
        return 0;
    }
    const struct cli_command *command = cli_command_find(arguments->operand);
    if (!command)
        return cli_command_unknown(messages, arguments->operand);
    cli_help_print(command);
    return 0;
}
