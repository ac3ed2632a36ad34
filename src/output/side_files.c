/* SPDX-License-Identifier: Apache-2.0 */
#include "output/side_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output/side_names.h"

#define MOST_FILE_BYTES (UINT64_C(64) << 20)
#define MOST_ENTRIES 100000u /* looked at, in all folders */
#define MOST_DEPTH 8u
#define MOST_MODULES_BYTES (1u << 20)
#define MOST_MODULES_MEMORY (4u << 20) /* that reading it may take; what models have is a list of a few modules */

/* What of a folder is wanted. */
enum rule {
    RULE_TOP,  /* of the model's own: all but weights and traces of training */
    RULE_ALL,  /* of a part that a loader takes as a whole: its weights too, which no merge touches */
    RULE_CODE, /* of any other: code */
};

struct finding {
    const struct ladle_model *donor;
    const struct ladle_log *log;
    struct ladle_error *error;
    struct ladle_side_files *files;
    size_t capacity;
    const struct ladle_json *modules; /* modules.json of sentence-transformers: objects with a `path`; NULL: none */
    int top;                          /* the donor's folder */
    unsigned entries;
};

static int no_memory(const struct finding *finding)
{
    return ladle_fail_memory(finding->error, "the list of side files");
}

static int add_file(struct finding *finding, const char *path, uint64_t bytes)
{
    struct ladle_side_files *files = finding->files;
    if (files->count == finding->capacity) {
        size_t capacity = finding->capacity == 0 ? 64 : finding->capacity * 2;
        struct ladle_side_file *larger = reallocarray(files->files, capacity, sizeof *larger);
        if (larger == NULL) {
            return no_memory(finding);
        }
        files->files = larger;
        finding->capacity = capacity;
    }
    files->files[files->count++] = (struct ladle_side_file){.path = path, .bytes = bytes};
    return LADLE_OK;
}

static bool is_module(const struct finding *finding, const char *path)
{
    const struct ladle_json *module = finding->modules != NULL ? finding->modules->first : NULL;
    size_t length = strlen(path);
    for (; module != NULL; module = module->next) {
        const struct ladle_json *folder = ladle_json_get(module, "path");
        if (folder != NULL && folder->type == LADLE_JSON_STRING && strncmp(folder->text, path, length) == 0 &&
            folder->text[length + strspn(folder->text + length, "/")] == '\0') {
            return true;
        }
    }
    return false;
}

static enum rule rule_of_folder(const struct finding *finding, const char *path, enum rule above)
{
    bool whole = above == RULE_ALL || is_module(finding, path) || strcmp(path, "additional_chat_templates") == 0;
    return whole ? RULE_ALL : RULE_CODE;
}

static bool is_wanted(const char *name, enum rule rule)
{
    switch (rule) {
    case RULE_TOP:
        return !ladle_side_name_is_weights(name) && !ladle_side_name_is_about(name);
    case RULE_ALL:
        return true;
    default:
        return ladle_side_name_is_code(name);
    }
}

static int consider_file(struct finding *finding, const char *path, const char *name, uint64_t bytes, enum rule rule)
{
    if (!is_wanted(name, rule)) {
        return LADLE_OK;
    }
    if (bytes > MOST_FILE_BYTES) {
        ladle_warn(finding->log, "%s/%s: larger than 64 MiB, so it is not copied to the output", finding->donor->directory,
                   path);
        return LADLE_OK;
    }
    if (ladle_side_name_is_weights(name)) {
        ladle_warn(finding->log, "%s/%s: copied to the output as it is; weights of modules.json's parts are not merged",
                   finding->donor->directory, path);
    }
    return add_file(finding, path, bytes);
}

static int look_into_folder(struct finding *finding, const char *path, unsigned depth, enum rule rule);

