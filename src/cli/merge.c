/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "command.h"
#include "figures.h"
#include "json.h"
#include "ladle/ladle.h"
#include "planning.h"
#include "progress.h"
#include "signals.h"

/* What was made, for programs. */
static void say_done_json(struct cli_messages *messages, const char *output, const struct ladle_result *result)
{
    struct cli_json json;
    cli_json_init(&json, stderr, false);
    cli_json_begin(&json, NULL, '{');
    cli_json_string(&json, "event", "done");
    cli_json_string(&json, "output", output);
    cli_json_whole(&json, "tensors", result->tensors);
    cli_json_whole(&json, "parameters", result->parameters);
    cli_json_whole(&json, "bytes", result->bytes);
    cli_json_whole(&json, "bytes_read", result->bytes_read);
    cli_json_whole(&json, "bytes_written", result->bytes_written);
    cli_json_whole(&json, "bytes_resumed", result->bytes_resumed);
    cli_json_number(&json, "seconds", result->seconds);
    cli_json_whole(&json, "peak_memory_bytes", result->peak_bytes);
    cli_json_whole(&json, "warnings", messages->warning_count);
    cli_json_end(&json);
}

/* The last line of a merge. */
static void say_done(struct cli_messages *messages, const char *output, const struct ladle_result *result)
{
    if (messages->json) {
        say_done_json(messages, output, result);
        return;
    }
    char tensors[CLI_FIGURE], parameters[CLI_FIGURE], bytes[CLI_FIGURE], resumed[CLI_FIGURE], peak[CLI_FIGURE];
    char before[2 * CLI_FIGURE] = "";
    double moved = (double)result->bytes_read + (double)result->bytes_written;
    if (result->bytes_resumed > 0)
        snprintf(before, sizeof before, " (%s of it by an earlier run)", ladle_size_show(result->bytes_resumed, resumed));
    cli_messages_say(
        messages, "done", "%s: %s tensor%s, %s parameter%s, %s%s in %.*f s, %.2f GB/s read and written, peak memory %s",
        strcmp(output, "-") == 0 ? "standard output" : output, cli_figure_count(result->tensors, tensors),
        result->tensors == 1 ? "" : "s", cli_figure_count(result->parameters, parameters),
        result->parameters == 1 ? "" : "s", ladle_size_show(result->bytes, bytes), before,
        result->seconds < 1 ? 2 : 1, result->seconds,
        result->seconds > 0 ? moved / result->seconds / 1e9 : 0, cli_figure_memory(result->peak_bytes, peak));
}

/* 128 and the number of the signal that came, said if the library has not. */
static int interrupted(struct cli_messages *messages, bool said)
{
    if (!said)
        cli_messages_error(messages, "interrupted before anything was made");
    return 128 + cli_signals_caught();
}

static int carry_out(struct ladle_plan *plan, const char *output, struct cli_messages *messages)
{
    struct ladle_result result = {0};
    struct ladle_error *error = ladle_error_create();
    if (!error) {
        cli_messages_error(messages, "no memory");
        return 1;
    }
    int status = ladle_merge(plan, output, &result, error), code = cli_exit_code(status);
    cli_messages_status(messages, NULL);
    cli_messages_summary(messages);
    if (status == LADLE_OK) {
        say_done(messages, output, &result);
    } else {
        cli_messages_report(messages, error);
        if (status == LADLE_STOPPED && cli_signals_caught())
            code = interrupted(messages, ladle_error_count(error) > 0);
    }
    ladle_error_destroy(error);
    return code;
}

/* The usual limit is one for programs that use select; shards of a large output are all open at once. */
static void allow_many_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int cli_merge(const struct cli_arguments *arguments, struct cli_messages *messages)
{
    if (strcmp(arguments->output, "-") == 0 && isatty(STDOUT_FILENO)) {
        cli_messages_error(messages, "-o -: standard output is a terminal, a file or pipe was expected");
        return 2;
    }
    allow_many_files();
    struct cli_progress progress;
    cli_progress_init(&progress, arguments->progress, messages);
    struct ladle_options options = arguments->options;
    options.log = (struct ladle_log){.message = cli_messages_log, .user = messages};
    options.progress = cli_progress_show;
    options.progress_user = &progress;
    options.stop = cli_signals_stop;
    options.format = ladle_format_of(arguments->output, options.format);

    struct cli_recipe recipe;
    int code = cli_recipe_read(&recipe, arguments->operand, messages);
    if (code != 0)
        return code;
    cli_signals_install(); /* not before: reading standard input is to be interrupted at once */
    struct ladle_plan *plan = NULL;
    code = cli_planning(&recipe, &options, messages, &plan);
    if (code == 0)
        code = cli_signals_caught() ? interrupted(messages, false) : carry_out(plan, arguments->output, messages);
    ladle_plan_destroy(plan);
    cli_recipe_finish(&recipe);
    return code;
}
