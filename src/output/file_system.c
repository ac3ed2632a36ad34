/* SPDX-License-Identifier: Apache-2.0 */
#include "output/file_system.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/size.h"
#include "output/tree.h"

#define TRIAL LADLE_FILE_SYSTEM_TRIAL
#define DIRECT_BYTES 4096u
#define FAT_MOST_FILE_BYTES 0xFFFFFFFFull

int ladle_file_system_ask(int folder, const char *shown, struct ladle_file_system *system, struct ladle_error *error)
{
    struct statfs status;
    int result;
    do {
        result = fstatfs(folder, &status);
    } while (result != 0 && errno == EINTR);
    if (result != 0) {
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot ask its file system for free space", shown);
    }
    *system = (struct ladle_file_system){.free_bytes = UINT64_MAX, .most_file_bytes = UINT64_MAX};
    uint64_t free_bytes;
    if (status.f_blocks > 0 && ladle_multiply(status.f_bavail, (uint64_t)status.f_bsize, &free_bytes)) {
        system->free_bytes = free_bytes;
    }
    if (status.f_type == MSDOS_SUPER_MAGIC) {
        system->most_file_bytes = FAT_MOST_FILE_BYTES;
        system->sizes_are_written = true;
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        system->most_file_bytes = ladle_min(system->most_file_bytes, limit.rlim_cur);
    }
    return LADLE_OK;
}

/* Returns 0 or an errno value. */
static int make_by_rename(int folder, const char *name)
{
    if (mkdirat(folder, TRIAL, 0777) != 0) {
        return errno;
    }
    int trial = openat(folder, TRIAL, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (trial < 0) {
        return errno;
    }
    int code = 0, fd = -1;
    if (mkdirat(trial, name, 0777) != 0) {
        code = errno;
    }
    int made = code == 0 ? openat(trial, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (code == 0 && made < 0) {
        code = errno;
    }
    if (code == 0 && (fd = openat(made, TRIAL, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) < 0) {
        code = errno;
    }
    if (fd >= 0 && close(fd) != 0) {
        code = errno;
    }
    if (code == 0 && renameat(trial, name, folder, name) != 0) {
        code = errno;
    }
    if (code == 0 && unlinkat(made, TRIAL, 0) != 0) {
        code = errno;
    }
    if (made >= 0) {
        close(made);
    }
    close(trial);
    return code;
}

/* Says why that failed. */
static int refuse(int code, const char *shown, struct ladle_error *error)
{
    bool full = code == ENOSPC || code == EDQUOT || code == EACCES || code == EMFILE || code == ENFILE || code == ENOMEM;
    ladle_fail_errno(error, LADLE_FAILED, code,
                     full ? "%s: cannot make anything there" : "%s: its file system cannot make and rename things", shown);
    if (!full) {
        ladle_error_help(error,
                         "a finished output is put in place by renaming; mounts of object stores often cannot do that");
        ladle_error_help(error, "merge to a local disk and copy the result from there");
    }
    return LADLE_FAILED;
}

int ladle_file_system_make_by_rename(int folder, const char *name, const char *shown, struct ladle_error *error)
{
    int result = ladle_tree_remove(folder, TRIAL, shown, error);
    if (result != LADLE_OK) {
        return result;
    }
    int code = make_by_rename(folder, name);
    if (code == 0) {
        return ladle_tree_remove(folder, TRIAL, shown, error);
    }
    ladle_tree_remove(folder, TRIAL, shown, NULL);
    return refuse(code, shown, error);
}

int ladle_file_system_create_by_rename(int folder, const char *name, const char *shown, int *fd, struct ladle_error *error)
{
    int result = ladle_tree_remove(folder, TRIAL, shown, error);
    if (result != LADLE_OK) {
        return result;
    }
    *fd = openat(folder, TRIAL, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (*fd >= 0 && renameat(folder, TRIAL, folder, name) == 0) {
        return LADLE_OK;
    }
    int code = errno;
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    unlinkat(folder, TRIAL, 0);
    return refuse(code, shown, error);
}

bool ladle_file_system_writes_direct(int folder)
{
    static const _Alignas(DIRECT_BYTES) char zeros[DIRECT_BYTES];
    ladle_tree_remove(folder, TRIAL, TRIAL, NULL);
    int fd = openat(folder, TRIAL, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_DIRECT, 0666);
    if (fd >= 0 && !ladle_file_takes_direct(fd, DIRECT_BYTES)) {
        close(fd);
        fd = -1;
    }
    bool works = fd >= 0 && pwrite(fd, zeros, sizeof zeros, 0) == (ssize_t)sizeof zeros;
    if (fd >= 0) {
        close(fd);
    }
    unlinkat(folder, TRIAL, 0);
    return works;
}
