/* SPDX-License-Identifier: Apache-2.0 */
#include "output/place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Takes an absolute path without links apart: the folder, and the file in it. The path becomes the place's. */
static int split(struct ladle_place *place, char *real, struct ladle_error *error)
{
    char *slash = strrchr(real, '/');
    place->name = strdup(slash + 1);
    place->missing = strdup("");
    slash[slash == real ? 1 : 0] = '\0';
    place->existing = real;
    return place->name == NULL || place->missing == NULL ? ladle_fail_memory(error, "the output's name") : LADLE_OK;
}

/* Something has the output's name. */
static int find_old(struct ladle_place *place, const struct stat *status, struct ladle_error *error)
{
    if (S_ISDIR(status->st_mode)) {
        return ladle_fail(error, LADLE_BAD_REQUEST, "%s: the output is an archive, but there is a folder of this name",
                          place->shown);
    }
    if (!S_ISREG(status->st_mode)) {
        ladle_fail(error, LADLE_BAD_REQUEST, "%s: is no file that an archive could replace", place->shown);
        ladle_error_help(error, "to send the archive there: -o - > %s", place->shown);
        return LADLE_BAD_REQUEST;
    }
    char *real = realpath(place->shown, NULL);
    if (real == NULL) {
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot look at the existing output", place->shown);
    }
    place->exists = place->occupied = true;
    place->device = status->st_dev;
    place->inode = status->st_ino;
    return split(place, real, error);
}

/* The folder above does not exist either: what would be a folder's place is taken one level up. */
static int find_above(struct ladle_place *place, const char *above, struct ladle_error *error)
{
    struct ladle_place folder;
    struct ladle_text missing = {0};
    int result = ladle_place_find(&folder, above, error);
    if (result == LADLE_OK) {
        ladle_text_printf(&missing, "%s%s%s", folder.missing, folder.missing[0] != '\0' ? "/" : "", folder.name);
        place->missing = missing.data;
        place->existing = folder.existing;
        folder.existing = NULL;
        result = missing.failed ? ladle_fail_memory(error, "the output's name") : LADLE_OK;
    }
    ladle_place_finish(&folder);
    return result;
}

/* Nothing has the output's name, unless a symbolic link to nothing. `above` is the path up to its last component, which is
 * `name`. */
static int find_new(struct ladle_place *place, const char *above, const char *name, struct ladle_error *error)
{
    struct stat status;
    if (lstat(place->shown, &status) == 0) {
        return ladle_fail(error, LADLE_BAD_REQUEST, "%s: is a symbolic link to something that does not exist", place->shown);
    }
    place->name = strdup(name);
    if (place->name == NULL) {
        return ladle_fail_memory(error, "the output's name");
    }
    if (stat(above, &status) != 0) {
        return find_above(place, above, error);
    }
    if (!S_ISDIR(status.st_mode)) {
        return ladle_fail(error, LADLE_BAD_REQUEST, "%s: there is a file in the place of its folder", place->shown);
    }
    place->missing = strdup("");
    place->existing = realpath(above, NULL);
    if (place->existing == NULL) {
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot look at the output's place", place->shown);
    }
    return place->missing == NULL ? ladle_fail_memory(error, "the output's name") : LADLE_OK;
}

int ladle_place_find_file(struct ladle_place *place, const char *output, struct ladle_error *error)
{
    *place = (struct ladle_place){.shown = output, .file = true};
    const char *slash = strrchr(output, '/'), *name = slash != NULL ? slash + 1 : output;
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return ladle_fail(error, LADLE_BAD_REQUEST, "%s: an archive was expected as output, and this can only be a folder",
                          output[0] != '\0' ? output : "the output's name is empty");
    }
    struct stat status;
    if (stat(output, &status) == 0) {
        return find_old(place, &status, error);
    }
    if (errno != ENOENT) {
        int code = errno;
        return ladle_fail_errno(error, code == ENOTDIR || code == ENAMETOOLONG ? LADLE_BAD_REQUEST : LADLE_FAILED, code,
                                "%s: cannot look at the output's place", output);
    }
    char *above = slash == NULL ? strdup(".") : slash == output ? strdup("/") : strndup(output, (size_t)(slash - output));
    int result = above != NULL ? find_new(place, above, name, error) : ladle_fail_memory(error, "the output's name");
    free(above);
    return result;
}

int ladle_place_find_for(struct ladle_place *place, const char *output, const struct ladle_plan *plan,
                         struct ladle_error *error)
{
    return ladle_format_is_archive(plan->options.format) ? ladle_place_find_file(place, output, error)
                                                         : ladle_place_find(place, output, error);
}

static bool is_same(const struct ladle_place *place, const char *path)
{
    struct stat status;
    return place->exists && stat(path, &status) == 0 && status.st_dev == place->device && status.st_ino == place->inode;
}

int ladle_place_check_file(const struct ladle_place *place, const struct ladle_plan *plan, struct ladle_error *error)
{
    for (size_t i = 0; i < plan->file_count; i++) {
        if (is_same(place, plan->files[i].path)) {
            return ladle_fail(error, LADLE_BAD_REQUEST, "%s: is a file of the input %s", place->shown,
                              plan->model_names[plan->files[i].model]);
        }
    }
    for (size_t i = 0; i < plan->model_count; i++) {
        struct stat status;
        if (stat(plan->models[i]->path, &status) == 0 && S_ISDIR(status.st_mode) &&
            ladle_place_leads_through(place->existing, status.st_dev, status.st_ino)) {
            return ladle_fail(error, LADLE_BAD_REQUEST, "%s: lies inside the input %s; inputs are never written to",
                              place->shown, plan->model_names[i]);
        }
    }
    if (place->occupied && !plan->options.force) {
        ladle_fail(error, LADLE_BAD_REQUEST, "%s: exists", place->shown);
        ladle_error_help(error, "--force replaces it once the new output is complete");
        return LADLE_BAD_REQUEST;
    }
    return LADLE_OK;
}
