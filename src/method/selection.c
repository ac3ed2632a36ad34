/* SPDX-License-Identifier: Apache-2.0 */
#include "method/selection.h"

#include "method/strip.h"

/* Fine histograms have one bin a key in the last level, and are of up to this many buckets when there is a sample. */
#define FINE_BINS 32768u
#define WINDOW_BUCKETS 8u

/* A thread's own histogram of level 0 and the buckets that it has touched; see kernel.h for `table`. Buckets outside [least,
 * most] hold nothing of use, except for bucket 0, which always counts: zeros are frequent and far from all else. */
struct work {
    uint32_t least, most;
    uint32_t bins[LADLE_STRIP];
    _Alignas(64) uint32_t table[4 * LADLE_KEY_BINS];
};

static bool is_small(const struct ladle_task *task)
{
    return task->elems <= LADLE_SELECTION_SMALL;
}

/* Counters are 64 bits wide only where 32 could overflow. */
static bool is_wide(const struct ladle_task *task)
{
    return task->elems > UINT32_MAX;
}

static size_t counter_bytes(const struct ladle_task *task)
{
    return is_wide(task) ? 8 : 4;
}

/* Key bits below those that a level looks at: a level's histogram is of the 16 bits above them. */
static unsigned level_shift(const struct ladle_task *task, unsigned level)
{
    static const unsigned f64_shifts[] = {LADLE_KEY_SHIFT_F64, 31, 15, 0};
    static const unsigned f32_shifts[] = {LADLE_KEY_SHIFT_F32, 0};
    return task->real == LADLE_REAL_F64 ? f64_shifts[level] : f32_shifts[level];
}

/* Bins of one rank's histogram in levels beyond the first. */
static size_t level_bins(const struct ladle_task *task, unsigned level)
{
    return level_shift(task, level) > 0 ? LADLE_KEY_BINS : FINE_BINS;
}

static size_t table_bins(const struct ladle_task *task, unsigned ranks)
{
    size_t later = ranks * level_bins(task, 1);
    return later > LADLE_KEY_BINS ? later : LADLE_KEY_BINS;
}

bool ladle_selection_samples(const struct ladle_task *task)
{
    return !task->resident && !is_small(task) && task->real == LADLE_REAL_F32;
}

unsigned ladle_selection_passes(const struct ladle_task *task)
{
    if (is_small(task) || ladle_selection_samples(task))
        return 1;
    return task->real == LADLE_REAL_F64 ? 4 : 2;
}

size_t ladle_selection_state_bytes(const struct ladle_task *task, unsigned ranks)
{
    size_t head = ladle_array_bytes(1, sizeof(struct ladle_selection));
    if (is_small(task))
        return head + ladle_array_bytes((size_t)task->elems, ladle_real_bytes(task->real));
    size_t windows = ladle_selection_samples(task) ? (size_t)ranks * WINDOW_BUCKETS * FINE_BINS : 0;
    return head + ladle_array_bytes(table_bins(task, ranks) + windows, counter_bytes(task));
}

size_t ladle_selection_scratch_bytes(const struct ladle_task *task)
{
    return is_small(task) ? 0 : sizeof(struct work);
}

/* What follows a selection in memory: its table, or the keys of a small vector. */
static void *behind(const struct ladle_selection *selection)
{
    return (uint8_t *)selection + ladle_array_bytes(1, sizeof *selection);
}

/* The fine histogram of one rank: in level 0 that of its window, behind the table of level 0; later in its place. */
static void *fine_table(const struct ladle_task *task, const struct ladle_selection *selection, unsigned at)
{
    size_t bins = selection->level > 0 ? at * level_bins(task, selection->level)
                                       : table_bins(task, selection->ranks) + (size_t)at * WINDOW_BUCKETS * FINE_BINS;
    return (uint8_t *)behind(selection) + bins * counter_bytes(task);
}

static uint64_t counter(const void *table, bool wide, size_t bin)
{
    return wide ? ((const uint64_t *)table)[bin] : ((const uint32_t *)table)[bin];
}

