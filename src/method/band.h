/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_METHOD_BAND_H
#define LADLE_METHOD_BAND_H

/* What a selection keeps of a vector: top(kept) without top(skipped), where top(k) are the first k elements by abs(x), equal
 * ones by ascending index. Given the thresholds, whether an element belongs is seen from its key alone, except for elements
 * equal to a threshold of which only the first few belong: those are counted, in flat order. Source: spec methods.md
 * "Sparsification of a task vector". */

#include "method/selection.h"

struct ladle_band {
    uint64_t low, high; /* keys: of the last element kept, of the last one skipped */
    uint64_t low_some,
        high_some; /* of the elements equal to `low`, `high`, the first so many belong to top(kept), top(skipped) */
    bool low_counts, high_counts; /* not all equal ones do, so that they must be counted */
};

/* Counters that a band needs to be handed from block to block. */
#define LADLE_BAND_TALLIES 2u

/* All elements; none. */
struct ladle_band ladle_band_all(void);
struct ladle_band ladle_band_none(void);

/* Narrows a band that holds all: to top(threshold.rank), and to all but top(threshold.rank). */
void ladle_band_keep_top(struct ladle_band *band, const struct ladle_threshold *threshold);
void ladle_band_skip_top(struct ladle_band *band, const struct ladle_threshold *threshold);

/* Adds to counts[LADLE_BAND_TALLIES] the elements of n values equal to the thresholds, as far as they must be counted. */
void ladle_band_tally(const struct ladle_task *task, const struct ladle_band *band, const void *values, size_t n,
                      uint64_t *counts);

/* Multiplies what the band holds by `factor` (rounded to T), and replaces all else by +0. `counts` are those of all elements
 * before these values; these are added. */
void ladle_band_apply(const struct ladle_task *task, const struct ladle_band *band, double factor, void *values, size_t n,
                      uint64_t *counts);

#endif
