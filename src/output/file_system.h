/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_FILE_SYSTEM_H
#define LADLE_OUTPUT_FILE_SYSTEM_H

/* What the file system of the output can do and hold; found out by trying, before anything costs time. */

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* The name under which things are tried out. It is removed afterwards, but a run that dies may leave it. */
#define LADLE_FILE_SYSTEM_TRIAL "trial"

struct ladle_file_system {
    uint64_t free_bytes;      /* UINT64_MAX: it does not say */
    uint64_t most_file_bytes; /* of one file, by the file system or a limit of this process; UINT64_MAX: none known */
    bool sizes_are_written;   /* giving a file a size writes zeros (FAT) */
};

/* Asks about the file system that the open directory `folder` lies on. `shown` is its path, for messages.
 * Returns LADLE_OK or LADLE_FAILED. */
int ladle_file_system_ask(int folder, const char *shown, struct ladle_file_system *system, struct ladle_error *error);

/* Makes the folder `name` in the open directory `folder` by making it, with something in it, elsewhere below `folder` and
 * renaming it, as a finished output is; it is empty afterwards. Mounts of object stores cannot do that.
 * Returns LADLE_OK or LADLE_FAILED. */
int ladle_file_system_make_by_rename(int folder, const char *name, const char *shown, struct ladle_error *error);

/* The same for an empty file, which stays open for writing.
 *   fd   receives its descriptor; the caller closes it
 * Returns LADLE_OK, or LADLE_FAILED with nothing open. */
int ladle_file_system_create_by_rename(int folder, const char *name, const char *shown, int *fd, struct ladle_error *error);

/* Whether files in this open directory can be written past the page cache, in multiples of 4096 bytes. */
bool ladle_file_system_writes_direct(int folder);

#endif
