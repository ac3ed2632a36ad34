/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define MOST_MESSAGES 20
#define MOST_BYTES 4000u /* of one text: a name from a file may be megabytes long */

struct ladle_error {
    enum ladle_status status;
    size_t count;
    bool open; /* the last failure was recorded, so that help belongs to it */
    struct ladle_text messages[MOST_MESSAGES];
};

struct ladle_error *ladle_error_create(void)
{
    return calloc(1, sizeof(struct ladle_error));
}

void ladle_error_destroy(struct ladle_error *error)
{
    if (error != NULL) {
        ladle_error_clear(error);
        free(error);
    }
}

void ladle_error_clear(struct ladle_error *error)
{
    for (size_t i = 0; i < error->count; i++) {
        ladle_text_finish(&error->messages[i]);
    }
    *error = (struct ladle_error){0};
}

enum ladle_status ladle_error_status(const struct ladle_error *error)
{
    return error->status;
}

size_t ladle_error_count(const struct ladle_error *error)
{
    return error->count;
}

const char *ladle_error_message(const struct ladle_error *error, size_t at)
{
    if (at >= error->count) {
        return "";
    }
    const struct ladle_text *message = &error->messages[at];
    return message->failed || message->data == NULL ? "no memory for the text of an error" : message->data;
}

/* Formats with each newline of the format replaced by `mark`; what is too long is cut. NULL without memory. */
static char *print_marked(const char *format, va_list arguments, char mark)
{
    char *marked = strdup(format), *text = NULL;
    if (marked == NULL) {
        return NULL;
    }
    for (char *c = marked; *c != '\0'; c++) {
        *c = *c == '\n' ? mark : *c;
    }
    va_list again;
    va_copy(again, arguments);
    if (vasprintf(&text, marked, again) < 0) {
        text = NULL;
    }
    va_end(again);
    free(marked);
    if (text != NULL && strlen(text) > MOST_BYTES) {
        strcpy(text + MOST_BYTES - 3, "...");
    }
    return text;
}

/* Adds `count` bytes, masked. */
static void add_masked(struct ladle_text *out, const char *bytes, size_t count)
{
    size_t start = out->bytes;
    ladle_text_add(out, bytes, count);
    if (!out->failed) {
        ladle_mask(out->data + start);
        out->bytes = start + strlen(out->data + start);
    }
}

/* Adds a formatted text, masked. Newlines of the format start a line indented by two blanks; those of the arguments are
 * masked like everything else that does not print. To tell them apart the text is made twice with different marks in place
 * of the format's newlines: where the two differ there was one. */
static void add_formatted(struct ladle_text *out, const char *format, va_list arguments)
{
    char *one = print_marked(format, arguments, '\1'), *other = print_marked(format, arguments, '\2');
    if (one == NULL || other == NULL) {
        out->failed = true;
    } else {
        size_t start = 0, i = 0;
        for (; one[i] != '\0'; i++) {
            if (one[i] != other[i]) {
                add_masked(out, one + start, i - start);
                ladle_text_add_string(out, one[i + 1] == ' ' ? "\n" : "\n  ");
                start = i + 1;
            }
        }
        add_masked(out, one + start, i - start);
    }
    free(one);
    free(other);
}

/* The place of a new message, or NULL if there are enough. */
static struct ladle_text *add_message(struct ladle_error *error, enum ladle_status status)
{
    if (error->count == 0) {
        error->status = status;
    }
    error->open = error->count < MOST_MESSAGES;
    return error->open ? &error->messages[error->count++] : NULL;
}

int ladle_fail(struct ladle_error *error, enum ladle_status status, const char *format, ...)
{
    if (error == NULL) {
        return status;
    }
    error->open = false;
    if (error->count == 0) {
        va_list arguments;
        va_start(arguments, format);
        add_formatted(add_message(error, status), format, arguments);
        va_end(arguments);
    }
    return status;
}

int ladle_fail_errno(struct ladle_error *error, enum ladle_status status, int code, const char *format, ...)
{
    if (error == NULL) {
        return status;
    }
    error->open = false;
    if (error->count == 0) {
        struct ladle_text *message = add_message(error, status);
        char buffer[128];
        va_list arguments;
        va_start(arguments, format);
        add_formatted(message, format, arguments);
        va_end(arguments);
        ladle_text_printf(message, ": %s", strerror_r(code, buffer, sizeof buffer));
    }
    return status;
}

int ladle_fail_also(struct ladle_error *error, enum ladle_status status, const char *format, ...)
{
    struct ladle_text *message = error == NULL ? NULL : add_message(error, status);
    if (message != NULL) {
        va_list arguments;
        va_start(arguments, format);
        add_formatted(message, format, arguments);
        va_end(arguments);
    }
    return status;
}

void ladle_error_help(struct ladle_error *error, const char *format, ...)
{
    if (error == NULL || !error->open) {
        return;
    }
    struct ladle_text *message = &error->messages[error->count - 1];
    va_list arguments;
    va_start(arguments, format);
    ladle_text_add_string(message, "\n  ");
    add_formatted(message, format, arguments);
    va_end(arguments);
}

void ladle_error_reopen(struct ladle_error *error)
{
    if (error != NULL) {
        error->open = error->count > 0;
    }
}

void ladle_error_append(struct ladle_error *error, struct ladle_error *other)
{
    for (size_t i = 0; i < other->count; i++) {
        struct ladle_text *message = add_message(error, other->status);
        if (message != NULL) {
            *message = other->messages[i];
            other->messages[i] = (struct ladle_text){0};
        }
    }
    ladle_error_clear(other);
}

int ladle_fail_memory(struct ladle_error *error, const char *what)
{
    return ladle_fail(error, LADLE_NO_MEMORY, "no memory for %s", what);
}

/* Sends one message; without memory for it there is nobody to tell. */
static void send(const struct ladle_log *log, enum ladle_level level, const char *format, va_list arguments)
{
    if (log == NULL || log->message == NULL) {
        return;
    }
    struct ladle_text text = {0};
    add_formatted(&text, format, arguments);
    if (!text.failed) {
        log->message(log->user, level, text.data);
    }
    ladle_text_finish(&text);
}

void ladle_warn(const struct ladle_log *log, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    send(log, LADLE_WARNING, format, arguments);
    va_end(arguments);
}

void ladle_warn_lines(const struct ladle_log *log, const char *first, const char *const *help, size_t count)
{
    struct ladle_text text = {0};
    if (log == NULL || log->message == NULL) {
        return;
    }
    add_masked(&text, first, strlen(first));
    for (size_t i = 0; i < count; i++) {
        ladle_text_add_string(&text, "\n  ");
        add_masked(&text, help[i], strlen(help[i]));
    }
    if (!text.failed) {
        log->message(log->user, LADLE_WARNING, text.data);
    }
    ladle_text_finish(&text);
}

void ladle_note(const struct ladle_log *log, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    send(log, LADLE_NOTE, format, arguments);
    va_end(arguments);
}

void ladle_detail(const struct ladle_log *log, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    send(log, LADLE_DETAIL, format, arguments);
    va_end(arguments);
}
