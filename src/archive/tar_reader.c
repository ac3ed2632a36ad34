/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/tar_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "archive/tar.h"
#include "base/size.h"

/* Where things stand in a header. Source: POSIX.1-2017, pax, "ustar Interchange Format". */
enum {
    NAME_AT = 0,
    NAME_BYTES = 100,
    SIZE_AT = 124,
    SIZE_BYTES = 12,
    CHECKSUM_AT = 148,
    CHECKSUM_BYTES = 8,
    TYPE_AT = 156,
    MAGIC_AT = 257,
    PREFIX_AT = 345,
    PREFIX_BYTES = 155,
};

/* A record is a name and a few numbers; more is nonsense. */
#define MOST_RECORD_BYTES (1u << 20)
/* No model has so many files. */
#define MOST_HEADERS 1000000u

/* What stands in front of a file's header and overrules it. */
struct overruling {
    struct ladle_text name;
    bool have_size;
    uint64_t size;
};

void ladle_tar_reader_finish(struct ladle_tar_reader *reader)
{
    ladle_text_finish(&reader->name);
}

static int damaged(const struct ladle_tar_reader *reader, const char *what, struct ladle_error *error)
{
    return ladle_fail(error, LADLE_BAD_INPUT, "%s: damaged: the tar header at byte %" PRIu64 " %s", reader->archive->name,
                      reader->at, what);
}

/* Octal digits, after blanks and up to a blank or NUL; or, with the highest bit set, the rest as a binary number (GNU). */
static bool parse_number(const uint8_t *field, size_t bytes, uint64_t *number)
{
    size_t at = 0;
    *number = 0;
    if (field[0] == 0x80) {
        for (at = 1; at < bytes; at++) {
            if (*number >> 56 != 0) {
                return false;
            }
            *number = *number << 8 | field[at];
        }
        return true;
    }
    while (at < bytes && field[at] == ' ') {
        at++;
    }
    size_t first = at;
    for (; at < bytes && field[at] >= '0' && field[at] <= '7'; at++) {
        *number = *number << 3 | (uint64_t)(field[at] - '0'); /* 12 digits at most */
    }
    return at > first && (at == bytes || field[at] == ' ' || field[at] == '\0');
}

static bool checksum_fits(const uint8_t *block)
{
    uint64_t expected;
    unsigned sum = 0;
    for (unsigned i = 0; i < LADLE_TAR_BLOCK_BYTES; i++) {
        bool itself = i >= CHECKSUM_AT && i < CHECKSUM_AT + CHECKSUM_BYTES;
        sum += itself ? ' ' : block[i];
    }
    return parse_number(block + CHECKSUM_AT, CHECKSUM_BYTES, &expected) && sum == expected;
}

bool ladle_tar_is_header(const uint8_t *block)
{
    return memcmp(block + MAGIC_AT, "ustar", 5) == 0 && checksum_fits(block);
}

static bool is_zeros(const uint8_t *block)
{
    for (unsigned i = 0; i < LADLE_TAR_BLOCK_BYTES; i++) {
        if (block[i] != 0) {
            return false;
        }
    }
    return true;
}

/* One record, "LENGTH KEY=VALUE\n". Returns how many bytes it takes; 0: it is none. */
static size_t parse_record(const char *text, size_t bytes, struct overruling *overruling)
{
    size_t length = 0, at = 0;
    for (; at < bytes && at < 8 && text[at] >= '0' && text[at] <= '9'; at++) {
        length = length * 10 + (size_t)(text[at] - '0');
    }
    if (at == 0 || at == bytes || text[at] != ' ' || length > bytes || length < at + 3 || text[length - 1] != '\n') {
        return 0;
    }
    const char *key = text + at + 1, *end = text + length - 1;
    const char *equals = memchr(key, '=', (size_t)(end - key));
    if (equals == NULL) {
        return 0;
    }
    size_t key_bytes = (size_t)(equals - key), value_bytes = (size_t)(end - equals) - 1;
    if (key_bytes == 4 && memcmp(key, "path", 4) == 0) {
        overruling->name.bytes = 0;
        ladle_text_add(&overruling->name, equals + 1, value_bytes);
    }
    if (key_bytes == 4 && memcmp(key, "size", 4) == 0) {
        char number[24] = "";
        if (value_bytes == 0 || value_bytes > 19 || strspn(equals + 1, "0123456789") < value_bytes) {
            return 0;
        }
        memcpy(number, equals + 1, value_bytes);
        overruling->have_size = true;
        overruling->size = strtoull(number, NULL, 10);
    }
    return length;
}

static bool parse_records(const char *text, size_t bytes, struct overruling *overruling)
{
    while (bytes > 0) {
        size_t length = parse_record(text, bytes, overruling);
        if (length == 0) {
            return false;
        }
        text += length;
        bytes -= length;
    }
    return true;
}

