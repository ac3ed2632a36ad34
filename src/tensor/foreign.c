/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/foreign.h"

#include <stdbool.h>

/* Whether the bytes are one or more lines of ASCII text. */
static bool is_text(const char *start, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool prints = (start[i] >= ' ' && start[i] <= '~') || start[i] == '\n' || start[i] == '\r' || start[i] == '\t';
        if (!prints) {
            return false;
        }
    }
    return count > 0;
}

int ladle_foreign_report(const char *path, const char *start, size_t count, struct ladle_error *error)
{
    const struct ladle_foreign *kind = ladle_foreign_find(start, count, false);
    if (kind != NULL) {
        ladle_fail(error, LADLE_BAD_INPUT, "%s: this is not a safetensors file but %s", path, kind->name);
        ladle_error_help(error, "%s", kind->help);
        return LADLE_BAD_INPUT;
    }
    if (is_text(start, count)) {
        size_t blanks = ladle_foreign_blanks(start, count), end = blanks; /* the bytes end without a NUL */
        while (end < count && start[end] != '\r' && start[end] != '\n') {
            end++;
        }
        ladle_fail(error, LADLE_BAD_INPUT, "%s: this is not a safetensors file but a text, which begins with '%.*s'", path,
                   (int)(end - blanks), start + blanks);
        ladle_error_help(error, "download it again; a gated model needs to be logged in");
        return LADLE_BAD_INPUT;
    }
    return LADLE_OK;
}
