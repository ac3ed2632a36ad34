/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_ARCHIVE_FRAMES_H
#define LADLE_ARCHIVE_FRAMES_H

/* What a zstd file with a seek table unpacks to, read at any place: only the frames that hold it are unpacked. */

#include <stdbool.h>

#include "archive/seek_table.h"

/* Larger frames than this are not unpacked: memory would be needed for a whole one. */
#define LADLE_FRAMES_MOST_BYTES (64u << 20)

/* Whether these first bytes of a file, at least 4, are those of zstd. */
bool ladle_frames_is_zstd(const uint8_t *bytes);

struct ladle_frames;

/* Opens a compressed file for reading in its midst. One thread at a time.
 *   frames  receives the object; free with ladle_frames_close
 *   file    must outlive it
 *   bytes   receives what it unpacks to, valid until it is closed; a frame that is damaged is found when it is read
 * Returns LADLE_OK; LADLE_BAD_INPUT (no seek table: the message says what to do; damaged); LADLE_FAILED; LADLE_NO_MEMORY. */
int ladle_frames_open(struct ladle_frames **frames, const struct ladle_bytes *file, struct ladle_bytes *bytes,
                      struct ladle_error *error);

/* NULL is accepted. */
void ladle_frames_close(struct ladle_frames *frames);

#endif