/* Reads what overrules the next header: pax records ('x'), or a long name of GNU ('L'). */
static int read_overruling(const struct ladle_tar_reader *reader, char type, uint64_t bytes, struct overruling *overruling,
                           struct ladle_error *error)
{
    if (bytes > MOST_RECORD_BYTES) {
        return damaged(reader, "belongs to records that are too long", error);
    }
    char *text = calloc((size_t)bytes + 1, 1); /* ends with a NUL, so that numbers do */
    if (text == NULL) {
        return ladle_fail_memory(error, reader->archive->name);
    }
    int result = ladle_bytes_read(reader->archive, text, (size_t)bytes, reader->at + LADLE_TAR_BLOCK_BYTES, error);
    if (result == LADLE_OK && type == 'x' && !parse_records(text, (size_t)bytes, overruling)) {
        result = damaged(reader, "belongs to records that make no sense", error);
    } else if (result == LADLE_OK && type == 'L') {
        overruling->name.bytes = 0;
        ladle_text_add_string(&overruling->name, text);
    }
    free(text);
    return result;
}

/* The name in the header itself, if no record overrules it; without "./" in front. */
static int take_name(struct ladle_tar_reader *reader, const uint8_t *block, struct overruling *overruling,
                     struct ladle_error *error)
{
    struct ladle_text *name = &overruling->name;
    if (name->bytes == 0) {
        const char *prefix = (const char *)block + PREFIX_AT, *last = (const char *)block + NAME_AT;
        if (memcmp(block + MAGIC_AT, "ustar", 6) == 0 && prefix[0] != '\0') { /* GNU has other things there */
            ladle_text_add(name, prefix, strnlen(prefix, PREFIX_BYTES));
            ladle_text_add(name, "/", 1);
        }
        ladle_text_add(name, last, strnlen(last, NAME_BYTES));
    }
    const char *text = name->data != NULL ? name->data : "";
    while (ladle_starts_with(text, "./")) {
        text += 2;
    }
    reader->name.bytes = 0;
    ladle_text_add_string(&reader->name, text);
    return name->failed || reader->name.failed ? ladle_fail_memory(error, reader->archive->name) : LADLE_OK;
}

/* Reads one header and goes behind what belongs to it. *type is that of the header; 0: the archive ends. */
static int read_header(struct ladle_tar_reader *reader, uint8_t *block, char *type, uint64_t *bytes,
                       const struct overruling *overruling, struct ladle_error *error)
{
    *type = '\0';
    if (reader->at == reader->archive->count) {
        return LADLE_OK; /* some programs leave the end blocks out */
    }
    int result = ladle_bytes_read(reader->archive, block, LADLE_TAR_BLOCK_BYTES, reader->at, error);
    if (result != LADLE_OK || is_zeros(block)) {
        return result;
    }
    if (!ladle_tar_is_header(block) || ++reader->headers > MOST_HEADERS) {
        return damaged(reader, "makes no sense", error);
    }
    if (!parse_number(block + SIZE_AT, SIZE_BYTES, bytes)) {
        return damaged(reader, "has no size", error);
    }
    *type = block[TYPE_AT] == '\0' || block[TYPE_AT] == '7' ? '0' : (char)block[TYPE_AT];
    if (*type == '0' && overruling->have_size) {
        *bytes = overruling->size;
    }
    uint64_t left = reader->archive->count - reader->at - LADLE_TAR_BLOCK_BYTES;
    if (*bytes > left || ladle_tar_padding(*bytes) > left - *bytes) {
        return ladle_fail(error, LADLE_BAD_INPUT, "%s: cut off: it ends inside a file", reader->archive->name);
    }
    return LADLE_OK;
}

int ladle_tar_next(struct ladle_tar_reader *reader, struct ladle_error *error)
{
    struct overruling overruling = {0};
    uint8_t block[LADLE_TAR_BLOCK_BYTES];
    int result;
    for (bool found = false; !found;) {
        char type;
        uint64_t bytes;
        result = read_header(reader, block, &type, &bytes, &overruling, error);
        if (result != LADLE_OK || type == '\0') {
            result = result == LADLE_OK ? 1 : result;
            break;
        }
        if (type == 'x' || type == 'L') {
            result = read_overruling(reader, type, bytes, &overruling, error);
        } else if (type == '0') {
            result = take_name(reader, block, &overruling, error);
            reader->start = reader->at + LADLE_TAR_BLOCK_BYTES;
            reader->bytes = bytes;
            found = true;
        } else if (type != 'g' && type != 'K') { /* a folder or link, and what was said of it */
            overruling.name.bytes = 0;
            overruling.have_size = false;
        }
        if (result != LADLE_OK) {
            break;
        }
        reader->at += LADLE_TAR_BLOCK_BYTES + bytes + ladle_tar_padding(bytes);
    }
    ladle_text_finish(&overruling.name);
    return result;
}
