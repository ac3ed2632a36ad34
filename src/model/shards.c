/* SPDX-License-Identifier: Apache-2.0 */
#include "model/shards.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/few.h"
#include "base/text.h"
#include "model/index.h"
#include "model/packed.h"
#include "model/store.h"
#include "tensor/safetensors.h"

#define SHOWN_NAMES 3

/* What is needed while the files of a model are read. */
struct reading {
    struct ladle_model *model;
    const struct ladle_log *log;
    struct ladle_error *error;
    const char *index_path; /* NULL: a single file without index */
    struct ladle_index index;
    struct ladle_store store;
    struct ladle_few omitted; /* in the index */
    struct ladle_few copies;  /* in shards that the index does not name for them */
};

static int no_memory(struct reading *reading)
{
    return ladle_fail_memory(reading->error, reading->model->path);
}

/* Whether a tensor is taken: one that the index says is in another shard is not. */
static bool is_wanted(struct reading *reading, const struct ladle_tensor *tensor)
{
    if (reading->index_path == NULL) {
        return true;
    }
    struct ladle_index_entry *entry = ladle_index_find(&reading->index, tensor->name);
    if (entry == NULL) {
        ladle_few_add(&reading->omitted, "%.200s", tensor->name);
        return true;
    }
    if (entry->shard != tensor->file) {
        ladle_few_add(&reading->copies, "%.200s", tensor->name);
        return false;
    }
    entry->found = true;
    return true;
}

/* Reads the header of a file and keeps its tensors. */
static int take_tensors(struct reading *reading, uint32_t file, const struct ladle_bytes *bytes)
{
    struct ladle_model_file *about = &reading->model->files[file];
    struct ladle_safetensors_header header = {0};
    struct ladle_quota *quota = reading->model->arena.quota;
    struct ladle_arena arena = {.quota = quota};
    int status = ladle_safetensors_read(bytes, file, &arena, &header, reading->error);
    about->bytes = header.file_bytes;
    about->header_hash = header.hash;
    size_t expected = reading->index_path == NULL ? header.count : reading->index.count - reading->store.count;
    if (status == LADLE_OK && reading->store.count == 0 && !ladle_store_reserve(&reading->store, expected)) {
        status = no_memory(reading);
    }
    for (size_t i = 0; status == LADLE_OK && i < header.count; i++) {
        if (is_wanted(reading, &header.tensors[i]) && !ladle_store_add(&reading->store, &header.tensors[i])) {
            status = no_memory(reading);
        }
    }
    ladle_arena_finish(&arena);
    ladle_quota_begin(quota, NULL, 0, 0);
    return status;
}

