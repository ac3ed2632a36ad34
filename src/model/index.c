/* SPDX-License-Identifier: Apache-2.0 */
#include "model/index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"

#define PIECE_BYTES 65536
#define MOST_BYTES 100000000 /* as for a header of safetensors */
#define MOST_FACTOR 16u      /* bytes that one byte of text may make us take, for names of one or two characters */

struct reading {
    struct ladle_index *index;
    const char *path;
    struct ladle_error *error;
    unsigned depth;
    bool map_next, in_map, map_seen; /* the next value is the weight_map; we are in it; there was one */
    const char *tensor;              /* whose shard comes next */
};

static const char *tensor_of(const void *self, uint32_t at, size_t *bytes)
{
    return ((const struct ladle_index *)self)->entries[at].tensor;
}

static const char *shard_of(const void *self, uint32_t at, size_t *bytes)
{
    return ((const struct ladle_index *)self)->shards[at];
}

static bool no_memory(struct reading *reading)
{
    ladle_fail_memory(reading->error, reading->path);
    return false;
}

/* An array with room for one more. */
static void *grown(struct ladle_quota *quota, void *array, uint32_t count, uint32_t *capacity, size_t item_bytes)
{
    if (count < *capacity) {
        return array;
    }
    uint32_t larger = *capacity == 0 ? 64 : *capacity * 2;
    void *moved = larger > *capacity ? ladle_quota_grow(quota, array, *capacity, larger, item_bytes) : NULL;
    *capacity = moved == NULL ? *capacity : larger;
    return moved;
}

/* The number of a shard, made if it is new; LADLE_LOOKUP_NONE without memory. Neighbours are mostly in the same one. */
static uint32_t find_shard(struct ladle_index *index, const char *name, size_t bytes)
{
    uint32_t found = ladle_lookup_find(&index->by_shard, shard_of, index, name, bytes);
    if (found != LADLE_LOOKUP_NONE) {
        return found;
    }
    const char **shards =
        grown(index->arena.quota, index->shards, index->shard_count, &index->shard_capacity, sizeof *shards);
    const char *copy = ladle_arena_copy(&index->arena, name, bytes);
    if (shards == NULL) {
        return LADLE_LOOKUP_NONE;
    }
    index->shards = shards;
    if (copy == NULL) {
        return LADLE_LOOKUP_NONE;
    }
    uint32_t at = index->shard_count++;
    shards[at] = copy;
    return ladle_lookup_add(&index->by_shard, shard_of, index, at) ? at : LADLE_LOOKUP_NONE;
}

static bool is_plain_name(const char *name, size_t bytes)
{
    bool dots = (bytes == 1 && name[0] == '.') || (bytes == 2 && name[0] == '.' && name[1] == '.');
    return bytes > 0 && bytes < 256 && !dots && memchr(name, '/', bytes) == NULL && memchr(name, '\\', bytes) == NULL;
}

static bool take_key(void *self, const char *key, size_t bytes)
{
    struct reading *reading = self;
    if (reading->depth == 1) {
        reading->map_next = bytes == strlen("weight_map") && memcmp(key, "weight_map", bytes) == 0;
    } else if (reading->depth == 2 && reading->in_map) {
        if (bytes == 0) {
            ladle_fail(reading->error, LADLE_BAD_INPUT, "%s: a tensor in weight_map has no name", reading->path);
            return false;
        }
        reading->tensor = ladle_arena_copy(&reading->index->arena, key, bytes);
        return reading->tensor != NULL || no_memory(reading);
    }
    return true;
}

/* Anything that is no string where a shard name, or no object where the weight_map is to be. */
static bool refuse_value(struct reading *reading)
{
    if (reading->depth == 2 && reading->in_map) {
        ladle_fail(reading->error, LADLE_BAD_INPUT, "%s: %s: the name of a shard is to stand here", reading->path,
                   reading->tensor);
        return false;
    }
    if (reading->depth == 0 || (reading->depth == 1 && reading->map_next)) {
        ladle_fail(reading->error, LADLE_BAD_INPUT, "%s: %s is not an object", reading->path,
                   reading->depth == 0 ? "the index" : "weight_map");
        return false;
    }
    return true;
}

