/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_OUTPUT_H
#define LADLE_OUTPUT_OUTPUT_H

/* The output as a whole: a directory that appears under its name only when it is complete.
 *
 *   directory.c  the partial directory beside the final name, pre-sized shards, sync, rename
 *   side_files.c what of the donor's directory is copied
 *   card.c       README.md (model card), the recipe, the index
 *   merge.c      ladle_merge: the steps in order, and the one place that cleans up
 */

#include "plan/plan.h"

/* Copies the donor's side files into the open directory `to`, which makes only names that are not there yet.
 * Source: spec recipe.md "Side files of the output". */
int ladle_side_files_copy(const struct ladle_plan *plan, int to, const char *shown_path, struct ladle_error *error);

/* Texts of files that ladle makes. */
int ladle_card_write(const struct ladle_plan *plan, const char *output_name, struct ladle_text *out, struct ladle_error *error);
int ladle_index_write(const struct ladle_plan *plan, struct ladle_text *out, struct ladle_error *error);

#endif
