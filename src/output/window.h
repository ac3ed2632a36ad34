/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_WINDOW_H
#define LADLE_OUTPUT_WINDOW_H

/* A range of bytes that is cut out of something longer, which is made part by part from its beginning. */

#include <stdbool.h>
#include <string.h>

#include "base/size.h"

struct ladle_window {
    uint64_t at;         /* of the next part in the whole */
    uint64_t first, end; /* the range that is wanted */
    uint8_t *out;        /* receives it */
};

static inline struct ladle_window ladle_window_open(uint64_t first, size_t count, uint8_t *out)
{
    return (struct ladle_window){.first = first, .end = first + count, .out = out};
}

/* Whether nothing of what comes next is wanted. */
static inline bool ladle_window_is_full(const struct ladle_window *window)
{
    return window->at >= window->end;
}

/* The next part has `bytes` bytes: goes behind it, and tells what of it is wanted.
 *   from   receives where in the part that begins
 *   count  receives how many bytes; 0: nothing
 * Returns where they belong. */
static inline uint8_t *ladle_window_next(struct ladle_window *window, uint64_t bytes, uint64_t *from, size_t *count)
{
    uint64_t at = window->at, begin = ladle_max(at, window->first), end = ladle_min(at + bytes, window->end);
    window->at += bytes;
    *count = begin < end ? (size_t)(end - begin) : 0;
    *from = begin - at;
    return *count > 0 ? window->out + (begin - window->first) : window->out;
}

/* The next part is these bytes. */
static inline void ladle_window_put(struct ladle_window *window, const char *bytes, size_t bytes_count)
{
    uint64_t from;
    size_t count;
    uint8_t *to = ladle_window_next(window, bytes_count, &from, &count);
    if (count > 0) {
        memcpy(to, bytes + from, count);
    }
}

/* The next part is zeros. */
static inline void ladle_window_put_zeros(struct ladle_window *window, uint64_t bytes)
{
    uint64_t from;
    size_t count;
    uint8_t *to = ladle_window_next(window, bytes, &from, &count);
    memset(to, 0, count);
}

#endif
