/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_SIDE_FILES_H
#define LADLE_OUTPUT_SIDE_FILES_H

/* What of the donor's folder goes into the output unchanged: tokenizer and processor files, generation_config.json, chat
 * templates, code, licences. First found, then copied. Source: spec recipe.md "Side files of the output". */

#include "plan/plan.h"

struct ladle_side_file {
    const char *path; /* below the model's folder, as in "1_Pooling/config.json" */
    uint64_t bytes;
};

struct ladle_side_files {
    struct ladle_arena arena;
    struct ladle_side_file *files; /* in order of their paths, a folder's files together */
    size_t count;
};

/* Finds the side files of the plan's donor. Symbolic links are followed. Warns of what is left behind although a loader
 * might want it (too large, a link to nothing), and of weights that are copied since sentence-transformers needs them.
 *   files   filled; free with ladle_side_files_finish, also on failure
 * Returns LADLE_OK, LADLE_FAILED or LADLE_NO_MEMORY. */
int ladle_side_files_find(const struct ladle_plan *plan, struct ladle_side_files *files, struct ladle_error *error);

/* Copies them into the open directory `to`, which has none of them yet, and syncs them and the folders made for them.
 *   shown   path of that directory, for messages
 * Returns LADLE_OK, LADLE_FAILED or LADLE_NO_MEMORY. */
int ladle_side_files_copy(const struct ladle_plan *plan, const struct ladle_side_files *files, int to, const char *shown,
                          struct ladle_error *error);

void ladle_side_files_finish(struct ladle_side_files *files);

#endif
