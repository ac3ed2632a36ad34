/* SPDX-License-Identifier: Apache-2.0 */
#include "output/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "output/file_system.h"
#include "output/lock.h"
#include "output/tree.h"

#define OUTPUT LADLE_DIRECTORY_OUTPUT
#define REPLACED LADLE_DIRECTORY_REPLACED

static int name_parts(struct ladle_directory *directory, struct ladle_error *error)
{
    directory->parent_path = ladle_place_parent(&directory->place);
    const char *parent = directory->parent_path;
    if (parent == NULL || asprintf(&directory->partial_name, ".%s.ladle-partial", directory->place.name) < 0) {
        directory->partial_name = NULL;
        return ladle_fail_memory(error, "the output's name");
    }
    const char *slash = strcmp(parent, "/") == 0 ? "" : "/";
    if (asprintf(&directory->partial_path, "%s%s%s", parent, slash, directory->partial_name) < 0) {
        directory->partial_path = NULL;
        return ladle_fail_memory(error, "the output's name");
    }
    if (asprintf(&directory->output_path, "%s/" OUTPUT, directory->partial_path) < 0) {
        directory->output_path = NULL;
        return ladle_fail_memory(error, "the output's name");
    }
    return LADLE_OK;
}

/* Syncs the folder that a path lies in, so that the name just made there lasts. */
static int sync_above(char *path, struct ladle_error *error)
{
    char *slash = strrchr(path, '/'), kept = slash[1];
    slash[1] = '\0';
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd >= 0 ? ladle_file_sync_directory(fd, path, error)
                         : ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot open it to sync it", path);
    if (fd >= 0) {
        close(fd);
    }
    slash[1] = kept;
    return result;
}

/* Makes the folders above the output that do not exist. */
static int make_parents(struct ladle_directory *directory, struct ladle_error *error)
{
    char *path = directory->parent_path;
    size_t start = strlen(directory->place.existing), length = strlen(path);
    for (size_t end = start + 1; directory->place.missing[0] != '\0' && end <= length; end++) {
        if (end < length && path[end] != '/') {
            continue;
        }
        char kept = path[end];
        path[end] = '\0';
        int result = LADLE_OK;
        if (mkdir(path, 0777) == 0) {
            directory->parents_made++;
            result = sync_above(path, error);
        } else if (errno == EEXIST) { /* somebody else was faster: it is theirs, and those above it stay for them */
            directory->parents_made = 0;
        } else {
            result = ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot make this folder", path);
        }
        path[end] = kept;
        if (result != LADLE_OK) {
            return result;
        }
    }
    return LADLE_OK;
}

static void remove_parents(struct ladle_directory *directory)
{
    char *path = directory->parent_path;
    for (; directory->parents_made > 0 && rmdir(path) == 0; directory->parents_made--) {
        *strrchr(path, '/') = '\0';
    }
    directory->parents_made = 0;
}

static bool is_there(int folder, const char *name)
{
    struct stat status;
    return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A run that died while it replaced an output may have moved the old one aside. Unless the new one is in its place, it goes
 * back. */
static int put_back(struct ladle_directory *directory, bool *changed, struct ladle_error *error)
{
    *changed = false;
    if (!is_there(directory->partial, REPLACED) || is_there(directory->parent, directory->place.name)) {
        return LADLE_OK;
    }
    if (renameat(directory->partial, REPLACED, directory->parent, directory->place.name) != 0) {
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s/" REPLACED ": cannot put the old output back",
                                directory->partial_path);
    }
    ladle_warn(directory->log, "%s: an earlier run died while replacing it; the old output is back in its place",
               directory->place.shown);
    *changed = true;
    return LADLE_OK;
}

static int open_parent(struct ladle_directory *directory, struct ladle_error *error)
{
    int result = make_parents(directory, error);
    if (result == LADLE_OK) {
        directory->parent = open(directory->parent_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory->parent < 0) {
            result = ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot open it", directory->parent_path);
        }
    }
    return result;
}

/* Takes the lock of the partial directory, which is made if it is not there. */
static int lock(struct ladle_directory *directory, struct ladle_error *error)
{
    int result = open_parent(directory, error);
    if (result == LADLE_OK) {
        result = ladle_lock_folder(directory->parent, directory->partial_name, directory->partial_path, &directory->partial,
                                   &directory->lock, directory->log, error);
    }
    return result;
}

