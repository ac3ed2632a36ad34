/* SPDX-License-Identifier: Apache-2.0 */
#include "method/rank.h"

#include "method/strip.h"

/* A radix sort of items that hold 32 bits of an element's key above its index: by 11 bits of the key at a time, from the
 * lowest, stable, so that equal keys stay in the order of their index. Keys of 63 bits take two sorts: by the lower half,
 * then by the upper one. */
#define KEY_SHIFT 32u
#define DIGIT_BITS 11u
#define DIGITS (1u << DIGIT_BITS)

struct sort {
    uint64_t *items, *other;
    uint64_t *keys; /* of double */
    uint32_t *order;
    uint32_t *places; /* [DIGITS] */
};

static struct sort sort_of(const struct ladle_task *task, void *scratch, size_t n)
{
    struct sort sort;
    sort.items = ladle_array_take(&scratch, n, sizeof(uint64_t));
    sort.other = ladle_array_take(&scratch, n, sizeof(uint64_t));
    sort.order = ladle_array_take(&scratch, n, sizeof(uint32_t));
    sort.places = ladle_array_take(&scratch, DIGITS, sizeof(uint32_t));
    sort.keys = ladle_array_take(&scratch, task->real == LADLE_REAL_F64 ? n : 0, sizeof(uint64_t));
    return sort;
}

size_t ladle_rank_scratch_bytes(const struct ladle_task *task, size_t elems)
{
    return 2 * ladle_array_bytes(elems, sizeof(uint64_t)) + ladle_array_bytes(elems, sizeof(uint32_t)) +
           ladle_array_bytes(DIGITS, sizeof(uint32_t)) +
           ladle_array_bytes(task->real == LADLE_REAL_F64 ? elems : 0, sizeof(uint64_t));
}

static size_t digit_of(uint64_t item, unsigned shift)
{
    return (item >> shift) % DIGITS;
}

/* Where the first item with each digit goes. */
static void find_places(const uint64_t *restrict items, size_t n, unsigned shift, uint32_t *restrict places)
{
    uint32_t place = 0;
    memset(places, 0, DIGITS * sizeof *places);
    for (size_t i = 0; i < n; i++)
        places[digit_of(items[i], shift)]++;
    for (size_t digit = 0; digit < DIGITS; digit++) {
        uint32_t count = places[digit];
        places[digit] = place;
        place += count;
    }
}

static void move_items(const uint64_t *restrict items, size_t n, unsigned shift, uint32_t *restrict places,
                       uint64_t *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[places[digit_of(items[i], shift)]++] = items[i];
}

static void sort_items(struct sort *sort, size_t n)
{
    uint64_t differing = 0;
    for (size_t i = 0; i < n; i++)
        differing |= sort->items[i] ^ sort->items[0];
    for (unsigned shift = KEY_SHIFT; shift < 64; shift += DIGIT_BITS) {
        uint64_t *from = sort->items;
        if (digit_of(differing, shift) == 0)
            continue; /* differences of 16-bit numbers have no lower bits */
        find_places(from, n, shift, sort->places);
        move_items(from, n, shift, sort->places, sort->other);
        sort->items = sort->other;
        sort->other = from;
    }
}

static void sort_floats(const struct ladle_task *task, struct sort *sort, const void *values, size_t n)
{
    uint32_t *keys = sort->order; /* overwritten with the order in the end */
    ladle_strip_kernels(task)->keys(keys, values, n);
    for (size_t i = 0; i < n; i++)
        sort->items[i] = (uint64_t)keys[i] << KEY_SHIFT | i;
    sort_items(sort, n);
}

static void sort_doubles(const struct ladle_task *task, struct sort *sort, const void *values, size_t n)
{
    ladle_strip_kernels(task)->keys(sort->keys, values, n);
    for (size_t i = 0; i < n; i++)
        sort->items[i] = sort->keys[i] << KEY_SHIFT | i;
    sort_items(sort, n);
    for (size_t i = 0; i < n; i++) {
        uint64_t index = (uint32_t)sort->items[i];
        sort->items[i] = sort->keys[index] >> KEY_SHIFT << KEY_SHIFT | index;
    }
    sort_items(sort, n);
}

const uint32_t *ladle_rank_order(const struct ladle_task *task, const void *values, size_t n, void *scratch)
{
    struct sort sort = sort_of(task, scratch, n);
    if (n == 0)
        return sort.order;
    if (task->real == LADLE_REAL_F64)
        sort_doubles(task, &sort, values, n);
    else
        sort_floats(task, &sort, values, n);
    for (size_t i = 0; i < n; i++)
        sort.order[i] = (uint32_t)sort.items[i];
    return sort.order;
}
