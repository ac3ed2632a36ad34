/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"
#include "tensor/foreign.h"
#include "tensor/safetensors_header.h"

#define LENGTH_BYTES 8u
#define PIECE_BYTES (64u * 1024)
#define MOST_FACTOR 16u /* bytes that one byte of the header may make us and those who keep its tensors take */

static const char advice[] = "the download or copy was interrupted or went wrong: fetch the file again";

/* Where the parts of a file are. */
struct layout {
    uint64_t file_bytes, header_bytes, data_bytes;
};

/* Records what is wrong with a file of which the first `count` bytes are `start`. */
static int fail_start(const char *path, const struct layout *layout, const char *start, size_t count,
                      struct ladle_error *error)
{
    if (ladle_foreign_report(path, start, count, error) != LADLE_OK) {
        return LADLE_BAD_INPUT;
    }
    if (count < LENGTH_BYTES) {
        ladle_fail(error, LADLE_BAD_INPUT, "%s: truncated: a safetensors file begins with the length of its header", path);
    } else if (layout->header_bytes > LADLE_SAFETENSORS_HEADER_LIMIT) {
        ladle_fail(error, LADLE_BAD_INPUT,
                   "%s: not a safetensors file, or damaged: its header has %" PRIu64 " bytes (limit %u)", path,
                   layout->header_bytes, LADLE_SAFETENSORS_HEADER_LIMIT);
    } else if (layout->header_bytes > layout->file_bytes - LENGTH_BYTES) {
        ladle_fail(error, LADLE_BAD_INPUT, "%s: truncated: its header has %" PRIu64 " bytes, the file %" PRIu64, path,
                   layout->header_bytes, layout->file_bytes);
    } else {
        ladle_fail(error, LADLE_BAD_INPUT, "%s: not a safetensors file, or damaged: its header does not begin with '{'",
                   path);
    }
    ladle_error_help(error, "%s", advice);
    return LADLE_BAD_INPUT;
}

/* Looks at the start of the file and learns the length of its header. */
static int find_header(const struct ladle_bytes *bytes, struct layout *layout, struct ladle_error *error)
{
    const char *path = bytes->name;
    layout->file_bytes = bytes->count;
    if (layout->file_bytes == 0) {
        ladle_fail(error, LADLE_BAD_INPUT, "%s: the file is empty", path);
        ladle_error_help(error, "%s", advice);
        return LADLE_BAD_INPUT;
    }
    char start[LADLE_FOREIGN_BYTES] = {0};
    size_t count = (size_t)ladle_min(sizeof start, layout->file_bytes);
    int result = ladle_bytes_read(bytes, start, count, 0, error);
    if (result != LADLE_OK) {
        return result;
    }
    for (unsigned i = 0; i < LENGTH_BYTES; i++) {
        layout->header_bytes |= (uint64_t)(unsigned char)start[i] << 8 * i;
    }
    if (count <= LENGTH_BYTES || start[LENGTH_BYTES] != '{' || layout->header_bytes > LADLE_SAFETENSORS_HEADER_LIMIT ||
        layout->header_bytes > layout->file_bytes - LENGTH_BYTES) {
        return fail_start(path, layout, start, count, error);
    }
    layout->data_bytes = layout->file_bytes - LENGTH_BYTES - layout->header_bytes;
    return LADLE_OK;
}

/* Reads the header's text, piece by piece. */
static int read_header(const struct ladle_bytes *bytes, uint64_t header_bytes, struct ladle_header_parse *parse,
                       uint64_t *hash, struct ladle_error *error)
{
    struct ladle_text shown = {0};
    ladle_text_printf(&shown, "%s: header", bytes->name);
    char *piece = malloc(PIECE_BYTES);
    struct ladle_json_reader *reader = NULL;
    int status = LADLE_NO_MEMORY;
    if (shown.failed || piece == NULL) {
        ladle_fail_memory(error, bytes->name);
        goto out;
    }
    reader = ladle_json_reader_create(shown.data, &ladle_header_handler, parse, error);
    if (reader == NULL) {
        goto out;
    }
    ladle_json_reader_limit(reader, parse->arena->quota);
    ladle_quota_begin(parse->arena->quota, bytes->name, header_bytes, MOST_FACTOR);
    *hash = LADLE_FNV_START;
    status = LADLE_OK;
    for (uint64_t at = 0; at < header_bytes && status == LADLE_OK;) {
        size_t count = (size_t)ladle_min(header_bytes - at, PIECE_BYTES);
        status = ladle_bytes_read(bytes, piece, count, LENGTH_BYTES + at, error);
        if (status == LADLE_OK) {
            *hash = ladle_fnv(*hash, piece, count);
            status = ladle_json_reader_feed(reader, piece, count);
        }
        at += count;
    }
    if (status == LADLE_OK) {
        status = ladle_json_reader_close(reader);
    }
    if (parse->status != LADLE_OK) {
        status = parse->status;
    }
out:
    ladle_json_reader_destroy(reader);
    free(piece);
    ladle_text_finish(&shown);
    return status;
}

