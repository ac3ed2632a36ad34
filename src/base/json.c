/* SPDX-License-Identifier: Apache-2.0 */

/* JSON as a tree. */

#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/number.h"

/* Bytes that one byte of text may make us take: of a list of numbers of one digit, every two become a value and a text (and
 * more beneath a sanitizer). */
#define MOST_TREE_FACTOR 64u

/* Builds a tree from events. */
struct builder {
    const char *path;
    struct ladle_arena *arena;
    struct ladle_error *error;
    struct ladle_json *root;
    struct ladle_json *open[LADLE_JSON_MOST_LEVELS]; /* the lists and objects around the next value */
    size_t depth;
    const char *key; /* of the next value, or NULL */
    bool no_memory;
};

static void link_last(struct ladle_json *parent, struct ladle_json *value)
{
    if (parent->last == NULL) {
        parent->first = value;
    } else {
        parent->last->next = value;
    }
    parent->last = value;
    parent->count++;
}

/* Records that there is no memory and returns false. */
static bool stop_build(struct builder *builder)
{
    builder->no_memory = true;
    ladle_fail_memory(builder->error, builder->path);
    return false;
}

/* Adds the next value where it belongs. */
static struct ladle_json *build(struct builder *builder, enum ladle_json_type type)
{
    struct ladle_json *value = ladle_json_new(builder->arena, type);
    if (value == NULL) {
        stop_build(builder);
        return NULL;
    }
    value->key = builder->key;
    builder->key = NULL;
    if (builder->depth == 0) {
        builder->root = value;
    } else {
        link_last(builder->open[builder->depth - 1], value);
    }
    return value;
}

static bool build_key(void *self, const char *key, size_t bytes)
{
    struct builder *builder = self;
    builder->key = ladle_arena_copy(builder->arena, key, bytes);
    return builder->key != NULL || stop_build(builder);
}

static bool build_text(struct builder *builder, enum ladle_json_type type, const char *text, size_t bytes)
{
    struct ladle_json *value = build(builder, type);
    if (value == NULL) {
        return false;
    }
    value->text = ladle_arena_copy(builder->arena, text, bytes);
    return value->text != NULL || stop_build(builder);
}

static bool build_string(void *self, const char *text, size_t bytes)
{
    return build_text(self, LADLE_JSON_STRING, text, bytes);
}

static bool build_number(void *self, const char *text, size_t bytes)
{
    return build_text(self, LADLE_JSON_NUMBER, text, bytes);
}

static bool build_other(void *self, enum ladle_json_type type)
{
    return build(self, type) != NULL;
}

static bool build_begin(void *self, enum ladle_json_type type)
{
    struct builder *builder = self;
    struct ladle_json *value = build(builder, type);
    if (value != NULL) {
        builder->open[builder->depth++] = value;
    }
    return value != NULL;
}

static bool build_end(void *self, enum ladle_json_type type)
{
    struct builder *builder = self;
    builder->depth--;
    return true;
}

int ladle_json_parse(const char *path, const char *bytes, size_t count, struct ladle_arena *arena, struct ladle_json **root,
                     struct ladle_error *error)
{
    static const struct ladle_json_handler handler = {
        .key = build_key,
        .string = build_string,
        .number = build_number,
        .other = build_other,
        .begin = build_begin,
        .end = build_end,
    };
    struct builder builder = {.path = path, .arena = arena, .error = error};
    *root = NULL;
    struct ladle_json_reader *reader = ladle_json_reader_create(path, &handler, &builder, error);
    if (reader == NULL) {
        return LADLE_NO_MEMORY;
    }
    ladle_json_reader_limit(reader, arena->quota);
    int status = ladle_json_reader_feed(reader, bytes, count);
    if (status == LADLE_OK) {
        status = ladle_json_reader_close(reader);
    }
    ladle_json_reader_destroy(reader);
    if (builder.no_memory) {
        return LADLE_NO_MEMORY;
    }
    if (status == LADLE_OK) {
        *root = builder.root;
    }
    return status;
}

int ladle_json_read(const char *path, size_t most_bytes, struct ladle_arena *arena, struct ladle_json **root,
                    struct ladle_error *error)
{
    *root = NULL;
    struct stat status;
    if (lstat(path, &status) != 0 && (errno == ENOENT || errno == ENOTDIR)) { /* a link to nowhere is an error */
        return LADLE_OK;
    }
    struct ladle_text text = {.quota = arena->quota};
    ladle_quota_begin(arena->quota, path, ladle_file_size(path), MOST_TREE_FACTOR);
    int result = ladle_file_read(path, most_bytes, &text, error);
    if (result == LADLE_OK) {
        result = ladle_json_parse(path, text.data, text.bytes, arena, root, error);
    }
    ladle_text_finish(&text);
    ladle_quota_begin(arena->quota, NULL, 0, 0);
    return result;
}

struct ladle_json *ladle_json_get(const struct ladle_json *object, const char *key)
{
    if (object == NULL || object->type != LADLE_JSON_OBJECT) {
        return NULL;
    }
    for (struct ladle_json *member = object->first; member != NULL; member = member->next) {
        if (strcmp(member->key, key) == 0) {
            return member;
        }
    }
    return NULL;
}

bool ladle_json_whole(const struct ladle_json *value, uint64_t *number)
{
    return value != NULL && value->type == LADLE_JSON_NUMBER && ladle_number_whole(value->text, strlen(value->text), number);
}

bool ladle_json_number(const struct ladle_json *value, double *number)
{
    return value != NULL && value->type == LADLE_JSON_NUMBER && ladle_number_decimal(value->text, number);
}

struct ladle_json *ladle_json_new(struct ladle_arena *arena, enum ladle_json_type type)
{
    struct ladle_json *value = ladle_arena_take(arena, sizeof *value);
    if (value != NULL) {
        value->type = type;
    }
    return value;
}

struct ladle_json *ladle_json_new_string(struct ladle_arena *arena, const char *text)
{
    struct ladle_json *value = ladle_json_new(arena, LADLE_JSON_STRING);
    char *copy = ladle_arena_copy(arena, text, strlen(text));
    if (value == NULL || copy == NULL) {
        return NULL;
    }
    value->text = copy;
    return value;
}

struct ladle_json *ladle_json_new_whole(struct ladle_arena *arena, uint64_t number)
{
    struct ladle_json *value = ladle_json_new(arena, LADLE_JSON_NUMBER);
    char *copy = ladle_arena_printf(arena, "%llu", (unsigned long long)number);
    if (value == NULL || copy == NULL) {
        return NULL;
    }
    value->text = copy;
    return value;
}

struct ladle_json *ladle_json_new_bool(struct ladle_arena *arena, bool value)
{
    return ladle_json_new(arena, value ? LADLE_JSON_TRUE : LADLE_JSON_FALSE);
}

bool ladle_json_set(struct ladle_arena *arena, struct ladle_json *object, const char *key, struct ladle_json *value)
{
    if (value == NULL) {
        return false;
    }
    struct ladle_json *previous = NULL, *old = object->first;
    while (old != NULL && strcmp(old->key, key) != 0) {
        previous = old;
        old = old->next;
    }
    if (old == NULL) {
        value->key = ladle_arena_copy(arena, key, strlen(key));
        if (value->key != NULL) {
            link_last(object, value);
        }
        return value->key != NULL;
    }
    value->key = old->key;
    value->next = old->next;
    *(previous == NULL ? &object->first : &previous->next) = value;
    if (object->last == old) {
        object->last = value;
    }
    return true;
}

void ladle_json_append(struct ladle_json *list, struct ladle_json *value)
{
    link_last(list, value);
}