void ladle_selection_begin(struct ladle_selection *selection, unsigned ranks)
{
    selection->ranks = ranks;
    pthread_mutex_init(&selection->lock, NULL);
}

void ladle_selection_ask(struct ladle_selection *selection, unsigned at, uint64_t rank)
{
    selection->thresholds[at].rank = rank;
}

/* Clears the counts of buckets [first, past), both of those with and without lower bits. */
static void clear(struct work *work, size_t first, size_t past)
{
    uint32_t *table = work->table + 4 * first;
    memset(table, 0, 4 * (past - first) * sizeof *table);
    memset(table + 4 * (size_t)LADLE_KEY_BUCKETS, 0, 4 * (past - first) * sizeof *table);
}

void ladle_selection_open(const struct ladle_task *task, void *scratch)
{
    struct work *work = scratch;
    if (is_small(task))
        return;
    work->least = LADLE_KEY_BUCKETS;
    work->most = 0;
    clear(work, 0, 1);
}

/* Makes [least, most] part of what the table holds, clearing the buckets that were not. */
static void extend(struct work *work, uint32_t least, uint32_t most)
{
    if (least > most)
        return;
    if (work->least > work->most) {
        clear(work, least, (size_t)most + 1);
        work->least = least;
        work->most = most;
        return;
    }
    if (least < work->least) {
        clear(work, least, work->least);
        work->least = least;
    }
    if (most > work->most) {
        clear(work, (size_t)work->most + 1, (size_t)most + 1);
        work->most = most;
    }
}

/* Adds runs of equal hits to a histogram that all threads share. */
static void add_hits(void *table, bool wide, const uint32_t *hits, size_t count)
{
    for (size_t i = 0; i < count;) {
        size_t run = 1;
        while (i + run < count && hits[i + run] == hits[i])
            run++;
        if (wide)
            __atomic_fetch_add((uint64_t *)table + hits[i], run, __ATOMIC_RELAXED);
        else
            __atomic_fetch_add((uint32_t *)table + hits[i], (uint32_t)run, __ATOMIC_RELAXED);
        i += run;
    }
}

/* The keys of one strip that fall into the fine histogram of a rank. Keys at the very start of a bucket are not among them:
 * the level before has counted those apart. */
static void add_fine(const struct ladle_task *task, struct ladle_selection *selection, unsigned at, const void *values,
                     size_t n, struct work *work)
{
    unsigned level = selection->level > 0 ? selection->level : 1;
    uint64_t bucket = (uint64_t)1 << level_shift(task, level - 1);
    size_t count = ladle_strip_kernels(task)->within(work->bins, values, selection->first[at], selection->width[at],
                                                     bucket - 1, level_shift(task, level), n);
    add_hits(fine_table(task, selection, at), is_wide(task), work->bins, count);
}

static void add_strip(const struct ladle_task *task, struct ladle_selection *selection, const void *values, size_t n,
                      struct work *work)
{
    for (unsigned at = 0; at < selection->ranks; at++)
        if (selection->width[at] > 0)
            add_fine(task, selection, at, values, n, work);
    if (selection->level > 0)
        return;
    uint32_t least = UINT32_MAX, most = 0;
    ladle_strip_kernels(task)->bins(work->bins, values, n, &least, &most);
    extend(work, least, most);
    task->kernels->tabulate(work->table, work->bins, n);
}

void ladle_selection_add(const struct ladle_task *task, struct ladle_selection *selection, uint64_t first,
                         const void *values, size_t n, void *scratch)
{
    size_t real_bytes = ladle_real_bytes(task->real);
    if (selection->done)
        return;
    if (is_small(task)) {
        ladle_strip_kernels(task)->keys((uint8_t *)behind(selection) + (size_t)first * real_bytes, values, n);
        return;
    }
    for (size_t at = 0; at < n; at += LADLE_STRIP)
        add_strip(task, selection, (const uint8_t *)values + at * real_bytes, ladle_strip_elems(at, n), scratch);
}

