/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_JOURNAL_H
#define LADLE_OUTPUT_JOURNAL_H

/* How far an unfinished output has come, so that a later run can go on with it. A text file in the partial directory:
 *
 *   ladle journal 1                  the format's version
 *   ...                              the identity of the merge, see identity.h
 *   end CHECKSUM                     of all lines before
 *   folder INODE CHECKSUM            of output/, see below
 *   done CHUNKS CHECKSUM             so many chunks from the start of the output are on the disk; the last one counts
 *   publishing CHECKSUM              from here on the output may be under its name
 *
 * The part up to "end" appears at once, by renaming. Each record behind it is synced before anything that follows from it,
 * and begun after everything it speaks of was synced. Its checksum (FNV-1a 64, hexadecimal) goes over the one in "end" and
 * the record, so neither a torn record nor one of another merge counts; with the first that does not, the journal ends.
 *
 * When two names are exchanged to publish an output, what lies in the partial directory afterwards is the old output. The
 * inode number tells which is which to a run that finds "publishing". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define LADLE_JOURNAL_NAME "journal"
/* While its first part is written. */
#define LADLE_JOURNAL_NEW_NAME "journal.new"

enum ladle_journal_state {
    LADLE_JOURNAL_NONE,
    LADLE_JOURNAL_GOOD,
    LADLE_JOURNAL_FOREIGN, /* of another version of the format */
    LADLE_JOURNAL_DAMAGED,
};

/* What was read of a journal. */
struct ladle_journal_contents {
    enum ladle_journal_state state;
    char *identity;       /* owned; NULL unless good */
    uint64_t checksum;    /* in "end" */
    uint64_t bytes;       /* valid ones, from the start */
    uint64_t done_chunks;
    uint64_t inode;       /* of output/; 0: not recorded */
    bool publishing;
};

/* Reads the journal in the open partial directory. `shown` is that directory's path, for messages.
 *   contents  filled; free with ladle_journal_contents_finish
 * Returns LADLE_OK, whatever the state; LADLE_FAILED if it cannot be read; LADLE_NO_MEMORY. */
int ladle_journal_read(int partial, const char *shown, struct ladle_journal_contents *contents, struct ladle_error *error);
void ladle_journal_contents_finish(struct ladle_journal_contents *contents);

/* A journal that is being written. All zeros but fd -1: none. */
struct ladle_journal {
    int fd;
    const char *shown; /* path of its folder, for messages */
    uint64_t checksum;
};

/* Begins a journal in place of any other.
 *   identity  text of whole lines
 *   inode     of output/
 *   shown     must outlive the journal
 * Returns LADLE_OK (synced, with its name); LADLE_FAILED or LADLE_NO_MEMORY with nothing open. */
int ladle_journal_create(struct ladle_journal *journal, int partial, const char *shown, const char *identity, uint64_t inode,
                         struct ladle_error *error);

/* Goes on with a good journal; what is behind its last valid record is cut off. Returns LADLE_OK or LADLE_FAILED. */
int ladle_journal_reopen(struct ladle_journal *journal, int partial, const char *shown,
                         const struct ladle_journal_contents *contents, struct ladle_error *error);

/* Appends a record and syncs it. Returns LADLE_OK or LADLE_FAILED. */
int ladle_journal_add_done(struct ladle_journal *journal, uint64_t chunks, struct ladle_error *error);
int ladle_journal_add_publishing(struct ladle_journal *journal, struct ladle_error *error);

void ladle_journal_close(struct ladle_journal *journal);

/* Removes the journal and syncs that, so that what it spoke of may be removed. Returns LADLE_OK or LADLE_FAILED. */
int ladle_journal_remove(int partial, const char *shown, struct ladle_error *error);

#endif
