/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_RESUME_H
#define LADLE_OUTPUT_RESUME_H

/* Going on with an output that an earlier run left unfinished: whether that may be, from where on, and leaving it so that a
 * later run may in turn. Order of what reaches the disk, each step synced before the next:
 *
 *   the files of the output with their names, then the journal      ladle_resume_start
 *   output chunks, then the record that they are done               ladle_resume_record
 *     (of a compressed archive, also the sizes of their frames      ladle_archive_file_list)
 *   everything, then the record that the output is about to appear  ladle_resume_publish
 *   its name, then the removal of the journal                       ladle_directory_publish
 */

#include "output/directory.h"

struct ladle_resume {
    const struct ladle_plan *plan;
    struct ladle_directory *directory;
    struct ladle_text identity;
    struct ladle_journal journal;
    uint64_t chunks;       /* of the output */
    uint64_t first_chunk;  /* those before it were done by earlier runs */
    uint64_t done_chunks;  /* recorded */
    bool finished;         /* an earlier run had made all of it, and it is in place: nothing is left to do */
    bool refused;          /* it was another merge: the message says what to do */
    bool going_on;
    bool mute;             /* the journal could not be written; nothing more is recorded */
};

/* Decides about what an earlier run left and opens output/: as that run left it if it is `going_on`, else empty.
 *   beside     an archive's lines of the identity, else NULL; see identity.h
 *   resume     filled; give to ladle_resume_finish, also on failure
 *   plan, directory   must outlive it
 * Returns LADLE_OK; LADLE_BAD_REQUEST if the run was of another merge, or its journal is of no use, and options.restart is
 * not set; LADLE_FAILED; LADLE_NO_MEMORY. */
int ladle_resume_begin(struct ladle_resume *resume, const struct ladle_plan *plan, struct ladle_directory *directory,
                       const char *beside, struct ladle_error *error);

/* If it is going on: the caller has looked whether what is in output/ can hold the first `first_chunk` chunks. Says that it
 * goes on from there, or refuses with LADLE_BAD_REQUEST. */
int ladle_resume_accept(struct ladle_resume *resume, bool fits, struct ladle_error *error);

/* All files of the output are there, with their full size if the file system can do that: makes their names last and begins
 * or continues the journal. Returns LADLE_OK, LADLE_FAILED or LADLE_NO_MEMORY. */
int ladle_resume_start(struct ladle_resume *resume, struct ladle_error *error);

/* Records that all chunks before `chunk` are on the disk. A journal that cannot be written is a warning. */
void ladle_resume_record(struct ladle_resume *resume, uint64_t chunk);

/* Nothing is recorded any more, for this reason. That is a warning: a merge that nobody could go on with may still succeed.
 *   error   may be NULL: no memory */
void ladle_resume_fall_silent(struct ladle_resume *resume, const struct ladle_error *error);

/* Records that the output may be in place from now on. Returns LADLE_OK, or LADLE_FAILED: it must not be put in place. */
int ladle_resume_publish(struct ladle_resume *resume, struct ladle_error *error);

/* As ladle_check_inputs; if one changed, nobody can go on with what was made of it. */
int ladle_resume_check_inputs(const struct ladle_plan *plan, struct ladle_directory *directory, struct ladle_error *error);

/* Cleans up after a merge that did not come to its end, and adds to its error what is left and whether it can go on.
 *   resume   may not have begun
 *   status   what the merge returns; becomes the error if there is none yet */
void ladle_resume_abandon(const struct ladle_resume *resume, struct ladle_directory *directory, enum ladle_status status,
                          struct ladle_error *error);

/* Bytes of the shards in the chunks before `chunk`. */
uint64_t ladle_resume_bytes(const struct ladle_plan *plan, uint64_t chunk);

/* Closes and frees; the partial directory stays. All zeros but journal.fd -1 is accepted. */
void ladle_resume_finish(struct ladle_resume *resume);

#endif
