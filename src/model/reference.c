/* SPDX-License-Identifier: Apache-2.0 */
#include "model/reference.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"

#define MOST_PLACES 2

struct search {
    const char *text;
    const char *where;
    struct ladle_arena *arena;
    struct ladle_error *error;
    const char *places[MOST_PLACES]; /* looked at, in this order */
    size_t count;
};

/* Adds a place; NULL (no memory) is refused. */
static bool add_place(struct search *search, const char *place)
{
    search->places[search->count++] = place;
    return place != NULL;
}

/* The path as it is, from the working directory, and from the recipe's directory. */
static int collect_places(struct search *search, const char *recipe_path)
{
    const char *slash = recipe_path == NULL ? NULL : strrchr(recipe_path, '/');
    bool done = add_place(search, search->text);
    if (done && search->text[0] != '/' && slash != NULL) {
        int bytes = (int)(slash - recipe_path);
        done = add_place(search, ladle_arena_printf(search->arena, "%.*s/%s", bytes, recipe_path, search->text));
    }
    return done ? LADLE_OK : ladle_fail_memory(search->error, search->where);
}

/* The real path of a place; NULL with errno set if it is not there. Of a file only the folder is resolved: in the Hub's
 * cache files are links to where no config lies beside them. Free with free. */
static char *resolve(const char *place)
{
    struct stat about;
    const char *slash = strrchr(place, '/');
    if (stat(place, &about) != 0) {
        return NULL;
    }
    if (S_ISDIR(about.st_mode)) {
        return realpath(place, NULL);
    }
    char *folder = slash == NULL ? strdup(".") : strndup(place, (size_t)(slash - place) + 1);
    char *real = folder == NULL ? NULL : realpath(folder, NULL), *path = NULL;
    const char *name = slash == NULL ? place : slash + 1;
    if (real != NULL && asprintf(&path, "%s/%s", strcmp(real, "/") == 0 ? "" : real, name) < 0) {
        path = NULL;
        errno = ENOMEM;
    }
    free(folder);
    free(real);
    return path;
}

/* The first place that exists, resolved, into *path, or NULL there. */
static int look(struct search *search, const char **path)
{
    *path = NULL;
    for (size_t i = 0; i < search->count; i++) {
        char *resolved = resolve(search->places[i]);
        if (resolved != NULL) {
            *path = ladle_arena_copy(search->arena, resolved, strlen(resolved));
            free(resolved);
            return *path == NULL ? ladle_fail_memory(search->error, search->where) : LADLE_OK;
        }
        if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG) {
            return ladle_fail_errno(search->error, errno == ENOMEM ? LADLE_NO_MEMORY : LADLE_BAD_INPUT, errno,
                                    "%s: model '%s': cannot look at %s", search->where, search->text, search->places[i]);
        }
    }
    return LADLE_OK;
}

/* Whether a name could be one of the Hub: "name" or "organisation/name". */
static bool is_hub_name(const char *text)
{
    const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t first = strspn(text, letters);
    if (first == 0 || text[0] == '.') {
        return false;
    }
    if (text[first] == '\0') {
        return true;
    }
    size_t second = text[first] == '/' ? strspn(text + first + 1, letters) : 0;
    return second > 0 && text[first + 1 + second] == '\0';
}

/* Says what was not found, where it was looked for, and what is not looked at yet. */
static int refuse(struct search *search)
{
    const char *text = search->text;
    struct ladle_error *error = search->error;
    int status;
    if (strchr(text, '+') != NULL) {
        status = ladle_fail_also(error, LADLE_BAD_INPUT, "%s: model '%s': adapters (base+adapter) are not supported yet",
                                 search->where, text);
    } else if (strchr(text, '@') != NULL) {
        status = ladle_fail_also(error, LADLE_BAD_INPUT, "%s: model '%s': revisions (model@revision) are not supported yet",
                                 search->where, text);
    } else if (is_hub_name(text)) {
        status = ladle_fail_also(error, LADLE_BAD_INPUT,
                                 "%s: model '%s' was not found (names of the Hugging Face cache are not supported yet)",
                                 search->where, text);
    } else {
        status = ladle_fail_also(error, LADLE_BAD_INPUT, "%s: model '%s' was not found", search->where, text);
    }
    for (size_t i = 0; i < search->count; i++) {
        char *here = i == 0 && text[0] != '/' ? realpath(".", NULL) : NULL;
        ladle_error_help(error, "looked at %s%s%s", here != NULL ? here : "", here != NULL ? "/" : "", search->places[i]);
        free(here);
    }
    return status;
}

int ladle_reference_find(const char *text, const char *where, const char *recipe_path, struct ladle_arena *arena,
                         const char **path, struct ladle_error *error)
{
    struct search search = {.text = text, .where = where, .arena = arena, .error = error};
    if (text[0] == '\0') {
        return ladle_fail_also(error, LADLE_BAD_INPUT, "%s: the name of a model is empty", where);
    }
    int status = collect_places(&search, recipe_path);
    status = status == LADLE_OK ? look(&search, path) : status;
    if (status == LADLE_OK && *path == NULL && ladle_starts_with(text, "model:")) {
        const char *rest = text + strlen("model:");
        rest += strspn(rest, " \t");
        return ladle_reference_find(rest, where, recipe_path, arena, path, error);
    }
    if (status == LADLE_OK && *path == NULL) {
        status = refuse(&search);
    }
    return status;
}
