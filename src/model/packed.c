/* SPDX-License-Identifier: Apache-2.0 */
#include "model/packed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/tar.h"
#include "archive/tar_reader.h"

bool ladle_packed_is_archive(int fd)
{
    uint8_t block[LADLE_TAR_BLOCK_BYTES] = {0};
    ssize_t got = pread(fd, block, sizeof block, 0);
    return got >= 4 && (ladle_frames_is_zstd(block) || (got == sizeof block && ladle_tar_is_header(block)));
}

int ladle_packed_open(struct ladle_packed *packed, const char *path, struct ladle_quota *quota, struct ladle_error *error)
{
    uint8_t start[4];
    *packed = (struct ladle_packed){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (packed->fd < 0) {
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot open it", path);
    }
    int status = ladle_bytes_of_file(&packed->file, packed->fd, path, error);
    packed->file.quota = quota;
    if (status == LADLE_OK) {
        packed->contents = packed->file;
        status = ladle_bytes_read(&packed->file, start, sizeof start, 0, error);
    }
    if (status == LADLE_OK && ladle_frames_is_zstd(start)) {
        status = ladle_frames_open(&packed->frames, &packed->file, &packed->contents, error);
    }
    return status;
}

void ladle_packed_close(struct ladle_packed *packed)
{
    ladle_frames_close(packed->frames);
    packed->frames = NULL;
    if (packed->fd >= 0) {
        close(packed->fd);
    }
    packed->fd = -1;
}

static unsigned depth_of(const char *name)
{
    unsigned depth = 0;
    for (; *name != '\0'; name++) {
        depth += *name == '/';
    }
    return depth;
}

/* Bytes of the folders in front of a name, with the last '/'. */
static size_t folder_bytes(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash != NULL ? (size_t)(slash - name) + 1 : 0;
}

static bool same_folder(const char *one, const char *other)
{
    size_t bytes = folder_bytes(one);
    return bytes == folder_bytes(other) && memcmp(one, other, bytes) == 0;
}

/* All files that might belong to the model, as the archive has them. */
struct listing {
    struct ladle_packed_file *files;
    size_t count, capacity;
    const char *top; /* name of the first safetensors file in the topmost folder; NULL: none yet */
};

static bool add(struct listing *listing, const struct ladle_tar_reader *reader, struct ladle_arena *arena)
{
    const char *name = reader->name.data;
    bool weights = ladle_ends_with(name, ".safetensors");
    if (!weights && strcmp(name + folder_bytes(name), "config.json") != 0) {
        return true;
    }
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity == 0 ? 16 : listing->capacity * 2;
        struct ladle_packed_file *larger =
            ladle_quota_grow(arena->quota, listing->files, listing->capacity, capacity, sizeof *larger);
        if (larger == NULL) {
            return false;
        }
        listing->files = larger;
        listing->capacity = capacity;
    }
    name = ladle_arena_copy(arena, name, strlen(name));
    if (name == NULL) {
        return false;
    }
    listing->files[listing->count++] =
        (struct ladle_packed_file){.name = name, .start = reader->start, .bytes = reader->bytes};
    if (weights && (listing->top == NULL || depth_of(name) < depth_of(listing->top))) {
        listing->top = name;
    }
    return true;
}

static int list(const struct ladle_packed *packed, struct ladle_arena *arena, struct listing *listing,
                struct ladle_error *error)
{
    struct ladle_tar_reader reader = {.archive = &packed->contents};
    int status;
    do {
        status = ladle_tar_next(&reader, error);
        if (status == LADLE_OK && !add(listing, &reader, arena)) {
            status = ladle_fail_memory(error, packed->file.name);
        }
    } while (status == LADLE_OK);
    ladle_tar_reader_finish(&reader);
    return status == 1 ? LADLE_OK : status;
}

/* Takes the files of the listing that make the model. */
static bool choose(const struct ladle_packed *packed, const struct listing *listing, struct ladle_arena *arena,
                   struct ladle_packed_model *model)
{
    model->files = ladle_arena_take_array(arena, listing->count, sizeof *model->files);
    bool single = false;
    for (size_t i = 0; i < listing->count && model->files != NULL; i++) {
        struct ladle_packed_file file = listing->files[i];
        const char *last = file.name + folder_bytes(file.name);
        if (!same_folder(file.name, listing->top)) {
            continue;
        }
        bool config = strcmp(last, "config.json") == 0, whole = strcmp(last, "model.safetensors") == 0;
        file.name = ladle_arena_printf(arena, "%s/%s", packed->file.name, file.name);
        if (file.name == NULL) {
            return false;
        }
        if (config) {
            model->config = file;
        } else if (whole && !single) {
            single = true;
            model->files[0] = file;
            model->count = 1;
        } else if (!single) {
            model->files[model->count++] = file;
        }
    }
    return model->files != NULL;
}

int ladle_packed_find(const struct ladle_packed *packed, struct ladle_arena *arena, struct ladle_packed_model *model,
                      struct ladle_error *error)
{
    struct ladle_arena names = {.quota = arena->quota};
    struct listing listing = {0};
    *model = (struct ladle_packed_model){0};
    int status = list(packed, &names, &listing, error);
    if (status == LADLE_OK && listing.top == NULL) {
        status = ladle_fail(error, LADLE_BAD_INPUT, "%s: an archive without any safetensors file", packed->file.name);
    }
    if (status == LADLE_OK && !choose(packed, &listing, arena, model)) {
        status = ladle_fail_memory(error, packed->file.name);
    }
    ladle_quota_free(names.quota, listing.files, listing.capacity, sizeof *listing.files);
    ladle_arena_finish(&names);
    return status;
}
