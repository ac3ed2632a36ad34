/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_ENGINE_NOTES_H
#define LADLE_ENGINE_NOTES_H

/* What is found by the way while results are made, and told at the end by tensor: results that are no finite numbers, and
 * rows that a method merged in another way because of such inputs. Not locked: the engine's lock guards it. */

#include "base/text.h"
#include "method/method.h"

/* Of one block, or of all blocks of a tensor. */
struct ladle_findings {
    struct ladle_nonfinite nonfinite;
    uint64_t fallbacks; /* see struct ladle_output */
};

/* Tensors that are named; of further ones the number is told. */
#define LADLE_NOTES_NAMED 10u

/* Tensors that something was found in: how many, and a line for each of the first ones. */
struct ladle_note {
    uint64_t tensors;
    struct ladle_text lines[LADLE_NOTES_NAMED];
};

struct ladle_notes {
    struct ladle_note nonfinite, fallbacks;
};

/* Adds the findings of one block to those of its tensor. */
void ladle_findings_add(struct ladle_findings *sum, const struct ladle_findings *more);

/* Notes a finished tensor if something was found in it.
 *   dtype  that its results are stored as */
void ladle_notes_add(struct ladle_notes *notes, const char *tensor, enum ladle_dtype dtype,
                     const struct ladle_findings *findings);

/* Warns of what was noted, if anything. */
void ladle_notes_tell(const struct ladle_notes *notes, const struct ladle_log *log);

void ladle_notes_finish(struct ladle_notes *notes);

#endif
