/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_SHARDS_H
#define LADLE_OUTPUT_SHARDS_H

/* The files with tensors while they are written: made with their full size before the first tensor, so that a disk too small
 * is noticed then and not after an hour; brought to their exact size and synced afterwards. */

#include <stdbool.h>

#include "plan/plan.h"

struct ladle_shards {
    int *fds; /* one for each shard of the plan, open for writing; -1: not open */
    uint32_t count;
    bool direct; /* all were opened with O_DIRECT: written in multiples of 4096 bytes, also at the end */
};

/* Makes the files of all shards in the open directory `folder`, which is empty of them, and takes the space for them where
 * the file system can do that; elsewhere it is only looked at how much is free.
 *   beside    open directory of the same file system, to try things out in
 *   existing  an earlier run has made the files: they are opened, and what is in them stays
 *   shown     path of the folder, for messages
 * Returns LADLE_OK; LADLE_FAILED (no space: the message says how much is needed and how much is free; a file larger than the
 * file system or a limit allows); LADLE_STOPPED; LADLE_NO_MEMORY. Give to ladle_shards_close whatever comes back. */
int ladle_shards_create(struct ladle_shards *shards, const struct ladle_plan *plan, int beside, int folder, bool existing,
                        const char *shown, struct ladle_error *error);

/* Whether the files that an earlier run made in `folder` can hold all output chunks before `chunk`. */
bool ladle_shards_fit(const struct ladle_plan *plan, int folder, uint64_t chunk);

/* Removes everything else from that folder. `shown` is its path, for messages. Returns LADLE_OK or LADLE_FAILED. */
int ladle_shards_remove_others(const struct ladle_plan *plan, int folder, const char *shown, struct ladle_error *error);

/* After the engine ran: cuts every file to its exact size, syncs and closes it. Returns LADLE_OK, LADLE_FAILED or
 * LADLE_STOPPED. */
int ladle_shards_complete(struct ladle_shards *shards, const struct ladle_plan *plan, const char *shown,
                          struct ladle_error *error);

/* Closes what is open; all zeros is accepted. */
void ladle_shards_close(struct ladle_shards *shards);

#endif
