/* SPDX-License-Identifier: Apache-2.0 */
#include "output/side_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define PIECE_BYTES 65536u

struct copying {
    const char *from_path, *to_path; /* of the two folders, for messages */
    int from, to;
    char *piece;
    struct ladle_error *error;
};

/* Makes the folders in which `path` lies, as far as they are not there. */
static int make_folders(const struct copying *copying, char *path)
{
    for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int result = mkdirat(copying->to, path, 0777);
        int code = errno;
        *slash = '/';
        if (result != 0 && code != EEXIST) {
            return ladle_fail_errno(copying->error, LADLE_FAILED, code, "%s/%s: cannot make its folder", copying->to_path,
                                    path);
        }
    }
    return LADLE_OK;
}

/* Syncs them, from the lowest up. */
static int sync_folders(const struct copying *copying, char *path)
{
    int result = LADLE_OK;
    for (char *slash = strrchr(path, '/'); slash != NULL && result == LADLE_OK; slash = strrchr(path, '/')) {
        *slash = '\0';
        int fd = openat(copying->to, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        result =
            fd >= 0 ? ladle_file_sync_directory(fd, path, copying->error)
                    : ladle_fail_errno(copying->error, LADLE_FAILED, errno, "%s/%s: cannot sync it", copying->to_path, path);
        if (fd >= 0) {
            close(fd);
        }
    }
    return result;
}

/* Copies exactly the bytes that were found; a file that changes meanwhile is not what the plan saw. */
static int copy_bytes(const struct copying *copying, const struct ladle_side_file *file, int in, int out)
{
    uint64_t left = file->bytes;
    for (;;) {
        ssize_t got = read(in, copying->piece, PIECE_BYTES);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return ladle_fail_errno(copying->error, LADLE_FAILED, errno, "%s/%s: cannot read it", copying->from_path,
                                    file->path);
        }
        if (got == 0 ? left > 0 : (uint64_t)got > left) {
            return ladle_fail(copying->error, LADLE_FAILED, "%s/%s: changed while it was copied", copying->from_path,
                              file->path);
        }
        if (got == 0) {
            return LADLE_OK;
        }
        int result = ladle_file_write(out, file->path, copying->piece, (size_t)got, copying->error);
        if (result != LADLE_OK) {
            return result;
        }
        left -= (uint64_t)got;
    }
}

/* A copy that lasts, and leaves nothing of itself in the page cache. */
static int finish_copy(const struct copying *copying, const char *path, int in, int out, int result)
{
    if (result == LADLE_OK && fsync(out) != 0) {
        result = ladle_fail_errno(copying->error, LADLE_FAILED, errno, "%s/%s: cannot sync it", copying->to_path, path);
    }
    posix_fadvise(in, 0, 0, POSIX_FADV_DONTNEED);
    posix_fadvise(out, 0, 0, POSIX_FADV_DONTNEED);
    if (close(out) != 0 && result == LADLE_OK) {
        result = ladle_fail_errno(copying->error, LADLE_FAILED, errno, "%s/%s: cannot close it", copying->to_path, path);
    }
    return result;
}

static int copy_file(const struct copying *copying, const struct ladle_side_file *file)
{
    int in = openat(copying->from, file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (in < 0) {
        return ladle_fail_errno(copying->error, LADLE_FAILED, errno, "%s/%s: cannot open it", copying->from_path,
                                file->path);
    }
    struct stat status;
    int result = LADLE_OK;
    if (fstat(in, &status) != 0 || !S_ISREG(status.st_mode)) {
        result = ladle_fail(copying->error, LADLE_FAILED, "%s/%s: is no file any more", copying->from_path, file->path);
    }
    int out = -1;
    if (result == LADLE_OK) {
        out = openat(copying->to, file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (out < 0) {
            result = ladle_fail_errno(copying->error, LADLE_FAILED, errno, "%s/%s: cannot create it", copying->to_path,
                                      file->path);
        } else {
            result = finish_copy(copying, file->path, in, out, copy_bytes(copying, file, in, out));
        }
    }
    close(in);
    return result;
}

/* One file with the folders it needs. */
static int copy_one(const struct copying *copying, const struct ladle_side_file *file)
{
    char *path = strdup(file->path); /* to be cut at its slashes */
    if (path == NULL) {
        return ladle_fail_memory(copying->error, "copying side files");
    }
    int result = make_folders(copying, path);
    if (result == LADLE_OK) {
        result = copy_file(copying, file);
    }
    if (result == LADLE_OK) {
        result = sync_folders(copying, path);
    }
    free(path);
    return result;
}

int ladle_side_files_copy(const struct ladle_plan *plan, const struct ladle_side_files *files, int to, const char *shown,
                          struct ladle_error *error)
{
    if (files->count == 0) {
        return LADLE_OK;
    }
    struct copying copying = {.from_path = plan->models[plan->donor]->directory, .to_path = shown, .to = to, .error = error};
    copying.piece = malloc(PIECE_BYTES);
    if (copying.piece == NULL) {
        return ladle_fail_memory(error, "copying side files");
    }
    int result = LADLE_OK;
    copying.from = open(copying.from_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copying.from < 0) {
        result = ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot open it", copying.from_path);
    }
    for (size_t i = 0; i < files->count && result == LADLE_OK; i++) {
        result = copy_one(&copying, &files->files[i]);
    }
    if (copying.from >= 0) {
        close(copying.from);
    }
    free(copying.piece);
    return result;
}
