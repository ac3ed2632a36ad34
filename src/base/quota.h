/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_BASE_QUOTA_H
#define LADLE_BASE_QUOTA_H

/* A limit to the memory that files of unknown contents may make us take. Arenas, texts and tables that grow with what a file
 * holds ask it before they grow; what it refuses looks like memory that the system does not have, and whoever set the limit
 * says with ladle_quota_explain what it was. One quota for everything that is read together; not thread-safe. All functions
 * accept NULL: no limit. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct ladle_quota {
    uint64_t most;          /* bytes that may be in use at once */
    uint64_t used, peak;    /* bytes */
    bool refused;           /* something was, since this was last cleared */
    const char *reading;    /* the file that is being read, for messages; NULL: none in particular. Not owned */
    uint64_t reading_bytes; /* what reading it takes for certain no more than, see ladle_quota_begin */
    uint64_t before;        /* what was in use when it was begun */
    char refused_name[512]; /* the file that was being read when something was refused, perhaps cut */
    uint64_t refused_bytes; /* what would have been enough for all up to the end of that file; 0: not known */
};

/* Asks for memory, or gives it back. */
bool ladle_quota_take(struct ladle_quota *quota, uint64_t bytes);
void ladle_quota_give(struct ladle_quota *quota, uint64_t bytes);

/* realloc within the quota: for as long as the old and the new array may both exist both count. NULL if it is refused or the
 * system has no memory, with the old array and its count untouched. `item_bytes` may be 1. Freed with ladle_quota_free. */
void *ladle_quota_grow(struct ladle_quota *quota, void *array, size_t old_count, size_t new_count, size_t item_bytes);
void ladle_quota_free(struct ladle_quota *quota, void *array, size_t count, size_t item_bytes);

/* A file is read from here on, of `file_bytes` bytes, each of which may make us take up to `factor` bytes (0: not known).
 * The path must last until the next call. NULL: no file. */
void ladle_quota_begin(struct ladle_quota *quota, const char *path, uint64_t file_bytes, unsigned factor);

/* Where `status` is LADLE_NO_MEMORY because the quota refused something, puts a message that says so in the place of the one
 * that is recorded and returns LADLE_OVER_BUDGET; else returns the status.
 *   free_bytes   what of `most` is given beyond the budget that the user chose
 *   option       how more is asked for, "--memory"; NULL: it cannot be */
int ladle_quota_explain(const struct ladle_quota *quota, int status, uint64_t free_bytes, const char *option,
                        struct ladle_error *error);

#endif
