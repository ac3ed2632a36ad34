/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sender.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "engine/io.h"

/* How long a reader may be slow before it is asked whether to stop. */
#define POLL_MS 100
/* How often a sender that was told to stop tries to get away from a multiple of `unit`. */
#define STOP_TRIES 10
/* A larger pipe saves the reader and us some turns; the system may refuse. */
#define PIPE_BYTES (1 << 20)
/* A file is pushed out of the page cache this often, and so far behind. */
#define FLUSH_EVERY_BYTES (8ull << 20)
#define FLUSH_BEHIND_BYTES (16ull << 20)

void ladle_sender_init(struct ladle_sender *sender, int fd, const char *name, unsigned unit)
{
    struct stat about;
    *sender = (struct ladle_sender){.fd = fd, .name = name, .unit = unit, .no_wait = true};
    sender->file = fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    if (sender->file) {
        bool append = (fcntl(fd, F_GETFL) & O_APPEND) != 0;
        off_t position = append ? about.st_size : lseek(fd, 0, SEEK_CUR);
        sender->offset = position > 0 ? (uint64_t)position : 0;
    } else {
        fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
    }
}

/* Up to `most` bytes of what is left: the byte kept back first. Returns how many parts. */
static int cut(const struct ladle_sender *sender, const uint8_t *bytes, size_t count, size_t most, struct iovec *parts)
{
    int used = 0;
    if (sender->holding) {
        parts[used++] = (struct iovec){.iov_base = (void *)&sender->held, .iov_len = 1};
        most--;
    }
    count = count < most ? count : most;
    if (count > 0)
        parts[used++] = (struct iovec){.iov_base = (void *)bytes, .iov_len = count};
    return used;
}

/* Waits until the reader takes something. Returns 0, or EAGAIN. */
static int wait_for_room(const struct ladle_sender *sender)
{
    struct pollfd poller = {.fd = sender->fd, .events = POLLOUT};
    return poll(&poller, 1, POLL_MS) > 0 ? 0 : EAGAIN;
}

/* One write. A pipe that has room at all takes PIPE_BUF bytes; more only where the kernel knows RWF_NOWAIT. Returns bytes, or
 * -1 and errno. */
static ssize_t write_some(struct ladle_sender *sender, const uint8_t *bytes, size_t count, size_t most)
{
    struct iovec parts[2];
    if (sender->file)
        return pwritev(sender->fd, parts, cut(sender, bytes, count, most, parts), (off_t)sender->offset);
    errno = wait_for_room(sender);
    if (errno != 0)
        return -1;
    if (sender->no_wait) {
        ssize_t sent = pwritev2(sender->fd, parts, cut(sender, bytes, count, most, parts), -1, RWF_NOWAIT);
        if (sent < 0 && errno == EAGAIN)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* polled ready all the same */
        if (sent >= 0 || (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS && errno != ESPIPE))
            return sent;
        sender->no_wait = false;
    }
    return writev(sender->fd, parts, cut(sender, bytes, count, most < PIPE_BUF ? most : PIPE_BUF, parts));
}

/* Pushes what a file holds in the page cache out and drops it, so that it does not count against the budget. Returns 0 or an
 * errno value. */
static int drop_written(int fd, uint64_t before, uint64_t after)
{
    uint64_t step = FLUSH_EVERY_BYTES, behind = FLUSH_BEHIND_BYTES;
    if (before / step == after / step)
        return 0;
    uint64_t end = after - after % step;
    sync_file_range(fd, (off_t)(end - step), (off_t)step, SYNC_FILE_RANGE_WRITE);
    if (end <= behind)
        return 0;
    uint64_t start = end > 3 * behind ? end - 3 * behind : 0;
    int code = ladle_io_push_out(fd, start, end - behind - start);
    posix_fadvise(fd, (off_t)start, (off_t)(end - behind - start), POSIX_FADV_DONTNEED);
    return code;
}

/* Books what one write took. Returns 0 or an errno value. */
static int account(struct ladle_sender *sender, size_t count)
{
    sender->sent += count;
    if (!sender->file)
        return 0;
    sender->offset += count;
    return drop_written(sender->fd, sender->offset - count, sender->offset);
}

/* Sends a part of what is left. Returns 0 with *taken of `bytes` gone, or an errno value. */
static int send_some(struct ladle_sender *sender, const uint8_t *bytes, size_t count, size_t most, size_t *taken)
{
    *taken = 0;
    ssize_t sent = write_some(sender, bytes, count, most);
    if (sent <= 0)
        return sent == 0 ? ENOSPC : errno;
    *taken = (size_t)sent - sender->holding;
    sender->holding = false;
    return account(sender, (size_t)sent);
}

static bool must_wait(int code) { return code == EAGAIN || code == EINTR; }

/* Told to stop at a place where an archive could end: a few bytes more, if the reader takes them soon. */
static void leave_unit(struct ladle_sender *sender, const uint8_t *bytes, size_t count)
{
    int code = EAGAIN;
    for (int tries = 0; tries < STOP_TRIES && must_wait(code) && sender->sent % sender->unit == 0; tries++) {
        size_t taken;
        code = send_some(sender, bytes, count, sender->unit - 1, &taken);
    }
}

static int send_all(struct ladle_sender *sender, const uint8_t *bytes, size_t count)
{
    while (count > 0 || sender->holding) {
        size_t taken;
        int code = send_some(sender, bytes, count, SIZE_MAX, &taken);
        bytes += taken;
        count -= taken;
        if (code != 0 && !must_wait(code))
            return code;
        if (sender->stop && sender->stop(sender->self) && (count > 0 || sender->holding)) {
            if (sender->unit > 1)
                leave_unit(sender, bytes, count);
            return LADLE_SENDER_STOPPED;
        }
    }
    return 0;
}

/* As send_all; a reader that went away is told by the result and not by a signal. */
static int send_quietly(struct ladle_sender *sender, const uint8_t *bytes, size_t count)
{
    sigset_t pipe, old, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe, &old);
    int code = send_all(sender, bytes, count);
    if (code == EPIPE && !sigismember(&pending, SIGPIPE))
        sigtimedwait(&pipe, NULL, &(struct timespec){0});
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return code;
}

int ladle_sender_send(struct ladle_sender *sender, const void *bytes, size_t count)
{
    const uint8_t *from = bytes;
    if (count == 0)
        return 0;
    if (count > 1 || sender->holding) {
        int code = send_quietly(sender, from, count - 1);
        if (code != 0)
            return code;
    }
    sender->held = from[count - 1];
    sender->holding = true;
    return 0;
}

int ladle_sender_finish(struct ladle_sender *sender)
{
    int code = sender->holding ? send_quietly(sender, NULL, 0) : 0;
    if (code == 0 && sender->file)
        lseek(sender->fd, (off_t)sender->offset, SEEK_SET); /* for who writes to the same descriptor after us */
    return code;
}
