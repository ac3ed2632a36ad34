/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/frames.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/size.h"

#define NONE UINT32_MAX

struct ladle_frames {
    const struct ladle_bytes *file;
    struct ladle_seek_table table;
    ZSTD_DCtx *context;
    uint32_t frame; /* that is unpacked; NONE */
    uint8_t *packed, *unpacked;
    size_t packed_room, unpacked_room;
};

bool ladle_frames_is_zstd(const uint8_t *bytes)
{
    return memcmp(bytes, "\x28\xb5\x2f\xfd", 4) == 0;
}

/* Makes a buffer at least so large; what was in it is lost. */
static bool make_room(uint8_t **buffer, size_t *room, size_t bytes)
{
    if (*room >= bytes) {
        return true;
    }
    free(*buffer);
    *buffer = malloc(bytes);
    *room = *buffer != NULL ? bytes : 0;
    return *buffer != NULL;
}

static int unpack(struct ladle_frames *frames, uint32_t at, struct ladle_error *error)
{
    const struct ladle_seek_frame *frame = &frames->table.frames[at];
    uint64_t packed_bytes = frame[1].offset - frame->offset, bytes = frame[1].position - frame->position;
    const char *name = frames->file->name;
    frames->frame = NONE;
    if (bytes > LADLE_FRAMES_MOST_BYTES || packed_bytes > ZSTD_compressBound(LADLE_FRAMES_MOST_BYTES)) {
        return ladle_fail(error, LADLE_BAD_INPUT, "%s: its frames are too large to unpack one by one", name);
    }
    if (!make_room(&frames->packed, &frames->packed_room, (size_t)packed_bytes) ||
        !make_room(&frames->unpacked, &frames->unpacked_room, (size_t)bytes)) {
        return ladle_fail_memory(error, name);
    }
    int result = ladle_bytes_read(frames->file, frames->packed, (size_t)packed_bytes, frame->offset, error);
    if (result != LADLE_OK) {
        return result;
    }
    size_t got = ZSTD_decompressDCtx(frames->context, frames->unpacked, (size_t)bytes, frames->packed, (size_t)packed_bytes);
    if (ZSTD_isError(got) || got != bytes) {
        return ladle_fail(error, LADLE_BAD_INPUT, "%s: damaged: the frame at byte %" PRIu64 " does not unpack: %s", name,
                          frame->offset, ZSTD_isError(got) ? ZSTD_getErrorName(got) : "it is too short");
    }
    frames->frame = at;
    return LADLE_OK;
}

/* The frame that holds a byte; the position must be before the end of all. */
static uint32_t find(const struct ladle_seek_table *table, uint64_t position)
{
    uint32_t low = 0, high = table->count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (table->frames[middle].position <= position) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static int read_frames(const struct ladle_bytes *bytes, void *out, size_t count, uint64_t offset, struct ladle_error *error)
{
    struct ladle_frames *frames = bytes->self;
    uint8_t *to = out;
    while (count > 0) {
        uint32_t at = find(&frames->table, offset);
        int result = frames->frame == at ? LADLE_OK : unpack(frames, at, error);
        if (result != LADLE_OK) {
            return result;
        }
        const struct ladle_seek_frame *frame = &frames->table.frames[at];
        size_t part = (size_t)ladle_min(count, frame[1].position - offset);
        memcpy(to, frames->unpacked + (offset - frame->position), part);
        to += part;
        offset += part;
        count -= part;
    }
    return LADLE_OK;
}

static int no_table(const struct ladle_bytes *file, struct ladle_error *error)
{
    ladle_fail(error, LADLE_BAD_INPUT,
               "%s: has no list of its frames at the end, so that nothing in it can be found without unpacking all of it",
               file->name);
    ladle_error_help(error, "unpack it: zstd -dc %s | tar x", file->name);
    ladle_error_help(error, "if ladle made it, it was cut off");
    return LADLE_BAD_INPUT;
}

int ladle_frames_open(struct ladle_frames **out, const struct ladle_bytes *file, struct ladle_bytes *bytes,
                      struct ladle_error *error)
{
    struct ladle_frames *frames = calloc(1, sizeof *frames);
    if (frames == NULL) {
        return ladle_fail_memory(error, file->name);
    }
    bool found;
    frames->file = file;
    frames->frame = NONE;
    int result = ladle_seek_table_read(file, &frames->table, &found, error);
    if (result == LADLE_OK && !found) {
        result = no_table(file, error);
    }
    if (result == LADLE_OK) {
        frames->context = ZSTD_createDCtx();
        result = frames->context != NULL ? LADLE_OK : ladle_fail_memory(error, file->name);
    }
    if (result != LADLE_OK) {
        ladle_frames_close(frames);
        return result;
    }
    *bytes = (struct ladle_bytes){.name = file->name,
                                  .count = frames->table.frames[frames->table.count].position,
                                  .read = read_frames,
                                  .self = frames,
                                  .fd = -1};
    *out = frames;
    return LADLE_OK;
}

void ladle_frames_close(struct ladle_frames *frames)
{
    if (frames == NULL) {
        return;
    }
    ladle_seek_table_finish(&frames->table);
    ZSTD_freeDCtx(frames->context);
    free(frames->packed);
    free(frames->unpacked);
    free(frames);
}
