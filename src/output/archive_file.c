/* SPDX-License-Identifier: Apache-2.0 */
#include "output/archive_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

#include "base/file.h"
#include "base/size.h"
#include "output/texts.h"
#include "plan/plan.h"

#define OUTPUT LADLE_DIRECTORY_OUTPUT
#define LIST LADLE_DIRECTORY_FRAMES

static int open_at(const struct ladle_directory *directory, const char *name, int flags, int *fd, struct ladle_error *error)
{
    *fd = openat(directory->partial, name, flags | O_NOFOLLOW | O_CLOEXEC, 0666);
    return *fd >= 0 ? LADLE_OK
                    : ladle_fail_errno(error, LADLE_FAILED, errno, "%s/%s: cannot open it", directory->partial_path, name);
}

/* Reads the first `done` entries of the list and adds them up. */
static int read_list(struct ladle_archive_file *file, uint64_t done, struct ladle_error *error)
{
    int result = ladle_file_read_at(file->list, LIST, file->frame_bytes, done * sizeof *file->frame_bytes, 0, error);
    for (uint64_t i = 0; i < done && result == LADLE_OK; i++) {
        file->first_byte += file->frame_bytes[i];
    }
    file->listed = done;
    return result;
}

/* Whether the last frame that is done lies where the list says. If any entry were another, or the archive, it would not. */
static int check_last_frame(const struct ladle_archive_file *file, uint64_t unpacked, uint64_t done, bool *fits,
                            struct ladle_error *error)
{
    size_t bytes = file->frame_bytes[done - 1];
    uint64_t archive_bytes;
    *fits = bytes > 0 && bytes <= ZSTD_COMPRESSBOUND(LADLE_CHUNK_BYTES) &&
            ladle_file_is_sole(file->directory->partial, OUTPUT, &archive_bytes) && archive_bytes >= file->first_byte;
    void *frame = *fits ? malloc(bytes) : NULL;
    if (*fits && frame == NULL) {
        return ladle_fail_memory(error, "a frame of an earlier run");
    }
    int result = *fits ? ladle_file_read_at(file->synced, file->directory->output_path, frame, bytes,
                                            file->first_byte - bytes, error)
                       : LADLE_OK;
    *fits = *fits && result == LADLE_OK && ZSTD_findFrameCompressedSize(frame, bytes) == bytes &&
            ZSTD_getFrameContentSize(frame, bytes) == unpacked;
    free(frame);
    return result;
}

/* What an earlier run left of a compressed archive. */
static int take_frames(struct ladle_archive_file *file, const struct ladle_plan *plan, uint64_t done, bool *fits,
                       struct ladle_error *error)
{
    uint64_t bytes;
    *fits = ladle_file_is_sole(file->directory->partial, LIST, &bytes) && bytes / sizeof *file->frame_bytes >= done;
    if (!*fits) {
        return LADLE_OK;
    }
    int result = open_at(file->directory, LIST, O_RDWR, &file->list, error);
    if (result == LADLE_OK) {
        result = read_list(file, done, error);
    }
    uint64_t before = (done - 1) * LADLE_CHUNK_BYTES;
    uint64_t unpacked = ladle_min(LADLE_CHUNK_BYTES, ladle_plan_space_bytes(plan) - before);
    return result == LADLE_OK ? check_last_frame(file, unpacked, done, fits, error) : result;
}

/* Cuts the archive off behind what is done, and goes there. What followed would be written again with the same bytes; but
 * nothing should depend on that. */
static int cut_off(const struct ladle_archive_file *file, struct ladle_error *error)
{
    const struct ladle_directory *directory = file->directory;
    off_t end = (off_t)file->first_byte;
    if (ftruncate(directory->output, end) != 0 || lseek(directory->output, end, SEEK_SET) != end) {
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot cut off its end", directory->output_path);
    }
    return LADLE_OK;
}

int ladle_archive_file_open(struct ladle_archive_file *file, const struct ladle_directory *directory,
                            const struct ladle_plan *plan, uint64_t done, uint32_t *frame_bytes, bool *fits,
                            struct ladle_error *error)
{
    *file = (struct ladle_archive_file){.directory = directory, .synced = -1, .list = -1, .frame_bytes = frame_bytes};
    *fits = true;
    int result = open_at(directory, OUTPUT, O_RDONLY, &file->synced, error);
    if (result == LADLE_OK && frame_bytes != NULL) {
        result = done > 0 ? take_frames(file, plan, done, fits, error)
                          : open_at(directory, LIST, O_RDWR | O_CREAT | O_EXCL, &file->list, error);
    } else {
        file->first_byte = ladle_min(done * LADLE_CHUNK_BYTES, ladle_plan_space_bytes(plan));
    }
    uint64_t bytes;
    *fits = *fits && ladle_file_is_sole(directory->partial, OUTPUT, &bytes) && bytes >= file->first_byte;
    if (result == LADLE_OK && *fits && frame_bytes == NULL) {
        result = ladle_texts_check(plan, directory->partial, file->synced, done, fits, error);
    }
    return result == LADLE_OK && *fits ? cut_off(file, error) : result;
}

int ladle_archive_file_list(struct ladle_archive_file *file, uint64_t chunk, struct ladle_error *error)
{
    if (file->list < 0 || file->listed >= chunk) {
        return LADLE_OK;
    }
    const uint8_t *from = (const uint8_t *)file->frame_bytes;
    size_t at = file->listed * sizeof *file->frame_bytes, end = chunk * sizeof *file->frame_bytes;
    while (at < end) {
        ssize_t written = pwrite(file->list, from + at, end - at, (off_t)at);
        if (written > 0) {
            at += (size_t)written;
        } else if (written == 0 || errno != EINTR) {
            return ladle_fail_errno(error, LADLE_FAILED, written < 0 ? errno : ENOSPC, "%s/" LIST ": cannot write it",
                                    file->directory->partial_path);
        }
    }
    file->listed = chunk;
    return fdatasync(file->list) == 0 ? LADLE_OK
                                      : ladle_fail_errno(error, LADLE_FAILED, errno, "%s/" LIST ": cannot sync it",
                                                         file->directory->partial_path);
}

int ladle_archive_file_sync(const struct ladle_archive_file *file, struct ladle_error *error)
{
    return fsync(file->synced) == 0
               ? LADLE_OK
               : ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot sync it", file->directory->place.shown);
}

void ladle_archive_file_close(struct ladle_archive_file *file)
{
    if (file->synced >= 0) {
        close(file->synced);
    }
    if (file->list >= 0) {
        close(file->list);
    }
    file->synced = file->list = -1;
}
