/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_PLACE_H
#define LADLE_OUTPUT_PLACE_H

/* Where the output is to appear, and whether it may: looked at before anything is made. */

#include <stdbool.h>
#include <sys/types.h>

#include "plan/plan.h"

struct ladle_place {
    const char *shown; /* as the caller wrote it; the caller's */
    char *existing;    /* real path of the deepest folder above the output that exists */
    char *missing;     /* folders below it that must be made, "a/b"; "" if none */
    char *name;        /* of the output itself, below those */
    bool file;         /* it is an archive, else a folder */
    bool exists;       /* there is a folder, or file, of this name ... */
    bool occupied;     /* ... and it is not an empty folder */
    dev_t device;      /* of that folder or file */
    ino_t inode;
};

/* Finds out where `output`, a path of a folder that may or may not exist, lies. Symbolic links are followed.
 *   place   filled; free with ladle_place_finish, also on failure
 * Returns LADLE_OK; LADLE_BAD_REQUEST if no folder can have this path (a file has it, it is empty, it is the root);
 * LADLE_FAILED if it cannot be looked at; LADLE_NO_MEMORY. */
int ladle_place_find(struct ladle_place *place, const char *output, struct ladle_error *error);

/* place_file.c: as above for a path of a file. LADLE_BAD_REQUEST if a folder, or what is no regular file, has it. */
int ladle_place_find_file(struct ladle_place *place, const char *output, struct ladle_error *error);

/* One or the other, as the plan's format has it. */
int ladle_place_find_for(struct ladle_place *place, const char *output, const struct ladle_plan *plan,
                         struct ladle_error *error);

/* Frees what a place holds; all zeros is accepted. */
void ladle_place_finish(struct ladle_place *place);

/* Decides whether a plan's output may appear here: not among its own inputs, not over something that would be missed.
 * With options.force an existing output may be replaced, but only a folder that looks like a model and holds no input.
 * Returns LADLE_OK, LADLE_BAD_REQUEST, LADLE_FAILED (it is a mount point, which cannot be renamed) or LADLE_NO_MEMORY. */
int ladle_place_check(const struct ladle_place *place, const struct ladle_plan *plan, struct ladle_error *error);

/* The part of ladle_place_check for a file: it is no file of an input, lies in none, and an existing one is only replaced
 * with options.force. */
int ladle_place_check_file(const struct ladle_place *place, const struct ladle_plan *plan, struct ladle_error *error);

/* Whether a path, with its symbolic links resolved, is this folder or leads through it. Folders are compared by what they
 * are, not by spelling: one can be mounted at two places. */
bool ladle_place_leads_through(const char *path, dev_t device, ino_t inode);

/* The folder in which the output appears, as a path in a new text; NULL without memory. */
char *ladle_place_parent(const struct ladle_place *place);

#endif