/* A folder in a folder. Where only code is looked for, links to folders are not followed: they may lead in circles. */
static int look_below(struct finding *finding, const char *path, unsigned depth, enum rule rule)
{
    struct stat status;
    bool link = fstatat(finding->top, path, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
    return depth > MOST_DEPTH || (link && rule == RULE_CODE) ? LADLE_OK : look_into_folder(finding, path, depth, rule);
}

static int look_at(struct finding *finding, const char *folder, const char *name, unsigned depth, enum rule rule)
{
    if (ladle_side_name_is_trace(name)) {
        return LADLE_OK;
    }
    const char *path = folder[0] == '\0' ? name : ladle_arena_printf(&finding->files->arena, "%s/%s", folder, name);
    if (path == NULL) {
        return no_memory(finding);
    }
    struct stat status;
    if (fstatat(finding->top, path, &status, 0) != 0) {
        int code = errno;
        if (code != ENOENT && code != ELOOP) {
            return ladle_fail_errno(finding->error, LADLE_FAILED, code, "%s/%s: cannot look at it",
                                    finding->donor->directory, path);
        }
        if (is_wanted(name, rule)) {
            ladle_warn(finding->log, "%s/%s: a link to nothing, so it is not copied to the output",
                       finding->donor->directory, path);
        }
        return LADLE_OK;
    }
    if (S_ISDIR(status.st_mode)) {
        return look_below(finding, path, depth + 1, rule_of_folder(finding, path, rule));
    }
    return S_ISREG(status.st_mode) ? consider_file(finding, path, name, (uint64_t)status.st_size, rule) : LADLE_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in an open folder, sorted: the same output, whatever the order of the disk. Returns 0 or an errno value. */
static int list_names(struct finding *finding, DIR *folder, const char ***names, size_t *count)
{
    size_t capacity = 0;
    for (struct dirent *entry; finding->entries < MOST_ENTRIES; finding->entries++) {
        errno = 0;
        entry = readdir(folder);
        if (entry == NULL && errno != 0) {
            return errno;
        }
        if (entry == NULL) {
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (*count == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            const char **larger = reallocarray(*names, capacity, sizeof *larger);
            if (larger == NULL) {
                return ENOMEM;
            }
            *names = larger;
        }
        (*names)[*count] = ladle_arena_copy(&finding->files->arena, entry->d_name, strlen(entry->d_name));
        if ((*names)[*count] == NULL) {
            return ENOMEM;
        }
        (*count)++;
    }
    qsort(*names, *count, sizeof **names, compare_names);
    return 0;
}

static int look_into_folder(struct finding *finding, const char *path, unsigned depth, enum rule rule)
{
    int fd = openat(finding->top, path[0] == '\0' ? "." : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    const char **names = NULL;
    size_t count = 0;
    int code = folder != NULL ? list_names(finding, folder, &names, &count) : errno;
    if (folder != NULL) {
        closedir(folder);
    } else if (fd >= 0) {
        close(fd);
    }
    int result = LADLE_OK;
    if (code == ENOMEM) {
        result = no_memory(finding);
    } else if (code != 0) {
        result = ladle_fail_errno(finding->error, LADLE_FAILED, code, "%s/%s: cannot look into it",
                                  finding->donor->directory, path);
    }
    for (size_t i = 0; i < count && result == LADLE_OK; i++) {
        result = look_at(finding, path, names[i], depth, rule);
    }
    free(names);
    return result;
}

/* modules.json says which folders belong to a sentence-transformers model. One that cannot be read says nothing. */
static void read_modules(struct finding *finding, struct ladle_arena *arena)
{
    char *path = ladle_arena_printf(arena, "%s/modules.json", finding->donor->directory);
    struct ladle_json *modules = NULL;
    if (path != NULL && ladle_json_read(path, MOST_MODULES_BYTES, arena, &modules, NULL) != LADLE_OK) {
        ladle_warn(finding->log, "%s: cannot be read, so the folders it may speak of are not copied", path);
    }
    finding->modules = modules != NULL && modules->type == LADLE_JSON_LIST ? modules : NULL;
}

int ladle_side_files_find(const struct ladle_plan *plan, struct ladle_side_files *files, struct ladle_error *error)
{
    *files = (struct ladle_side_files){0};
    const struct ladle_model *donor = plan->models[plan->donor];
    struct stat status;
    if (donor->config == NULL && stat(donor->path, &status) == 0 && S_ISREG(status.st_mode)) {
        /* A lone file may lie among anything. */
        ladle_detail(&plan->options.log, "%s: no config.json beside it, so no other file is copied", donor->path);
        return LADLE_OK;
    }
    struct ladle_quota quota = {.most = MOST_MODULES_MEMORY};
    struct ladle_arena arena = {.quota = &quota};
    struct finding finding = {.donor = donor, .log = &plan->options.log, .error = error, .files = files};
    finding.top = open(donor->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (finding.top < 0) {
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot open it", donor->directory);
    }
    read_modules(&finding, &arena);
    int result = look_into_folder(&finding, "", 0, RULE_TOP);
    if (finding.entries >= MOST_ENTRIES) {
        ladle_warn(finding.log, "%s: holds so many files that not all were looked at; side files may be missing",
                   donor->directory);
    }
    close(finding.top);
    ladle_arena_finish(&arena);
    return result;
}

void ladle_side_files_finish(struct ladle_side_files *files)
{
    free(files->files);
    ladle_arena_finish(&files->arena);
    *files = (struct ladle_side_files){0};
}
