/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_OUTPUT_H
#define LADLE_OUTPUT_OUTPUT_H

/* The output as a whole: a directory, or an archive, that appears under its name only when it is complete; or an archive
 * that is sent down a pipe.
 *
 *   place.c        where it is to appear          place_check.c  whether it may: inputs, what would be replaced
 *   place_file.c   both for an archive            checks.c       whether to stop, whether inputs are still the same
 *   directory.c    the partial directory          lock.c         one run at a time in it
 *   file_system.c  what its file system can do    shards.c       files with tensors: space, exact size, sync
 *   resume.c       going on, and cleaning up      journal.c      how far an output has come
 *   identity.c     which merge it belongs to      texts.c        whether what lies there is of it
 *   publish.c      rename into place              tree.c         removing folders
 *   side_names.c, side_files.c, side_copy.c       what of the donor's directory is copied
 *   card.c, public_names.c                        README.md, without paths of this machine
 *   config.c       config.json                    index.c        model.safetensors.index.json
 *   merge.c        ladle_merge: the steps in order
 *   archive.c      the same for an archive        members.c      what it holds beside the tensors, piece by piece
 *   archive_file.c the file it is written into    peak.c         the largest resident memory
 */

#include <stdbool.h>

#include "output/index.h"
#include "output/side_files.h"
#include "plan/plan.h"

/* The text of README.md, a model card with the Hub's front matter.
 *   files        the side files of the output, which tell what loads it
 *   out          an empty text; the caller's
 * Returns LADLE_OK or LADLE_NO_MEMORY. */
int ladle_card_write(const struct ladle_plan *plan, const struct ladle_side_files *files, struct ladle_text *out,
                     struct ladle_error *error);

/* The text of config.json; nothing where the donor has none. As above. */
int ladle_config_write(const struct ladle_plan *plan, struct ladle_text *out, struct ladle_error *error);

/* Returns LADLE_STOPPED if the caller wants to stop, else LADLE_OK. */
int ladle_check_stop(const struct ladle_plan *plan, struct ladle_error *error);

/* Whether every input file still is what the plan saw. Returns LADLE_OK or LADLE_FAILED; *changed tells whether one
 * certainly is not. */
int ladle_check_inputs(const struct ladle_plan *plan, bool *changed, struct ladle_error *error);

/* archive.c: what ladle_merge does where the plan's format is that of an archive. */
int ladle_archive_merge(struct ladle_plan *plan, const char *output, struct ladle_result *result,
                        struct ladle_error *error);

#endif
