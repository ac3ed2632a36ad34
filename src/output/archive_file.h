/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_ARCHIVE_FILE_H
#define LADLE_OUTPUT_ARCHIVE_FILE_H

/* An archive in the partial directory: the file itself, and for a compressed one a list of the sizes of its frames, without
 * which nobody could go on with it, nor write its seek table. The list is 4 bytes a frame, as this machine has them in
 * memory; it may be longer than the journal says, never shorter. */

#include "output/directory.h"

struct ladle_archive_file {
    const struct ladle_directory *directory;
    int synced;             /* the archive opened a second time, for syncing; see engine/engine.h */
    int list;               /* -1: not compressed */
    uint32_t *frame_bytes;  /* [chunks]; the caller's, NULL if not compressed */
    uint64_t listed;        /* frames in the list */
    uint64_t first_byte;    /* of the archive, that this run makes */
};

/* Prepares the archive that `directory` has open: empty, or as an earlier run left it.
 *   file         filled; give to ladle_archive_file_close, also on failure
 *   directory    must outlive it
 *   done         chunks that are there, as its journal says; no more than the plan has; 0: the archive is empty
 *   frame_bytes  [chunks of the archive] for a compressed one, else NULL; must outlive it; receives those of `done` chunks
 *   fits         receives whether so much is there; if so, the archive is cut off behind it and its descriptor stands there
 * Returns LADLE_OK, LADLE_FAILED or LADLE_NO_MEMORY. */
int ladle_archive_file_open(struct ladle_archive_file *file, const struct ladle_directory *directory,
                            const struct ladle_plan *plan, uint64_t done, uint32_t *frame_bytes, bool *fits,
                            struct ladle_error *error);

/* Makes the list say what frame_bytes has of all chunks before `chunk`, and syncs it. Returns LADLE_OK or LADLE_FAILED. */
int ladle_archive_file_list(struct ladle_archive_file *file, uint64_t chunk, struct ladle_error *error);

/* Makes the archive itself last. Returns LADLE_OK or LADLE_FAILED. */
int ladle_archive_file_sync(const struct ladle_archive_file *file, struct ladle_error *error);

/* All zeros but descriptors of -1 is accepted. */
void ladle_archive_file_close(struct ladle_archive_file *file);

#endif
