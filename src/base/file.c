/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads to the end into a text, whatever size the file had when it was looked at. */
static int read_all(int fd, const char *path, size_t most_bytes, struct ladle_text *text, struct ladle_error *error)
{
    char buffer[16384];
    for (;;) {
        ssize_t count = read(fd, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot read it", path);
        }
        if (count == 0) {
            ladle_text_add(text, "", 0); /* an empty file too has a NUL-terminated text */
            return text->failed ? ladle_fail_memory(error, path) : LADLE_OK;
        }
        if ((size_t)count > most_bytes - text->bytes) {
            return ladle_fail(error, LADLE_BAD_INPUT, "%s: larger than the %zu bytes that are read of such a file", path,
                              most_bytes);
        }
        ladle_text_add(text, buffer, (size_t)count);
        if (text->failed) {
            return ladle_fail_memory(error, path);
        }
    }
}

int ladle_file_read(const char *path, size_t most_bytes, struct ladle_text *text, struct ladle_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* opening a pipe must not wait for its writer */
    if (fd < 0) {
        int code = errno;
        bool missing = code == ENOENT || code == ENOTDIR || code == EACCES || code == ELOOP || code == ENAMETOOLONG;
        return ladle_fail_errno(error, missing ? LADLE_BAD_INPUT : LADLE_FAILED, code, "%s: cannot open it", path);
    }
    struct stat status;
    int result;
    if (fstat(fd, &status) != 0) {
        result = ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot read it", path);
    } else if (!S_ISREG(status.st_mode)) {
        result = ladle_fail(error, LADLE_BAD_INPUT, "%s: is %s", path,
                            S_ISDIR(status.st_mode) ? "a directory, a file was expected" : "not a regular file");
    } else {
        result = read_all(fd, path, most_bytes, text, error);
    }
    close(fd); /* only read: nothing can be lost */
    return result;
}

int ladle_file_read_at(int fd, const char *path, void *out, size_t count, uint64_t offset, struct ladle_error *error)
{
    char *to = out;
    while (count > 0) {
        ssize_t got = pread(fd, to, count, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot read at byte %" PRIu64, path, offset);
        }
        if (got == 0) {
            return ladle_fail(error, LADLE_FAILED, "%s: ends at byte %" PRIu64 " although %zu more were there before", path,
                              offset, count);
        }
        to += got;
        count -= (size_t)got;
        offset += (uint64_t)got;
    }
    return LADLE_OK;
}

int ladle_file_write(int fd, const char *path, const void *bytes, size_t count, struct ladle_error *error)
{
    const char *from = bytes;
    while (count > 0) {
        ssize_t put = write(fd, from, count);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return ladle_fail_errno(error, LADLE_FAILED, put < 0 ? errno : EIO, "%s: cannot write it", path);
        }
        from += put;
        count -= (size_t)put;
    }
    return LADLE_OK;
}

int ladle_file_create_at(int directory, const char *name, const char *shown_path, const void *bytes, size_t count,
                         struct ladle_error *error)
{
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) {
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot create it", shown_path);
    }
    int result = ladle_file_write(fd, shown_path, bytes, count, error);
    if (result == LADLE_OK && fsync(fd) != 0) {
        result = ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot sync it", shown_path);
    }
    if (close(fd) != 0 && result == LADLE_OK) {
        result = ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot close it", shown_path);
    }
    return result;
}

int ladle_file_sync_directory(int directory, const char *shown_path, struct ladle_error *error)
{
    /* Some network and user-space file systems cannot sync a directory and say so thus; they have nothing to sync. */
    if (fsync(directory) != 0 && errno != EINVAL && errno != EOPNOTSUPP) {
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot sync the directory", shown_path);
    }
    return LADLE_OK;
}

bool ladle_file_takes_direct(int fd, uint32_t bytes)
{
#ifdef STATX_DIOALIGN
    struct statx status;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) == 0 && (status.stx_mask & STATX_DIOALIGN) != 0) {
        return status.stx_dio_offset_align > 0 && bytes % status.stx_dio_offset_align == 0 && status.stx_dio_mem_align > 0 &&
               bytes % status.stx_dio_mem_align == 0;
    }
#endif
    return true;
}

uint64_t ladle_file_size(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
}

bool ladle_file_is_sole(int directory, const char *name, uint64_t *bytes)
{
    struct stat status;
    bool found = fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    bool sole = found && S_ISREG(status.st_mode) && status.st_nlink <= 1;
    *bytes = sole ? (uint64_t)status.st_size : 0;
    return sole;
}
