/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../temporary.h"

static char root[PATH_MAX];
static char messages[65536];

int scratch_setup(void **state)
{
    char name[PATH_MAX];
    (void)state;
    messages[0] = '\0';
    return temporary_folder(name) && realpath(name, root) != NULL && chdir(root) == 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

int scratch_remove(const char *path)
{
    return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int scratch_teardown(void **state)
{
    (void)state;
    return chdir("/") == 0 && scratch_remove(root) == 0 ? 0 : -1;
}

const char *scratch_path(void)
{
    return root;
}

void scratch_folder(const char *path)
{
    assert_int_equal(mkdir(path, 0777), 0);
}

void scratch_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

void scratch_sparse(const char *path, uint64_t bytes)
{
    scratch_write(path, "");
    assert_int_equal(truncate(path, (off_t)bytes), 0);
}

void scratch_link(const char *target, const char *path)
{
    assert_int_equal(symlink(target, path), 0);
}

bool scratch_exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

bool scratch_holds(const char *path, const char *text)
{
    static char bytes[65536];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    size_t count = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return count == strlen(text) && memcmp(bytes, text, count) == 0;
}

const char *scratch_list(const char *path)
{
    static char list[8192];
    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort);
    assert_true(count >= 0);
    list[0] = '\0';
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0) {
            size_t used = strlen(list);
            snprintf(list + used, sizeof list - used, "%s ", names[i]->d_name);
        }
        free(names[i]);
    }
    free(names);
    return list;
}

static void remember(void *user, enum ladle_level level, const char *text)
{
    size_t used = strlen(messages);
    (void)user;
    snprintf(messages + used, sizeof messages - used, "%s: %s\n", level == LADLE_WARNING ? "warning" : "detail", text);
}

struct ladle_log scratch_log(void)
{
    return (struct ladle_log){.message = remember};
}

const char *scratch_messages(void)
{
    return messages;
}

bool scratch_says(const struct ladle_error *error, const char *text)
{
    if (strstr(ladle_error_message(error, 0), text) != NULL) {
        return true;
    }
    print_error("the message is: %s\n", ladle_error_message(error, 0));
    return false;
}
