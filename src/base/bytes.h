/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_BASE_BYTES_H
#define LADLE_BASE_BYTES_H

/* Bytes that can be read at any place: a file, or something inside one. */

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/quota.h"

struct ladle_bytes {
    const char *name; /* for messages; must outlive it */
    uint64_t count;
    /* Reads bytes that lie within `count`. Returns LADLE_OK or a negative status with its message. */
    int (*read)(const struct ladle_bytes *bytes, void *out, size_t count, uint64_t offset, struct ladle_error *error);
    void *self;
    int fd;         /* of a file, the caller's */
    uint64_t start; /* of what lies inside something else */
    struct ladle_quota *quota; /* what lists of what is inside count against; NULL: none */
};

/* The bytes of an open regular file, as many as it has now. Returns LADLE_OK, LADLE_BAD_INPUT (no regular file) or
 * LADLE_FAILED. */
int ladle_bytes_of_file(struct ladle_bytes *bytes, int fd, const char *name, struct ladle_error *error);

/* A part of other bytes, which must outlive it and hold it. */
void ladle_bytes_within(struct ladle_bytes *bytes, const struct ladle_bytes *whole, uint64_t start, uint64_t count,
                        const char *name);

/* Reads exactly `count` bytes at `offset`; what does not lie within is LADLE_BAD_INPUT. */
int ladle_bytes_read(const struct ladle_bytes *bytes, void *out, size_t count, uint64_t offset, struct ladle_error *error);

#endif
