/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sender.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "engine/io.h"

/* How long a reader may be slow before it is asked whether to stop. */
#define POLL_MS 100
/* A larger pipe saves the reader and us some turns; the system may refuse. */
#define PIPE_BYTES (1 << 20)
/* A file is pushed out of the page cache this often, and so far behind. */
#define FLUSH_EVERY_BYTES (2ull << 20)
#define FLUSH_BEHIND_BYTES (6ull << 20)

void ladle_sender_init(struct ladle_sender *sender, int fd, const char *name)
{
    struct stat about;
    memset(sender, 0, sizeof *sender);
    sender->fd = fd;
    sender->name = name;
    sender->no_wait = true;
    sender->span = (struct ladle_span){UINT64_MAX, UINT64_MAX};
    sender->file = fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    if (sender->file) {
        bool append = (fcntl(fd, F_GETFL) & O_APPEND) != 0;
        off_t position = append ? about.st_size : lseek(fd, 0, SEEK_CUR);
        sender->offset = position > 0 ? (uint64_t)position : 0;
    } else {
        fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
    }
}

/* Waits until the reader takes something. Returns 0, or EAGAIN. */
static int wait_for_room(const struct ladle_sender *sender)
{
    struct pollfd poller = {.fd = sender->fd, .events = POLLOUT};
    return poll(&poller, 1, POLL_MS) > 0 ? 0 : EAGAIN;
}

/* One write. A pipe that has room at all takes PIPE_BUF bytes, and that many at once or none; more only where the kernel
 * knows RWF_NOWAIT. Returns bytes, or -1 and errno. */
static ssize_t write_some(struct ladle_sender *sender, const uint8_t *bytes, size_t count)
{
    if (sender->file)
        return pwrite(sender->fd, bytes, count, (off_t)sender->offset);
    errno = wait_for_room(sender);
    if (errno != 0)
        return -1;
    if (sender->no_wait) {
        struct iovec all = {.iov_base = (void *)bytes, .iov_len = count};
        ssize_t sent = pwritev2(sender->fd, &all, 1, -1, RWF_NOWAIT);
        if (sent < 0 && errno == EAGAIN)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* polled ready all the same */
        if (sent >= 0 || (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS && errno != ESPIPE))
            return sent;
        sender->no_wait = false;
    }
    return write(sender->fd, bytes, count < PIPE_BUF ? count : PIPE_BUF);
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
    return ladle_io_push_out(fd, start, end - behind - start);
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

static bool stop_asked(const struct ladle_sender *sender)
{
    return sender->stop && sender->stop(sender->self);
}

static int send_all(struct ladle_sender *sender, const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        ssize_t sent = write_some(sender, bytes, count);
        int code = sent > 0 ? account(sender, (size_t)sent) : sent == 0 ? ENOSPC : errno;
        if (sent > 0) {
            bytes += sent;
            count -= (size_t)sent;
        }
        if (code != 0 && code != EAGAIN && code != EINTR)
            return code;
        if (count > 0 && stop_asked(sender))
            return LADLE_SENDER_STOPPED;
    }
    return 0;
}

static int send_held(struct ladle_sender *sender)
{
    int code = send_all(sender, sender->held, sender->held_count);
    if (code == 0)
        sender->held_count = 0;
    return code;
}

/* The span behind the one that was just completed, if there is one. A frame of which nothing went out yet has its own. */
static void find_span(struct ladle_sender *sender, uint64_t position, uint64_t end)
{
    sender->span = (struct ladle_span){UINT64_MAX, UINT64_MAX};
    if (sender->frames && end > position)
        sender->span = (struct ladle_span){end - 1, end + 1};
    else if (!sender->frames && sender->next_span < sender->span_count)
        sender->span = sender->spans[sender->next_span++];
}

/* Keeps back what belongs to the span; when that is complete, or longer than what can be kept, it goes out. Returns how many
 * bytes were taken. */
static size_t hold(struct ladle_sender *sender, const uint8_t *bytes, size_t count, uint64_t position)
{
    uint64_t left = sender->span.to - position;
    size_t room = sizeof sender->held - sender->held_count;
    if (count > left)
        count = (size_t)left;
    if (count > room)
        count = room;
    memcpy(sender->held + sender->held_count, bytes, count);
    sender->held_count += count;
    return count;
}

static int send_in_spans(struct ladle_sender *sender, const uint8_t *bytes, size_t count)
{
    uint64_t position = sender->sent + sender->held_count, end = position + count;
    int code = 0;
    if (sender->span.from == UINT64_MAX)
        find_span(sender, position, end);
    while (position < end && code == 0) {
        size_t part = (size_t)(end - position);
        if (position < sender->span.from) {
            if (part > sender->span.from - position)
                part = (size_t)(sender->span.from - position);
            code = send_all(sender, bytes, part);
        } else {
            part = hold(sender, bytes, part, position);
            if (position + part == sender->span.to || sender->held_count == sizeof sender->held)
                code = send_held(sender);
        }
        bytes += part;
        position += part;
        if (position == sender->span.to)
            find_span(sender, position, end);
    }
    return code;
}

/* Runs one of the above; a reader that went away, and a file that grew beyond a limit, are told by the result and not by a
 * signal. */
static int send_quietly(struct ladle_sender *sender, const uint8_t *bytes, size_t count)
{
    sigset_t signals, old, pending;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    sigaddset(&signals, SIGXFSZ);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &signals, &old);
    int code = bytes ? send_in_spans(sender, bytes, count) : send_held(sender);
    if ((code == EPIPE && !sigismember(&pending, SIGPIPE)) || (code == EFBIG && !sigismember(&pending, SIGXFSZ)))
        sigtimedwait(&signals, NULL, &(struct timespec){0});
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return code;
}

int ladle_sender_send(struct ladle_sender *sender, const void *bytes, size_t count)
{
    return count > 0 ? send_quietly(sender, bytes, count) : 0;
}

int ladle_sender_fail(const struct ladle_sender *sender, int code, struct ladle_error *error)
{
    if (code == LADLE_SENDER_STOPPED)
        return ladle_fail(error, LADLE_STOPPED, "stopped");
    if (code == EPIPE)
        return ladle_fail(error, LADLE_FAILED, "%s: the reader at the other end went away", sender->name);
    return ladle_fail_errno(error, LADLE_FAILED, code, "%s: writing", sender->name);
}

int ladle_sender_finish(struct ladle_sender *sender)
{
    int code = send_quietly(sender, NULL, 0);
    if (code == 0 && sender->file)
        lseek(sender->fd, (off_t)sender->offset, SEEK_SET); /* for who writes to the same descriptor after us */
    return code;
}
