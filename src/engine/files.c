/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/size.h"
#include "engine/io.h"

/* Descriptors left for everything else: output shards, the ring, what the host program has open. */
#define OTHER_DESCRIPTORS 96u

/* Large folios straddle the end of a range that was just read, so the pages of a window behind it are dropped again. */
#define DROP_EVERY_BYTES (8ull << 20)
#define DROP_WINDOW_BYTES (20ull << 20)

int ladle_files_init(struct ladle_files *files, const struct ladle_plan *plan, struct ladle_error *error)
{
    *files = (struct ladle_files){.plan = plan};
    files->open = calloc(plan->file_count ? plan->file_count : 1, sizeof *files->open);
    if (!files->open)
        return ladle_fail_memory(error, "the table of input files");
    for (size_t i = 0; i < plan->file_count; i++)
        files->open[i].fd = -1;
    struct rlimit limit = {.rlim_cur = 1024};
    getrlimit(RLIMIT_NOFILE, &limit);
    files->most_open = limit.rlim_cur > 2 * OTHER_DESCRIPTORS ? (uint32_t)ladle_min(limit.rlim_cur - OTHER_DESCRIPTORS, 4096) : 64;
    return LADLE_OK;
}

static void close_file(struct ladle_files *files, struct ladle_open_file *file)
{
    close(file->fd);
    file->fd = -1;
    files->open_count--;
}

void ladle_files_finish(struct ladle_files *files)
{
    for (size_t i = 0; files->open && i < files->plan->file_count; i++)
        if (files->open[i].fd >= 0)
            close_file(files, &files->open[i]);
    free(files->open);
    files->open = NULL;
}

static void close_one_unused(struct ladle_files *files)
{
    for (size_t i = 0; i < files->plan->file_count; i++) {
        if (files->open[i].fd >= 0 && files->open[i].uses == 0) {
            close_file(files, &files->open[i]);
            return;
        }
    }
}

/* O_DIRECT may be refused at opening or at the first transfer; some file systems accept the flag and ignore it. */
static int open_direct(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);
    if (fd < 0)
        return -1;
    void *probe = NULL;
    if (posix_memalign(&probe, LADLE_IO_ALIGNMENT, LADLE_IO_ALIGNMENT) != 0 || pread(fd, probe, LADLE_IO_ALIGNMENT, 0) < 0) {
        close(fd);
        fd = -1;
    }
    free(probe);
    return fd;
}

static int open_file(struct ladle_files *files, uint32_t at, struct ladle_error *error)
{
    const char *path = files->plan->files[at].path;
    enum ladle_direct direct = files->plan->options.direct;
    struct ladle_open_file *file = &files->open[at];

    if (direct != LADLE_DIRECT_OFF) {
        file->fd = open_direct(path);
        file->direct = file->fd >= 0;
        if (file->fd < 0 && direct == LADLE_DIRECT_ON && errno != ENOENT)
            return ladle_fail(error, LADLE_FAILED, "%s: O_DIRECT does not work on this file system (--direct auto does without)", path);
    }
    if (file->fd < 0) {
        file->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (file->fd < 0)
            return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: opening", path);
        posix_fadvise(file->fd, 0, 0, POSIX_FADV_RANDOM); /* readahead would count against the budget */
        if (!files->told)
            ladle_detail(&files->plan->options.log, "reading through the page cache: %s", path);
        files->told = true;
    }
    files->open_count++;
    return LADLE_OK;
}

int ladle_files_use(struct ladle_files *files, uint32_t at, struct ladle_error *error)
{
    struct ladle_open_file *file = &files->open[at];
    if (file->fd < 0) {
        if (files->open_count >= files->most_open)
            close_one_unused(files);
        int status = open_file(files, at, error);
        if (status != LADLE_OK)
            return status;
        struct stat about;
        const struct ladle_file *planned = &files->plan->files[at];
        if (fstat(file->fd, &about) != 0)
            return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: fstat", planned->path);
        if ((uint64_t)about.st_size != planned->bytes)
            return ladle_fail(error, LADLE_FAILED, "%s: changed while it was being merged: it had %llu bytes and has %llu now",
                              planned->path, (unsigned long long)planned->bytes, (unsigned long long)about.st_size);
    }
    file->uses++;
    return LADLE_OK;
}

void ladle_files_leave(struct ladle_files *files, uint32_t at) { files->open[at].uses--; }

void ladle_files_was_read(struct ladle_files *files, uint32_t at, uint64_t offset, uint64_t bytes)
{
    struct ladle_open_file *file = &files->open[at];
    if (file->direct || file->fd < 0)
        return;
    file->undropped_bytes += bytes;
    if (file->undropped_bytes < DROP_EVERY_BYTES)
        return;
    file->undropped_bytes = 0;
    uint64_t end = offset + bytes, start = end > DROP_WINDOW_BYTES ? end - DROP_WINDOW_BYTES : 0;
    posix_fadvise(file->fd, (off_t)start, (off_t)(end - start), POSIX_FADV_DONTNEED);
}