static bool take_string(void *self, const char *text, size_t bytes)
{
    struct reading *reading = self;
    struct ladle_index *index = reading->index;
    if (!(reading->depth == 2 && reading->in_map)) {
        return refuse_value(reading);
    }
    if (!is_plain_name(text, bytes)) {
        ladle_fail(reading->error, LADLE_BAD_INPUT, "%s: %s: the shard name '%.*s' is not a plain file name", reading->path,
                   reading->tensor, (int)(bytes < 200 ? bytes : 200), text);
        return false;
    }
    uint32_t shard = find_shard(index, text, bytes);
    struct ladle_index_entry *entries =
        grown(index->arena.quota, index->entries, index->count, &index->capacity, sizeof *entries);
    index->entries = entries != NULL ? entries : index->entries;
    if (shard == LADLE_LOOKUP_NONE || entries == NULL) {
        return no_memory(reading);
    }
    entries[index->count] = (struct ladle_index_entry){reading->tensor, shard, false};
    uint32_t at = index->count++;
    return ladle_lookup_add(&index->by_tensor, tensor_of, index, at) || no_memory(reading);
}

static bool take_number(void *self, const char *text, size_t bytes)
{
    return refuse_value(self);
}

static bool take_other(void *self, enum ladle_json_type type)
{
    return refuse_value(self);
}

static bool take_begin(void *self, enum ladle_json_type type)
{
    struct reading *reading = self;
    bool root = reading->depth == 0 && type == LADLE_JSON_OBJECT;
    bool map = reading->depth == 1 && reading->map_next && type == LADLE_JSON_OBJECT;
    if (!root && !map && !refuse_value(reading)) {
        return false;
    }
    if (map) {
        reading->in_map = reading->map_seen = true;
    }
    reading->depth++;
    return true;
}

static bool take_end(void *self, enum ladle_json_type type)
{
    struct reading *reading = self;
    reading->depth--;
    if (reading->depth == 1) {
        reading->in_map = reading->map_next = false;
    }
    return true;
}

static const struct ladle_json_handler handler = {.key = take_key,
                                                  .string = take_string,
                                                  .number = take_number,
                                                  .other = take_other,
                                                  .begin = take_begin,
                                                  .end = take_end};

struct ranked {
    const char *name;
    uint32_t number;
};

static int compare_ranked(const void *a, const void *b)
{
    return strcmp(((const struct ranked *)a)->name, ((const struct ranked *)b)->name);
}

/* Sorts the shards by name, so that the order of tensors does not depend on that of the index. */
static int sort_shards(struct ladle_index *index, const char *path, struct ladle_error *error)
{
    struct ladle_quota *quota = index->arena.quota;
    struct ranked *ranked = ladle_quota_grow(quota, NULL, 0, index->shard_count + 1, sizeof *ranked);
    uint32_t *moved = ladle_quota_grow(quota, NULL, 0, index->shard_count + 1, sizeof *moved);
    bool done = ranked != NULL && moved != NULL;
    ladle_lookup_finish(&index->by_shard);
    for (uint32_t i = 0; done && i < index->shard_count; i++) {
        ranked[i] = (struct ranked){index->shards[i], i};
    }
    if (done) {
        qsort(ranked, index->shard_count, sizeof *ranked, compare_ranked);
    }
    for (uint32_t i = 0; done && i < index->shard_count; i++) {
        index->shards[i] = ranked[i].name;
        moved[ranked[i].number] = i;
        done = ladle_lookup_add(&index->by_shard, shard_of, index, i);
    }
    for (uint32_t i = 0; done && i < index->count; i++) {
        index->entries[i].shard = moved[index->entries[i].shard];
    }
    ladle_quota_free(quota, ranked, index->shard_count + 1, sizeof *ranked);
    ladle_quota_free(quota, moved, index->shard_count + 1, sizeof *moved);
    return done ? LADLE_OK : ladle_fail_memory(error, path);
}

static int finish_reading(struct reading *reading)
{
    if (!reading->map_seen) {
        return ladle_fail(reading->error, LADLE_BAD_INPUT, "%s: has no weight_map", reading->path);
    }
    if (reading->index->count == 0) {
        return ladle_fail(reading->error, LADLE_BAD_INPUT, "%s: its weight_map is empty", reading->path);
    }
    return sort_shards(reading->index, reading->path, reading->error);
}

