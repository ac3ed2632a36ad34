/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef LADLE_HAVE_URING
#include <liburing.h>
#endif

#include "engine/io.h"

#define PAGE 4096u

/* A back end whose transfers bring what the test says. */
struct fake {
    struct ladle_queue io;
    ssize_t results[4];
    unsigned at;
    struct ladle_io_request *request;
};

static void fake_start(struct ladle_queue *io, struct ladle_io_request *request)
{
    request->next = NULL;
    ((struct fake *)io)->request = request;
}

static struct ladle_io_request *fake_wait(struct ladle_queue *io, unsigned timeout_ms)
{
    (void)timeout_ms;
    struct fake *fake = (struct fake *)io;
    ladle_io_account(fake->request, fake->results[fake->at++]);
    return fake->request;
}

static const struct ladle_io_back_end fake_back_end = {.name = "fake", .start = fake_start, .wait = fake_wait};

/* Both back ends do the same; the ring is skipped, loudly, where the system has none. */
static struct ladle_queue *make(enum ladle_io kind)
{
    struct ladle_queue *io = NULL;
    if (ladle_io_create(&io, kind, 8, NULL, NULL) != LADLE_OK) {
        print_message("SKIPPED: no io_uring on this machine\n");
        skip();
    }
    return io;
}

static int make_file(const uint8_t *bytes, size_t count)
{
    char path[] = "ladle-io-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, bytes, count), (ssize_t)count);
    return fd;
}

/* However long a busy disk takes; the test runner ends what never comes. */
static struct ladle_io_request *wait_one(struct ladle_queue *io)
{
    struct ladle_io_request *done = NULL;
    while (!done)
        done = ladle_io_wait(io, 100);
    return done;
}

static void read_and_write(enum ladle_io kind)
{
    struct ladle_queue *io = make(kind);
    uint8_t bytes[3 * PAGE], *back = aligned_alloc(PAGE, 4 * PAGE);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    int fd = make_file(bytes, sizeof bytes - 100);

    /* An aligned piece that reaches beyond the end is complete when the bytes needed are there. */
    struct ladle_io_request request = {
        .kind = LADLE_IO_READ, .fd = fd, .buffer = back, .bytes = 4 * PAGE, .least = sizeof bytes - 100, .offset = 0};
    ladle_io_submit(io, &request);
    assert_ptr_equal(wait_one(io), &request);
    assert_int_equal(request.result, 0);
    assert_memory_equal(back, bytes, sizeof bytes - 100);

    struct ladle_io_request writing = {
        .kind = LADLE_IO_WRITE, .fd = fd, .buffer = bytes, .bytes = PAGE, .least = PAGE, .offset = 5 * PAGE};
    ladle_io_submit(io, &writing);
    assert_ptr_equal(wait_one(io), &writing);
    assert_int_equal(writing.result, 0);
    assert_int_equal(pread(fd, back, PAGE, 5 * PAGE), PAGE);
    assert_memory_equal(back, bytes, PAGE);

    struct ladle_io_request syncing = {.kind = LADLE_IO_SYNC, .fd = fd};
    ladle_io_submit(io, &syncing);
    assert_ptr_equal(wait_one(io), &syncing);
    assert_int_equal(syncing.result, 0);
    assert_int_equal(io->in_flight, 0);
    ladle_io_destroy(io);
    free(back);
    close(fd);
}

static void ends_too_early(enum ladle_io kind, size_t file_bytes)
{
    struct ladle_queue *io = make(kind);
    uint8_t bytes[3 * PAGE] = {0}, *back = aligned_alloc(PAGE, 4 * PAGE);
    int fd = make_file(bytes, file_bytes);
    struct ladle_io_request request = {
        .kind = LADLE_IO_READ, .fd = fd, .buffer = back, .bytes = 4 * PAGE, .least = 3 * PAGE + 1, .offset = 0};
    ladle_io_submit(io, &request);
    assert_ptr_equal(wait_one(io), &request);
    assert_int_equal(request.result, LADLE_IO_ENDED);
    ladle_io_destroy(io);
    free(back);
    close(fd);
}

/* Where transfers stop short, in a row; what the kernel did, a request must be able to bear. */
static void test_short_transfers_go_on_as_long_as_they_bring_something(void **state)
{
    (void)state;
    struct fake fake = {.io = {.ops = &fake_back_end, .depth = 1}, .results = {100, 5000, PAGE + 4, 4}};
    struct ladle_io_request request = {.kind = LADLE_IO_READ, .bytes = 3 * PAGE, .least = 3 * PAGE};
    ladle_io_submit(&fake.io, &request);
    /* 0 to 100; from 0 again to 5000; from one page on to two and four bytes; from two pages on no further. */
    assert_null(ladle_io_wait(&fake.io, 0));
    assert_null(ladle_io_wait(&fake.io, 0));
    assert_int_equal(request.done, PAGE);
    assert_null(ladle_io_wait(&fake.io, 0));
    assert_int_equal(request.done, 2 * PAGE);
    assert_ptr_equal(ladle_io_wait(&fake.io, 0), &request);
    assert_int_equal(request.result, LADLE_IO_ENDED);
    assert_int_equal(fake.io.in_flight, 0);
}

static void fails_with_errno(enum ladle_io kind)
{
    struct ladle_queue *io = make(kind);
    uint8_t byte = 0;
    struct ladle_io_request request = {.kind = LADLE_IO_READ, .fd = -1, .buffer = &byte, .bytes = 1, .least = 1};
    ladle_io_submit(io, &request);
    assert_ptr_equal(wait_one(io), &request);
    assert_int_equal(request.result, EBADF);
    ladle_io_destroy(io);
}

