/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sender.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define BYTES 60000u

static uint8_t bytes[BYTES];

static int setup(void **state)
{
    for (unsigned i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 251);
    return 0;
}

/* A pipe of one page, so that it is nearly always full, and a thread that reads it up to a limit, a step at a time. */
struct pipe {
    int from, to;
    uint8_t got[BYTES + 1];
    size_t count, step, limit;
    atomic_bool done; /* the limit is reached */
    pthread_t reader;
};

static void *read_up_to_limit(void *argument)
{
    struct pipe *pipe = argument;
    while (pipe->count < pipe->limit) {
        size_t most = pipe->limit - pipe->count < pipe->step ? pipe->limit - pipe->count : pipe->step;
        ssize_t got = read(pipe->from, pipe->got + pipe->count, most);
        if (got <= 0)
            break;
        pipe->count += (size_t)got;
    }
    pipe->done = true;
    return NULL;
}

static bool is_done(void *self)
{
    struct pipe *pipe = self;
    return pipe->done;
}

static struct pipe *open_pipe(struct ladle_sender *sender, size_t step, size_t limit)
{
    struct pipe *made = calloc(1, sizeof *made);
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    made->from = ends[0];
    made->to = ends[1];
    made->step = step;
    made->limit = limit;
    ladle_sender_init(sender, made->to, "a pipe");
    assert_int_equal(fcntl(made->to, F_SETPIPE_SZ, 4096), 4096);
    assert_int_equal(pthread_create(&made->reader, NULL, read_up_to_limit, made), 0);
    return made;
}

/* Closes the pipe; what was in it is read before. */
static void close_pipe(struct pipe *pipe)
{
    close(pipe->to);
    pthread_join(pipe->reader, NULL);
    pipe->limit = sizeof pipe->got;
    read_up_to_limit(pipe);
    close(pipe->from);
}

static const struct ladle_span spans[] = {{10, 11},     {999, 2000},    {4095, 4096},
                                          {8192, 8200}, {20000, 23000}, {59999, UINT64_MAX}};
#define SPANS (sizeof spans / sizeof *spans)

static bool may_end_at(uint64_t position)
{
    for (size_t i = 0; i < SPANS; i++)
        if (position > spans[i].from && position < spans[i].to)
            return false;
    return true;
}

/* Sends everything in calls of `piece` bytes. */
static int send_pieces(struct ladle_sender *sender, size_t piece)
{
    int code = 0;
    for (size_t at = 0; at < BYTES && code == 0; at += piece)
        code = ladle_sender_send(sender, bytes + at, BYTES - at < piece ? BYTES - at : piece);
    return code;
}

static void test_a_slow_reader_gets_everything(void **state)
{
    static const size_t pieces[] = {BYTES, 4096, 1000, 7};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        for (int frames = 0; frames < 2; frames++) {
            static struct ladle_sender sender;
            struct pipe *pipe = open_pipe(&sender, 1500, SIZE_MAX);
            sender.frames = frames;
            sender.spans = spans;
            sender.span_count = SPANS;
            assert_int_equal(send_pieces(&sender, pieces[i]), 0);
            assert_int_equal(sender.sent, BYTES - 1); /* the last byte waits */
            assert_int_equal(ladle_sender_finish(&sender), 0);
            close_pipe(pipe);
            assert_int_equal(sender.sent, BYTES);
            assert_int_equal(pipe->count, BYTES);
            assert_memory_equal(pipe->got, bytes, BYTES);
            free(pipe);
        }
    }
}

/* Wherever the reader stops reading, it has a beginning that does not look whole. */
static void test_what_is_cut_off_ends_in_no_span(void **state)
{
    unsigned cuts = 0;
    for (size_t at = 0; at < 60; at++) {
        static struct ladle_sender sender;
        struct pipe *pipe = open_pipe(&sender, 1 + at * 97 % 4096, at % 3 ? at * 947 : spans[at % SPANS].from + at);
        sender.stop = is_done;
        sender.self = pipe;
        sender.spans = spans;
        sender.span_count = SPANS;
        sender.no_wait = at % 2 == 0; /* and as if the kernel did not know it */
        int code = send_pieces(&sender, 5000);
        close_pipe(pipe);
        assert_int_equal(pipe->count, sender.sent);
        assert_memory_equal(pipe->got, bytes, pipe->count);
        assert_true(may_end_at(pipe->count));
        cuts += code == LADLE_SENDER_STOPPED;
        free(pipe);
    }
    assert_true(cuts > 40);
}

