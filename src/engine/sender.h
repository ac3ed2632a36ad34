/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_ENGINE_SENDER_H
#define LADLE_ENGINE_SENDER_H

/* Sending bytes down a descriptor, front to back: a pipe, a socket, a regular file. Never blocks for longer than it takes to
 * ask whether to stop, except where a device does.
 *
 * What is cut off must not look whole to the reader. A compressed stream that ends between two frames does, and so does a
 * tar that ends behind a file. So there are spans: ranges of the stream that go out at once or not at all, and a span that
 * is not complete is kept back. The last byte of a frame goes with the first one of the next; the last byte of a file in a
 * tar with the header behind it. One thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct ladle_span {
    uint64_t from, to; /* bytes of the stream */
};

/* A longer span can only be kept back, not sent at once. */
#define LADLE_SENDER_HELD_BYTES 8192u

struct ladle_sender {
    int fd;
    const char *name; /* for messages */
    const struct ladle_span *spans; /* ascending, apart; a last one that ends behind the stream waits for the finish */
    size_t span_count;
    bool frames;              /* instead of spans: each call sends a frame */
    bool (*stop)(void *self); /* asked while nothing can be sent; NULL: never stops */
    void *self;

    bool file;         /* regular: written at `offset` */
    bool no_wait;      /* the kernel takes as many bytes as there is room for, and tells */
    uint64_t offset;   /* of a regular file, where the next byte goes */
    uint64_t sent;     /* bytes that went out */
    size_t held_count; /* bytes kept back */
    uint8_t held[LADLE_SENDER_HELD_BYTES];
    struct ladle_span span; /* the next one, or that of the bytes kept back */
    size_t next_span;
};

/* What is returned beside errno values. */
#define LADLE_SENDER_STOPPED (-1)

/* Prepares for sending from where the descriptor stands. The caller sets spans or frames, `stop` and `self`, and may change
 * the last two between calls. */
void ladle_sender_init(struct ladle_sender *sender, int fd, const char *name);

/* Sends `count` bytes, all but those of a span that is not complete. Returns 0, an errno value (EPIPE: nobody reads any
 * more; no signal is raised), or LADLE_SENDER_STOPPED. */
int ladle_sender_send(struct ladle_sender *sender, const void *bytes, size_t count);

/* Sends what was kept back: the stream is whole. Returns as ladle_sender_send. */
int ladle_sender_finish(struct ladle_sender *sender);

/* Records what one of the two returned, if it was not 0. Returns LADLE_STOPPED or LADLE_FAILED. */
int ladle_sender_fail(const struct ladle_sender *sender, int code, struct ladle_error *error);

#endif
