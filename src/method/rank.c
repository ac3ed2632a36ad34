/* SPDX-License-Identifier: Apache-2.0 */
#include "method/rank.h"

#include "method/strip.h"

/* A radix sort of items that hold 32 bits of an element's code above its index: by a few bits of the code at a time, from
 * the lowest, stable, so that equal codes stay in the order of their index.
 *
 * A code is the key less what all keys of the row have in common: the lower bits that are zero in all of them, and what lies
 * below the smallest one that is not 0. Differences of 16-bit numbers have few bits then, and two turns suffice. */
#define CODE_SHIFT 32u
#define DIGIT_BITS_MOST 11u
#define DIGITS_MOST (1u << DIGIT_BITS_MOST)

struct sort {
    uint64_t *items, *other;
    uint64_t *keys;      /* of double */
    uint32_t *places[2]; /* [DIGITS_MOST], of the first half of the items and of the second */
};

static struct sort sort_of(const struct ladle_task *task, void *scratch, size_t n)
{
    struct sort sort;
    sort.items = ladle_array_take(&scratch, n, sizeof(uint64_t));
    sort.other = ladle_array_take(&scratch, n, sizeof(uint64_t));
    sort.places[0] = ladle_array_take(&scratch, DIGITS_MOST, sizeof(uint32_t));
    sort.places[1] = ladle_array_take(&scratch, DIGITS_MOST, sizeof(uint32_t));
    sort.keys = ladle_array_take(&scratch, task->real == LADLE_REAL_F64 ? n : 0, sizeof(uint64_t));
    return sort;
}

size_t ladle_rank_scratch_bytes(const struct ladle_task *task, size_t elems)
{
    return 2 * ladle_array_bytes(elems, sizeof(uint64_t)) + 2 * ladle_array_bytes(DIGITS_MOST, sizeof(uint32_t)) +
           ladle_array_bytes(task->real == LADLE_REAL_F64 ? elems : 0, sizeof(uint64_t));
}

/* Some bits of all codes. */
struct digit {
    unsigned shift; /* in an item */
    uint64_t mask;
};

static size_t digit_of(const uint64_t *item, struct digit digit)
{
    return (*item >> digit.shift) & digit.mask;
}

/* Where the first item with each digit goes, in either half. Going through two halves at once, runs of one digit (zeros are
 * many) do not wait for themselves: each increment needs the one before. */
static void find_places(const struct sort *sort, size_t n, struct digit digit)
{
    const uint64_t *restrict first = sort->items, *restrict second = first + n / 2;
    uint32_t *restrict a = sort->places[0], *restrict b = sort->places[1], place = 0;
    memset(a, 0, (digit.mask + 1) * sizeof *a);
    memset(b, 0, (digit.mask + 1) * sizeof *b);
    for (size_t i = 0; i < n / 2; i++) {
        a[digit_of(first + i, digit)]++;
        b[digit_of(second + i, digit)]++;
    }
    if (n % 2 != 0)
        b[digit_of(second + n / 2, digit)]++;
    for (size_t value = 0; value <= digit.mask; value++) {
        uint32_t firsts = a[value], seconds = b[value];
        a[value] = place;
        b[value] = place + firsts;
        place += firsts + seconds;
    }
}

static void move_items(struct sort *sort, size_t n, struct digit digit)
{
    const uint64_t *restrict first = sort->items, *restrict second = first + n / 2;
    uint64_t *restrict to = sort->other;
    uint32_t *restrict a = sort->places[0], *restrict b = sort->places[1];
    for (size_t i = 0; i < n / 2; i++) {
        to[a[digit_of(first + i, digit)]++] = first[i];
        to[b[digit_of(second + i, digit)]++] = second[i];
    }
    if (n % 2 != 0)
        to[b[digit_of(second + n / 2, digit)]++] = second[n / 2];
    sort->other = sort->items;
    sort->items = to;
}

/* The last turn, in which an item's place is all that is wanted. */
static void find_ranks(const struct sort *sort, size_t n, struct digit digit, uint32_t *restrict ranks)
{
    const uint64_t *restrict first = sort->items, *restrict second = first + n / 2;
    uint32_t *restrict a = sort->places[0], *restrict b = sort->places[1];
    for (size_t i = 0; i < n / 2; i++) {
        ranks[(uint32_t)first[i]] = a[digit_of(first + i, digit)]++;
        ranks[(uint32_t)second[i]] = b[digit_of(second + i, digit)]++;
    }
    if (n % 2 != 0)
        ranks[(uint32_t)second[n / 2]] = b[digit_of(second + n / 2, digit)]++;
}

/* Sorts by the lower `bits` of the codes in the items; `ranks`: where their places go in the end, or NULL to move them. */
static void sort_items(struct sort *sort, size_t n, unsigned bits, uint32_t *ranks)
{
    unsigned turns = (bits + DIGIT_BITS_MOST - 1) / DIGIT_BITS_MOST, each = (bits + turns - 1) / turns;
    for (unsigned turn = 0; turn < turns; turn++) {
        struct digit digit = {CODE_SHIFT + turn * each, ((uint64_t)1 << each) - 1};
        find_places(sort, n, digit);
        if (turn + 1 == turns && ranks)
            find_ranks(sort, n, digit, ranks);
        else
            move_items(sort, n, digit);
    }
}

/* How keys become codes: (max(key, base) - base) >> zeros. At least one bit, so that there is a turn. */
struct coding {
    uint64_t base;
    unsigned zeros, bits;
};

/* From all keys or-ed together, the largest, and the smallest but 0, less 1. */
static struct coding coding_of(uint64_t any, uint64_t most, uint64_t least)
{
    struct coding coding = {.bits = 1};
    if (any == 0)
        return coding;
    coding.zeros = (unsigned)__builtin_ctzll(any);
    coding.base = least + 1 - ((uint64_t)1 << coding.zeros);
    coding.bits = 64 - (unsigned)__builtin_clzll((most - coding.base) >> coding.zeros);
    return coding;
}

/* The keys of the values, in `keys`, as items. */
static struct coding make_items(const struct ladle_task *task, struct sort *sort, const void *values, size_t n, void *keys)
{
    const struct ladle_arithmetic *kernels = ladle_strip_kernels(task);
    uint64_t any, most, least;
    kernels->keys(keys, values, n);
    kernels->span(keys, n, &any, &most, &least);
    struct coding coding = coding_of(any, most, least);
    kernels->items(sort->items, keys, coding.base, coding.zeros, n);
    return coding;
}

/* Replaces the lower half of each item's code by the upper one. */
static void raise_items(struct sort *sort, const struct coding *coding, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t index = (uint32_t)sort->items[i];
        uint64_t key = sort->keys[index], code = ((key > coding->base ? key : coding->base) - coding->base) >> coding->zeros;
        sort->items[i] = code >> CODE_SHIFT << CODE_SHIFT | index;
    }
}

void ladle_rank_find(const struct ladle_task *task, const void *values, size_t n, uint32_t *ranks, void *scratch)
{
    struct sort sort = sort_of(task, scratch, n);
    /* Of float the keys lie where ranks come in the last turn, which needs no keys. */
    struct coding coding = make_items(task, &sort, values, n, task->real == LADLE_REAL_F64 ? (void *)sort.keys : ranks);
    if (coding.bits > CODE_SHIFT) { /* two sorts: by the lower half of the code, then by the upper one */
        sort_items(&sort, n, CODE_SHIFT, NULL);
        raise_items(&sort, &coding, n);
        coding.bits -= CODE_SHIFT;
    }
    sort_items(&sort, n, coding.bits, ranks);
}
