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

bool ladle_place_leads_through(const char *path, dev_t device, ino_t inode)
{
    char real[PATH_MAX];
    if (realpath(path, real) == NULL) {
        return false;
    }
    for (size_t end = strlen(real); end > 0;) {
        struct stat status;
        real[end] = '\0';
        if (stat(real, &status) == 0 && status.st_dev == device && status.st_ino == inode) {
            return true;
        }
        if (end == 1) { /* that was "/" */
            return false;
        }
        while (real[end - 1] != '/') {
            end--;
        }
        end = end > 1 ? end - 1 : 1;
    }
    return false;
}

static int check_against_inputs(const struct ladle_place *place, const struct ladle_plan *plan, struct ladle_error *error)
{
    for (size_t i = 0; i < plan->model_count; i++) {
        const char *name = plan->model_names[i];
        struct stat status;
        if (stat(plan->models[i]->path, &status) != 0) {
            continue; /* reading it will say so */
        }
        if (place->exists && place->device == status.st_dev && place->inode == status.st_ino) {
            return ladle_fail(error, LADLE_BAD_REQUEST, "%s: is the input %s; the output needs a folder of its own",
                              place->shown, name);
        }
        if (S_ISDIR(status.st_mode) && ladle_place_leads_through(place->existing, status.st_dev, status.st_ino)) {
            return ladle_fail(error, LADLE_BAD_REQUEST, "%s: lies inside the input %s; inputs are never written to",
                              place->shown, name);
        }
        if (place->exists && ladle_place_leads_through(plan->models[i]->path, place->device, place->inode)) {
            return ladle_fail(error, LADLE_BAD_REQUEST, "%s: the input %s lies inside it", place->shown, name);
        }
    }
    for (size_t i = 0; place->exists && i < plan->file_count; i++) { /* a model may be made of links to files elsewhere */
        if (ladle_place_leads_through(plan->files[i].path, place->device, place->inode)) {
            return ladle_fail(error, LADLE_BAD_REQUEST, "%s: %s, a file of the input %s, lies inside it", place->shown,
                              plan->files[i].path, plan->model_names[plan->files[i].model]);
        }
    }
    return LADLE_OK;
}

/* The output is put in place by renaming, which moves no mount point. Not every kernel tells all of them. */
static int check_mount(const struct ladle_place *place, struct ladle_error *error)
{
    struct statx folder;
    if (statx(AT_FDCWD, place->shown, 0, STATX_BASIC_STATS, &folder) == 0 &&
        (folder.stx_attributes & folder.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0) {
        ladle_fail(error, LADLE_FAILED, "%s: is a mount point, which cannot be replaced by the finished output",
                   place->shown);
        ladle_error_help(error, "name a folder inside it: %s/%s", place->shown, "merged");
        return LADLE_FAILED;
    }
    return LADLE_OK;
}

/* What the top of a folder shows of its purpose. */
static int look_for_model(const struct ladle_place *place, bool *model, bool *repository, struct ladle_error *error)
{
    DIR *folder = opendir(place->shown);
    if (folder == NULL) {
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot look into the existing output", place->shown);
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        const char *name = entry->d_name;
        *model = *model || strcmp(name, "config.json") == 0 || strcmp(name, "mergekit_config.yml") == 0 ||
                 ladle_ends_with(name, ".safetensors");
        *repository = *repository || strcmp(name, ".git") == 0;
    }
    closedir(folder);
    return LADLE_OK;
}

/* A folder given by mistake must not cost a home directory or a history. */
static int check_replacing(const struct ladle_place *place, struct ladle_error *error)
{
    bool model = false, repository = false;
    int result = look_for_model(place, &model, &repository, error);
    if (result != LADLE_OK) {
        return result;
    }
    if (!model) {
        ladle_fail(error, LADLE_BAD_REQUEST, "%s: holds no model, so it is not replaced", place->shown);
        ladle_error_help(error, "name another folder, or empty this one");
        return LADLE_BAD_REQUEST;
    }
    if (repository) {
        ladle_fail(error, LADLE_BAD_REQUEST, "%s: holds a git repository, whose history would be lost", place->shown);
        ladle_error_help(error, "merge into another folder and move the files over");
        return LADLE_BAD_REQUEST;
    }
    return LADLE_OK;
}

int ladle_place_check(const struct ladle_place *place, const struct ladle_plan *plan, struct ladle_error *error)
{
    if (place->file) {
        return ladle_place_check_file(place, plan, error);
    }
    int result = check_against_inputs(place, plan, error);
    if (result != LADLE_OK || !place->exists) {
        return result;
    }
    if (place->occupied && !plan->options.force) {
        ladle_fail(error, LADLE_BAD_REQUEST, "%s: exists and is not empty", place->shown);
        ladle_error_help(error, "--force replaces it once the new output is complete");
        return LADLE_BAD_REQUEST;
    }
    if (ladle_place_leads_through(".", place->device, place->inode)) {
        ladle_fail(error, LADLE_BAD_REQUEST, "%s: is the working directory or holds it, so it cannot be replaced",
                   place->shown);
        ladle_error_help(error, "name a folder inside it");
        return LADLE_BAD_REQUEST;
    }
    result = check_mount(place, error);
    return result != LADLE_OK || !place->occupied ? result : check_replacing(place, error);
}
