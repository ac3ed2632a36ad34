/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_ARCHIVE_SEEK_TABLE_H
#define LADLE_ARCHIVE_SEEK_TABLE_H

/* The list of frames at the end of a zstd file that consists of many, so that a part of it can be unpacked alone. Other
 * readers skip it.
 *
 *   start     4 bytes  0x184D2A5E, a skippable frame
 *             4        bytes that follow: entries and end
 *   entries   4        bytes of a frame
 *             4        bytes that it unpacks to
 *            (4        a checksum of those, if bit 7 of the descriptor is set; not written here: frames have their own)
 *   end       4        how many entries
 *             1        descriptor: bits 2 to 6 must be 0
 *             4        0x8F92EAB1
 *
 * All numbers are little-endian. Source: zstd's contrib/seekable_format/zstd_seekable_compression_format.md, 0.1.0. */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define LADLE_SEEK_TABLE_START_BYTES 8u
#define LADLE_SEEK_TABLE_ENTRY_BYTES 8u
#define LADLE_SEEK_TABLE_END_BYTES 9u
/* More do not fit in a skippable frame. */
#define LADLE_SEEK_TABLE_MOST_FRAMES ((UINT32_MAX - LADLE_SEEK_TABLE_END_BYTES) / LADLE_SEEK_TABLE_ENTRY_BYTES)

/* Write one part each; `out` has room for as many bytes as its constant says. */
void ladle_seek_table_put_start(uint32_t frames, uint8_t *out);
void ladle_seek_table_put_entry(uint32_t frame_bytes, uint32_t bytes, uint8_t *out);
void ladle_seek_table_put_end(uint32_t frames, uint8_t *out);

/* Where a frame begins, packed and unpacked. */
struct ladle_seek_frame {
    uint64_t offset;   /* in the file */
    uint64_t position; /* of its first byte, unpacked */
};

struct ladle_seek_table {
    struct ladle_seek_frame *frames; /* [count + 1], the last one is the end of all; owned */
    uint32_t count;
    struct ladle_quota *quota; /* that of the file's bytes */
};

/* Reads the table at the end of a file, and checks that it speaks of all bytes before it.
 *   table  filled; free with ladle_seek_table_finish
 *   found  false: the file has none
 * Returns LADLE_OK; LADLE_BAD_INPUT (it makes no sense); LADLE_FAILED; LADLE_NO_MEMORY. */
int ladle_seek_table_read(const struct ladle_bytes *file, struct ladle_seek_table *table, bool *found,
                          struct ladle_error *error);
void ladle_seek_table_finish(struct ladle_seek_table *table);

#endif
