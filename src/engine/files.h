/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_ENGINE_FILES_H
#define LADLE_ENGINE_FILES_H

/* The input files while the engine reads them: opened when first needed, closed when descriptors get scarce, read past the
 * page cache where that works and otherwise with what was read dropped from it. Used by the reading thread alone. */

#include <stdbool.h>

#include "plan/plan.h"

struct ladle_open_file {
    int fd;           /* -1: not open */
    bool direct;      /* read with O_DIRECT */
    uint32_t uses;    /* jobs and requests that are being read from it */
    uint64_t read_start, read_end; /* what was read through the page cache and is not dropped from it; 0, 0: nothing */
};

struct ladle_files {
    const struct ladle_plan *plan;
    const struct ladle_log *log;
    struct ladle_open_file *open;
    uint32_t open_count, most_open;
    uint64_t uses;    /* of all files */
    uint64_t undropped_bytes; /* read through the page cache since it was last told to drop */
    bool told;        /* that some file is read through the page cache */
};

/* Nothing is opened yet. `log` is the engine's, which workers write to as well. Returns LADLE_OK or LADLE_NO_MEMORY. */
int ladle_files_init(struct ladle_files *files, const struct ladle_plan *plan, const struct ladle_log *log,
                     struct ladle_error *error);
void ladle_files_finish(struct ladle_files *files);

/* No descriptor is to be had until a file in use is left. */
#define LADLE_FILES_WAIT 1

/* Opens a file if it is not open, checks that it still has the size the plan saw, and counts one more use.
 * Returns LADLE_OK, LADLE_FAILED, or LADLE_FILES_WAIT; a caller who has all the uses himself would wait for ever. */
int ladle_files_use(struct ladle_files *files, uint32_t file, struct ladle_error *error);

/* One more use of a file that has some. */
void ladle_files_use_again(struct ladle_files *files, uint32_t file);

/* One use less. */
void ladle_files_leave(struct ladle_files *files, uint32_t file);

/* Says that a range has been read, so that its pages can be dropped from the page cache. */
void ladle_files_was_read(struct ladle_files *files, uint32_t file, uint64_t offset, uint64_t bytes);

#endif
