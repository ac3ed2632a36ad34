/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "ladle/ladle.h"

static void offer(const char *word, const char *begun)
{
    if (strncmp(word, begun, strlen(begun)) == 0)
        puts(word);
}

static void offer_commands(const char *begun)
{
    const struct cli_command *command;
    for (unsigned at = 0; (command = cli_command_at(at)); at++)
        offer(command->name, begun);
}

static void offer_options(const struct cli_command *command, const char *begun)
{
    const struct cli_option *option;
    for (unsigned at = 0; (option = cli_option_at(at)); at++)
        if ((option->commands & command->bit) && option->about)
            offer(option->name, begun);
}

static void offer_operands(const struct cli_command *command, const char *begun)
{
    if (command->bit == CLI_HELP)
        offer_commands(begun);
    for (size_t at = 0; command->bit == CLI_METHODS && at < ladle_method_count(); at++)
        offer(ladle_method_at(at)->name, begun);
}

int cli_complete(int count, char **words)
{
    const char *begun = count > 0 ? words[count - 1] : "", *value;
    const struct cli_command *command = count > 1 ? cli_command_find(words[0]) : NULL;
    const struct cli_option *option = command ? cli_option_find(command, words[count - 2], &value) : NULL;
    if (count < 2) {
        offer_commands(begun);
        offer("--help", begun);
        offer("--version", begun);
    } else if (option && option->value && !value) {
        for (unsigned at = 0; option->words && option->words[at]; at++)
            offer(option->words[at], begun);
    } else if (command && begun[0] == '-') {
        offer_options(command, begun);
    } else if (command) {
        offer_operands(command, begun);
    }
    return 0;
}
