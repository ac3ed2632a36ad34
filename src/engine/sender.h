/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_ENGINE_SENDER_H
#define LADLE_ENGINE_SENDER_H

/* Sending bytes down a descriptor, front to back: a pipe, a socket, a regular file. Never blocks for longer than it takes to ask
 * whether to stop, except where a device does. One byte is always kept back until more follow, so that what is cut off ends
 * inside a frame or a block of an archive and no reader takes it for whole. One thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ladle_sender {
    int fd;
    const char *name;  /* for messages */
    unsigned unit;     /* what is cut off should not end at a multiple of this; 1: it may end anywhere */
    bool (*stop)(void *self); /* asked while nothing can be sent; NULL: never stops */
    void *self;

    bool file;         /* regular: written at `offset` */
    bool no_wait;      /* the kernel takes as many bytes as there is room for, and tells */
    bool holding;
    uint8_t held;      /* the byte kept back */
    uint64_t offset;   /* of a regular file, where the next byte goes */
    uint64_t sent;     /* bytes that went out, without the one kept back */
};

/* What is returned beside errno values. */
#define LADLE_SENDER_STOPPED (-1)

/* Prepares for sending from where the descriptor stands. The caller sets `stop` and `self`, and may change them between calls. */
void ladle_sender_init(struct ladle_sender *sender, int fd, const char *name, unsigned unit);

/* Sends `count` bytes, and keeps the last of them back. Returns 0, an errno value (EPIPE: nobody reads any more; no signal is
 * raised), or LADLE_SENDER_STOPPED. */
int ladle_sender_send(struct ladle_sender *sender, const void *bytes, size_t count);

/* Sends the byte kept back. Returns as ladle_sender_send. */
int ladle_sender_finish(struct ladle_sender *sender);

#endif
