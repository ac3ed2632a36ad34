/* SPDX-License-Identifier: Apache-2.0 */

/* Archives: in any bytes a tar is found or refused with a message, and the files in it lie within; the same for what a file
 * of zstd frames with a list of them unpacks to.
 *
 * Checksums of tar headers are mended before, so that what they protect is reached. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/frames.h"
#include "archive/tar.h"
#include "archive/tar_reader.h"

/* As much as a small archive unpacks to. */
#define MOST_BYTES (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static int read_memory(const struct ladle_bytes *bytes, void *out, size_t count, uint64_t offset, struct ladle_error *error)
{
    require(offset <= bytes->count && count <= bytes->count - offset);
    memcpy(out, (const uint8_t *)bytes->self + offset, count);
    return LADLE_OK;
}

static void mend_checksums(uint8_t *data, size_t size)
{
    for (size_t at = 0; at + LADLE_TAR_BLOCK_BYTES <= size; at += LADLE_TAR_BLOCK_BYTES) {
        uint8_t *block = data + at;
        unsigned sum = 0;
        if (memcmp(block + 257, "ustar", 5) != 0) {
            continue;
        }
        memset(block + 148, ' ', 8);
        for (unsigned i = 0; i < LADLE_TAR_BLOCK_BYTES; i++) {
            sum += block[i];
        }
        char text[8];
        snprintf(text, sizeof text, "%06o", sum & 0777777);
        memcpy(block + 148, text, 7);
    }
}

static void check_status(int status, const struct ladle_error *error)
{
    require(status == LADLE_BAD_INPUT && strncmp(ladle_error_message(error, 0), "m: ", 3) == 0);
}

static void list(const struct ladle_bytes *archive)
{
    struct ladle_error *error = ladle_error_create();
    struct ladle_tar_reader reader = {.archive = archive};
    uint64_t end = 0;
    int status;
    while ((status = ladle_tar_next(&reader, error)) == LADLE_OK) {
        require(reader.start >= end + LADLE_TAR_BLOCK_BYTES && reader.start % LADLE_TAR_BLOCK_BYTES == 0);
        require(reader.start <= archive->count && reader.bytes <= archive->count - reader.start);
        require(reader.name.data != NULL && strlen(reader.name.data) == reader.name.bytes);
        end = reader.start + reader.bytes;
    }
    if (status != 1) {
        check_status(status, error);
    }
    ladle_tar_reader_finish(&reader);
    ladle_error_destroy(error);
}

static void unpack(const struct ladle_bytes *file)
{
    struct ladle_error *error = ladle_error_create();
    struct ladle_frames *frames = NULL;
    struct ladle_bytes contents;
    int status = ladle_frames_open(&frames, file, &contents, error);
    if (status == LADLE_OK) {
        uint8_t last;
        size_t count = contents.count < MOST_BYTES ? (size_t)contents.count : MOST_BYTES;
        uint8_t *all = malloc(count + 1);
        require(all != NULL);
        status = ladle_bytes_read(&contents, all, count, 0, error);
        if (status == LADLE_OK && contents.count > 0 && count == contents.count) {
            status = ladle_bytes_read(&contents, &last, 1, contents.count - 1, error);
            require(status == LADLE_OK && last == all[count - 1]);
        }
        free(all);
    }
    if (status != LADLE_OK) {
        check_status(status, error);
    }
    ladle_frames_close(frames);
    ladle_error_destroy(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    require(copy != NULL);
    memcpy(copy, data, size);
    struct ladle_bytes bytes = {.name = "m", .count = size, .read = read_memory, .self = copy};
    unpack(&bytes);
    mend_checksums(copy, size);
    list(&bytes);
    free(copy);
    return 0;
}
