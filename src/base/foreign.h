/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_BASE_FOREIGN_H
#define LADLE_BASE_FOREIGN_H

/* What is found in the place of files of a model and is something else: what a clone without Git LFS leaves, what a download
 * without access gets, what other programs write. */

#include <stdbool.h>
#include <stddef.h>

struct ladle_foreign {
    const char *start; /* what such a file begins with; letters in any case for texts, and blanks before it */
    size_t bytes;
    bool text;
    const char *name; /* "an HTML page" */
    const char *help; /* what to do */
};

#define LADLE_FOREIGN_BYTES 64u /* of the start of a file are enough */

/* The kind of a file that begins with these bytes, or NULL if it is none of those known.
 *   cut   there may be more bytes: of a text, fewer than it begins with are taken for it */
const struct ladle_foreign *ladle_foreign_find(const char *start, size_t count, bool cut);

/* How many blanks, tabs and line ends the bytes begin with. */
size_t ladle_foreign_blanks(const char *start, size_t count);

#endif
