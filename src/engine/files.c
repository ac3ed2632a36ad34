/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/size.h"
#include "engine/io.h"

/* Descriptors left for everything else: output shards, the ring, what the host program has open. */
#define OTHER_DESCRIPTORS 96u

/* What is read through the page cache, from all files together, before it is dropped. */
#define DROP_EVERY_BYTES (8ull << 20)
/* Large folios straddle the ends of a range, so more is dropped than was read. */
#define DROP_BEFORE_BYTES (12ull << 20)
#define DROP_BEHIND_BYTES (2ull << 20)

int ladle_files_init(struct ladle_files *files, const struct ladle_plan *plan, const struct ladle_log *log,
                     struct ladle_error *error)
{
    *files = (struct ladle_files){.plan = plan, .log = log};
    files->open = calloc(plan->file_count ? plan->file_count : 1, sizeof *files->open);
    if (!files->open)
        return ladle_fail_memory(error, "the table of input files");
    for (size_t i = 0; i < plan->file_count; i++)
        files->open[i].fd = -1;
    struct rlimit limit = {.rlim_cur = 1024};
    getrlimit(RLIMIT_NOFILE, &limit);
    bool many = limit.rlim_cur > 2 * OTHER_DESCRIPTORS;
    files->most_open = many ? (uint32_t)ladle_min(limit.rlim_cur - OTHER_DESCRIPTORS, 4096) : 64;
    return LADLE_OK;
}

/* Drops what was read of a file since the last time. */
static void drop(struct ladle_open_file *file)
{
    uint64_t start = file->read_start > DROP_BEFORE_BYTES ? file->read_start - DROP_BEFORE_BYTES : 0;
    uint64_t end = file->read_end + DROP_BEHIND_BYTES;
    if (file->read_end > 0)
        posix_fadvise(file->fd, (off_t)start, (off_t)(end - start), POSIX_FADV_DONTNEED);
    file->read_start = file->read_end = 0;
}

static void close_file(struct ladle_files *files, struct ladle_open_file *file)
{
    drop(file);
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

static bool close_one_unused(struct ladle_files *files)
{
    for (size_t i = 0; i < files->plan->file_count; i++) {
        if (files->open[i].fd >= 0 && files->open[i].uses == 0) {
            close_file(files, &files->open[i]);
            return true;
        }
    }
    return false;
}

static bool lacks_descriptors(int code) { return code == EMFILE || code == ENFILE; }

/* As open, but closes files that nobody uses at the moment if there are no more descriptors. */
static int open_or_make_room(struct ladle_files *files, const char *path, int flags)
{
    int fd;
    do {
        fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    } while (fd < 0 && (errno == EINTR || (lacks_descriptors(errno) && close_one_unused(files))));
    return fd;
}

/* O_DIRECT may be refused at opening or at the first transfer; some file systems accept the flag and ignore it. Returns a
 * descriptor or -1 and an errno value; EINVAL where that is the reason. */
static int open_direct(struct ladle_files *files, const char *path)
{
    int fd = open_or_make_room(files, path, O_DIRECT);
    if (fd < 0)
        return -1;
    void *probe = NULL;
    bool works = ladle_file_takes_direct(fd, LADLE_IO_ALIGNMENT) &&
                 posix_memalign(&probe, LADLE_IO_ALIGNMENT, LADLE_IO_ALIGNMENT) == 0 &&
                 pread(fd, probe, LADLE_IO_ALIGNMENT, 0) >= 0;
    free(probe);
    if (works)
        return fd;
    close(fd);
    errno = EINVAL;
    return -1;
}

static int open_cached(struct ladle_files *files, const char *path)
{
    int fd = open_or_make_room(files, path, 0);
    if (fd < 0)
        return -1;
    posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); /* readahead would count against the budget */
    if (!files->told)
        ladle_detail(files->log, "reading through the page cache: %s", path);
    files->told = true;
    return fd;
}

static int open_file(struct ladle_files *files, uint32_t at, struct ladle_error *error)
{
    const char *path = files->plan->files[at].path;
    enum ladle_direct direct = files->plan->options.direct;
    struct ladle_open_file *file = &files->open[at];

    file->direct = false;
    errno = 0;
    if (direct != LADLE_DIRECT_OFF) {
        file->fd = open_direct(files, path);
        file->direct = file->fd >= 0;
        if (file->fd < 0 && direct == LADLE_DIRECT_ON && (errno == EINVAL || errno == EOPNOTSUPP))
            return ladle_fail(error, LADLE_FAILED,
                              "%s: O_DIRECT does not work on this file system (--direct auto does without)", path);
    }
    if (file->fd < 0 && !lacks_descriptors(errno))
        file->fd = open_cached(files, path);
    if (file->fd < 0 && lacks_descriptors(errno) && files->uses > 0)
        return LADLE_FILES_WAIT;
    if (file->fd < 0)
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: opening", path);
    files->open_count++;
    return LADLE_OK;
}

/* A file that was closed in between may have been replaced. */
static int check_size(const struct ladle_files *files, uint32_t at, struct ladle_error *error)
{
    const struct ladle_file *planned = &files->plan->files[at];
    struct stat about;
    if (fstat(files->open[at].fd, &about) != 0)
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: fstat", planned->path);
    if ((uint64_t)about.st_size != planned->bytes)
        return ladle_fail(error, LADLE_FAILED, "%s: changed while it was being merged: it had %llu bytes and has %llu now",
                          planned->path, (unsigned long long)planned->bytes, (unsigned long long)about.st_size);
    return LADLE_OK;
}

int ladle_files_use(struct ladle_files *files, uint32_t at, struct ladle_error *error)
{
    if (files->open[at].fd < 0) {
        if (files->open_count >= files->most_open)
            close_one_unused(files);
        int status = open_file(files, at, error);
        if (status == LADLE_OK)
            status = check_size(files, at, error);
        if (status != LADLE_OK)
            return status;
    }
    ladle_files_use_again(files, at);
    return LADLE_OK;
}

void ladle_files_use_again(struct ladle_files *files, uint32_t at)
{
    files->open[at].uses++;
    files->uses++;
}

void ladle_files_leave(struct ladle_files *files, uint32_t at)
{
    files->open[at].uses--;
    files->uses--;
}

void ladle_files_was_read(struct ladle_files *files, uint32_t at, uint64_t offset, uint64_t bytes)
{
    struct ladle_open_file *file = &files->open[at];
    uint64_t end = offset + bytes;
    if (file->direct || file->fd < 0)
        return;
    /* Tensors need not lie in the order in which they are read. */
    if (file->read_end > 0 && (offset > file->read_end + DROP_EVERY_BYTES || end + DROP_EVERY_BYTES < file->read_start))
        drop(file);
    file->read_start = file->read_end > 0 ? ladle_min(file->read_start, offset) : offset;
    file->read_end = ladle_max(file->read_end, end);
    files->undropped_bytes += bytes;
    if (files->undropped_bytes < DROP_EVERY_BYTES)
        return;
    files->undropped_bytes = 0;
    for (size_t i = 0; i < files->plan->file_count; i++)
        if (files->open[i].fd >= 0)
            drop(&files->open[i]);
}
