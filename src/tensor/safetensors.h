/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_TENSOR_SAFETENSORS_H
#define LADLE_TENSOR_SAFETENSORS_H

/* The safetensors format, in and out.
 *
 *   8 bytes    little-endian length N of the header
 *   N bytes    JSON: {"NAME": {"dtype": "BF16", "shape": [..], "data_offsets": [begin, end]}, ..., "__metadata__": {..}}
 *   the rest   tensor data; offsets count from its first byte
 *
 * Source: spec formats.md "safetensors", and the format's documentation (github.com/huggingface/safetensors). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "ladle/model.h"

#define LADLE_SAFETENSORS_HEADER_LIMIT 100000000u

struct ladle_safetensors_header {
    /* In file order: by offset, at the same offset empty ones first, then by place in the header. Offsets count from the
     * file's start. */
    struct ladle_tensor *tensors;
    size_t count;
    uint64_t file_bytes;
    uint64_t hash; /* of the header's bytes, to notice changed inputs */
};

/* Reads and checks the header of a file, which may lie inside another: every rule of formats.md (offsets within the file, no
 * overlap, no hole, byte counts, overflow, duplicate keys, depth), and names what a file is that is no safetensors at all
 * (Git LFS pointer, HTML page, pickle, zip). Reads in pieces; everything kept is taken from the arena, in proportion to the
 * number of tensors.
 *   file    value for ladle_tensor.file
 *   header  filled on success, untouched on failure
 * Returns LADLE_OK; LADLE_BAD_INPUT with "PATH: ..." or "PATH: TENSOR: ..."; LADLE_FAILED or LADLE_NO_MEMORY. */
int ladle_safetensors_read(const struct ladle_bytes *bytes, uint32_t file, struct ladle_arena *arena,
                           struct ladle_safetensors_header *header, struct ladle_error *error);

/* Writing: the caller makes the header piece by piece, in a first pass to learn its length and in a second to write it. */
struct ladle_safetensors_writer {
    /* Called with successive pieces of the JSON text. Returns false to stop. */
    bool (*emit)(void *self, const char *bytes, size_t count);
    void *self;
    bool failed; /* emit returned false, or there was no memory for a piece; it is not called again */
};
/* Opens the object and writes __metadata__: `pairs` key-value texts, NULL-terminated: {"format", "pt", "ladle", "0.1.0",
 * NULL}. */
void ladle_safetensors_begin(struct ladle_safetensors_writer *writer, const char *const *pairs);
void ladle_safetensors_tensor(struct ladle_safetensors_writer *writer, const char *name, enum ladle_dtype dtype,
                              const uint64_t *shape, unsigned rank, uint64_t begin, uint64_t end);
/* Closes the object; the caller pads with blanks so that 8 + length is a multiple of 4096. */
void ladle_safetensors_end(struct ladle_safetensors_writer *writer);

#endif