static uint64_t four(const struct work *work, size_t bin)
{
    const uint32_t *lanes = work->table + 4 * bin;
    return (uint64_t)lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

static void add_bins(void *table, bool wide, const struct work *work, size_t first, size_t past)
{
    if (wide)
        for (size_t bin = first; bin < past; bin++)
            ((uint64_t *)table)[bin] += four(work, bin);
    else
        for (size_t bin = first; bin < past; bin++)
            ((uint32_t *)table)[bin] += (uint32_t)four(work, bin);
}

static void add_buckets(void *table, bool wide, const struct work *work, size_t first, size_t past)
{
    add_bins(table, wide, work, first, past);
    add_bins(table, wide, work, first + LADLE_KEY_BUCKETS, past + LADLE_KEY_BUCKETS);
}

void ladle_selection_close(const struct ladle_task *task, struct ladle_selection *selection, void *scratch)
{
    const struct work *work = scratch;
    if (is_small(task) || selection->done || selection->level > 0)
        return;
    pthread_mutex_lock(&selection->lock);
    add_buckets(behind(selection), is_wide(task), work, 0, 1);
    if (work->least <= work->most)
        add_buckets(behind(selection), is_wide(task), work, work->least, (size_t)work->most + 1);
    pthread_mutex_unlock(&selection->lock);
}

void ladle_selection_estimate(const struct ladle_task *task, struct ladle_selection *selection, uint64_t elems,
                              void *scratch)
{
    const struct work *work = scratch;
    if (!ladle_selection_samples(task))
        return;
    for (unsigned at = 0; at < selection->ranks; at++) {
        double place = (double)selection->thresholds[at].rank / (double)task->elems * (double)elems;
        uint64_t seen = 0;
        uint32_t bucket = work->least <= work->most ? work->most : 0;
        while (bucket > 0 && bucket >= work->least &&
               (double)(seen += four(work, bucket) + four(work, bucket + LADLE_KEY_BUCKETS)) < place)
            bucket--;
        bucket = bucket < work->least ? 0 : bucket;
        uint32_t from = bucket > WINDOW_BUCKETS / 2 ? bucket - WINDOW_BUCKETS / 2 : 0;
        selection->first[at] = (uint64_t)from << LADLE_KEY_SHIFT_F32;
        selection->width[at] = selection->thresholds[at].rank > 0 ? (uint64_t)WINDOW_BUCKETS << LADLE_KEY_SHIFT_F32 : 0;
    }
}

uint64_t ladle_selection_nonzero(const struct ladle_task *task, const struct ladle_selection *selection)
{
    if (!is_small(task))
        return task->elems - counter(behind(selection), is_wide(task), 0);
    return task->elems - ladle_strip_kernels(task)->count(behind(selection), 0, (size_t)task->elems);
}

/* From the top bin down to where the element in place `want` is. Returns its bin; *above counts the elements before it. */
static size_t descend(const void *table, bool wide, size_t bins, uint64_t want, uint64_t *above)
{
    *above = 0;
    for (size_t bin = bins; bin-- > 0;) {
        uint64_t count = counter(table, wide, bin);
        if (*above + count >= want)
            return bin;
        *above += count;
    }
    return 0;
}

/* The same for a histogram of buckets, in each of which the keys with lower bits come before the one without. */
static size_t descend_buckets(const void *table, bool wide, uint64_t want, uint64_t *above)
{
    *above = 0;
    for (size_t bucket = LADLE_KEY_BUCKETS; bucket-- > 0;) {
        uint64_t upper = counter(table, wide, bucket + LADLE_KEY_BUCKETS), lower = counter(table, wide, bucket);
        if (*above + upper >= want)
            return bucket + LADLE_KEY_BUCKETS;
        *above += upper;
        if (*above + lower >= want)
            return bucket;
        *above += lower;
    }
    return 0;
}

static void settle(struct ladle_selection *selection, unsigned at, uint64_t key, uint64_t above, uint64_t equal)
{
    struct ladle_threshold *threshold = &selection->thresholds[at];
    threshold->key = key;
    threshold->above = above;
    threshold->equal = equal;
    selection->known[at] = true;
    selection->width[at] = 0;
}

/* One rank, from FINE_BINS bins of one key each, the first of them being `key`; `passed` elements lie above them. */
static void settle_fine(const struct ladle_task *task, struct ladle_selection *selection, unsigned at, const void *table,
                        uint64_t key, uint64_t passed)
{
    uint64_t above;
    size_t bin = descend(table, is_wide(task), FINE_BINS, selection->thresholds[at].rank - passed, &above);
    settle(selection, at, key + bin, passed + above, counter(table, is_wide(task), bin));
}

/* One rank, from a histogram of buckets that begins at key `first`: the threshold, or the bucket that it is in. */
static void settle_bucket(const struct ladle_task *task, struct ladle_selection *selection, unsigned at, const void *table,
                          uint64_t first)
{
    unsigned shift = level_shift(task, selection->level);
    uint64_t above, passed = selection->passed[at];
    size_t bin = descend_buckets(table, is_wide(task), selection->thresholds[at].rank - passed, &above);
    uint64_t key = first + ((uint64_t)(bin % LADLE_KEY_BUCKETS) << shift), bucket = (uint64_t)1 << shift;
    passed += above;
    if (bin < LADLE_KEY_BUCKETS) {
        settle(selection, at, key, passed, counter(table, is_wide(task), bin));
        return;
    }
    if (key - selection->first[at] < selection->width[at] && selection->level == 0) {
        const uint8_t *fine = fine_table(task, selection, at);
        settle_fine(task, selection, at, fine + (key - selection->first[at]) * counter_bytes(task), key, passed);
        return;
    }
    selection->first[at] = key;
    selection->width[at] = bucket;
    selection->passed[at] = passed;
}

/* One rank of a vector whose keys are all there: by 11 bits of the key at a time, from the top. */
static void settle_small(const struct ladle_task *task, struct ladle_selection *selection, unsigned at)
{
    const uint32_t *narrow = behind(selection);
    const uint64_t *wide = behind(selection);
    uint64_t prefix = 0, above = 0, counts[2048], equal = 0;
    unsigned left = task->real == LADLE_REAL_F64 ? 63 : 31;
    while (left > 0) {
        unsigned bits = left < 11 ? left : 11;
        left -= bits;
        memset(counts, 0, sizeof counts);
        for (size_t i = 0; i < task->elems; i++) {
            uint64_t key = task->real == LADLE_REAL_F64 ? wide[i] : narrow[i];
            if (key >> left >> bits == prefix)
                counts[(key >> left) & (((uint64_t)1 << bits) - 1)]++;
        }
        uint64_t passed;
        size_t digit = descend(counts, true, (size_t)1 << bits, selection->thresholds[at].rank - above, &passed);
        above += passed;
        prefix = prefix << bits | digit;
        equal = counts[digit];
    }
    settle(selection, at, prefix, above, equal);
}

static void settle_rank(const struct ladle_task *task, struct ladle_selection *selection, unsigned at)
{
    unsigned level = selection->level;
    if (is_small(task))
        settle_small(task, selection, at);
    else if (level == 0)
        settle_bucket(task, selection, at, behind(selection), 0);
    else if (level_shift(task, level) > 0)
        settle_bucket(task, selection, at, fine_table(task, selection, at), selection->first[at]);
    else
        settle_fine(task, selection, at, fine_table(task, selection, at), selection->first[at], selection->passed[at]);
}

bool ladle_selection_resolve(const struct ladle_task *task, struct ladle_selection *selection)
{
    bool done = true;
    for (unsigned at = 0; at < selection->ranks; at++) {
        if (selection->thresholds[at].rank == 0 || selection->known[at])
            selection->width[at] = 0;
        else
            settle_rank(task, selection, at);
        done &= selection->width[at] == 0;
    }
    selection->done = done;
    if (!done) {
        selection->level++;
        memset(behind(selection), 0, table_bins(task, selection->ranks) * counter_bytes(task));
    }
    return done;
}
