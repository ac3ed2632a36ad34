/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct ladle_queue *create_ring(unsigned depth)
{
#ifdef LADLE_HAVE_URING
    return ladle_io_uring_create(depth);
#else
    (void)depth;
    errno = ENOSYS;
    return NULL;
#endif
}

int ladle_io_create(struct ladle_queue **io, enum ladle_io kind, unsigned depth, const struct ladle_log *log,
                    struct ladle_error *error)
{
    struct ladle_queue *made = NULL;
    if (kind != LADLE_IO_THREADS) {
        made = create_ring(depth);
        if (made)
            ladle_detail(log, "I/O: io_uring");
        else if (kind == LADLE_IO_URING)
            return ladle_fail_errno(error, LADLE_FAILED, errno, "io_uring is not to be had here (--io threads works)");
        else
            ladle_detail(log, "I/O: threads, because io_uring is not to be had here: %s", strerror(errno));
    }
    if (!made) {
        made = ladle_io_threads_create(depth);
        if (!made)
            return ladle_fail_errno(error, LADLE_NO_MEMORY, errno, "starting I/O threads");
        if (kind == LADLE_IO_THREADS)
            ladle_detail(log, "I/O: threads, as asked for");
    }
    *io = made;
    return LADLE_OK;
}

void ladle_io_destroy(struct ladle_queue *io)
{
    if (io)
        io->ops->destroy(io);
}

void ladle_io_submit(struct ladle_queue *io, struct ladle_io_request *request)
{
    request->done = request->reached = 0;
    request->result = 0;
    io->in_flight++;
    io->ops->start(io, request);
}

/* A transfer is continued at an aligned place, so it may bring again what was there already. One that comes no further than
 * the last time has met the end. */
void ladle_io_account(struct ladle_io_request *request, ssize_t result)
{
    if (result < 0) {
        request->result = (int)-result;
    } else if (request->kind != LADLE_IO_SYNC) {
        request->done += (size_t)result;
        if (request->done < request->least && request->done <= request->reached)
            request->result = request->kind == LADLE_IO_READ ? LADLE_IO_ENDED : ENOSPC;
    }
}

void ladle_io_transfer(struct ladle_io_request *request)
{
    uint8_t *buffer = request->buffer ? request->buffer + request->done : NULL; /* a sync has none */
    size_t bytes = request->bytes - request->done;
    off_t offset = (off_t)(request->offset + request->done);
    ssize_t result;

    if (request->kind == LADLE_IO_READ)
        result = pread(request->fd, buffer, bytes, offset);
    else if (request->kind == LADLE_IO_WRITE)
        result = pwrite(request->fd, buffer, bytes, offset);
    else
        result = fdatasync(request->fd);

    ladle_io_account(request, result < 0 ? -errno : result);
}

/* Whether a transfer needs to go on; rewinds to an aligned place, since O_DIRECT wants one. */
static bool must_continue(struct ladle_io_request *request)
{
    if (request->result == EINTR || request->result == EAGAIN) {
        request->result = 0;
        return true;
    }
    if (request->result != 0 || request->kind == LADLE_IO_SYNC || request->done >= request->least)
        return false;
    request->reached = request->done;
    request->done -= request->done % LADLE_IO_ALIGNMENT;
    return true;
}

struct ladle_io_request *ladle_io_wait(struct ladle_queue *io, unsigned timeout_ms)
{
    struct ladle_io_request *complete = NULL;
    for (struct ladle_io_request *request = io->ops->wait(io, timeout_ms), *next; request; request = next) {
        next = request->next;
        if (must_continue(request)) {
            io->ops->start(io, request);
            continue;
        }
        io->in_flight--;
        request->next = complete;
        complete = request;
    }
    return complete;
}

void ladle_io_wake(struct ladle_queue *io) { io->ops->wake(io); }

int ladle_io_push_out(int fd, uint64_t offset, uint64_t bytes)
{
    const unsigned all = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    int code = sync_file_range(fd, (off_t)offset, (off_t)bytes, all) == 0 ? 0 : errno;
    posix_fadvise(fd, (off_t)offset, (off_t)bytes, POSIX_FADV_DONTNEED);
    return code == EIO || code == ENOSPC || code == EDQUOT ? code : 0;
}
