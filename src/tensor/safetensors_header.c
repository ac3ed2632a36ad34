/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/safetensors_header.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/size.h"

static const char *const field_names[] = {"dtype", "shape", "data_offsets"};

/* Records a failure of the tensor that is being read. */
__attribute__((format(printf, 2, 3))) static bool fail_tensor(struct ladle_header_parse *parse, const char *format, ...)
{
    struct ladle_text what = {0};
    va_list arguments;
    va_start(arguments, format);
    ladle_text_vprintf(&what, format, arguments);
    va_end(arguments);
    parse->status = ladle_fail(parse->error, LADLE_BAD_INPUT, "%s: %s: %s", parse->path, parse->name,
                               what.data == NULL ? "" : what.data);
    ladle_text_finish(&what);
    return false;
}

static bool fail_memory(struct ladle_header_parse *parse)
{
    parse->status = ladle_fail_memory(parse->error, parse->path);
    return false;
}

/* Something stands where something else belongs. */
static bool fail_found(struct ladle_header_parse *parse, const char *found)
{
    static const char *const expected[] = {
        [LADLE_FIELD_DTYPE] = "dtype must be the name of an element type",
        [LADLE_FIELD_SHAPE] = "shape must be a list of whole numbers",
        [LADLE_FIELD_OFFSETS] = "data_offsets must be a list of two whole numbers",
    };
    const char *what = parse->metadata     ? "must be an object of texts"
                       : parse->depth == 1 ? "must be an object with dtype, shape and data_offsets"
                                           : expected[parse->field];
    return fail_tensor(parse, "%s, found %s", what, found);
}

/* Whether the value that comes belongs to a member that means nothing to us. */
static bool is_skipped(const struct ladle_header_parse *parse)
{
    return parse->depth >= 2 && !parse->metadata && parse->field == LADLE_FIELD_OTHER;
}

static bool on_key(void *self, const char *key, size_t bytes)
{
    struct ladle_header_parse *parse = self;
    if (parse->depth == 1) {
        static const char metadata[] = "__metadata__";
        parse->metadata = bytes == sizeof metadata - 1 && memcmp(key, metadata, bytes) == 0;
        parse->name = parse->metadata ? metadata : ladle_arena_copy(parse->arena, key, bytes);
        parse->seen = parse->rank = parse->offset_count = 0;
        if (bytes == 0) { /* an index may not name it either */
            parse->status = ladle_fail(parse->error, LADLE_BAD_INPUT, "%s: a tensor has no name", parse->path);
            return false;
        }
        return parse->name != NULL || fail_memory(parse);
    }
    if (parse->depth == 2) {
        unsigned field = LADLE_FIELD_DTYPE;
        while (field < LADLE_FIELD_OTHER &&
               (strlen(field_names[field]) != bytes || memcmp(field_names[field], key, bytes) != 0)) {
            field++;
        }
        parse->field = (enum ladle_header_field)field;
        parse->seen |= 1u << field;
    }
    return true;
}

static bool on_string(void *self, const char *text, size_t bytes)
{
    struct ladle_header_parse *parse = self;
    if (is_skipped(parse) || (parse->metadata && parse->depth == 2)) {
        return true;
    }
    if (parse->depth != 2 || parse->field != LADLE_FIELD_DTYPE) {
        return fail_found(parse, "a text");
    }
    if (!ladle_dtype_parse(text, bytes, &parse->dtype)) {
        return fail_tensor(parse, "its element type '%.*s' is not known", (int)ladle_min(bytes, 40), text);
    }
    return true;
}

static bool on_number(void *self, const char *text, size_t bytes)
{
    struct ladle_header_parse *parse = self;
    if (is_skipped(parse)) {
        return true;
    }
    bool in_list = parse->depth == 3 && (parse->field == LADLE_FIELD_SHAPE || parse->field == LADLE_FIELD_OFFSETS);
    uint64_t number;
    if (!in_list || !ladle_number_whole(text, bytes, &number)) {
        char found[32] = "";
        memcpy(found, text, ladle_min(bytes, sizeof found - 1));
        return fail_found(parse, found);
    }
    if (parse->field == LADLE_FIELD_SHAPE) {
        if (parse->rank == LADLE_SAFETENSORS_MOST_AXES) {
            return fail_tensor(parse, "its shape has more than %d axes", LADLE_SAFETENSORS_MOST_AXES);
        }
        parse->shape[parse->rank++] = number;
    } else {
        if (parse->offset_count == 2) {
            return fail_found(parse, "three");
        }
        parse->offsets[parse->offset_count++] = number;
    }
    return true;
}

