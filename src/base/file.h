/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_BASE_FILE_H
#define LADLE_BASE_FILE_H

/* Small files read and written whole, with every error reported. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* Reads a regular file of at most `most_bytes` into an empty text. Returns LADLE_OK, LADLE_BAD_INPUT (not there, no regular
 * file, too large) or LADLE_FAILED. */
int ladle_file_read(const char *path, size_t most_bytes, struct ladle_text *text, struct ladle_error *error);

/* Reads exactly `count` bytes at `offset`. A file that ends before is LADLE_FAILED. `path` is for messages. */
int ladle_file_read_at(int fd, const char *path, void *out, size_t count, uint64_t offset, struct ladle_error *error);

/* Writes all bytes to a descriptor. */
int ladle_file_write(int fd, const char *path, const void *bytes, size_t count, struct ladle_error *error);

/* Creates or replaces a file below a directory descriptor with these bytes, syncs and closes it. Mode 0666 less the umask;
 * a symbolic link of that name is an error. */
int ladle_file_create_at(int directory, const char *name, const char *shown_path, const void *bytes, size_t count,
                         struct ladle_error *error);

/* Syncs a directory, so that names made in it last. */
int ladle_file_sync_directory(int directory, const char *shown_path, struct ladle_error *error);

/* Bytes of a regular file, also behind links, as far as anybody can tell before it is opened; else 0. */
uint64_t ladle_file_size(const char *path);

/* Whether `name` below a directory descriptor is a regular file of this one name, and of what size (0 if not). One with
 * another name too (a hard link) is somebody else's as well, and must not be written to. */
bool ladle_file_is_sole(int directory, const char *name, uint64_t *bytes);

/* Whether transfers past the page cache (O_DIRECT) may have multiples of `bytes` as offset, length and address. Some file
 * systems take the flag and use the page cache all the same, which is no. Yes if the kernel does not tell. */
bool ladle_file_takes_direct(int fd, uint32_t bytes);

#endif
