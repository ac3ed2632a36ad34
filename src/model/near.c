/* SPDX-License-Identifier: Apache-2.0 */
#include "model/near.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

/* Folders of more names are not searched to the end. */
#define MOST_NAMES 100000u

/* A path in three parts: a folder that exists (with the slash behind it, or empty), a name in it that does not, the rest. */
struct parts {
    int folder_bytes, name_bytes;
    const char *path;
};

/* Bytes of the name that begins at `from`. */
static int name_bytes(const char *from)
{
    return (int)strcspn(from, "/");
}

/* Finds the first component that is not there. False if all are. */
static bool split(const char *path, char *folder, struct parts *parts)
{
    int at = (int)strspn(path, "/");
    while (path[at] != '\0') {
        int bytes = name_bytes(path + at);
        memcpy(folder, path, (size_t)(at + bytes));
        folder[at + bytes] = '\0';
        if (access(folder, F_OK) != 0) {
            *parts = (struct parts){.folder_bytes = at, .name_bytes = bytes, .path = path};
            folder[at] = '\0';
            return true;
        }
        at += bytes + (int)strspn(path + at + bytes, "/");
    }
    return false;
}

/* The whole path with another name; NULL if that is not there. Free with free. */
static char *with_name(const struct parts *parts, const char *name)
{
    char *path = NULL;
    const char *rest = parts->path + parts->folder_bytes + parts->name_bytes;
    if (asprintf(&path, "%.*s%s%s", parts->folder_bytes, parts->path, name, rest) < 0) {
        return NULL;
    }
    if (access(path, F_OK) != 0) {
        free(path);
        return NULL;
    }
    return path;
}

/* The nearest of a folder's names. */
static char *nearest(DIR *folder, const struct parts *parts, const char *wanted)
{
    char *best = NULL;
    size_t least = SIZE_MAX;
    const struct dirent *entry;
    for (unsigned seen = 0; seen < MOST_NAMES && (entry = readdir(folder)) != NULL; seen++) {
        size_t distance = entry->d_name[0] == '.' ? SIZE_MAX : ladle_distance(wanted, entry->d_name);
        if (distance == SIZE_MAX || distance > least) {
            continue;
        }
        char *path = with_name(parts, entry->d_name);
        if (path != NULL && (distance < least || strcmp(path, best) < 0)) {
            free(best);
            best = path;
            least = distance;
        } else {
            free(path);
        }
    }
    return best;
}

char *ladle_near_path(const char *place)
{
    struct parts parts;
    char *folder = malloc(strlen(place) + 1), *wanted = NULL, *best = NULL;
    if (folder != NULL && split(place, folder, &parts)) {
        wanted = strndup(place + parts.folder_bytes, (size_t)parts.name_bytes);
        DIR *names = opendir(parts.folder_bytes == 0 ? "." : folder);
        if (names != NULL && wanted != NULL) {
            best = nearest(names, &parts, wanted);
        }
        if (names != NULL) {
            closedir(names);
        }
    }
    free(wanted);
    free(folder);
    return best;
}