/* By offset; at the same offset the empty ones first; then by place in the header, which `file` holds for now. */
static int compare_tensors(const void *a, const void *b)
{
    const struct ladle_tensor *one = a, *other = b;
    if (one->offset != other->offset) {
        return one->offset < other->offset ? -1 : 1;
    }
    if ((one->bytes == 0) != (other->bytes == 0)) {
        return one->bytes == 0 ? -1 : 1;
    }
    return one->file < other->file ? -1 : one->file > other->file;
}

static void sort_tensors(struct ladle_tensor *tensors, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (compare_tensors(&tensors[i - 1], &tensors[i]) > 0) { /* most writers write them in order */
            qsort(tensors, count, sizeof *tensors, compare_tensors);
            return;
        }
    }
}

static int fail_truncated(const char *path, const struct layout *layout, const struct ladle_tensor *tensors, size_t count,
                          size_t at, struct ladle_error *error)
{
    uint64_t start = LENGTH_BYTES + layout->header_bytes, most = 0, whole;
    for (size_t i = 0; i < count; i++) {
        most = ladle_max(most, tensors[i].offset + tensors[i].bytes);
    }
    char expected_size[16], size[16];
    if (!ladle_add(start, most, &whole)) {
        whole = UINT64_MAX;
    }
    ladle_fail(error, LADLE_BAD_INPUT,
               "%s: %s: truncated: the file should have %" PRIu64 " bytes (%s) and has %" PRIu64 " (%s)", path,
               tensors[at].name, whole, ladle_size_show(whole, expected_size), layout->file_bytes,
               ladle_size_show(layout->file_bytes, size));
    ladle_error_help(error, "%s", advice);
    return LADLE_BAD_INPUT;
}

/* Checks that sorted tensors fill the data without hole or overlap. */
static int check_data(const char *path, const struct layout *layout, const struct ladle_tensor *tensors, size_t count,
                      struct ladle_error *error)
{
    uint64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        const struct ladle_tensor *tensor = &tensors[i];
        if (tensor->offset > end) {
            return ladle_fail(error, LADLE_BAD_INPUT, "%s: %s: a hole of %" PRIu64 " bytes before its data", path,
                              tensor->name, tensor->offset - end);
        }
        if (tensor->offset < end) {
            return ladle_fail(error, LADLE_BAD_INPUT, "%s: %s: its data overlaps that of %s", path, tensor->name,
                              tensors[i - 1].name);
        }
        end += tensor->bytes;
        if (end > layout->data_bytes) {
            return fail_truncated(path, layout, tensors, count, i, error);
        }
    }
    if (end < layout->data_bytes) {
        ladle_fail(error, LADLE_BAD_INPUT, "%s: bytes that belong to no tensor at its end: %" PRIu64, path,
                   layout->data_bytes - end);
        ladle_error_help(error, "%s", advice);
        return LADLE_BAD_INPUT;
    }
    return LADLE_OK;
}

int ladle_safetensors_read(const struct ladle_bytes *bytes, uint32_t file, struct ladle_arena *arena,
                           struct ladle_safetensors_header *header, struct ladle_error *error)
{
    const char *path = bytes->name;
    struct layout layout = {0};
    struct ladle_header_parse parse = {.path = path, .arena = arena, .error = error};
    uint64_t hash = 0;
    struct ladle_tensor *tensors = NULL;
    int status = find_header(bytes, &layout, error);
    if (status == LADLE_OK) {
        status = read_header(bytes, layout.header_bytes, &parse, &hash, error);
    }
    if (status == LADLE_OK) {
        sort_tensors(parse.tensors, parse.count);
        status = check_data(path, &layout, parse.tensors, parse.count, error);
    }
    if (status == LADLE_OK) {
        tensors = ladle_arena_take_array(arena, parse.count, sizeof *tensors);
        if (tensors == NULL) {
            status = ladle_fail_memory(error, path);
        }
    }
    if (status == LADLE_OK) {
        for (size_t i = 0; i < parse.count; i++) {
            tensors[i] = parse.tensors[i];
            tensors[i].file = file;
            tensors[i].offset += LENGTH_BYTES + layout.header_bytes;
        }
        *header = (struct ladle_safetensors_header){
            .tensors = tensors, .count = parse.count, .file_bytes = layout.file_bytes, .hash = hash};
    }
    ladle_quota_free(arena->quota, parse.tensors, parse.capacity, sizeof *parse.tensors);
    return status;
}
