/* SPDX-License-Identifier: Apache-2.0 */
#include "method/rank.h"

#include "method/strip.h"

/* A radix sort by 11 bits of the key at a time, from the lowest, stable, so that equal keys stay in the order of their index. */
#define DIGIT_BITS 11u
#define DIGITS (1u << DIGIT_BITS)

struct sort {
    uint64_t *keys, *other_keys;
    uint32_t *order, *other_order;
    size_t *places; /* [DIGITS] */
};

static struct sort sort_of(void *scratch, size_t n)
{
    struct sort sort;
    sort.keys = ladle_array_take(&scratch, n, sizeof(uint64_t));
    sort.other_keys = ladle_array_take(&scratch, n, sizeof(uint64_t));
    sort.order = ladle_array_take(&scratch, n, sizeof(uint32_t));
    sort.other_order = ladle_array_take(&scratch, n, sizeof(uint32_t));
    sort.places = ladle_array_take(&scratch, DIGITS, sizeof(size_t));
    return sort;
}

size_t ladle_rank_scratch_bytes(const struct ladle_task *task, size_t elems)
{
    (void)task;
    return 2 * ladle_array_bytes(elems, sizeof(uint64_t)) + 2 * ladle_array_bytes(elems, sizeof(uint32_t)) +
           ladle_array_bytes(DIGITS, sizeof(size_t));
}

static void fill_keys(const struct ladle_task *task, const struct sort *sort, const void *values, size_t n)
{
    ladle_strip_kernels(task)->keys(sort->keys, values, n);
    if (task->real == LADLE_REAL_F32) { /* keys of 32 bits: spread out, from the last one on */
        const uint8_t *narrow = (const uint8_t *)sort->keys;
        for (size_t i = n; i-- > 0;) {
            uint32_t key;
            memcpy(&key, narrow + 4 * i, sizeof key);
            sort->keys[i] = key;
        }
    }
    for (size_t i = 0; i < n; i++)
        sort->order[i] = (uint32_t)i;
}

/* Sorts by one digit into the other arrays. Returns false, having done nothing, if all keys have the same digit. */
static bool sort_digit(const struct sort *sort, size_t n, unsigned shift)
{
    memset(sort->places, 0, DIGITS * sizeof *sort->places);
    for (size_t i = 0; i < n; i++)
        sort->places[(sort->keys[i] >> shift) % DIGITS]++;
    if (sort->places[(sort->keys[0] >> shift) % DIGITS] == n)
        return false;
    size_t place = 0;
    for (size_t digit = 0; digit < DIGITS; digit++) {
        size_t count = sort->places[digit];
        sort->places[digit] = place;
        place += count;
    }
    for (size_t i = 0; i < n; i++) {
        size_t to = sort->places[(sort->keys[i] >> shift) % DIGITS]++;
        sort->other_keys[to] = sort->keys[i];
        sort->other_order[to] = sort->order[i];
    }
    return true;
}

const uint32_t *ladle_rank_order(const struct ladle_task *task, const void *values, size_t n, void *scratch)
{
    struct sort sort = sort_of(scratch, n);
    unsigned bits = task->real == LADLE_REAL_F64 ? 63 : 31;
    fill_keys(task, &sort, values, n);
    for (unsigned shift = 0; shift < bits && n > 1; shift += DIGIT_BITS) {
        if (!sort_digit(&sort, n, shift))
            continue;
        struct sort turned = {sort.other_keys, sort.keys, sort.other_order, sort.order, sort.places};
        sort = turned;
    }
    return sort.order;
}
