/* SPDX-License-Identifier: Apache-2.0 */
#include "messages.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "ladle/text.h"

static const char red[] = "\033[1;31m", yellow[] = "\033[1;33m", plain[] = "\033[0m";

void cli_messages_init(struct cli_messages *messages)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *kind = getenv("TERM");
    *messages = (struct cli_messages){.terminal = isatty(STDERR_FILENO) && kind && kind[0] && strcmp(kind, "dumb") != 0};
    messages->colour = messages->terminal && (!no_colour || !no_colour[0]);
    pthread_mutex_init(&messages->lock, NULL);
    setvbuf(stderr, NULL, _IOLBF, 0); /* a line is one write */
}

void cli_messages_finish(struct cli_messages *messages)
{
    cli_messages_status(messages, NULL);
    free(messages->status);
    for (size_t at = 0; at < CLI_WARNINGS_KEPT; at++)
        free(messages->warnings[at]);
    pthread_mutex_destroy(&messages->lock);
}

static void erase_status(struct cli_messages *messages)
{
    if (messages->status_shown)
        fputs("\r\033[K", stderr);
    messages->status_shown = false;
}

static void draw_status(struct cli_messages *messages)
{
    if (!messages->status)
        return;
    fputs(messages->status, stderr);
    messages->status_shown = true;
}

/* Prints one message and puts the status line back below it. The lock is held. */
static void print(struct cli_messages *messages, const char *event, const char *colour, const char *label, const char *text)
{
    if (messages->json) {
        struct cli_json json;
        cli_json_init(&json, stderr, false);
        cli_json_begin(&json, NULL, '{');
        cli_json_string(&json, "event", event);
        cli_json_string(&json, "message", text);
        cli_json_end(&json);
        return;
    }
    erase_status(messages);
    bool painted = messages->colour && colour;
    fprintf(stderr, "%sladle: %s%s%s\n", painted ? colour : "", label, painted ? plain : "", text);
    draw_status(messages);
    fflush(stderr);
}

/* The formatted text, masked. Free the result; NULL without memory. */
static char *format_text(const char *format, va_list arguments)
{
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0)
        return NULL;
    ladle_mask(text);
    return text;
}

static void print_formatted(struct cli_messages *messages, const char *event, const char *colour, const char *format,
                            va_list arguments)
{
    char *text = format_text(format, arguments);
    pthread_mutex_lock(&messages->lock);
    print(messages, event, colour, "", text ? text : "no memory");
    pthread_mutex_unlock(&messages->lock);
    free(text);
}

char *cli_first_line(const char *text)
{
    return strndup(text, strcspn(text, "\n"));
}

void cli_messages_log(void *user, enum ladle_level level, const char *text)
{
    struct cli_messages *messages = user;
    pthread_mutex_lock(&messages->lock);
    if (level == LADLE_WARNING) {
        if (messages->warning_count < CLI_WARNINGS_KEPT)
            messages->warnings[messages->warning_count] = cli_first_line(text);
        messages->warning_count++;
        print(messages, "warning", yellow, "warning: ", text);
    } else if (level == LADLE_NOTE ? !messages->quiet : messages->verbose) {
        print(messages, level == LADLE_NOTE ? "note" : "detail", NULL, "", text);
    }
    pthread_mutex_unlock(&messages->lock);
}

void cli_messages_error(struct cli_messages *messages, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_formatted(messages, "error", red, format, arguments);
    va_end(arguments);
}

void cli_messages_help(struct cli_messages *messages, const char *format, ...)
{
    if (messages->json)
        return;
    va_list arguments;
    va_start(arguments, format);
    char *text = format_text(format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&messages->lock);
    erase_status(messages);
    fprintf(stderr, "  %s\n", text ? text : "no memory");
    draw_status(messages);
    pthread_mutex_unlock(&messages->lock);
    free(text);
}

void cli_messages_report(struct cli_messages *messages, const struct ladle_error *error)
{
    pthread_mutex_lock(&messages->lock);
    for (size_t at = 0; at < ladle_error_count(error); at++)
        print(messages, "error", red, "", ladle_error_message(error, at));
    pthread_mutex_unlock(&messages->lock);
}

void cli_messages_say(struct cli_messages *messages, const char *event, const char *format, ...)
{
    if (messages->quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    print_formatted(messages, event, NULL, format, arguments);
    va_end(arguments);
}

void cli_messages_line(struct cli_messages *messages, const char *line)
{
    pthread_mutex_lock(&messages->lock);
    erase_status(messages);
    fprintf(stderr, "%s\n", line);
    draw_status(messages);
    fflush(stderr);
    pthread_mutex_unlock(&messages->lock);
}

void cli_messages_status(struct cli_messages *messages, const char *line)
{
    pthread_mutex_lock(&messages->lock);
    erase_status(messages);
    free(messages->status);
    messages->status = NULL;
    if (line && messages->terminal) {
        messages->status = strdup(line);
        if (messages->status)
            ladle_mask(messages->status);
        draw_status(messages);
    }
    fflush(stderr);
    pthread_mutex_unlock(&messages->lock);
}

void cli_messages_summary(struct cli_messages *messages)
{
    size_t count = messages->warning_count;
    if (count == 0 || messages->quiet || messages->json)
        return;
    pthread_mutex_lock(&messages->lock);
    erase_status(messages);
    fprintf(stderr, "ladle: %zu warning%s:\n", count, count == 1 ? "" : "s");
    for (size_t at = 0; at < count && at < CLI_WARNINGS_KEPT; at++)
        fprintf(stderr, "  %s\n", messages->warnings[at] ? messages->warnings[at] : "(no memory)");
    if (count > CLI_WARNINGS_KEPT)
        fprintf(stderr, "  and %zu more\n", count - CLI_WARNINGS_KEPT);
    draw_status(messages);
    pthread_mutex_unlock(&messages->lock);
}

int cli_exit_code(int status)
{
    switch (status) {
    case LADLE_OK:
        return 0;
    case LADLE_BAD_REQUEST:
        return 2;
    case LADLE_BAD_INPUT:
        return 3;
    case LADLE_OVER_BUDGET:
        return 4;
    default:
        return 1;
    }
}
