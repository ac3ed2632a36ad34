/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/file.h"

static int read_file(const struct ladle_bytes *bytes, void *out, size_t count, uint64_t offset, struct ladle_error *error)
{
    return ladle_file_read_at(bytes->fd, bytes->name, out, count, offset, error);
}

int ladle_bytes_of_file(struct ladle_bytes *bytes, int fd, const char *name, struct ladle_error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot read it", name);
    }
    if (!S_ISREG(status.st_mode)) {
        return ladle_fail(error, LADLE_BAD_INPUT, "%s: is not a regular file", name);
    }
    *bytes = (struct ladle_bytes){.name = name, .count = (uint64_t)status.st_size, .read = read_file, .fd = fd};
    return LADLE_OK;
}

static int read_within(const struct ladle_bytes *bytes, void *out, size_t count, uint64_t offset, struct ladle_error *error)
{
    const struct ladle_bytes *whole = bytes->self;
    return whole->read(whole, out, count, bytes->start + offset, error);
}

void ladle_bytes_within(struct ladle_bytes *bytes, const struct ladle_bytes *whole, uint64_t start, uint64_t count,
                        const char *name)
{
    *bytes = (struct ladle_bytes){
        .name = name, .count = count, .read = read_within, .self = (void *)whole, .fd = -1, .start = start};
}

int ladle_bytes_read(const struct ladle_bytes *bytes, void *out, size_t count, uint64_t offset, struct ladle_error *error)
{
    if (offset > bytes->count || count > bytes->count - offset) {
        return ladle_fail(error, LADLE_BAD_INPUT, "%s: ends at byte %" PRIu64 " although %zu are expected at byte %" PRIu64,
                          bytes->name, bytes->count, count, offset);
    }
    return count > 0 ? bytes->read(bytes, out, count, offset, error) : LADLE_OK;
}
