/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_TESTS_TENSOR_FILE_H
#define LADLE_TESTS_TENSOR_FILE_H

/* Files in memory for tests of the format. Every write is checked. */

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tensor/safetensors.h"

static inline int make_file(const void *bytes, size_t count, uint64_t file_bytes)
{
    int fd = memfd_create("test", 0);
    assert_true(fd >= 0);
    if (count > 0) {
        assert_int_equal(write(fd, bytes, count), count);
    }
    assert_int_equal(ftruncate(fd, (off_t)file_bytes), 0);
    return fd;
}

/* A file of 8 bytes of length, this header and `data_bytes` zeros. */
static inline int make_safetensors(const char *header, uint64_t data_bytes)
{
    char bytes[4096];
    uint64_t length = strlen(header);
    assert_true(length + 8 <= sizeof bytes);
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (char)(length >> 8 * i);
    }
    memcpy(bytes + 8, header, length);
    return make_file(bytes, length + 8, length + 8 + data_bytes);
}

/* Reads the header of an open file. */
static inline int read_header(int fd, const char *path, uint32_t file, struct ladle_arena *arena,
                              struct ladle_safetensors_header *header, struct ladle_error *error)
{
    struct ladle_bytes bytes;
    int status = ladle_bytes_of_file(&bytes, fd, path, error);
    return status == LADLE_OK ? ladle_safetensors_read(&bytes, file, arena, header, error) : status;
}

#endif
