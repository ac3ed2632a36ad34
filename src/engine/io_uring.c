/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/io.h"

#ifdef LADLE_HAVE_URING

#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Completions handled in one go. */
#define BATCH 64

struct ring {
    struct ladle_queue io;
    struct io_uring uring;
    int wake_fd;          /* eventfd; a read of it is always under way, so that a wake-up ends a wait */
    uint64_t wake_count;  /* where that read puts what it gets */
    bool wake_armed;
    atomic_bool woken;    /* since the last wait ended; one write to the eventfd is enough for all who wake */
    atomic_bool waiting;  /* about to wait, or waiting: nobody writes to the eventfd otherwise */
};

static struct io_uring_sqe *next_entry(struct ring *ring)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->uring);
    if (!entry) {
        io_uring_submit(&ring->uring);
        entry = io_uring_get_sqe(&ring->uring);
    }
    return entry;
}

static void start(struct ladle_queue *io, struct ladle_io_request *request)
{
    struct ring *ring = (struct ring *)io;
    struct io_uring_sqe *entry = next_entry(ring);
    uint8_t *buffer = request->buffer ? request->buffer + request->done : NULL; /* a sync has none */
    unsigned bytes = (unsigned)(request->bytes - request->done);
    uint64_t offset = request->offset + request->done;

    if (request->kind == LADLE_IO_READ)
        io_uring_prep_read(entry, request->fd, buffer, bytes, offset);
    else if (request->kind == LADLE_IO_WRITE)
        io_uring_prep_write(entry, request->fd, buffer, bytes, offset);
    else
        io_uring_prep_fsync(entry, request->fd, IORING_FSYNC_DATASYNC);
    io_uring_sqe_set_data(entry, request);
}

static void arm_wake(struct ring *ring)
{
    if (ring->wake_armed)
        return;
    struct io_uring_sqe *entry = next_entry(ring);
    io_uring_prep_read(entry, ring->wake_fd, &ring->wake_count, sizeof ring->wake_count, 0);
    io_uring_sqe_set_data(entry, NULL);
    ring->wake_armed = true;
}

/* A request that would block goes to a thread of the kernel's; where it may have none (a limit of processes), it is
 * cancelled. The calling thread is one that may block. */
static void account(struct ladle_io_request *request, int result)
{
    if (result == -ECANCELED)
        ladle_io_transfer(request);
    else
        ladle_io_account(request, result);
}

static struct ladle_io_request *wait_any(struct ladle_queue *io, unsigned timeout_ms)
{
    struct ring *ring = (struct ring *)io;
    struct __kernel_timespec timeout = {.tv_sec = timeout_ms / 1000, .tv_nsec = (long long)(timeout_ms % 1000) * 1000000};
    struct io_uring_cqe *found[BATCH];

    arm_wake(ring);
    /* Who wakes sets `woken` and then looks at `waiting`; here it is the other way round, so one of the two notices. */
    atomic_store(&ring->waiting, true);
    if (atomic_load(&ring->woken))
        io_uring_submit(&ring->uring);
    else
        io_uring_submit_and_wait_timeout(&ring->uring, found, 1, &timeout, NULL);
    atomic_store(&ring->waiting, false);
    atomic_store(&ring->woken, false); /* the caller looks at what it was woken for after this */

    struct ladle_io_request *list = NULL;
    unsigned count = io_uring_peek_batch_cqe(&ring->uring, found, BATCH);
    for (unsigned i = 0; i < count; i++) {
        struct ladle_io_request *request = io_uring_cqe_get_data(found[i]);
        if (request) {
            account(request, found[i]->res);
            request->next = list;
            list = request;
        } else {
            ring->wake_armed = false;
        }
    }
    io_uring_cq_advance(&ring->uring, count);
    return list;
}

static void wake(struct ladle_queue *io)
{
    struct ring *ring = (struct ring *)io;
    uint64_t one = 1;
    if (atomic_exchange(&ring->woken, true) || !atomic_load(&ring->waiting))
        return;
    ssize_t written = write(ring->wake_fd, &one, sizeof one); /* can only fail when a wake-up is pending anyway */
    (void)written;
}

static void destroy(struct ladle_queue *io)
{
    struct ring *ring = (struct ring *)io;
    io_uring_queue_exit(&ring->uring);
    close(ring->wake_fd);
    free(ring);
}

static const struct ladle_io_back_end back_end = {
    .name = "uring", .start = start, .wait = wait_any, .wake = wake, .destroy = destroy};

/* A ring that does all that is needed. Returns 0 or a negative errno. */
static int make_ring(struct ring *ring, unsigned depth)
{
    /* Newer kernels save interrupts when told that one thread submits and reaps; older ones refuse the flags. */
    struct io_uring_params parameters = {.flags = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER};
    int result = io_uring_queue_init_params(depth + 1, &ring->uring, &parameters);
    if (result == -EINVAL) {
        parameters = (struct io_uring_params){0};
        result = io_uring_queue_init_params(depth + 1, &ring->uring, &parameters);
    }
    if (result < 0)
        return result;
    /* Before Linux 5.11 liburing puts requests of its own into the ring for time-outs, and their completions would be taken
     * for ours. A sandbox may let a ring be made and refuse its use: better to find out now. */
    result = parameters.features & IORING_FEAT_EXT_ARG ? 0 : -ENOSYS;
    if (result == 0) {
        arm_wake(ring);
        result = io_uring_submit(&ring->uring);
    }
    if (result < 0)
        io_uring_queue_exit(&ring->uring);
    return result < 0 ? result : 0;
}

struct ladle_queue *ladle_io_uring_create(unsigned depth)
{
    struct ring *ring = calloc(1, sizeof *ring);
    if (!ring)
        return NULL;
    ring->io = (struct ladle_queue){.ops = &back_end, .depth = depth};
    ring->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (ring->wake_fd < 0) {
        free(ring);
        return NULL;
    }
    int result = make_ring(ring, depth);
    if (result < 0) {
        close(ring->wake_fd);
        free(ring);
        errno = -result;
        return NULL;
    }
    return &ring->io;
}

#endif
