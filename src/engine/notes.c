/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/notes.h"

#include "base/error.h"

void ladle_findings_add(struct ladle_findings *sum, const struct ladle_findings *more)
{
    sum->nonfinite.overflowed += more->nonfinite.overflowed;
    sum->nonfinite.nan += more->nonfinite.nan;
    sum->nonfinite.inf += more->nonfinite.inf;
    sum->fallbacks += more->fallbacks;
}

/* Counts one more tensor; returns where to write about it, or NULL if enough are named. */
static struct ladle_text *next_line(struct ladle_note *note)
{
    uint64_t at = note->tensors++;
    return at < LADLE_NOTES_NAMED ? &note->lines[at] : NULL;
}

void ladle_notes_add(struct ladle_notes *notes, const char *tensor, enum ladle_dtype dtype,
                     const struct ladle_findings *findings)
{
    const struct ladle_nonfinite *found = &findings->nonfinite;
    struct ladle_text *line;
    if (found->overflowed + found->nan + found->inf > 0 && (line = next_line(&notes->nonfinite)))
        ladle_text_printf(line, "%s: %llu NaN, %llu Inf, %llu too large for %s", tensor, (unsigned long long)found->nan,
                          (unsigned long long)found->inf, (unsigned long long)found->overflowed, ladle_dtype_name(dtype));
    if (findings->fallbacks > 0 && (line = next_line(&notes->fallbacks)))
        ladle_text_printf(line, "%s: %llu row%s", tensor, (unsigned long long)findings->fallbacks,
                          findings->fallbacks == 1 ? "" : "s");
}

static void tell(const struct ladle_note *note, const struct ladle_log *log, const char *what)
{
    const char *help[LADLE_NOTES_NAMED + 1];
    struct ladle_text first = {0}, others = {0};
    size_t count = 0;
    if (note->tensors == 0)
        return;
    while (count < note->tensors && count < LADLE_NOTES_NAMED) {
        const struct ladle_text *line = &note->lines[count];
        help[count++] = line->failed ? "no memory for a tensor's name" : line->data;
    }
    ladle_text_printf(&first, "%s in %llu tensor%s:", what, (unsigned long long)note->tensors,
                      note->tensors == 1 ? "" : "s");
    ladle_text_printf(&others, "and %llu more", (unsigned long long)(note->tensors - count));
    if (note->tensors > count && !others.failed)
        help[count++] = others.data;
    if (!first.failed)
        ladle_warn_lines(log, first.data, help, count);
    ladle_text_finish(&first);
    ladle_text_finish(&others);
}

void ladle_notes_tell(const struct ladle_notes *notes, const struct ladle_log *log)
{
    tell(&notes->fallbacks, log,
         "rows whose dot products are not finite (an input holds NaN or Inf), merged with linear coefficients,");
    tell(&notes->nonfinite, log, "results that are no finite numbers");
}

void ladle_notes_finish(struct ladle_notes *notes)
{
    for (unsigned i = 0; i < LADLE_NOTES_NAMED; i++) {
        ladle_text_finish(&notes->nonfinite.lines[i]);
        ladle_text_finish(&notes->fallbacks.lines[i]);
    }
}