static bool on_other(void *self, enum ladle_json_type type)
{
    struct ladle_header_parse *parse = self;
    return is_skipped(parse) || fail_found(parse, type == LADLE_JSON_NULL ? "null" : "a truth value");
}

static bool on_begin(void *self, enum ladle_json_type type)
{
    struct ladle_header_parse *parse = self;
    bool list_field = parse->field == LADLE_FIELD_SHAPE || parse->field == LADLE_FIELD_OFFSETS;
    bool expected = parse->depth <= 1 ? type == LADLE_JSON_OBJECT
                                      : is_skipped(parse) || (parse->depth == 2 && !parse->metadata && list_field &&
                                                              type == LADLE_JSON_LIST);
    if (!expected) {
        return fail_found(parse, type == LADLE_JSON_LIST ? "a list" : "an object");
    }
    parse->depth++;
    return true;
}

/* Adds a tensor to the array, and its shape to the arena. */
static bool add_tensor(struct ladle_header_parse *parse, struct ladle_tensor *tensor)
{
    uint64_t *shape = ladle_arena_take_array(parse->arena, parse->rank, sizeof *shape);
    if (shape == NULL) {
        return fail_memory(parse);
    }
    memcpy(shape, parse->shape, parse->rank * sizeof *shape);
    tensor->shape = shape;
    if (parse->count == parse->capacity) {
        size_t capacity = parse->capacity == 0 ? 256 : parse->capacity * 2;
        struct ladle_tensor *tensors =
            ladle_quota_grow(parse->arena->quota, parse->tensors, parse->capacity, capacity, sizeof *tensors);
        if (tensors == NULL) {
            return fail_memory(parse);
        }
        parse->tensors = tensors;
        parse->capacity = capacity;
    }
    parse->tensors[parse->count++] = *tensor;
    return true;
}

/* Checks what can be checked of one tensor alone, and adds it. */
static bool finish_tensor(struct ladle_header_parse *parse)
{
    for (unsigned field = LADLE_FIELD_DTYPE; field < LADLE_FIELD_OTHER; field++) {
        if ((parse->seen & 1u << field) == 0) {
            return fail_tensor(parse, "it has no %s", field_names[field]);
        }
    }
    struct ladle_tensor tensor = {
        .name = parse->name,
        .elems = 1,
        .offset = parse->offsets[0],
        .file = (uint32_t)parse->count,
        .rank = (uint8_t)parse->rank,
        .dtype = (uint8_t)parse->dtype,
    };
    for (unsigned axis = 0; axis < parse->rank; axis++) {
        if (!ladle_multiply(tensor.elems, parse->shape[axis], &tensor.elems)) {
            return fail_tensor(parse, "its shape has more elements than can be counted");
        }
    }
    if (!ladle_dtype_bytes(parse->dtype, tensor.elems, &tensor.bytes)) {
        return fail_tensor(parse, "%" PRIu64 " elements of %s are no number of bytes", tensor.elems,
                           ladle_dtype_name(parse->dtype));
    }
    if (parse->offsets[1] < parse->offsets[0]) {
        return fail_tensor(parse, "its data ends (%" PRIu64 ") before it begins (%" PRIu64 ")", parse->offsets[1],
                           parse->offsets[0]);
    }
    if (parse->offsets[1] - parse->offsets[0] != tensor.bytes) {
        return fail_tensor(parse, "its shape and type need %" PRIu64 " bytes, its data has %" PRIu64, tensor.bytes,
                           parse->offsets[1] - parse->offsets[0]);
    }
    return add_tensor(parse, &tensor);
}

static bool on_end(void *self, enum ladle_json_type type)
{
    struct ladle_header_parse *parse = self;
    parse->depth--;
    if (parse->depth == 2 && !parse->metadata && parse->field == LADLE_FIELD_OFFSETS && parse->offset_count != 2) {
        return fail_found(parse, parse->offset_count == 0 ? "none" : "one");
    }
    if (parse->depth != 1) {
        return true;
    }
    bool metadata = parse->metadata;
    parse->metadata = false;
    return metadata || finish_tensor(parse);
}

const struct ladle_json_handler ladle_header_handler = {
    .key = on_key,
    .string = on_string,
    .number = on_number,
    .other = on_other,
    .begin = on_begin,
    .end = on_end,
};
