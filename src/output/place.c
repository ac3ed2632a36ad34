/* SPDX-License-Identifier: Apache-2.0 */
#include "output/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Cuts `path` after `length` bytes, looks at what is there, and mends it. */
static int look_at_start(char *path, size_t length, struct stat *status)
{
    char kept = path[length];
    path[length] = '\0';
    int result = stat(length > 0 ? path : ".", status);
    path[length] = kept;
    return result;
}

/* Length of the longest start of `path` that exists, in whole components; 0 stands for the working directory. */
static int find_existing(char *path, const char *shown, size_t *length, struct ladle_error *error)
{
    size_t end = strlen(path);
    struct stat status;
    while (look_at_start(path, end, &status) != 0) {
        if (errno != ENOENT || end == 0) {
            int code = errno;
            return ladle_fail_errno(error, code == ENOTDIR || code == ENAMETOOLONG ? LADLE_BAD_REQUEST : LADLE_FAILED, code,
                                    "%s: cannot look at the output's place", shown);
        }
        while (end > 0 && path[end - 1] != '/') {
            end--;
        }
        while (end > 1 && path[end - 1] == '/') { /* the first one of an absolute path stays */
            end--;
        }
    }
    if (!S_ISDIR(status.st_mode)) {
        return ladle_fail(error, LADLE_BAD_REQUEST, "%s: the output is a folder, but there is a file of this name%s", shown,
                          path[end] == '\0' ? "" : " above it");
    }
    *length = end;
    return LADLE_OK;
}

/* Splits what does not exist into the folders to be made and the output's own name. */
static int split_missing(struct ladle_place *place, char *rest, struct ladle_error *error)
{
    struct ladle_text folders = {0};
    const char *last = NULL;
    char *state = NULL;
    for (char *part = strtok_r(rest, "/", &state); part != NULL; part = strtok_r(NULL, "/", &state)) {
        if (strcmp(part, ".") == 0) {
            continue;
        }
        if (strcmp(part, "..") == 0) {
            ladle_text_finish(&folders);
            return ladle_fail(error, LADLE_BAD_REQUEST, "%s: '..' stands behind a folder that does not exist", place->shown);
        }
        if (last != NULL) {
            ladle_text_printf(&folders, "%s%s", folders.bytes > 0 ? "/" : "", last);
        }
        last = part;
    }
    ladle_text_add(&folders, "", 0);
    place->missing = folders.data;
    place->name = last != NULL ? strdup(last) : NULL;
    return folders.failed || place->name == NULL ? ladle_fail_memory(error, "the output's name") : LADLE_OK;
}

/* A new output: its name is free, unless a symbolic link to nothing has it. */
static int find_new(struct ladle_place *place, char *path, size_t length, struct ladle_error *error)
{
    struct stat status;
    if (lstat(path, &status) == 0) {
        return ladle_fail(error, LADLE_BAD_REQUEST, "%s: is a symbolic link to something that does not exist", place->shown);
    }
    char kept = path[length];
    path[length] = '\0';
    place->existing = realpath(length > 0 ? path : ".", NULL);
    int code = errno;
    path[length] = kept;
    if (place->existing == NULL) {
        return ladle_fail_errno(error, LADLE_FAILED, code, "%s: cannot look at the output's place", place->shown);
    }
    return split_missing(place, path + length, error);
}

/* Whether an open folder is empty; it is closed. */
static int look_inside(int fd, bool *empty)
{
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        int code = errno;
        close(fd);
        return code;
    }
    *empty = true;
    errno = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL && *empty; entry = readdir(folder)) {
        *empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    int code = *empty ? errno : 0;
    closedir(folder);
    return code;
}

/* The output is a folder that exists. */
static int find_old(struct ladle_place *place, const char *path, struct ladle_error *error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat status;
    char *real = NULL;
    if (fd < 0 || fstat(fd, &status) != 0 || (real = realpath(path, NULL)) == NULL) {
        int code = errno;
        if (fd >= 0) {
            close(fd);
        }
        return ladle_fail_errno(error, LADLE_FAILED, code, "%s: cannot look at the existing output", place->shown);
    }
    bool empty = false;
    int code = look_inside(fd, &empty);
    place->exists = true;
    place->occupied = !empty;
    place->device = status.st_dev;
    place->inode = status.st_ino;
    char *slash = strrchr(real, '/'); /* a real path has one */
    place->name = strdup(slash + 1);
    slash[slash == real ? 1 : 0] = '\0';
    place->existing = real;
    place->missing = strdup("");
    if (code != 0) {
        return ladle_fail_errno(error, LADLE_FAILED, code, "%s: cannot look into the existing output", place->shown);
    }
    if (place->name == NULL || place->missing == NULL) {
        return ladle_fail_memory(error, "the output's name");
    }
    if (place->name[0] == '\0') {
        return ladle_fail(error, LADLE_BAD_REQUEST, "%s: the root folder cannot be the output", place->shown);
    }
    return LADLE_OK;
}

int ladle_place_find(struct ladle_place *place, const char *output, struct ladle_error *error)
{
    *place = (struct ladle_place){.shown = output};
    if (output[0] == '\0') {
        return ladle_fail(error, LADLE_BAD_REQUEST, "the output's name is empty");
    }
    char *path = strdup(output);
    if (path == NULL) {
        return ladle_fail_memory(error, "the output's name");
    }
    for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--) {
        path[end - 1] = '\0';
    }
    size_t length = 0;
    int result = find_existing(path, output, &length, error);
    if (result == LADLE_OK) {
        result = path[length] == '\0' ? find_old(place, path, error) : find_new(place, path, length, error);
    }
    free(path);
    return result;
}

void ladle_place_finish(struct ladle_place *place)
{
    free(place->existing);
    free(place->missing);
    free(place->name);
    *place = (struct ladle_place){0};
}

char *ladle_place_parent(const struct ladle_place *place)
{
    struct ladle_text path = {0};
    const char *start = strcmp(place->existing, "/") == 0 ? "" : place->existing; /* "/out", not "//out" */
    ladle_text_printf(&path, "%s%s%s", start, place->missing[0] != '\0' ? "/" : "", place->missing);
    if (path.bytes == 0) {
        ladle_text_add_string(&path, "/");
    }
    if (path.failed) {
        ladle_text_finish(&path);
    }
    return path.data;
}
