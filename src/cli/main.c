/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "ladle/ladle.h"
#include "signals.h"

/* Whether standard output is a pipe that nobody reads any more. errno does not tell: the write may have been long ago. */
static bool reader_is_gone(void)
{
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&output, 1, 0) == 1 && (output.revents & POLLERR);
}

/* Results that did not reach standard output are a failure; a reader that had enough needs no message. */
static int finish_output(struct cli_messages *messages, int code)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    if (!reader_is_gone())
        cli_messages_error(messages, "standard output: writing: %s", errno ? strerror(errno) : "failed");
    return code ? code : 1;
}

static int run(const struct cli_command *command, int count, char **words, struct cli_messages *messages)
{
    struct cli_arguments arguments;
    int code = cli_arguments_parse(&arguments, command, count, words, messages);
    if (code != 0)
        return code;
    if (arguments.help) {
        cli_help_print(command);
        return 0;
    }
    messages->quiet = arguments.quiet;
    messages->verbose = arguments.verbose;
    messages->json = arguments.progress == CLI_PROGRESS_JSON;
    return command->run(&arguments, messages);
}

/* The words before a command, or the lack of one. */
static int dispatch(int count, char **words, struct cli_messages *messages)
{
    if (count < 2) {
        cli_messages_error(messages, "no command was given");
        cli_messages_help(messages, "see 'ladle help'");
        return 2;
    }
    const char *first = words[1];
    if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0) {
        printf("ladle %s\n", ladle_version());
        return 0;
    }
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0) {
        cli_help_print(NULL);
        return 0;
    }
    if (strcmp(first, "complete") == 0) /* no command for people: tools/completions */
        return cli_complete(count - 2, words + 2);
    if (first[0] == '-') {
        cli_messages_error(messages, "'%s' stands where a command was expected", first);
        cli_messages_help(messages, "options follow the command: ladle merge RECIPE -o OUT; see 'ladle help'");
        return 2;
    }
    const struct cli_command *command = cli_command_find(first);
    if (!command)
        return cli_command_unknown(messages, first);
    return run(command, count - 2, words + 2, messages);
}

/* A standard descriptor that is closed would become that of the next file to be opened, and messages or an archive would go
 * there. What stands in for it fails as a closed one does: it is open for the other direction. */
static void occupy_standard_descriptors(void)
{
    static const int others[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int at = 0; at < 3; at++)
        if (fcntl(at, F_GETFD) < 0 && open("/dev/null", others[at]) != at)
            return;
}

int main(int count, char **words)
{
    occupy_standard_descriptors();
    struct cli_messages messages;
    cli_messages_init(&messages);
    cli_signals_ignore_pipe();
    int code = finish_output(&messages, dispatch(count, words, &messages));
    cli_messages_finish(&messages);
    return code;
}