static uint64_t inode_of(int folder, const char *name)
{
    struct stat status;
    return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_ino : 0;
}

/* How far an earlier run had come with putting its output in place. */
static void look_at_publishing(struct ladle_directory *directory)
{
    const struct ladle_journal_contents *journal = &directory->journal;
    if (!journal->publishing || !directory->place.occupied) {
        return;
    }
    uint64_t unfinished = inode_of(directory->partial, OUTPUT);
    directory->finished = directory->place.inode == journal->inode && unfinished != journal->inode;
    directory->unclear = !directory->finished && unfinished != journal->inode;
}

/* Looks at what an earlier run left. With options.restart it does not matter what its journal says. */
static int look_at_remains(struct ladle_directory *directory, const char *output, const struct ladle_plan *plan,
                           struct ladle_error *error)
{
    bool changed = false, restart = plan->options.restart;
    directory->resumable = true; /* unless it turns out that it is not */
    int result = put_back(directory, &changed, error);
    if (result == LADLE_OK && changed) { /* the place is not what it was a moment ago */
        ladle_place_finish(&directory->place);
        result = ladle_place_find_for(&directory->place, output, plan, error);
    }
    struct ladle_journal_contents *journal = &directory->journal;
    if (result == LADLE_OK) {
        result = ladle_journal_read(directory->partial, directory->partial_path, journal, restart ? NULL : error);
        if (result != LADLE_OK && restart) {
            journal->state = LADLE_JOURNAL_DAMAGED;
            result = LADLE_OK;
        }
    }
    if (result == LADLE_OK) {
        look_at_publishing(directory);
        directory->resumable = journal->state != LADLE_JOURNAL_NONE && !directory->finished && !directory->unclear &&
                               (journal->state != LADLE_JOURNAL_GOOD || journal->done_chunks > 0);
    }
    return result;
}

int ladle_directory_open(struct ladle_directory *directory, const char *output, const struct ladle_plan *plan,
                         struct ladle_error *error)
{
    *directory = LADLE_DIRECTORY_CLOSED;
    directory->log = &plan->options.log;
    int result = ladle_place_find_for(&directory->place, output, plan, error);
    if (result == LADLE_OK) {
        result = name_parts(directory, error);
    }
    bool remains = result == LADLE_OK && is_there(AT_FDCWD, directory->partial_path);
    if (result == LADLE_OK && remains) {
        result = lock(directory, error);
    }
    if (result == LADLE_OK && remains) {
        result = look_at_remains(directory, output, plan, error);
    }
    if (result == LADLE_OK && !directory->finished) {
        result = ladle_place_check(&directory->place, plan, error);
    }
    return result == LADLE_OK && !remains ? lock(directory, error) : result;
}

bool ladle_directory_has_remains(const struct ladle_directory *directory)
{
    return directory->partial >= 0 && is_there(directory->partial, OUTPUT);
}

static int open_output(struct ladle_directory *directory, struct ladle_error *error)
{
    int flags = directory->place.file ? O_WRONLY : O_RDONLY | O_DIRECTORY;
    directory->output = openat(directory->partial, OUTPUT, flags | O_NOFOLLOW | O_CLOEXEC);
    return directory->output >= 0
               ? LADLE_OK
               : ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot open it", directory->output_path);
}

int ladle_directory_begin(struct ladle_directory *directory, struct ladle_error *error)
{
    static const char *const old[] = {OUTPUT, REPLACED, LADLE_DIRECTORY_FRAMES, LADLE_JOURNAL_NEW_NAME};
    const char *shown = directory->partial_path;
    int result = ladle_journal_remove(directory->partial, shown, error);
    if (result == LADLE_OK) {
        directory->resumable = false; /* without a journal nobody goes on with it */
    }
    for (size_t i = 0; i < sizeof old / sizeof *old && result == LADLE_OK; i++) {
        result = ladle_tree_remove(directory->partial, old[i], shown, error);
    }
    if (result == LADLE_OK && directory->place.file) {
        return ladle_file_system_create_by_rename(directory->partial, OUTPUT, shown, &directory->output, error);
    }
    if (result == LADLE_OK) {
        result = ladle_file_system_make_by_rename(directory->partial, OUTPUT, shown, error);
    }
    return result == LADLE_OK ? open_output(directory, error) : result;
}