/* All that reading takes counts against the quota of the index's arena. */
static void limit(struct ladle_json_reader *reader, struct ladle_index *index)
{
    index->by_tensor.quota = index->by_shard.quota = index->arena.quota;
    ladle_json_reader_limit(reader, index->arena.quota);
}

int ladle_index_parse(struct ladle_index *index, const char *path, const char *bytes, size_t count,
                      struct ladle_error *error)
{
    struct reading reading = {.index = index, .path = path, .error = error};
    struct ladle_json_reader *reader = ladle_json_reader_create(path, &handler, &reading, error);
    if (reader == NULL) {
        return ladle_fail_memory(error, path);
    }
    limit(reader, index);
    int status = ladle_json_reader_feed(reader, bytes, count);
    status = status == LADLE_OK ? ladle_json_reader_close(reader) : status;
    ladle_json_reader_destroy(reader);
    return status == LADLE_OK ? finish_reading(&reading) : status;
}

/* Feeds the whole of an open file. */
static int feed_file(struct ladle_json_reader *reader, int fd, const char *path, struct ladle_quota *quota,
                     struct ladle_error *error)
{
    struct stat about;
    if (fstat(fd, &about) != 0) {
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot read it", path);
    }
    if (!S_ISREG(about.st_mode)) {
        return ladle_fail(error, LADLE_BAD_INPUT, "%s: is not a regular file", path);
    }
    if (about.st_size > MOST_BYTES) {
        return ladle_fail(error, LADLE_BAD_INPUT, "%s: is larger than the %d bytes that an index may have", path,
                          MOST_BYTES);
    }
    ladle_quota_begin(quota, path, (uint64_t)about.st_size, MOST_FACTOR);
    char *piece = malloc(PIECE_BYTES);
    int status = piece == NULL ? ladle_fail_memory(error, path) : LADLE_OK;
    while (status == LADLE_OK) {
        ssize_t got = read(fd, piece, PIECE_BYTES);
        if (got == 0) {
            status = ladle_json_reader_close(reader);
            break;
        }
        if (got > 0) {
            status = ladle_json_reader_feed(reader, piece, (size_t)got);
        } else if (errno != EINTR) {
            status = ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot read it", path);
        }
    }
    free(piece);
    return status;
}

int ladle_index_read(struct ladle_index *index, const char *path, struct ladle_error *error)
{
    struct reading reading = {.index = index, .path = path, .error = error};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return ladle_fail_errno(error, LADLE_BAD_INPUT, errno, "%s: cannot open it", path);
    }
    struct ladle_json_reader *reader = ladle_json_reader_create(path, &handler, &reading, error);
    int status = LADLE_NO_MEMORY;
    if (reader == NULL) {
        ladle_fail_memory(error, path);
    } else {
        limit(reader, index);
        status = feed_file(reader, fd, path, index->arena.quota, error);
    }
    ladle_json_reader_destroy(reader);
    close(fd);
    status = status == LADLE_OK ? finish_reading(&reading) : status;
    ladle_quota_begin(index->arena.quota, NULL, 0, 0);
    return status;
}

struct ladle_index_entry *ladle_index_find(const struct ladle_index *index, const char *tensor)
{
    uint32_t at = ladle_lookup_find(&index->by_tensor, tensor_of, index, tensor, strlen(tensor));
    return at == LADLE_LOOKUP_NONE ? NULL : &index->entries[at];
}

bool ladle_index_has_shard(const struct ladle_index *index, const char *name)
{
    return ladle_lookup_find(&index->by_shard, shard_of, index, name, strlen(name)) != LADLE_LOOKUP_NONE;
}

void ladle_index_finish(struct ladle_index *index)
{
    ladle_lookup_finish(&index->by_tensor);
    ladle_lookup_finish(&index->by_shard);
    ladle_quota_free(index->arena.quota, index->entries, index->capacity, sizeof *index->entries);
    ladle_quota_free(index->arena.quota, index->shards, index->shard_capacity, sizeof *index->shards);
    ladle_arena_finish(&index->arena);
    *index = (struct ladle_index){0};
}
