/* SPDX-License-Identifier: Apache-2.0 */
#include "output/public_names.h"

#include <ctype.h>
#include <string.h>

/* Whether an absolute path begins at `at`. */
static bool path_begins(const char *text, size_t bytes, size_t at)
{
    if (at > 0 && strchr(" \t\r\n\"'[{(,=+<>`|;", text[at - 1]) == NULL) {
        return false;
    }
    if (text[at] == '/') {
        return at + 1 < bytes && text[at + 1] != '/' && !isspace((unsigned char)text[at + 1]);
    }
    return at + 2 < bytes && isalpha((unsigned char)text[at]) && text[at + 1] == ':' &&
           (text[at + 2] == '\\' || text[at + 2] == '/');
}

/* Where the path that begins at `at` ends. */
static size_t path_end(const char *text, size_t bytes, size_t at, const char *const *known, size_t count)
{
    char quote = at > 0 ? text[at - 1] : '\0';
    if (quote == '"' || quote == '\'' || quote == '`') {
        const char *end = memchr(text + at, quote, bytes - at);
        const char *line = memchr(text + at, '\n', bytes - at);
        if (end != NULL && (line == NULL || end < line)) {
            return (size_t)(end - text);
        }
    }
    size_t longest = 0;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(known[i]);
        if (length > longest && length <= bytes - at && memcmp(text + at, known[i], length) == 0) {
            longest = length;
        }
    }
    size_t end = at + longest;
    while (end < bytes && strchr(" \t\r\n\"'[]{}(),<>`|;", text[end]) == NULL) {
        end++;
    }
    return end;
}

/* Adds the last component of a path; a model with an adapter ("/a/b+/c/d") is two paths. */
static void add_last(const char *path, size_t bytes, struct ladle_text *out)
{
    for (size_t from = 0; from < bytes;) {
        size_t past = from;
        while (past < bytes && !(path[past] == '+' && past + 1 < bytes && path_begins(path, bytes, past + 1))) {
            past++;
        }
        size_t end = past;
        while (end > from && (path[end - 1] == '/' || path[end - 1] == '\\')) {
            end--;
        }
        size_t start = end;
        while (start > from && path[start - 1] != '/' && path[start - 1] != '\\') {
            start--;
        }
        ladle_text_add(out, path + start, end - start);
        ladle_text_add(out, "+", past < bytes ? 1 : 0);
        from = past + 1;
    }
}

void ladle_public_text(const char *text, size_t bytes, const char *const *known, size_t count, struct ladle_text *out)
{
    size_t plain = 0;
    for (size_t at = 0; at < bytes;) {
        if (!path_begins(text, bytes, at)) {
            at++;
            continue;
        }
        ladle_text_add(out, text + plain, at - plain);
        size_t end = path_end(text, bytes, at, known, count);
        add_last(text + at, end - at, out);
        at = plain = end;
    }
    ladle_text_add(out, text + plain, bytes - plain);
}

/* Source: the Hub's own rule (huggingface_hub, validate_repo_id): 96 characters, no "--" or "..", none of ".-" at an end. */
bool ladle_public_is_hub_id(const char *name)
{
    size_t length = strlen(name), slashes = 0;
    if (length == 0 || length > 96 || strstr(name, "--") != NULL || strstr(name, "..") != NULL) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        bool edge = i == 0 || i + 1 == length || name[i - 1] == '/' || name[i + 1] == '/';
        if (name[i] == '/') {
            slashes++;
            if (i == 0 || i + 1 == length) {
                return false;
            }
        } else if (!isalnum((unsigned char)name[i]) && (strchr("-_.", name[i]) == NULL || (edge && name[i] != '_'))) {
            return false;
        }
    }
    return slashes <= 1 && !ladle_ends_with(name, ".git");
}
