/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_ENGINE_STREAM_H
#define LADLE_ENGINE_STREAM_H

/* The output as one stream, front to back, down a pipe or into a file: workers compress full chunks into frames of their own
 * (pack), and a thread sends them in order (sender.c). Frames are begun in order too, so the one that must go out next is
 * always under way. */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ladle_engine;
struct ladle_chunk;

struct ladle_frame {
    uint8_t *data;
    size_t bytes;
    uint64_t number; /* of its chunk */
    bool taken, ready;
};

struct ladle_stream {
    struct ladle_frame *frames; /* lock; NULL without compression */
    uint32_t frame_count;
    void **contexts;      /* [threads] memory for a zstd context each */
    uint64_t chunks;      /* of the whole output */
    uint64_t next_pack;   /* lock; chunk whose compression begins next */
    uint64_t next_write;  /* lock; chunk that goes out next */
    pthread_cond_t ready; /* lock; something to write, or stop */
    pthread_t thread;
    bool started;
};

/* Prepares memory and starts the writing thread. Returns LADLE_OK or a negative status. */
int ladle_stream_begin(struct ladle_engine *engine);

/* Stops the thread, if it was started, and waits for it. */
void ladle_stream_end(struct ladle_engine *engine);

/* With the lock held: the chunk to be compressed next and a frame for it, if both are there. */
bool ladle_stream_next_pack(struct ladle_engine *engine, struct ladle_chunk **chunk, struct ladle_frame **frame);

/* Compresses a chunk; without the lock, by worker number `worker`. Returns LADLE_OK or a negative status. */
int ladle_stream_pack(struct ladle_engine *engine, unsigned worker, const struct ladle_chunk *chunk,
                      struct ladle_frame *frame);

/* With the lock held: the frame may go out. */
void ladle_stream_packed(struct ladle_engine *engine, struct ladle_chunk *chunk, struct ladle_frame *frame);

/* With the lock held: whether everything has been written. */
bool ladle_stream_is_done(const struct ladle_engine *engine);

#endif
