/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_ARCHIVE_TAR_H
#define LADLE_ARCHIVE_TAR_H

/* The tar format, as far as an archive of plain files needs it.
 *
 *   for each file     if its header below cannot hold name, size or time:
 *                       a ustar header of type 'x', then "LENGTH KEY=VALUE\n" records that overrule the next header,
 *                       filled up with zeros to a multiple of 512 bytes
 *                     a ustar header (512 bytes) of type '0'
 *                     the file's bytes, filled up with zeros to a multiple of 512
 *   at the end        1024 zero bytes
 *
 * Every file belongs to user and group 0 and has mode 0644, so that the same files make the same archive anywhere.
 * Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header". */

#include <stdint.h>

#include "base/text.h"

#define LADLE_TAR_BLOCK_BYTES 512u
#define LADLE_TAR_END_BYTES 1024u

/* Adds what stands in an archive before a file's bytes; a multiple of 512 bytes.
 *   name      of the file, '/' between folders; not empty
 *   bytes     its size
 *   modified  its time in seconds since 1970; see ladle_tar_time
 *   out       has `failed` set without memory */
void ladle_tar_add_header(const char *name, uint64_t bytes, uint64_t modified, struct ladle_text *out);

/* How many bytes ladle_tar_add_header adds. */
uint64_t ladle_tar_header_bytes(const char *name, uint64_t bytes, uint64_t modified);

/* How many zeros follow a file of this size. */
unsigned ladle_tar_padding(uint64_t bytes);

/* The time that files in archives get: SOURCE_DATE_EPOCH if the environment has it as a whole number, else 0.
 * Source: reproducible-builds.org/specs/source-date-epoch */
uint64_t ladle_tar_time(void);

#endif