/* Opens a file, reads its header and closes it. */
static int read_file(struct reading *reading, uint32_t file)
{
    struct ladle_model_file *about = &reading->model->files[file];
    int fd = open(about->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a pipe must not make us wait */
    if (fd < 0) {
        int code = errno;
        enum ladle_status status = code == EMFILE || code == ENFILE || code == EIO ? LADLE_FAILED : LADLE_BAD_INPUT;
        ladle_fail_errno(reading->error, status, code, "%s: cannot open it", about->path);
        if (code == ENOENT && reading->index_path != NULL) {
            ladle_error_help(reading->error, "%s names this shard; is the download complete?", reading->index_path);
        }
        return status;
    }
    struct stat stat;
    struct ladle_bytes bytes;
    int status = ladle_bytes_of_file(&bytes, fd, about->path, reading->error);
    if (status == LADLE_OK && fstat(fd, &stat) != 0) {
        status = ladle_fail_errno(reading->error, LADLE_FAILED, errno, "%s: cannot read it", about->path);
    }
    if (status == LADLE_OK) {
        about->modified = stat.st_mtim;
        status = take_tensors(reading, file, &bytes);
    }
    close(fd); /* only read: nothing can be lost */
    return status;
}

/* Reads `count` files whose names are below the model's directory (or the model itself, without names). */
static int read_files(struct reading *reading, const char *const *names, uint32_t count)
{
    struct ladle_model *model = reading->model;
    model->files = ladle_arena_take_array(&model->arena, count, sizeof *model->files);
    if (model->files == NULL) {
        return no_memory(reading);
    }
    model->file_count = count;
    int status = LADLE_OK;
    for (uint32_t i = 0; status == LADLE_OK && i < count; i++) {
        model->files[i].path =
            names == NULL ? model->path : ladle_arena_printf(&model->arena, "%s/%s", model->path, names[i]);
        status = model->files[i].path == NULL ? no_memory(reading) : read_file(reading, i);
    }
    return status;
}

const char *ladle_shards_tensor_name(const void *self, uint32_t at, size_t *bytes)
{
    return ((const struct ladle_tensor *)self)[at].name;
}

/* What the index names must be in the shard that it names. */
static int check_found(struct reading *reading)
{
    const struct ladle_index *index = &reading->index;
    struct ladle_few missing = {.most = SHOWN_NAMES};
    const struct ladle_index_entry *first = NULL;
    for (uint32_t i = 0; i < index->count; i++) {
        if (!index->entries[i].found) {
            first = first == NULL ? &index->entries[i] : first;
            ladle_few_add(&missing, "%.200s", index->entries[i].tensor);
        }
    }
    int status = LADLE_OK;
    if (first != NULL) {
        status = ladle_fail(reading->error, LADLE_BAD_INPUT, "%s: %s: is not in %s, the shard named for it",
                            reading->index_path, first->tensor, index->shards[first->shard]);
        if (missing.count > 1) {
            ladle_error_help(reading->error, "%zu tensors are missing so: %s", missing.count, ladle_few_show(&missing));
        }
    }
    ladle_few_finish(&missing);
    return status;
}

static int read_shards(struct reading *reading)
{
    int status = ladle_index_read(&reading->index, reading->index_path, reading->error);
    if (status == LADLE_OK) {
        status = read_files(reading, reading->index.shards, reading->index.shard_count);
    }
    if (status == LADLE_OK) {
        status = check_found(reading);
    }
    if (status == LADLE_OK && reading->omitted.count > 0) {
        ladle_warn(reading->log, "%s: does not list %zu tensor%s that its shards hold, taken all the same: %s",
                   reading->index_path, reading->omitted.count, reading->omitted.count == 1 ? "" : "s",
                   ladle_few_show(&reading->omitted));
    }
    if (status == LADLE_OK && reading->copies.count > 0) {
        ladle_warn(reading->log, "%s: %zu tensor%s in other shards as well, which are not read for that: %s",
                   reading->index_path, reading->copies.count, reading->copies.count == 1 ? " is" : "s are",
                   ladle_few_show(&reading->copies));
    }
    return status;
}

static void tell_unread(struct reading *reading, const struct ladle_directory *directory, const char *single)
{
    struct ladle_few unread = {.most = SHOWN_NAMES};
    for (size_t i = 0; i < directory->other_count; i++) {
        const char *name = directory->others[i];
        if (single != NULL ? strcmp(name, single) != 0 : !ladle_index_has_shard(&reading->index, name)) {
            ladle_few_add(&unread, "%s", name);
        }
    }
    if (directory->foreign != NULL) {
        ladle_few_add(&unread, "%s", directory->foreign);
    }
    if (unread.count > 0) {
        ladle_detail(reading->log, "%s: weight files that are not read: %s", reading->model->path, ladle_few_show(&unread));
    }
    ladle_few_finish(&unread);
}

static int read_directory(struct reading *reading)
{
    struct ladle_model *model = reading->model;
    struct ladle_arena names = {.quota = model->arena.quota};
    struct ladle_directory directory;
    const char *single = NULL;
    int status = ladle_directory_list(model->path, &names, &directory, reading->error);
    if (status == LADLE_OK && directory.has_index && !directory.has_single) {
        reading->index_path = ladle_arena_printf(&names, "%s/model.safetensors.index.json", model->path);
        status = reading->index_path == NULL ? no_memory(reading) : read_shards(reading);
    } else if (status == LADLE_OK) {
        status = ladle_directory_single(model->path, &directory, &single, reading->error);
        if (status == LADLE_OK && directory.has_index) {
            ladle_warn(reading->log,
                       "%s: has both model.safetensors and an index; the single file is read, as transformers does",
                       model->path);
        }
        status = status == LADLE_OK ? read_files(reading, &single, 1) : status;
    }
    if (status == LADLE_OK) {
        tell_unread(reading, &directory, single);
    }
    ladle_arena_finish(&names);
    return status;
}

/* The config.json of an archive. */
static int read_packed_config(struct reading *reading, const struct ladle_packed *packed,
                              const struct ladle_packed_file *file)
{
    struct ladle_model *model = reading->model;
    if (file->name == NULL) {
        return LADLE_OK;
    }
    if (file->bytes > LADLE_CONFIG_MOST_BYTES) {
        return ladle_fail(reading->error, LADLE_BAD_INPUT, "%s: is too large", file->name);
    }
    size_t room = (size_t)file->bytes + 1;
    char *text = ladle_quota_grow(model->arena.quota, NULL, 0, room, 1);
    if (text == NULL) {
        return no_memory(reading);
    }
    int status = ladle_bytes_read(&packed->contents, text, (size_t)file->bytes, file->start, reading->error);
    if (status == LADLE_OK) {
        status = ladle_json_parse(file->name, text, (size_t)file->bytes, &model->arena, &model->config, reading->error);
    }
    ladle_quota_free(model->arena.quota, text, room, 1);
    return status;
}

/* The files of a model in an open archive. */
static int read_packed_files(struct reading *reading, const struct ladle_packed *packed,
                             const struct ladle_packed_model *found, const struct stat *about)
{
    struct ladle_model *model = reading->model;
    model->files = ladle_arena_take_array(&model->arena, found->count, sizeof *model->files);
    if (model->files == NULL) {
        return no_memory(reading);
    }
    model->file_count = found->count;
    int status = LADLE_OK;
    for (uint32_t i = 0; i < found->count && status == LADLE_OK; i++) {
        struct ladle_bytes bytes;
        model->files[i].path = found->files[i].name;
        model->files[i].start = found->files[i].start;
        model->files[i].modified = about->st_mtim;
        ladle_bytes_within(&bytes, &packed->contents, found->files[i].start, found->files[i].bytes, found->files[i].name);
        status = take_tensors(reading, i, &bytes);
    }
    return status;
}

static int read_packed(struct reading *reading, const struct stat *about)
{
    struct ladle_model *model = reading->model;
    struct ladle_packed packed;
    struct ladle_packed_model found;
    model->packed = true;
    model->packed_bytes = (uint64_t)about->st_size;
    int status = ladle_packed_open(&packed, model->path, model->arena.quota, reading->error);
    if (status == LADLE_OK) {
        status = ladle_packed_find(&packed, &model->arena, &found, reading->error);
    }
    if (status == LADLE_OK) {
        status = read_packed_config(reading, &packed, &found.config);
    }
    if (status == LADLE_OK) {
        status = read_packed_files(reading, &packed, &found, about);
    }
    ladle_packed_close(&packed);
    return status;
}

static bool is_archive(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool archive = fd >= 0 && ladle_packed_is_archive(fd);
    if (fd >= 0) {
        close(fd);
    }
    return archive;
}

/* A single file: the model, or an archive with it. */
static int read_one(struct reading *reading, const struct stat *about)
{
    struct ladle_model *model = reading->model;
    const char *slash = strrchr(model->path, '/');
    size_t bytes = slash == NULL || slash == model->path ? 1 : (size_t)(slash - model->path);
    model->directory = ladle_arena_copy(&model->arena, slash == NULL ? "." : model->path, bytes);
    if (model->directory == NULL) {
        return no_memory(reading);
    }
    return S_ISREG(about->st_mode) && is_archive(model->path) ? read_packed(reading, about) : read_files(reading, NULL, 1);
}

int ladle_shards_read(struct ladle_model *model, const struct ladle_log *log, struct ladle_error *error)
{
    struct reading reading = {.model = model, .log = log, .error = error, .store.arena = &model->arena};
    reading.index.arena.quota = model->arena.quota;
    reading.omitted.most = reading.copies.most = SHOWN_NAMES;
    struct stat about;
    int status;
    if (stat(model->path, &about) != 0) {
        status = ladle_fail_errno(error, LADLE_BAD_INPUT, errno, "%s: cannot open it", model->path);
    } else if (S_ISDIR(about.st_mode)) {
        model->directory = model->path;
        status = read_directory(&reading);
    } else {
        status = read_one(&reading, &about);
    }
    model->tensors = reading.store.tensors;
    model->tensor_count = reading.store.count;
    ladle_index_finish(&reading.index);
    ladle_few_finish(&reading.omitted);
    ladle_few_finish(&reading.copies);
    return status;
}
