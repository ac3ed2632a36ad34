/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/seek_table.h"

#include <stdlib.h>

#include "base/size.h"

#define START_MAGIC 0x184D2A5Eu
#define END_MAGIC 0x8F92EAB1u
#define CHECKSUM_FLAG 0x80u
#define RESERVED_BITS 0x7Cu
#define CHECKSUM_BYTES 4u
#define PIECE_ENTRIES 1024u

static void put(uint32_t number, uint8_t *out)
{
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (uint8_t)(number >> (8 * i));
    }
}

void ladle_seek_table_put_start(uint32_t frames, uint8_t *out)
{
    put(START_MAGIC, out);
    put(frames * LADLE_SEEK_TABLE_ENTRY_BYTES + LADLE_SEEK_TABLE_END_BYTES, out + 4);
}

void ladle_seek_table_put_entry(uint32_t frame_bytes, uint32_t bytes, uint8_t *out)
{
    put(frame_bytes, out);
    put(bytes, out + 4);
}

void ladle_seek_table_put_end(uint32_t frames, uint8_t *out)
{
    put(frames, out);
    out[4] = 0;
    put(END_MAGIC, out + 5);
}

static uint32_t get(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static int damaged(const struct ladle_bytes *file, struct ladle_error *error)
{
    return ladle_fail(error, LADLE_BAD_INPUT, "%s: damaged: its list of frames makes no sense", file->name);
}

/* Reads the entries from `offset` on. They must add up to what is before the table. */
static int read_entries(const struct ladle_bytes *file, uint64_t offset, size_t entry_bytes, uint64_t packed_bytes,
                        struct ladle_seek_table *table, struct ladle_error *error)
{
    uint8_t piece[PIECE_ENTRIES * (LADLE_SEEK_TABLE_ENTRY_BYTES + CHECKSUM_BYTES)];
    struct ladle_seek_frame at = {0}; /* 32 bits at most are added 2^32 times at most */
    for (uint32_t i = 0; i < table->count;) {
        uint32_t count = (uint32_t)ladle_min(table->count - i, PIECE_ENTRIES);
        int result = ladle_bytes_read(file, piece, count * entry_bytes, offset, error);
        if (result != LADLE_OK) {
            return result;
        }
        for (uint32_t k = 0; k < count; k++, i++) {
            table->frames[i] = at;
            at.offset += get(piece + k * entry_bytes);
            at.position += get(piece + k * entry_bytes + 4);
        }
        offset += count * entry_bytes;
    }
    table->frames[table->count] = at;
    return at.offset == packed_bytes ? LADLE_OK : damaged(file, error);
}

int ladle_seek_table_read(const struct ladle_bytes *file, struct ladle_seek_table *table, bool *found,
                          struct ladle_error *error)
{
    uint8_t end[LADLE_SEEK_TABLE_END_BYTES], start[LADLE_SEEK_TABLE_START_BYTES];
    *table = (struct ladle_seek_table){0};
    *found = false;
    if (file->count < sizeof end + sizeof start) {
        return LADLE_OK;
    }
    int result = ladle_bytes_read(file, end, sizeof end, file->count - sizeof end, error);
    if (result != LADLE_OK || get(end + 5) != END_MAGIC) {
        return result;
    }
    *found = true;
    size_t entry_bytes = LADLE_SEEK_TABLE_ENTRY_BYTES + ((end[4] & CHECKSUM_FLAG) != 0 ? CHECKSUM_BYTES : 0);
    uint64_t bytes = (uint64_t)get(end) * entry_bytes + sizeof end; /* behind the start */
    if ((end[4] & RESERVED_BITS) != 0 || bytes > UINT32_MAX || bytes + sizeof start > file->count) {
        return damaged(file, error);
    }
    uint64_t packed_bytes = file->count - bytes - sizeof start;
    result = ladle_bytes_read(file, start, sizeof start, packed_bytes, error);
    if (result == LADLE_OK && (get(start) != START_MAGIC || get(start + 4) != bytes)) {
        result = damaged(file, error);
    }
    if (result != LADLE_OK) {
        return result;
    }
    table->count = get(end);
    table->quota = file->quota;
    ladle_quota_begin(table->quota, file->name, table->count + (uint64_t)1, sizeof *table->frames);
    table->frames = ladle_quota_grow(table->quota, NULL, 0, table->count + (size_t)1, sizeof *table->frames);
    ladle_quota_begin(table->quota, NULL, 0, 0);
    if (table->frames == NULL) {
        return ladle_fail_memory(error, file->name);
    }
    return read_entries(file, packed_bytes + sizeof start, entry_bytes, packed_bytes, table, error);
}

void ladle_seek_table_finish(struct ladle_seek_table *table)
{
    ladle_quota_free(table->quota, table->frames, table->count + (size_t)1, sizeof *table->frames);
    *table = (struct ladle_seek_table){0};
}
