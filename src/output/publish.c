/* SPDX-License-Identifier: Apache-2.0 */
#include "output/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "output/tree.h"

#define OUTPUT LADLE_DIRECTORY_OUTPUT
#define REPLACED LADLE_DIRECTORY_REPLACED

/* How the output came under its name, for taking it back. */
enum placing { PLACED_NEW, PLACED_EXCHANGED, PLACED_ASIDE };

/* A file would replace another without a word. Returns 0 or an errno value. */
static int place_new_file(const struct ladle_directory *directory)
{
    const char *name = directory->place.name;
    if (renameat2(directory->partial, OUTPUT, directory->parent, name, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) {
        return errno;
    }
    return renameat(directory->partial, OUTPUT, directory->parent, name) == 0 ? 0 : errno;
}

/* Nothing, or an empty folder, has the output's name. Returns 0 or an errno value. */
static int place_new(const struct ladle_directory *directory)
{
    const char *name = directory->place.name;
    if (directory->place.file) {
        return place_new_file(directory);
    }
    if (renameat(directory->partial, OUTPUT, directory->parent, name) == 0) {
        return 0;
    }
    int code = errno;
    if (code != EEXIST && code != ENOTEMPTY && code != EACCES && code != EPERM) {
        return code;
    }
    /* Some network file systems rename no folder over an empty one. */
    if (unlinkat(directory->parent, name, AT_REMOVEDIR) != 0) {
        return code;
    }
    if (renameat(directory->partial, OUTPUT, directory->parent, name) != 0) {
        code = errno;
        mkdirat(directory->parent, name, 0777);
        return code;
    }
    return 0;
}

/* An old output has the name. Returns 0 or an errno value. */
static int place_over(const struct ladle_directory *directory, enum placing *placing)
{
    const char *name = directory->place.name;
    int partial = directory->partial, parent = directory->parent;
    if (renameat2(partial, OUTPUT, parent, name, RENAME_EXCHANGE) == 0) {
        *placing = PLACED_EXCHANGED;
        return 0;
    }
    *placing = PLACED_ASIDE;
    if (renameat(parent, name, partial, REPLACED) != 0) {
        int code = errno;
        if (code != EXDEV) {
            return code;
        }
        *placing = PLACED_NEW; /* in a layered file system an old folder may be removed but not renamed */
        if (ladle_tree_remove(parent, name, directory->parent_path, NULL) != LADLE_OK) {
            return code;
        }
    }
    if (renameat(partial, OUTPUT, parent, name) != 0) {
        int code = errno;
        if (*placing == PLACED_ASIDE) {
            renameat(partial, REPLACED, parent, name);
        }
        return code;
    }
    return 0;
}

static void take_back(const struct ladle_directory *directory, enum placing placing)
{
    const char *name = directory->place.name;
    if (placing == PLACED_EXCHANGED) {
        renameat2(directory->partial, OUTPUT, directory->parent, name, RENAME_EXCHANGE);
    } else if (renameat(directory->parent, name, directory->partial, OUTPUT) == 0 && placing == PLACED_ASIDE) {
        renameat(directory->partial, REPLACED, directory->parent, name);
    }
}

/* The place may have changed since it was looked at first: merges take long. */
static int look_again(const struct ladle_directory *directory, const struct ladle_plan *plan, bool *occupied,
                      struct ladle_error *error)
{
    struct ladle_place place;
    int result = ladle_place_find_for(&place, directory->place.shown, plan, error);
    if (result == LADLE_OK) {
        result = ladle_place_check(&place, plan, error);
        *occupied = place.occupied;
    }
    ladle_place_finish(&place);
    return result;
}

int ladle_directory_publish(struct ladle_directory *directory, const struct ladle_plan *plan, struct ladle_error *error)
{
    bool occupied = false;
    int result = look_again(directory, plan, &occupied, error);
    if (result == LADLE_OK) {
        result = ladle_file_sync_directory(directory->output, directory->output_path, error);
    }
    if (result == LADLE_OK) {
        result = ladle_file_sync_directory(directory->partial, directory->partial_path, error);
    }
    if (result != LADLE_OK) {
        return result;
    }
    enum placing placing = PLACED_NEW;
    int code = occupied ? place_over(directory, &placing) : place_new(directory);
    if (code != 0) {
        return ladle_fail_errno(error, LADLE_FAILED, code, "%s: cannot rename the finished output to this name",
                                directory->place.shown);
    }
    result = ladle_file_sync_directory(directory->parent, directory->parent_path, error);
    if (result != LADLE_OK) {
        take_back(directory, placing);
        return result;
    }
    directory->published = true;
    ladle_directory_clear(directory);
    ladle_file_sync_directory(directory->parent, directory->parent_path, NULL);
    return LADLE_OK;
}