static void *wake_soon(void *io)
{
    usleep(20000);
    ladle_io_wake(io);
    return NULL;
}

static void is_woken(enum ladle_io kind)
{
    struct ladle_queue *io = make(kind);
    pthread_t thread;
    for (int i = 0; i < 3; i++) {
        pthread_create(&thread, NULL, wake_soon, io);
        /* Would wait for a minute, and the test runner would end it. */
        assert_null(ladle_io_wait(io, 60000));
        pthread_join(thread, NULL);
    }
    ladle_io_destroy(io);
}

static void test_ring_reads_and_writes(void **state) { (void)state, read_and_write(LADLE_IO_URING); }
static void test_threads_read_and_write(void **state) { (void)state, read_and_write(LADLE_IO_THREADS); }
static void test_ring_notices_a_file_that_ends(void **state)
{
    (void)state;
    ends_too_early(LADLE_IO_URING, 2 * PAGE + 17);
    ends_too_early(LADLE_IO_URING, 17);
    ends_too_early(LADLE_IO_URING, 2 * PAGE);
    ends_too_early(LADLE_IO_URING, 0);
}
static void test_threads_notice_a_file_that_ends(void **state)
{
    (void)state;
    ends_too_early(LADLE_IO_THREADS, 2 * PAGE + 17);
    ends_too_early(LADLE_IO_THREADS, 17);
    ends_too_early(LADLE_IO_THREADS, 2 * PAGE);
    ends_too_early(LADLE_IO_THREADS, 0);
}
static void test_ring_reports_errors(void **state) { (void)state, fails_with_errno(LADLE_IO_URING); }
static void test_threads_report_errors(void **state) { (void)state, fails_with_errno(LADLE_IO_THREADS); }
static void test_ring_is_woken(void **state) { (void)state, is_woken(LADLE_IO_URING); }
static void test_threads_are_woken(void **state) { (void)state, is_woken(LADLE_IO_THREADS); }

#ifdef LADLE_HAVE_URING
/* Features that the kernel is made to lack, and what it answers to a submission. */
static unsigned lacking;
static int submit_answer;

int __real_io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *parameters);
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *parameters);
int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);

int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *parameters)
{
    int result = __real_io_uring_queue_init_params(entries, ring, parameters);
    ring->features &= ~lacking;
    parameters->features &= ~lacking;
    return result;
}

int __wrap_io_uring_submit(struct io_uring *ring) { return submit_answer ? submit_answer : __real_io_uring_submit(ring); }

/* Whether the kernel says that it cancelled what it was given. */
static bool cancelling;
unsigned __real_io_uring_peek_batch_cqe(struct io_uring *ring, struct io_uring_cqe **found, unsigned count);
unsigned __wrap_io_uring_peek_batch_cqe(struct io_uring *ring, struct io_uring_cqe **found, unsigned count);

unsigned __wrap_io_uring_peek_batch_cqe(struct io_uring *ring, struct io_uring_cqe **found, unsigned count)
{
    count = __real_io_uring_peek_batch_cqe(ring, found, count);
    for (unsigned i = 0; cancelling && i < count; i++)
        found[i]->res = -ECANCELED;
    return count;
}

static void falls_back(int code)
{
    struct ladle_queue *io = NULL;
    errno = 0;
    assert_null(ladle_io_uring_create(8));
    assert_int_equal(errno, code);
    assert_int_equal(ladle_io_create(&io, LADLE_IO_AUTO, 8, NULL, NULL), LADLE_OK);
    assert_string_equal(io->ops->name, "threads");
    ladle_io_destroy(io);
    lacking = 0;
    submit_answer = 0;
}

/* Linux 5.6 to 5.10: what liburing does there for time-outs would come back to us as an address. */
static void test_ring_of_an_old_kernel_is_not_used(void **state)
{
    (void)state;
    ladle_io_destroy(make(LADLE_IO_URING));
    lacking = IORING_FEAT_EXT_ARG;
    falls_back(ENOSYS);
}

static void test_ring_that_takes_nothing_is_not_used(void **state)
{
    (void)state;
    ladle_io_destroy(make(LADLE_IO_URING));
    submit_answer = -EPERM;
    falls_back(EPERM);
}

/* A limit of processes leaves the kernel without threads for requests that block. */
static void test_what_the_ring_cancels_is_done_all_the_same(void **state)
{
    (void)state;
    ladle_io_destroy(make(LADLE_IO_URING));
    cancelling = true;
    read_and_write(LADLE_IO_URING);
    ends_too_early(LADLE_IO_URING, 17);
    fails_with_errno(LADLE_IO_URING);
    cancelling = false;
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring_reads_and_writes),
        cmocka_unit_test(test_threads_read_and_write),
        cmocka_unit_test(test_ring_notices_a_file_that_ends),
        cmocka_unit_test(test_threads_notice_a_file_that_ends),
        cmocka_unit_test(test_short_transfers_go_on_as_long_as_they_bring_something),
        cmocka_unit_test(test_ring_reports_errors),
        cmocka_unit_test(test_threads_report_errors),
        cmocka_unit_test(test_ring_is_woken),
        cmocka_unit_test(test_threads_are_woken),
#ifdef LADLE_HAVE_URING
        cmocka_unit_test(test_ring_of_an_old_kernel_is_not_used),
        cmocka_unit_test(test_ring_that_takes_nothing_is_not_used),
        cmocka_unit_test(test_what_the_ring_cancels_is_done_all_the_same),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
