/* SPDX-License-Identifier: Apache-2.0 */
#include "model/reference.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "model/near.h"

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

/* Whether the `bytes` of a name could be one of the Hub's: "organisation/name". */
static bool is_hub_name(const char *text, size_t bytes)
{
    const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t first = strspn(text, letters);
    size_t second = text[first] == '/' ? strspn(text + first + 1, letters) : 0;
    return text[0] != '.' && first > 0 && second > 0 && first + 1 + second == bytes;
}

static void say_places(const struct search *search)
{
    for (size_t i = 0; i < search->count; i++) {
        char *here = i == 0 && search->text[0] != '/' ? realpath(".", NULL) : NULL;
        ladle_error_help(search->error, "looked at %s%s%s", here != NULL ? here : "", here != NULL ? "/" : "",
                         search->places[i]);
        free(here);
    }
}

/* What was meant, if something of nearly that name is there, as it would stand in the recipe. */
static bool say_near(const struct search *search)
{
    bool said = false;
    for (size_t i = 0; i < search->count && !said; i++) {
        char *near = ladle_near_path(search->places[i]);
        size_t before = strlen(search->places[i]) - strlen(search->text);
        said = near != NULL && strncmp(near, search->places[i], before) == 0;
        if (said) {
            ladle_error_help(search->error, "did you mean '%s'?", near + before);
        }
        free(near);
    }
    return said;
}

/* How to get at what is no path: a name of the Hub, perhaps with a revision or as an address, and what only shells know. */
static void say_way(const struct search *search)
{
    static const char address[] = "https://huggingface.co/";
    bool whole = ladle_starts_with(search->text, address);
    const char *name = whole ? search->text + strlen(address) : search->text;
    size_t bytes = strcspn(name, "@");
    if (is_hub_name(name, bytes)) {
        const char *revision = name[bytes] == '@' ? name + bytes + 1 : "";
        ladle_error_help(search->error, "nothing is downloaded: 'hf download %.*s%s%s --local-dir %s' gets it%s%s",
                         (int)bytes, name, revision[0] != '\0' ? " --revision " : "", revision, name,
                         whole ? "; then name it " : "", whole ? name : "");
    } else if (search->text[0] == '~' || search->text[0] == '$') {
        ladle_error_help(search->error, "'~' and variables are for shells: write out the path");
    }
}

/* Says what was not found, where it was looked for, what is not looked at yet, and what may help. */
static int refuse(const struct search *search)
{
    const char *text = search->text;
    struct ladle_error *error = search->error;
    bool adapter = strchr(text, '+') != NULL;
    int status;
    if (adapter) {
        status = ladle_fail_also(error, LADLE_BAD_INPUT, "%s: model '%s': adapters (base+adapter) are not supported yet",
                                 search->where, text);
    } else if (strchr(text, '@') != NULL) {
        status = ladle_fail_also(error, LADLE_BAD_INPUT, "%s: model '%s': revisions (model@revision) are not supported yet",
                                 search->where, text);
    } else if (is_hub_name(text, strlen(text))) {
        status = ladle_fail_also(error, LADLE_BAD_INPUT,
                                 "%s: model '%s' was not found (names of the Hugging Face cache are not supported yet)",
                                 search->where, text);
    } else {
        status = ladle_fail_also(error, LADLE_BAD_INPUT, "%s: model '%s' was not found", search->where, text);
    }
    say_places(search);
    if (adapter) {
        ladle_error_help(error, "merge the adapter into its base first (merge_and_unload of peft), and name the result");
    } else if (!say_near(search)) {
        say_way(search);
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

void ladle_reference_help(const char *text, const char *recipe_path, const char *path, struct ladle_error *error)
{
    struct ladle_arena arena = {0};
    struct search search = {.text = text, .where = text, .arena = &arena};
    if (collect_places(&search, recipe_path) == LADLE_OK && search.count == MOST_PLACES) {
        char *taken = resolve(search.places[0]), *other = resolve(search.places[1]);
        if (taken != NULL && other != NULL && strcmp(taken, path) == 0 && strcmp(other, path) != 0) {
            ladle_error_help(error,
                             "'%s' was found in the working directory, which goes before the recipe's; there is also %s",
                             text, other);
        }
        free(taken);
        free(other);
    }
    ladle_arena_finish(&arena);
}