static void test_no_cut_falls_between_frames(void **state)
{
    enum { FRAME = 4096 }; /* as large as the pipe: the worst case */
    for (size_t limit = 0; limit < 10 * FRAME; limit += FRAME / 2) {
        static struct ladle_sender sender;
        struct pipe *pipe = open_pipe(&sender, FRAME, limit);
        sender.stop = is_done;
        sender.self = pipe;
        sender.frames = true;
        assert_int_equal(send_pieces(&sender, FRAME), LADLE_SENDER_STOPPED);
        close_pipe(pipe);
        assert_int_not_equal(pipe->count % FRAME, 0);
        free(pipe);
    }
}

static void test_a_reader_that_went_away_is_told_without_a_signal(void **state)
{
    static struct ladle_sender sender;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    ladle_sender_init(&sender, ends[1], "a pipe");
    close(ends[0]);
    signal(SIGPIPE, SIG_DFL); /* would end the test */
    assert_int_equal(ladle_sender_send(&sender, bytes, BYTES), EPIPE);
    sigset_t pending;
    sigpending(&pending);
    assert_false(sigismember(&pending, SIGPIPE));
    close(ends[1]);
}

static bool stop_now(void *self)
{
    return true;
}

/* Otherwise it would wait for ever, and the test runner would end it. */
static void test_a_reader_that_does_not_read_does_not_hold_it_back(void **state)
{
    static struct ladle_sender sender;
    struct pipe *pipe = open_pipe(&sender, 1, 0);
    sender.stop = stop_now;
    assert_int_equal(ladle_sender_send(&sender, bytes, BYTES), LADLE_SENDER_STOPPED);
    close_pipe(pipe);
    free(pipe);
}

static int make_file(int flags)
{
    char path[] = "ladle-sender-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC | flags);
    assert_true(fd >= 0);
    unlink(path);
    return fd;
}

static void test_a_file_is_written_from_where_it_stands(void **state)
{
    for (int append = 0; append < 2; append++) {
        static struct ladle_sender sender;
        uint8_t got[BYTES + 10];
        int fd = make_file(append ? O_APPEND : 0);
        assert_int_equal(write(fd, "before", 6), 6);
        if (append)
            lseek(fd, 0, SEEK_SET);
        ladle_sender_init(&sender, fd, "a file");
        sender.frames = true;
        assert_int_equal(send_pieces(&sender, 9000), 0);
        assert_int_equal(ladle_sender_finish(&sender), 0);
        assert_int_equal(write(fd, "after", 5), 5);
        assert_int_equal(pread(fd, got, sizeof got, 6), BYTES + 5 < sizeof got ? BYTES + 5 : sizeof got);
        assert_memory_equal(got, bytes, BYTES);
        assert_memory_equal(got + BYTES, "after", 5);
        close(fd);
    }
}

static void test_a_limit_of_the_file_size_is_told_without_a_signal(void **state)
{
    static struct ladle_sender sender;
    struct rlimit old, low;
    int fd = make_file(0);
    getrlimit(RLIMIT_FSIZE, &old);
    low = old;
    low.rlim_cur = 10000;
    setrlimit(RLIMIT_FSIZE, &low);
    ladle_sender_init(&sender, fd, "a file");
    assert_int_equal(ladle_sender_send(&sender, bytes, BYTES), EFBIG);
    setrlimit(RLIMIT_FSIZE, &old);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_slow_reader_gets_everything),
        cmocka_unit_test(test_what_is_cut_off_ends_in_no_span),
        cmocka_unit_test(test_no_cut_falls_between_frames),
        cmocka_unit_test(test_a_reader_that_went_away_is_told_without_a_signal),
        cmocka_unit_test(test_a_reader_that_does_not_read_does_not_hold_it_back),
        cmocka_unit_test(test_a_file_is_written_from_where_it_stands),
        cmocka_unit_test(test_a_limit_of_the_file_size_is_told_without_a_signal),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
