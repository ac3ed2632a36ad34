/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_ENGINE_IO_H
#define LADLE_ENGINE_IO_H

/* Reading and writing many pieces of files at once, behind one small table: io_uring, or threads that block in pread and
 * pwrite where the system refuses a ring. One thread submits and waits; any thread may wake it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "ladle/merge.h"

enum ladle_io_kind { LADLE_IO_READ, LADLE_IO_WRITE, LADLE_IO_SYNC };

/* One transfer. The caller fills the first part and keeps the object until it comes back from ladle_io_wait. */
struct ladle_io_request {
    enum ladle_io_kind kind;
    int fd;
    uint8_t *buffer;
    size_t bytes;    /* to transfer; for O_DIRECT a multiple of the alignment */
    size_t least;    /* of them that must arrive: a file may end inside an aligned piece */
    uint64_t offset; /* in the file */
    void *owner;     /* the caller's */

    size_t done;     /* bytes transferred */
    size_t reached;  /* where the transfer stopped short the last time; `done` goes back from there to an aligned place */
    int result;      /* 0, or a positive errno; LADLE_IO_ENDED when the file ended too early */
    struct ladle_io_request *next;
};
#define LADLE_IO_ENDED (-1)

/* Alignment that O_DIRECT transfers keep in files and memory. A device that wants more refuses the first probe and is then
 * read through the page cache. */
#define LADLE_IO_ALIGNMENT 4096u

struct ladle_io_back_end;

/* A back end. */
struct ladle_queue {
    const struct ladle_io_back_end *ops;
    unsigned depth;     /* most requests under way */
    unsigned in_flight;
};

struct ladle_io_back_end {
    const char *name;
    /* Starts a request, or the rest of one; never fails visibly: an error comes back as its result. */
    void (*start)(struct ladle_queue *io, struct ladle_io_request *request);
    /* Waits for at least one transfer, a wake-up, or the time-out; returns finished transfers as a list. `done` of each has
     * grown or `result` is set. */
    struct ladle_io_request *(*wait)(struct ladle_queue *io, unsigned timeout_ms);
    void (*wake)(struct ladle_queue *io);
    void (*destroy)(struct ladle_queue *io);
};

/* Makes a back end. `kind` auto: a ring if the system gives one, else threads; the choice and its reason go to the log.
 *   depth  most requests under way at once
 * Returns LADLE_OK, LADLE_FAILED (a ring was demanded and refused), LADLE_NO_MEMORY. */
int ladle_io_create(struct ladle_queue **io, enum ladle_io kind, unsigned depth, const struct ladle_log *log,
                    struct ladle_error *error);

/* Nothing may be under way. NULL is accepted. */
void ladle_io_destroy(struct ladle_queue *io);

/* Whether one more request may be submitted now. */
static inline bool ladle_io_has_room(const struct ladle_queue *io) { return io->in_flight < io->depth; }

/* Submits a request; `ladle_io_has_room` must hold. */
void ladle_io_submit(struct ladle_queue *io, struct ladle_io_request *request);

/* Waits until a request is complete (short transfers are continued here), somebody wakes, or the time is over.
 * Returns a list of complete requests, perhaps NULL. */
struct ladle_io_request *ladle_io_wait(struct ladle_queue *io, unsigned timeout_ms);

/* Ends a wait of the submitting thread, now or the next. From any thread. */
void ladle_io_wake(struct ladle_queue *io);

/* Writes what the page cache holds of a range to the device, waits for it, and drops it. Returns 0 or an errno value; a file
 * system that cannot do that is no error. */
int ladle_io_push_out(int fd, uint64_t offset, uint64_t bytes);

/* For back ends: carries out a transfer, or the rest of one, blocking, and books its outcome. */
void ladle_io_transfer(struct ladle_io_request *request);

/* For back ends: books the outcome of one transfer, bytes or a negative errno. */
void ladle_io_account(struct ladle_io_request *request, ssize_t result);

/* The two back ends; NULL and an errno if the system refuses. */
struct ladle_queue *ladle_io_uring_create(unsigned depth);
struct ladle_queue *ladle_io_threads_create(unsigned depth);

#endif
