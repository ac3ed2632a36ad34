/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/io.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* As many transfers as keep a device busy: more blocking threads gain nothing. */
#define THREADS_MOST 16u
#define STACK_BYTES (256u * 1024) /* reserved, hardly touched; aarch64 takes none below 128 KiB */

struct threads {
    struct ladle_queue io;
    pthread_mutex_t lock;
    pthread_cond_t work;        /* something to do, or quit */
    pthread_cond_t finished;    /* something done, or woken */
    struct ladle_io_request *waiting, **waiting_end; /* lock; first in, first out */
    struct ladle_io_request *done;                   /* lock */
    bool woken, quit;                                /* lock */
    unsigned idle;                                   /* lock; threads without work */
    unsigned count;                                  /* submitting thread only */
    pthread_t ids[THREADS_MOST];
};

static void *serve(void *argument)
{
    struct threads *threads = argument;
    pthread_mutex_lock(&threads->lock);
    for (;;) {
        threads->idle++;
        while (!threads->waiting && !threads->quit)
            pthread_cond_wait(&threads->work, &threads->lock);
        threads->idle--;
        if (threads->quit)
            break;
        struct ladle_io_request *request = threads->waiting;
        threads->waiting = request->next;
        if (!threads->waiting)
            threads->waiting_end = &threads->waiting;
        pthread_mutex_unlock(&threads->lock);
        ladle_io_transfer(request);
        pthread_mutex_lock(&threads->lock);
        request->next = threads->done;
        threads->done = request;
        pthread_cond_signal(&threads->finished);
    }
    pthread_mutex_unlock(&threads->lock);
    return NULL;
}

static bool add_thread(struct threads *threads)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    bool started = pthread_create(&threads->ids[threads->count], &attributes, serve, threads) == 0;
    pthread_attr_destroy(&attributes);
    threads->count += started;
    return started;
}

static void start(struct ladle_queue *io, struct ladle_io_request *request)
{
    struct threads *threads = (struct threads *)io;
    request->next = NULL;
    pthread_mutex_lock(&threads->lock);
    *threads->waiting_end = request;
    threads->waiting_end = &request->next;
    bool short_of_threads = threads->idle == 0;
    pthread_cond_signal(&threads->work);
    pthread_mutex_unlock(&threads->lock);
    if (short_of_threads && threads->count < THREADS_MOST && threads->count < io->depth)
        add_thread(threads); /* where the system gives no more threads, those there are do the work */
}

static struct ladle_io_request *wait_any(struct ladle_queue *io, unsigned timeout_ms)
{
    struct threads *threads = (struct threads *)io;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&threads->lock);
    int result = 0;
    while (!threads->done && !threads->woken && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&threads->finished, &threads->lock, &until);
    struct ladle_io_request *list = threads->done;
    threads->done = NULL;
    threads->woken = false;
    pthread_mutex_unlock(&threads->lock);
    return list;
}

static void wake(struct ladle_queue *io)
{
    struct threads *threads = (struct threads *)io;
    pthread_mutex_lock(&threads->lock);
    threads->woken = true;
    pthread_cond_signal(&threads->finished);
    pthread_mutex_unlock(&threads->lock);
}

static void destroy(struct ladle_queue *io)
{
    struct threads *threads = (struct threads *)io;
    pthread_mutex_lock(&threads->lock);
    threads->quit = true;
    pthread_cond_broadcast(&threads->work);
    pthread_mutex_unlock(&threads->lock);
    for (unsigned i = 0; i < threads->count; i++)
        pthread_join(threads->ids[i], NULL);
    pthread_cond_destroy(&threads->finished);
    pthread_cond_destroy(&threads->work);
    pthread_mutex_destroy(&threads->lock);
    free(threads);
}

static const struct ladle_io_back_end back_end = {
    .name = "threads", .start = start, .wait = wait_any, .wake = wake, .destroy = destroy};

struct ladle_queue *ladle_io_threads_create(unsigned depth)
{
    struct threads *threads = calloc(1, sizeof *threads);
    if (!threads)
        return NULL;
    threads->io = (struct ladle_queue){.ops = &back_end, .depth = depth};
    threads->waiting_end = &threads->waiting;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&threads->lock, NULL);
    pthread_cond_init(&threads->work, NULL);
    pthread_cond_init(&threads->finished, &attributes);
    pthread_condattr_destroy(&attributes);
    if (!add_thread(threads)) {
        destroy(&threads->io);
        errno = EAGAIN;
        return NULL;
    }
    return &threads->io;
}
