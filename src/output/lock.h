/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_LOCK_H
#define LADLE_OUTPUT_LOCK_H

/* A folder that one run at a time works in. */

#include "base/error.h"

/* The file that is locked, inside the folder. */
#define LADLE_LOCK_NAME "lock"

/* Makes the folder `name` in the open directory `parent`, or opens the one that is there, and locks it. A run that ended, in
 * whatever way, holds no lock. On file systems without locks the folder is opened without one, with a warning.
 *   shown    path of the folder, for messages
 *   folder   receives its descriptor; the caller closes it
 *   lock     receives the descriptor that holds the lock until it is closed
 * Returns LADLE_OK, or LADLE_FAILED with nothing open (another run works there: the message says which process). */
int ladle_lock_folder(int parent, const char *name, const char *shown, int *folder, int *lock, const struct ladle_log *log,
                      struct ladle_error *error);

/* Removes the lock's file and the folder, if that is empty then. The descriptors stay open, and the lock is held until they
 * are closed. Returns 0 or an errno value. */
int ladle_lock_remove(int parent, const char *name, int folder);

#endif
