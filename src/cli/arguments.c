/* SPDX-License-Identifier: Apache-2.0 */
#include "arguments.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "command.h"
#include "ladle/text.h"

#define MOST_OPTIONS 63

const struct cli_option *cli_option_find(const struct cli_command *command, const char *word, const char **value)
{
    const struct cli_option *option;
    *value = NULL;
    for (unsigned at = 0; (option = cli_option_at(at)); at++) {
        if (!(option->commands & command->bit))
            continue;
        size_t bytes = strlen(option->name);
        if (strcmp(word, option->name) == 0 || (option->letter && strcmp(word, option->letter) == 0))
            return option;
        if (strncmp(word, option->name, bytes) == 0 && word[bytes] == '=') {
            *value = word + bytes + 1;
            return option;
        }
        if (option->letter && option->value && strncmp(word, option->letter, 2) == 0) {
            *value = word + 2;
            return option;
        }
    }
    return NULL;
}

/* Whether any command has an option of this name. */
static bool known_elsewhere(const char *word)
{
    const struct cli_option *option;
    for (unsigned at = 0; (option = cli_option_at(at)); at++)
        if (strcmp(option->name, word) == 0 || (option->letter && strcmp(option->letter, word) == 0))
            return true;
    return false;
}

static int unknown_option(const struct cli_command *command, const char *word, struct cli_messages *messages)
{
    const char *known[MOST_OPTIONS + 1];
    unsigned count = 0;
    const struct cli_option *option;
    for (unsigned at = 0; (option = cli_option_at(at)) && count < MOST_OPTIONS; at++)
        if ((option->commands & command->bit) && option->about)
            known[count++] = option->name;
    known[count] = NULL;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);

    if (known_elsewhere(name)) {
        cli_messages_error(messages, "%s is no option of 'ladle %s'", name, command->name);
    } else {
        cli_messages_error(messages, "unknown option '%s'", word);
        const char *near = ladle_nearest(name, known);
        if (near)
            cli_messages_help(messages, "did you mean %s?", near);
    }
    cli_messages_help(messages, "see 'ladle help %s'", command->name);
    return 2;
}

/* Stores one option's value; 0 or the exit code 2. */
static int set_option(struct cli_arguments *arguments, const struct cli_option *option, const char *value,
                      struct cli_messages *messages)
{
    if (option->words) {
        unsigned at = 0;
        while (option->words[at] && strcmp(option->words[at], value) != 0)
            at++;
        if (!option->words[at]) {
            char list[128] = "";
            for (at = 0; option->words[at]; at++)
                snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", at ? ", " : "", option->words[at]);
            cli_messages_error(messages, "%s: '%s' was found, one of %s was expected", option->name, value, list);
            const char *near = ladle_nearest(value, option->words);
            if (near)
                cli_messages_help(messages, "did you mean %s?", near);
            return 2;
        }
    }
    if (option->set(arguments, value))
        return 0;
    cli_messages_error(messages, "%s: '%s' was found, %s was expected", option->name, value, option->expected);
    return 2;
}

static int set_operand(struct cli_arguments *arguments, const struct cli_command *command, const char *word,
                       struct cli_messages *messages)
{
    if (!arguments->operand) {
        arguments->operand = word;
        return 0;
    }
    cli_messages_error(messages, "'%s' is one argument too many: 'ladle %s' takes one %s and has '%s'", word, command->name,
                       command->operand, arguments->operand);
    return 2;
}

/* The ending of a name that people give to a file of a kind that is not made, or NULL. Without this it would become a
 * folder. */
static const char *foreign_ending(const char *output)
{
    static const char *const endings[] = {".tar", ".gz",   ".tgz", ".xz",          ".txz",  ".bz2", ".zip", ".7z",
                                          ".zst", ".tzst", ".rar", ".safetensors", ".gguf", ".bin", ".pt",  ".pth"};
    const char *dot = strrchr(output, '.');
    for (size_t at = 0; dot && at < sizeof endings / sizeof endings[0]; at++)
        if (strcasecmp(dot, endings[at]) == 0)
            return dot;
    return NULL;
}

/* The output's name and form must go together. */
static int check_output(const struct cli_arguments *arguments, struct cli_messages *messages)
{
    enum ladle_format asked = arguments->options.format;
    const char *ending = foreign_ending(arguments->output);
    if (!ending || asked != LADLE_FORMAT_AUTO || ladle_format_of(arguments->output, asked) != LADLE_FORMAT_DIRECTORY)
        return 0;
    cli_messages_error(messages, "-o %s: files ending in %s are not made; a folder, .tar or .tar.zst was expected",
                       arguments->output, ending);
    cli_messages_help(messages, "--format directory makes a folder of this name");
    return 2;
}

/* What must be there when all words were read. */
static int check_complete(const struct cli_arguments *arguments, const struct cli_command *command,
                          struct cli_messages *messages)
{
    if (command->operand_required && (!arguments->operand || !arguments->operand[0])) {
        cli_messages_error(messages, "%s is missing", command->operand);
        cli_messages_help(messages, "ladle %s %s", command->name, command->usage);
        return 2;
    }
    if (command->bit == CLI_MERGE && !arguments->output) {
        cli_messages_error(messages, "-o OUT is missing: the directory or archive to make");
        cli_messages_help(messages, "ladle %s %s", command->name, command->usage);
        return 2;
    }
    return arguments->output ? check_output(arguments, messages) : 0;
}

int cli_arguments_parse(struct cli_arguments *arguments, const struct cli_command *command, int count, char **words,
                        struct cli_messages *messages)
{
    *arguments = (struct cli_arguments){0};
    ladle_options_init(&arguments->options);
    bool only_operands = false;
    for (int at = 0; at < count; at++) {
        const char *word = words[at], *value;
        int code;
        if (only_operands || word[0] != '-' || word[1] == '\0') {
            code = set_operand(arguments, command, word, messages);
        } else if (strcmp(word, "--") == 0) {
            only_operands = true;
            continue;
        } else {
            const struct cli_option *option = cli_option_find(command, word, &value);
            if (!option)
                return unknown_option(command, word, messages);
            if (value && !option->value) {
                cli_messages_error(messages, "%s takes no value, '%s' was found", option->name, value);
                return 2;
            }
            if (option->value && !value)
                value = at + 1 < count ? words[++at] : NULL;
            if (option->value && !value) {
                cli_messages_error(messages, "%s: its %s is missing", option->name, option->value);
                return 2;
            }
            code = set_option(arguments, option, value, messages);
        }
        if (code != 0)
            return code;
    }
    return arguments->help ? 0 : check_complete(arguments, command, messages);
}
