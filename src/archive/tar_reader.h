/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_ARCHIVE_TAR_READER_H
#define LADLE_ARCHIVE_TAR_READER_H

/* Going through the files of a tar without reading what is in them. Understands what ladle writes (see tar.h) and what other
 * programs make of the same files: GNU's long names and large numbers too. Everything in it is untrusted. */

#include <stdbool.h>

#include "base/bytes.h"
#include "base/text.h"

/* Whether the first LADLE_TAR_BLOCK_BYTES of a file are the header of a tar. */
bool ladle_tar_is_header(const uint8_t *block);

struct ladle_tar_reader {
    const struct ladle_bytes *archive;
    uint64_t at;      /* of the next header */
    uint64_t headers; /* read so far */
    /* The file that was found last. */
    struct ladle_text name; /* without "./" in front; folders are separated by '/' */
    uint64_t start, bytes;  /* where it lies in the archive */
};

/* All zeros but the archive is a reader at its beginning. */
void ladle_tar_reader_finish(struct ladle_tar_reader *reader);

/* Goes to the next regular file. Returns LADLE_OK; 1 if there is none; LADLE_BAD_INPUT (no tar, damaged, cut off);
 * LADLE_FAILED; LADLE_NO_MEMORY. */
int ladle_tar_next(struct ladle_tar_reader *reader, struct ladle_error *error);

#endif
