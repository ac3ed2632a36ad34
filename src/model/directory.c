/* SPDX-License-Identifier: Apache-2.0 */
#include "model/directory.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define MOST_CONFIG_BYTES (1u << 20)
#define MOST_CONFIG_MEMORY (4u << 20)

struct listing {
    const char **names;
    size_t count, capacity;
};

static bool add_name(struct listing *listing, struct ladle_arena *arena, const char *name)
{
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity == 0 ? 16 : listing->capacity * 2;
        const char **names = ladle_quota_grow(arena->quota, listing->names, listing->capacity, capacity, sizeof *names);
        if (names == NULL) {
            return false;
        }
        listing->names = names;
        listing->capacity = capacity;
    }
    listing->names[listing->count] = ladle_arena_copy(arena, name, strlen(name));
    return listing->names[listing->count++] != NULL;
}

static bool is_foreign(const char *name)
{
    static const char *const ends[] = {".bin", ".gguf", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx", NULL};
    for (size_t i = 0; ends[i] != NULL; i++) {
        if (ladle_ends_with(name, ends[i])) {
            return true;
        }
    }
    return false;
}

static bool take_name(struct ladle_directory *directory, struct listing *others, struct ladle_arena *arena, const char *name)
{
    if (strcmp(name, "model.safetensors") == 0) {
        directory->has_single = true;
    } else if (strcmp(name, "model.safetensors.index.json") == 0) {
        directory->has_index = true;
    } else if (strcmp(name, "adapter_model.safetensors") == 0) {
        directory->has_adapter = true;
    } else if (strcmp(name, "adapter_config.json") == 0) {
        directory->has_adapter_config = true;
    } else if (ladle_ends_with(name, ".safetensors")) {
        return add_name(others, arena, name);
    } else if (is_foreign(name) && (directory->foreign == NULL || strcmp(name, directory->foreign) < 0)) {
        directory->foreign = ladle_arena_copy(arena, name, strlen(name));
        return directory->foreign != NULL;
    }
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int ladle_directory_list(const char *path, struct ladle_arena *arena, struct ladle_directory *directory,
                         struct ladle_error *error)
{
    DIR *stream = opendir(path);
    if (stream == NULL) {
        return ladle_fail_errno(error, LADLE_BAD_INPUT, errno, "%s: cannot open it", path);
    }
    *directory = (struct ladle_directory){0};
    struct listing others = {0};
    int status = LADLE_OK;
    while (status == LADLE_OK) {
        errno = 0;
        struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            status = errno == 0 ? LADLE_OK : ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot read it", path);
            break;
        }
        status = take_name(directory, &others, arena, entry->d_name) ? LADLE_OK : ladle_fail_memory(error, path);
    }
    closedir(stream);
    if (status == LADLE_OK && others.count > 0) {
        qsort(others.names, others.count, sizeof *others.names, compare_names);
        directory->others = ladle_arena_take_array(arena, others.count, sizeof *others.names);
        directory->other_count = others.count;
        if (directory->others == NULL) {
            status = ladle_fail_memory(error, path);
        } else {
            memcpy(directory->others, others.names, others.count * sizeof *others.names);
        }
    }
    ladle_quota_free(arena->quota, others.names, others.capacity, sizeof *others.names);
    return status;
}

/* An adapter alone is no model; what it was made for is what it can be applied to. */
static int refuse_adapter(const char *path, struct ladle_error *error)
{
    int status = ladle_fail(error, LADLE_BAD_INPUT, "%s: holds only a LoRA adapter, not a model", path);
    struct ladle_quota quota = {.most = MOST_CONFIG_MEMORY}; /* for one line of help */
    struct ladle_arena arena = {.quota = &quota};
    struct ladle_json *config = NULL;
    struct ladle_text name = {0};
    ladle_text_printf(&name, "%s/adapter_config.json", path);
    if (!name.failed) {
        ladle_json_read(name.data, MOST_CONFIG_BYTES, &arena, &config, NULL);
    }
    const struct ladle_json *base = ladle_json_get(config, "base_model_name_or_path");
    bool known = base != NULL && base->type == LADLE_JSON_STRING && base->text[0] != '\0';
    ladle_error_help(error, "name the model that it belongs to as well: %s+%s", known ? base->text : "BASE", path);
    ladle_text_finish(&name);
    ladle_arena_finish(&arena);
    return status;
}

int ladle_directory_single(const char *path, const struct ladle_directory *directory, const char **name,
                           struct ladle_error *error)
{
    if (directory->has_single) {
        *name = "model.safetensors";
        return LADLE_OK;
    }
    if (directory->other_count == 1) {
        *name = directory->others[0];
        return LADLE_OK;
    }
    if (directory->other_count > 1) {
        int status =
            ladle_fail(error, LADLE_BAD_INPUT,
                       "%s: holds %zu safetensors files and no model.safetensors.index.json that says what belongs together",
                       path, directory->other_count);
        ladle_error_help(error, "get the index, or name one file: %s/%s", path, directory->others[0]);
        return status;
    }
    if (directory->has_adapter || directory->has_adapter_config) {
        return refuse_adapter(path, error);
    }
    int status = ladle_fail(error, LADLE_BAD_INPUT,
                            "%s: is no model: there is no model.safetensors, no model.safetensors.index.json and no other "
                            "safetensors file",
                            path);
    if (directory->foreign != NULL) {
        ladle_error_help(error, "%s is in a format that is not read; save the model as safetensors first",
                         directory->foreign);
    }
    return status;
}
