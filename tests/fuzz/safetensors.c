/* SPDX-License-Identifier: Apache-2.0 */

/* Safetensors headers: any file is refused with a message or has tensors that lie in it as the format says, and whose header
 * written again reads the same.
 *
 * An input of digits and then a text stands for a file with that text as header and so many bytes of data; any other input
 * is the whole file. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"
#include "tensor/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* A file in memory with this start and then zeros. */
static int make_file(const void *start, size_t start_bytes, uint64_t file_bytes)
{
    int fd = memfd_create("fuzz", 0);
    require(fd >= 0 && write(fd, start, start_bytes) == (ssize_t)start_bytes && ftruncate(fd, (off_t)file_bytes) == 0);
    return fd;
}

static int make_safetensors(const char *header, size_t header_bytes, uint64_t data_bytes)
{
    struct ladle_text file = {0};
    char length[8];
    for (unsigned i = 0; i < sizeof length; i++) {
        length[i] = (char)((uint64_t)header_bytes >> 8 * i);
    }
    ladle_text_add(&file, length, sizeof length);
    ladle_text_add(&file, header, header_bytes);
    require(!file.failed);
    int fd = make_file(file.data, file.bytes, file.bytes + data_bytes);
    ladle_text_finish(&file);
    return fd;
}

static int open_input(const char *text, size_t bytes)
{
    uint64_t data_bytes = 0;
    size_t at = 0;
    while (at < bytes && at < 6 && text[at] >= '0' && text[at] <= '9') {
        data_bytes = data_bytes * 10 + (uint64_t)(text[at++] - '0');
    }
    return at == 0 ? make_file(text, bytes, bytes) : make_safetensors(text + at, bytes - at, data_bytes);
}

static bool collect(void *self, const char *bytes, size_t count)
{
    ladle_text_add(self, bytes, count);
    return true;
}

/* Checks what was accepted against the rules, and writes it as a header of its own. Returns the bytes of data. */
static uint64_t check_and_write(const struct ladle_safetensors_header *header, struct ladle_text *out)
{
    static const char *const pairs[] = {"format", "pt", NULL};
    struct ladle_safetensors_writer writer = {.emit = collect, .self = out};
    uint64_t begin = header->count > 0 ? header->tensors[0].offset : 0, end = begin;
    ladle_safetensors_begin(&writer, pairs);
    for (size_t i = 0; i < header->count; i++) {
        const struct ladle_tensor *tensor = &header->tensors[i];
        uint64_t elems = 1, bytes;
        for (unsigned axis = 0; axis < tensor->rank; axis++) {
            elems *= tensor->shape[axis];
        }
        require(tensor->rank <= 32 && elems == tensor->elems && tensor->file == 3);
        require(ladle_dtype_bytes(tensor->dtype, elems, &bytes) && bytes == tensor->bytes);
        require(tensor->offset == end && ladle_is_utf8(tensor->name, strlen(tensor->name)));
        end += bytes;
        ladle_safetensors_tensor(&writer, tensor->name, tensor->dtype, tensor->shape, tensor->rank, tensor->offset - begin,
                                 end - begin);
    }
    ladle_safetensors_end(&writer);
    require(!writer.failed && !out->failed && (header->count == 0 || end == header->file_bytes));
    return end - begin;
}

/* Whether two headers describe the same tensors. */
static bool same(const struct ladle_safetensors_header *one, const struct ladle_safetensors_header *other)
{
    bool same = one->count == other->count;
    for (size_t i = 0; same && i < one->count; i++) {
        const struct ladle_tensor *a = &one->tensors[i], *b = &other->tensors[i];
        same = strcmp(a->name, b->name) == 0 && a->dtype == b->dtype && a->rank == b->rank && a->bytes == b->bytes &&
               memcmp(a->shape, b->shape, a->rank * sizeof *a->shape) == 0;
    }
    return same;
}

static int read_header(int fd, const char *name, struct ladle_arena *arena, struct ladle_safetensors_header *header,
                       struct ladle_error *error)
{
    struct ladle_bytes bytes;
    int status = ladle_bytes_of_file(&bytes, fd, name, error);
    return status == LADLE_OK ? ladle_safetensors_read(&bytes, 3, arena, header, error) : status;
}

static void round_trip(const struct ladle_safetensors_header *header)
{
    struct ladle_text text = {0};
    struct ladle_arena arena = {0};
    struct ladle_safetensors_header again;
    uint64_t data_bytes = check_and_write(header, &text);
    int fd = make_safetensors(text.data, text.bytes, data_bytes);
    require(read_header(fd, "again", &arena, &again, NULL) == LADLE_OK && same(header, &again));
    close(fd);
    ladle_text_finish(&text);
    ladle_arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ladle_arena arena = {0};
    struct ladle_error *error = ladle_error_create();
    struct ladle_safetensors_header header;
    int fd = open_input((const char *)data, size);
    int status = read_header(fd, "m", &arena, &header, error);
    if (status == LADLE_OK) {
        round_trip(&header);
    } else {
        require(status == LADLE_BAD_INPUT && strncmp(ladle_error_message(error, 0), "m: ", 3) == 0);
    }
    close(fd);
    ladle_error_destroy(error);
    ladle_arena_finish(&arena);
    return 0;
}
