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

#include "engine/io.h"

#define PAGE 4096u

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

static struct ladle_io_request *wait_one(struct ladle_queue *io)
{
    struct ladle_io_request *done = NULL;
    for (int i = 0; i < 100 && !done; i++)
        done = ladle_io_wait(io, 100);
    assert_non_null(done);
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
    ends_too_early(LADLE_IO_URING, 2 * PAGE);
    ends_too_early(LADLE_IO_URING, 0);
}
static void test_threads_notice_a_file_that_ends(void **state)
{
    (void)state;
    ends_too_early(LADLE_IO_THREADS, 2 * PAGE + 17);
    ends_too_early(LADLE_IO_THREADS, 2 * PAGE);
    ends_too_early(LADLE_IO_THREADS, 0);
}
static void test_ring_reports_errors(void **state) { (void)state, fails_with_errno(LADLE_IO_URING); }
static void test_threads_report_errors(void **state) { (void)state, fails_with_errno(LADLE_IO_THREADS); }
static void test_ring_is_woken(void **state) { (void)state, is_woken(LADLE_IO_URING); }
static void test_threads_are_woken(void **state) { (void)state, is_woken(LADLE_IO_THREADS); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring_reads_and_writes),
        cmocka_unit_test(test_threads_read_and_write),
        cmocka_unit_test(test_ring_notices_a_file_that_ends),
        cmocka_unit_test(test_threads_notice_a_file_that_ends),
        cmocka_unit_test(test_ring_reports_errors),
        cmocka_unit_test(test_threads_report_errors),
        cmocka_unit_test(test_ring_is_woken),
        cmocka_unit_test(test_threads_are_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
