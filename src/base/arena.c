/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With AddressSanitizer every item is followed by bytes that may not be touched: overruns between items are found. */
#if defined(__SANITIZE_ADDRESS__)
#define GUARDED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GUARDED 1
#endif
#endif

#ifdef GUARDED
#include <sanitizer/asan_interface.h>
#define GUARD_BYTES 16u
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define GUARD_BYTES 0u
#endif

#define ALIGNMENT alignof(max_align_t)
#define LEAST_BLOCK_BYTES 1024u
#define MOST_BLOCK_BYTES (256u * 1024)

struct ladle_arena_block {
    struct ladle_arena_block *previous;
    size_t used, capacity; /* of data */
    alignas(max_align_t) char data[];
};

/* A new block with room for at least `bytes`. Blocks grow with the arena, so that small arenas stay small and large ones do
 * not call the system often; an item that is larger than a block has one of its own. */
static struct ladle_arena_block *add_block(struct ladle_arena *arena, size_t bytes)
{
    size_t capacity = arena->bytes;
    if (capacity < LEAST_BLOCK_BYTES) {
        capacity = LEAST_BLOCK_BYTES;
    }
    if (capacity > MOST_BLOCK_BYTES) {
        capacity = MOST_BLOCK_BYTES;
    }
    bool large = bytes > capacity / 4;
    if (large) {
        capacity = bytes;
    } else {
        capacity -= sizeof(struct ladle_arena_block); /* the system likes round sizes */
    }
    if (!ladle_quota_take(arena->quota, sizeof(struct ladle_arena_block) + capacity)) {
        return NULL;
    }
    struct ladle_arena_block *block = calloc(1, sizeof *block + capacity);
    if (block == NULL) {
        ladle_quota_give(arena->quota, sizeof *block + capacity);
        return NULL;
    }
    block->capacity = capacity;
    ASAN_POISON_MEMORY_REGION(block->data, capacity);
    arena->bytes += sizeof *block + capacity;
    if (large && arena->last != NULL) { /* what is left of the last block stays in use */
        block->previous = arena->last->previous;
        arena->last->previous = block;
    } else {
        block->previous = arena->last;
        arena->last = block;
    }
    return block;
}

void ladle_arena_finish(struct ladle_arena *arena)
{
    struct ladle_arena_block *block = arena->last;
    while (block != NULL) {
        struct ladle_arena_block *previous = block->previous;
        ASAN_UNPOISON_MEMORY_REGION(block->data, block->capacity);
        free(block);
        block = previous;
    }
    ladle_quota_give(arena->quota, arena->bytes);
    *arena = (struct ladle_arena){.quota = arena->quota};
}

void *ladle_arena_take(struct ladle_arena *arena, size_t bytes)
{
    if (bytes > PTRDIFF_MAX - 4096) {
        return NULL;
    }
    size_t room = (bytes + GUARD_BYTES + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (room == 0) {
        room = ALIGNMENT;
    }
    struct ladle_arena_block *block = arena->last;
    if (block == NULL || block->capacity - block->used < room) {
        block = add_block(arena, room);
        if (block == NULL) {
            return NULL;
        }
    }
    void *item = block->data + block->used;
    block->used += room;
    ASAN_UNPOISON_MEMORY_REGION(item, bytes);
    return item;
}

void *ladle_arena_take_array(struct ladle_arena *arena, size_t count, size_t item_bytes)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, item_bytes, &bytes)) {
        return NULL;
    }
    return ladle_arena_take(arena, bytes);
}

char *ladle_arena_copy(struct ladle_arena *arena, const char *text, size_t bytes)
{
    if (bytes == SIZE_MAX) {
        return NULL;
    }
    char *copy = ladle_arena_take(arena, bytes + 1);
    if (copy != NULL && bytes > 0) {
        memcpy(copy, text, bytes);
    }
    return copy;
}

char *ladle_arena_printf(struct ladle_arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    char *text = NULL;
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length >= 0) {
        text = ladle_arena_take(arena, (size_t)length + 1);
    }
    if (text != NULL) {
        vsnprintf(text, (size_t)length + 1, format, again);
    }
    va_end(again);
    va_end(arguments);
    return text;
}