/* That a finished output can leave its folder for its place is tried out when the folder is made; it may have changed since.
 * A folder that moves must be writable itself. */
static int check_way_out(const struct ladle_directory *directory, struct ladle_error *error)
{
    const struct {
        int folder;
        const char *path;
    } ways[] = {{directory->parent, directory->parent_path},
                {directory->partial, directory->partial_path},
                {directory->place.file ? directory->partial : directory->output, directory->output_path}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (faccessat(ways[i].folder, ".", W_OK | X_OK, AT_EACCESS) != 0) {
            ladle_fail_errno(error, LADLE_FAILED, errno,
                             "%s: cannot be written to, so that the finished output could not get to its place",
                             ways[i].path);
            ladle_error_help(error, "make the folder writable: chmod u+wx %s", ways[i].path);
            return LADLE_FAILED;
        }
    }
    return LADLE_OK;
}

int ladle_directory_continue(struct ladle_directory *directory, bool *fits, struct ladle_error *error)
{
    const char *shown = directory->partial_path;
    struct stat status;
    uint64_t bytes;
    *fits = directory->place.file ? ladle_file_is_sole(directory->partial, OUTPUT, &bytes)
                                  : fstatat(directory->partial, OUTPUT, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                                        S_ISDIR(status.st_mode);
    if (!*fits) {
        return LADLE_OK;
    }
    int result = ladle_tree_remove(directory->partial, REPLACED, shown, error);
    if (result == LADLE_OK) {
        result = ladle_tree_remove(directory->partial, LADLE_FILE_SYSTEM_TRIAL, shown, error);
    }
    if (result == LADLE_OK) {
        result = open_output(directory, error);
    }
    return result == LADLE_OK ? check_way_out(directory, error) : result;
}

bool ladle_directory_clear(struct ladle_directory *directory)
{
    /* An old output that could not be put back stays: it is all that its owner has. */
    bool replaced = directory->published || is_there(directory->parent, directory->place.name);
    const char *const names[] = {OUTPUT, LADLE_FILE_SYSTEM_TRIAL, LADLE_DIRECTORY_FRAMES, LADLE_JOURNAL_NEW_NAME,
                                 replaced ? REPLACED : LADLE_FILE_SYSTEM_TRIAL, LADLE_JOURNAL_NAME};
    /* The journal goes first, so that nobody goes on with a part; but last where it tells that what lies here is an old
     * output on its way out. */
    bool gone = directory->published || ladle_journal_remove(directory->partial, directory->partial_path, NULL) == LADLE_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && gone; i++) {
        gone = ladle_tree_remove(directory->partial, names[i], directory->partial_path, NULL) == LADLE_OK;
    }
    gone = gone && ladle_lock_remove(directory->parent, directory->partial_name, directory->partial) == 0;
    if (!gone) {
        ladle_warn(directory->log, "%s: could not be removed entirely", directory->partial_path);
    }
    return gone;
}

enum ladle_remains ladle_directory_abandon(struct ladle_directory *directory)
{
    enum ladle_remains remains = LADLE_REMAINS_NONE;
    if (directory->published) {
        return remains;
    }
    if (directory->resumable) {
        return LADLE_REMAINS_KEPT;
    }
    if (directory->partial >= 0) {
        remains = ladle_directory_clear(directory) ? LADLE_REMAINS_REMOVED : LADLE_REMAINS_LEFT;
    }
    if (directory->parents_made > 0) {
        remove_parents(directory);
    }
    return remains;
}

void ladle_directory_close(struct ladle_directory *directory)
{
    int *const descriptors[] = {&directory->output, &directory->partial, &directory->parent, &directory->lock};
    for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++) {
        if (*descriptors[i] >= 0) {
            close(*descriptors[i]);
        }
        *descriptors[i] = -1;
    }
    ladle_place_finish(&directory->place);
    ladle_journal_contents_finish(&directory->journal);
    free(directory->parent_path);
    free(directory->partial_path);
    free(directory->output_path);
    free(directory->partial_name);
    directory->parent_path = directory->partial_path = directory->output_path = directory->partial_name = NULL;
}
