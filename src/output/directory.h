/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_DIRECTORY_H
#define LADLE_OUTPUT_DIRECTORY_H

/* An output directory that appears under its name only when it is complete. Until then it lives beside it:
 *
 *   .NAME.ladle-partial/
 *     lock        held with flock while a run works here; a dead run holds nothing
 *     journal     how far output/ has come, and for which merge; see journal.h
 *     frames      where the output is a compressed archive: the sizes of its frames; see archive_file.h
 *     trial       made now and then to learn what the file system can do
 *     output/     what becomes NAME, by renaming; a file where the output is an archive
 *     replaced/   an old NAME on its way out, if the file system cannot exchange two names at once
 *
 * Only what is in output/ is ever published, so whatever else a run must remember has its place beside the lock. */

#include <stdbool.h>

#include "output/journal.h"
#include "output/place.h"

#define LADLE_DIRECTORY_OUTPUT "output"
#define LADLE_DIRECTORY_REPLACED "replaced"
#define LADLE_DIRECTORY_FRAMES "frames"

struct ladle_directory {
    struct ladle_place place;
    const struct ladle_log *log;
    char *parent_path, *partial_path, *output_path; /* for messages */
    char *partial_name;
    int parent, partial, output, lock; /* descriptors; -1: not open */
    unsigned parents_made;             /* how many of the folders above the output this run made, from the lowest up */
    struct ladle_journal_contents journal; /* as an earlier run left it */
    bool finished;  /* that run had put its output in place, but not cleaned up */
    bool unclear;   /* it cannot be told whether it had */
    bool resumable; /* what is in the partial directory is worth keeping */
    bool published;
};

/* One that was not opened, for ladle_directory_close. */
#define LADLE_DIRECTORY_CLOSED ((struct ladle_directory){.parent = -1, .partial = -1, .output = -1, .lock = -1})

/* Finds and checks the place of the output, makes the folders above it, and takes the lock of the partial directory. What an
 * earlier run left there is untouched, but an old output that it had moved aside is put back, and its journal is read. If
 * that run turns out to be `finished`, the place is not checked.
 *   directory   filled; give to ladle_directory_close, also on failure
 *   output      as the caller wrote it; must outlive the directory
 *   plan        for its inputs and options; must outlive the directory
 * Returns LADLE_OK; LADLE_BAD_REQUEST (see ladle_place_check); LADLE_FAILED, also when another run holds the lock;
 * LADLE_NO_MEMORY. */
int ladle_directory_open(struct ladle_directory *directory, const char *output, const struct ladle_plan *plan,
                         struct ladle_error *error);

/* Whether an earlier run left an unfinished output. */
bool ladle_directory_has_remains(const struct ladle_directory *directory);

/* Removes what an earlier run left, and opens an empty output/; for an archive, a file of this name. The file system must be
 * able to rename. Returns LADLE_OK or LADLE_FAILED. */
int ladle_directory_begin(struct ladle_directory *directory, struct ladle_error *error);

/* Opens the output/ that an earlier run left, and removes what it left beside it.
 *   fits   receives whether that is a folder, or for an archive a file of its own; if not, nothing is done
 * Returns LADLE_OK or LADLE_FAILED. */
int ladle_directory_continue(struct ladle_directory *directory, bool *fits, struct ladle_error *error);

/* publish.c: puts the output under its name and syncs the names; its files and folders were synced before. An existing
 * output is replaced if the plan's options say so: exchanged at once where the file system can, else moved aside first, else
 * (where a folder of a lower layer cannot be moved) removed first. Then the partial directory is removed. Returns LADLE_OK:
 * the output is in place, and what could not be removed is a warning; else LADLE_FAILED, LADLE_BAD_REQUEST or
 * LADLE_NO_MEMORY: it is not in place. */
int ladle_directory_publish(struct ladle_directory *directory, const struct ladle_plan *plan, struct ladle_error *error);

/* Removes the partial directory with all it holds; the lock is held until the directory is closed. Returns whether nothing
 * of it is left; if something is, that is a warning. */
bool ladle_directory_clear(struct ladle_directory *directory);

enum ladle_remains { LADLE_REMAINS_NONE, LADLE_REMAINS_REMOVED, LADLE_REMAINS_LEFT, LADLE_REMAINS_KEPT };

/* Removes the partial directory and the folders above it that this run made, if the output was not published and the
 * partial directory is not `resumable`. Tells whether there was something to remove, and whether it is gone. */
enum ladle_remains ladle_directory_abandon(struct ladle_directory *directory);

/* Lets go of the lock, closes and frees everything. What is on the disk stays. */
void ladle_directory_close(struct ladle_directory *directory);

#endif
