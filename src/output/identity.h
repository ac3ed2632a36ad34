/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_IDENTITY_H
#define LADLE_OUTPUT_IDENTITY_H

/* Which merge an unfinished output belongs to: everything its bytes depend on, as a text of lines "KEY VALUE".
 *
 *   ladle              version of the library
 *   method, seed       as resolved
 *   parameters         digest of every parameter of every tensor as resolved
 *   sources            digest of what each tensor is made from, and how
 *   tensors            digest of names, types, shapes and places in the output
 *   form               a folder; or which archive, made how
 *   time, text         of an archive: time of the files in it, digest of the recipe as it is written
 *   beside             of an archive: one line a file that is copied from the donor: digest of its size and time, name
 *   made               of an archive: the same of its other texts, by what they hold
 *   input              one line a file: size, modification time, digest of its header, path
 *   option NAME        what the caller chose; for explaining a difference, not for deciding whether there is one
 *
 * Memory budget, threads, back end and instruction set are not in it: they change no byte. */

#include <stdbool.h>

#include "plan/plan.h"

/* Writes the identity of a plan's merge into an empty text.
 *   beside   the lines of an archive; NULL for a folder, whose texts are made anew by whoever goes on with it
 * Returns LADLE_OK or LADLE_NO_MEMORY. */
int ladle_identity_write(const struct ladle_plan *plan, const char *beside, struct ladle_text *out,
                         struct ladle_error *error);

/* A path as such a line has it: it may hold anything but a NUL, and the line must stay one. */
void ladle_identity_add_path(struct ladle_text *out, const char *path);

/* Whether two identities give the same bytes. */
bool ladle_identity_is_same(const char *one, const char *other);

/* Fails with LADLE_BAD_REQUEST and a message that says what of an earlier run's identity is different now.
 *   shown   the output's path */
int ladle_identity_refuse(const char *earlier, const char *now, const char *shown, struct ladle_error *error);

#endif
