/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/tar.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The ustar header. Numbers are octal texts. */
struct header {
    char name[100];
    char mode[8], user[8], group[8];
    char size[12], modified[12];
    char checksum[8];
    char type;
    char link[100];
    char magic[6], version[2];
    char user_name[32], group_name[32];
    char device_major[8], device_minor[8];
    char prefix[155];
    char unused[12];
};
_Static_assert(sizeof(struct header) == LADLE_TAR_BLOCK_BYTES, "a ustar header is one block");

/* The largest number that eleven octal digits can hold. */
#define MOST_NUMBER 077777777777u

/* What a reader must take from a record since the header cannot hold it. */
static bool needs_name(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)name[i] >= 0x80) { /* a header's name is in no known encoding, a record's in UTF-8 */
            return true;
        }
    }
    return length > sizeof(((struct header *)NULL)->name);
}

static bool needs_number(uint64_t number)
{
    return number > MOST_NUMBER;
}

static uint64_t digits_of(uint64_t number)
{
    uint64_t digits = 1;
    for (; number >= 10; number /= 10) {
        digits++;
    }
    return digits;
}

/* Length of the record "LENGTH KEY=VALUE\n", in which LENGTH counts itself. */
static uint64_t record_bytes(size_t key_bytes, size_t value_bytes)
{
    uint64_t rest = key_bytes + value_bytes + 3; /* blank, '=' and newline */
    uint64_t total = rest + digits_of(rest);
    return rest + digits_of(total);
}

static void add_record(const char *key, const char *value, struct ladle_text *out)
{
    ladle_text_printf(out, "%" PRIu64 " %s=%s\n", record_bytes(strlen(key), strlen(value)), key, value);
}

static void add_number_record(const char *key, uint64_t number, struct ladle_text *out)
{
    char value[24];
    snprintf(value, sizeof value, "%" PRIu64, number);
    add_record(key, value, out);
}

static void add_records(const char *name, uint64_t bytes, uint64_t modified, struct ladle_text *out)
{
    if (needs_number(modified)) {
        add_number_record("mtime", modified, out);
    }
    if (needs_name(name)) {
        add_record("path", name, out);
    }
    if (needs_number(bytes)) {
        add_number_record("size", bytes, out);
    }
}

static uint64_t all_record_bytes(const char *name, uint64_t bytes, uint64_t modified)
{
    uint64_t sum = needs_name(name) ? record_bytes(strlen("path"), strlen(name)) : 0;
    sum += needs_number(modified) ? record_bytes(strlen("mtime"), digits_of(modified)) : 0;
    return sum + (needs_number(bytes) ? record_bytes(strlen("size"), digits_of(bytes)) : 0);
}

/* A number with leading zeros and a NUL that fill the field; one that does not fit stands in a record, and as 0 here. */
static void set_number(char *field, size_t field_bytes, uint64_t number)
{
    snprintf(field, field_bytes, "%0*" PRIo64, (int)field_bytes - 1, needs_number(number) ? 0 : number);
}

/* As much of a text as fits; what is no ASCII is not told. */
static void set_name(char *field, size_t field_bytes, const char *start, const char *name)
{
    size_t used = strlen(start);
    memcpy(field, start, used);
    for (; *name != '\0' && used < field_bytes; name++) {
        field[used++] = (unsigned char)*name < 0x80 ? *name : '_';
    }
}

static void add_block(char type, const char *start, const char *name, uint64_t bytes, uint64_t modified,
                      struct ladle_text *out)
{
    struct header header = {.type = type, .magic = "ustar", .version = {'0', '0'}};
    set_name(header.name, sizeof header.name, start, name);
    set_number(header.mode, sizeof header.mode, 0644);
    set_number(header.user, sizeof header.user, 0);
    set_number(header.group, sizeof header.group, 0);
    set_number(header.size, sizeof header.size, bytes);
    set_number(header.modified, sizeof header.modified, modified);
    set_number(header.device_major, sizeof header.device_major, 0);
    set_number(header.device_minor, sizeof header.device_minor, 0);
    memset(header.checksum, ' ', sizeof header.checksum); /* counted as blanks */
    unsigned sum = 0;
    const unsigned char *byte = (const unsigned char *)&header;
    for (size_t i = 0; i < sizeof header; i++) {
        sum += byte[i];
    }
    snprintf(header.checksum, sizeof header.checksum, "%06o", sum); /* six digits, NUL, and the last blank stays */
    ladle_text_add(out, (const char *)&header, sizeof header);
}

void ladle_tar_add_header(const char *name, uint64_t bytes, uint64_t modified, struct ladle_text *out)
{
    static const char zeros[LADLE_TAR_BLOCK_BYTES];
    uint64_t records = all_record_bytes(name, bytes, modified);
    if (records > 0) {
        add_block('x', "PaxHeaders/", name, records, modified, out);
        add_records(name, bytes, modified, out);
        ladle_text_add(out, zeros, ladle_tar_padding(records));
    }
    add_block('0', "", name, bytes, modified, out);
}

uint64_t ladle_tar_header_bytes(const char *name, uint64_t bytes, uint64_t modified)
{
    uint64_t records = all_record_bytes(name, bytes, modified);
    return LADLE_TAR_BLOCK_BYTES + (records > 0 ? LADLE_TAR_BLOCK_BYTES + records + ladle_tar_padding(records) : 0);
}

unsigned ladle_tar_padding(uint64_t bytes)
{
    unsigned last = (unsigned)(bytes % LADLE_TAR_BLOCK_BYTES);
    return last == 0 ? 0 : LADLE_TAR_BLOCK_BYTES - last;
}

uint64_t ladle_tar_time(void)
{
    const char *text = getenv("SOURCE_DATE_EPOCH");
    if (text == NULL || text[0] == '\0' || text[strspn(text, "0123456789")] != '\0') {
        return 0;
    }
    errno = 0;
    uint64_t seconds = strtoull(text, NULL, 10);
    return errno == 0 && seconds <= INT64_MAX ? seconds : 0;
}
