/* SPDX-License-Identifier: Apache-2.0 */
#include "output/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The run that held the lock before may remove file and folder between any two of our steps; then they are made anew. */
#define MOST_TRIES 100

/* Whether `name` in `folder` still is the open file. */
static bool is_still(int folder, const char *name, int fd)
{
    struct stat named, open;
    return fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &open) == 0 && named.st_dev == open.st_dev &&
           named.st_ino == open.st_ino;
}

/* Opens folder and lock file, not yet locked. Returns 0 or an errno value; ENOENT: try again. */
static int open_both(int parent, const char *name, int *folder, int *lock)
{
    *folder = *lock = -1;
    if (mkdirat(parent, name, 0777) != 0 && errno != EEXIST) {
        return errno;
    }
    *folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*folder < 0) {
        return errno;
    }
    *lock = openat(*folder, LADLE_LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    return *lock < 0 ? errno : 0;
}

static void close_both(int *folder, int *lock)
{
    if (*lock >= 0) {
        close(*lock);
    }
    if (*folder >= 0) {
        close(*folder);
    }
    *folder = *lock = -1;
}

/* Returns 0, EWOULDBLOCK if somebody holds it, or another errno value. */
static int take(int lock)
{
    int result;
    do {
        result = flock(lock, LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

/* Leaves this process's number in the lock file, for the message of a run that finds it locked. Only that; a file that has
 * another name too is somebody's, and not written to. */
static void sign(int lock)
{
    struct stat status;
    if (fstat(lock, &status) != 0 || status.st_nlink > 1) {
        return;
    }
    char text[16];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(lock, 0) != 0 || pwrite(lock, text, (size_t)length, 0) != length) {
        return;
    }
}

static int refuse(int lock, const char *shown, struct ladle_error *error)
{
    char text[16] = "";
    ssize_t length = pread(lock, text, sizeof text - 1, 0);
    long process = length > 0 ? strtol(text, NULL, 10) : 0;
    ladle_fail(error, LADLE_FAILED, "%s: another run is making this output", shown);
    if (process > 0) {
        ladle_error_help(error, "it is process %ld; wait for it, or name another output", process);
    } else {
        ladle_error_help(error, "wait for it, or name another output");
    }
    return LADLE_FAILED;
}

int ladle_lock_folder(int parent, const char *name, const char *shown, int *folder, int *lock, const struct ladle_log *log,
                      struct ladle_error *error)
{
    int code = ENOENT;
    for (int tries = 0; tries < MOST_TRIES && code == ENOENT; tries++) {
        code = open_both(parent, name, folder, lock);
        if (code == 0) {
            code = take(*lock);
            if (code == EWOULDBLOCK) {
                refuse(*lock, shown, error);
                close_both(folder, lock);
                return LADLE_FAILED;
            }
            if (code != 0) {
                ladle_warn(log, "%s: its file system has no locks: do not start a second run with this output", shown);
                return LADLE_OK;
            }
            if (is_still(*folder, LADLE_LOCK_NAME, *lock) && is_still(parent, name, *folder)) {
                sign(*lock);
                return LADLE_OK;
            }
            code = ENOENT;
        }
        close_both(folder, lock);
    }
    ladle_fail_errno(error, LADLE_FAILED, code, "%s: cannot make this folder for the unfinished output, or lock it", shown);
    if (code == ENOTDIR || code == EISDIR || code == ELOOP || code == ENXIO) {
        ladle_error_help(error, "what is there was not made by ladle; move it away");
    }
    return LADLE_FAILED;
}

int ladle_lock_remove(int parent, const char *name, int folder)
{
    if (unlinkat(folder, LADLE_LOCK_NAME, 0) != 0 && errno != ENOENT) {
        return errno;
    }
    return unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT ? errno : 0;
}
