/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_OUTPUT_H
#define LADLE_OUTPUT_OUTPUT_H

/* The output as a whole: a directory that appears under its name only when it is complete.
 *
 *   place.c        where it is to appear          place_check.c  whether it may: inputs, what would be replaced
 *   directory.c    the partial directory          lock.c         one run at a time in it
 *   file_system.c  what its file system can do    shards.c       files with tensors: space, exact size, sync
 *   resume.c       going on after a crash         journal.c      how far an output has come
 *   identity.c     which merge it belongs to
 *   publish.c      rename into place              tree.c         removing folders
 *   side_names.c, side_files.c, side_copy.c       what of the donor's directory is copied
 *   card.c, public_names.c                        README.md, without paths of this machine
 *   index.c        model.safetensors.index.json
 *   tar.c          headers of archives
 *   merge.c        ladle_merge: the steps in order, and the one place that cleans up
 */

#include "output/side_files.h"
#include "plan/plan.h"

/* The text of README.md, a model card with the Hub's front matter.
 *   files        the side files of the output, which tell what loads it
 *   output_name  its title
 *   out          an empty text; the caller's
 * Returns LADLE_OK or LADLE_NO_MEMORY. */
int ladle_card_write(const struct ladle_plan *plan, const struct ladle_side_files *files, const char *output_name,
                     struct ladle_text *out, struct ladle_error *error);

/* The text of model.safetensors.index.json. As above. */
int ladle_index_write(const struct ladle_plan *plan, struct ladle_text *out, struct ladle_error *error);

#endif
