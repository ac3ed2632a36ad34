/* SPDX-License-Identifier: Apache-2.0 */
#include "output/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_DEPTH 100

static int remove_entry(int folder, const char *name, int depth);

/* Removes what a folder holds. It is closed. Returns 0 or an errno value. */
static int remove_contents(int fd, int depth)
{
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        int code = errno;
        close(fd);
        return code;
    }
    int code = 0;
    while (code == 0) {
        errno = 0;
        struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            code = errno;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            code = remove_entry(dirfd(folder), entry->d_name, depth + 1);
        }
    }
    closedir(folder);
    return code;
}

/* Returns 0 or an errno value. */
static int remove_entry(int folder, const char *name, int depth)
{
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    if (errno != EISDIR && errno != EPERM) { /* what Linux and POSIX say of a folder */
        return errno;
    }
    int code = errno;
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOTDIR ? code : errno;
    }
    struct stat inside, outside;
    if (depth >= MOST_DEPTH || fstat(fd, &inside) != 0 || fstatat(folder, ".", &outside, 0) != 0 ||
        inside.st_dev != outside.st_dev) {
        close(fd);
        return depth >= MOST_DEPTH ? ELOOP : EXDEV; /* what is mounted there is not ours */
    }
    code = remove_contents(fd, depth);
    if (code == 0 && unlinkat(folder, name, AT_REMOVEDIR) != 0 && errno != ENOENT) {
        code = errno;
    }
    return code;
}

int ladle_tree_remove(int folder, const char *name, const char *shown, struct ladle_error *error)
{
    int code = remove_entry(folder, name, 0);
    return code == 0 ? LADLE_OK : ladle_fail_errno(error, LADLE_FAILED, code, "%s/%s: cannot remove it", shown, name);
}
