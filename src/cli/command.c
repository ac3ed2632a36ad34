/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <string.h>

#include "ladle/text.h"

static const struct cli_command commands[] = {
    {
        .name = "merge",
        .bit = CLI_MERGE,
        .operand = "RECIPE",
        .operand_required = true,
        .usage = "RECIPE -o OUT",
        .about = "merge models as a recipe says",
        .more = {"RECIPE is a YAML file as mergekit takes it, or - for standard input. Models that it names by a relative "
                 "path are looked for below the working directory, then below the recipe's own.",
                 "OUT appears under its name only when it is complete and on the disk. Until then the work lies beside "
                 "it, and the same command goes on with it after an interruption. The bytes depend on the recipe, the "
                 "models and the seed alone: not on memory, threads, or the way of reading.",
                 "An archive (.tar, .tar.zst, or - for standard output) holds the files of the directory and is made "
                 "front to back in the same memory. One that is sent down a pipe cannot be gone on with; it breaks off "
                 "inside a frame or file if the merge fails, so that nobody takes it for whole.",
                 "Exit code: 0 done, 1 failed while merging, 2 wrong command line, 3 recipe or models not acceptable, "
                 "4 memory budget too small (the message names one that works), 130 interrupted, 143 terminated."},
        .run = cli_merge,
    },
    {
        .name = "plan",
        .bit = CLI_PLAN,
        .operand = "RECIPE",
        .operand_required = true,
        .usage = "RECIPE",
        .about = "show what a merge would read, write and need",
        .more = {"Does everything a merge does short of reading tensor data: finds the models, checks the recipe and every "
                 "parameter, lays out the output, divides the memory. With -v tensor by tensor. Takes the options of "
                 "merge, so that a merge can be tried with one word of its command line changed."},
        .run = cli_plan,
    },
    {
        .name = "inspect",
        .bit = CLI_INSPECT,
        .operand = "MODEL",
        .operand_required = true,
        .usage = "MODEL",
        .about = "show the tensors of a model",
        .more = {"MODEL is a directory with model.safetensors or an index and shards, a safetensors file, or an archive: a "
                 ".tar, or a .tar.zst with a list of its frames, as ladle makes it. Only headers are read."},
        .run = cli_inspect,
    },
    {
        .name = "methods",
        .bit = CLI_METHODS,
        .operand = "NAME",
        .usage = "[NAME]",
        .about = "list the merge methods, or explain one",
        .run = cli_methods,
    },
    {
        .name = "help",
        .bit = CLI_HELP,
        .operand = "COMMAND",
        .usage = "[COMMAND]",
        .about = "explain a command",
        .run = cli_help,
    },
};

const struct cli_command *cli_command_at(unsigned at)
{
    return at < sizeof commands / sizeof commands[0] ? &commands[at] : NULL;
}

const struct cli_command *cli_command_find(const char *name)
{
    const struct cli_command *command;
    for (unsigned at = 0; (command = cli_command_at(at)); at++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

static bool looks_like_recipe(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcmp(dot, ".yml") == 0 || strcmp(dot, ".yaml") == 0);
}

int cli_command_unknown(struct cli_messages *messages, const char *name)
{
    const char *known[sizeof commands / sizeof commands[0] + 1] = {NULL};
    for (unsigned at = 0; cli_command_at(at); at++)
        known[at] = cli_command_at(at)->name;
    cli_messages_error(messages, "there is no command '%s'", name);
    const char *near = ladle_nearest(name, known);
    if (near)
        cli_messages_help(messages, "did you mean 'ladle %s'?", near);
    else if (looks_like_recipe(name))
        cli_messages_help(messages, "to merge a recipe: ladle merge %s -o OUT", name);
    cli_messages_help(messages, "see 'ladle help'");
    return 2;
}
