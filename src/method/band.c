/* SPDX-License-Identifier: Apache-2.0 */
#include "method/band.h"

#include "method/strip.h"

struct ladle_band ladle_band_all(void)
{
    return (struct ladle_band){.low = 0, .low_some = UINT64_MAX, .high = UINT64_MAX, .high_some = 0};
}

struct ladle_band ladle_band_none(void)
{
    return (struct ladle_band){.low = UINT64_MAX - 1, .low_some = 0, .high = UINT64_MAX, .high_some = 0};
}

void ladle_band_keep_top(struct ladle_band *band, const struct ladle_threshold *threshold)
{
    uint64_t some = threshold->rank - threshold->above;
    band->low = threshold->key;
    band->low_counts = some < threshold->equal;
    band->low_some = band->low_counts ? some : UINT64_MAX;
}

void ladle_band_skip_top(struct ladle_band *band, const struct ladle_threshold *threshold)
{
    uint64_t some = threshold->rank - threshold->above;
    band->high = threshold->key;
    band->high_counts = some < threshold->equal;
    band->high_some = band->high_counts ? some : UINT64_MAX;
}

void ladle_band_tally(const struct ladle_task *task, const struct ladle_band *band, const void *values, size_t n,
                      uint64_t *counts)
{
    const struct ladle_arithmetic *kernels = ladle_strip_kernels(task);
    if (band->low_counts)
        counts[0] += kernels->count(values, band->low, n);
    if (band->high_counts)
        counts[1] += kernels->count(values, band->high, n);
}

/* Shortens n to the values before which nothing changes: up to the one that brings the equal elements to `some`. */
static size_t until(const struct ladle_arithmetic *kernels, const void *values, size_t n, uint64_t key, uint64_t some,
                    uint64_t count)
{
    if (count >= some || kernels->count(values, key, n) < some - count)
        return n;
    return kernels->reach(values, key, (size_t)(some - count), n);
}

/* Keeps what the band holds where all equal elements are treated alike: those before the first `some`, or those behind. */
static void keep_between(const struct ladle_arithmetic *kernels, const struct ladle_band *band, double factor, void *values,
                         size_t n, const uint64_t *counts)
{
    uint64_t least = counts[0] < band->low_some ? band->low : band->low + 1;
    bool skips = counts[1] < band->high_some;
    if (skips && band->high == 0)
        kernels->keep(values, factor, 1, 0, n);
    else
        kernels->keep(values, factor, least, skips ? band->high - 1 : band->high, n);
}

void ladle_band_apply(const struct ladle_task *task, const struct ladle_band *band, double factor, void *values, size_t n,
                      uint64_t *counts)
{
    const struct ladle_arithmetic *kernels = ladle_strip_kernels(task);
    size_t real_bytes = ladle_real_bytes(task->real);
    uint64_t none[LADLE_BAND_TALLIES] = {0, 0};
    if (!band->low_counts && !band->high_counts) {
        keep_between(kernels, band, factor, values, n, none);
        return;
    }
    uint8_t *at = values;
    while (n > 0) {
        size_t part = n;
        if (band->low_counts)
            part = until(kernels, at, part, band->low, band->low_some, counts[0]);
        if (band->high_counts)
            part = until(kernels, at, part, band->high, band->high_some, counts[1]);
        uint64_t before[LADLE_BAND_TALLIES] = {counts[0], counts[1]};
        ladle_band_tally(task, band, at, part, counts);
        keep_between(kernels, band, factor, at, part, before);
        at += part * real_bytes;
        n -= part;
    }
}
