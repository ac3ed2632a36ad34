/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_METHOD_SELECTION_H
#define LADLE_METHOD_SELECTION_H

/* Exact rank thresholds of a vector that is seen in pieces: the key of the element in place r, largest first, for up to
 * three r. Keys order like abs(x), see kernel.h. Memory does not grow with the vector:
 *
 *   - a vector of up to LADLE_SELECTION_SMALL elements: its keys are kept and looked through;
 *   - else a histogram by the upper 16 bits of the key, in which keys whose lower bits are all zero are counted apart:
 *     differences of 16-bit numbers are mostly such keys, and then the threshold is known at once. If it lies among the
 *     others of its bucket, another pass looks into that bucket (f64: up to three more passes);
 *   - where another pass means reading again, a sample tells beforehand where the threshold probably lies, and a fine
 *     histogram of a few buckets around that place makes one pass suffice.
 *
 * A selection lives in the job's state. In each of its passes, on every block: open, add (strips, in any order), close, with
 * the thread's own scratch; several threads may do so at once. Then `resolve`, which says whether another pass is needed. */

#include <pthread.h>

#include "method/method.h"

#define LADLE_SELECTION_RANKS 3u
#define LADLE_SELECTION_SMALL 32768u

struct ladle_threshold {
    uint64_t rank;  /* place asked for, 1-based, largest first; 0: nothing asked */
    uint64_t key;   /* of the element in that place */
    uint64_t above; /* elements with a larger key: less than rank */
    uint64_t equal; /* elements with this key: rank - above of them belong to the first `rank` */
};

struct ladle_selection {
    struct ladle_threshold thresholds[LADLE_SELECTION_RANKS]; /* valid when `done` */
    bool done;

    /* Private from here on. */
    unsigned ranks, level;
    bool known[LADLE_SELECTION_RANKS];
    uint64_t first[LADLE_SELECTION_RANKS], width[LADLE_SELECTION_RANKS]; /* keys that the fine histogram of a rank is of */
    uint64_t passed[LADLE_SELECTION_RANKS];                              /* elements above those keys */
    pthread_mutex_t lock;                                                /* for adding to the table of level 0 */
};

/* Bytes of a selection of up to `ranks` thresholds with its tables; of scratch; statistics passes expected. */
size_t ladle_selection_state_bytes(const struct ladle_task *task, unsigned ranks);
size_t ladle_selection_scratch_bytes(const struct ladle_task *task);
unsigned ladle_selection_passes(const struct ladle_task *task);

/* Whether a sample before the first pass would help (needs.sample). */
bool ladle_selection_samples(const struct ladle_task *task);

/* Begins a selection in zeroed memory of state_bytes, aligned to 64. */
void ladle_selection_begin(struct ladle_selection *selection, unsigned ranks);

/* Asks threshold number `at` for a place, 1 to the number of elements. A place that depends on what the first pass saw (see
 * nonzero) can be asked for again, before the first resolve. */
void ladle_selection_ask(struct ladle_selection *selection, unsigned at, uint64_t rank);

/* Takes the vector in. Values are T; `first` is the flat index of the first one. In each block, or sample: open once, then
 * add, then close (estimate for a sample). Nothing happens once the selection is done. */
void ladle_selection_open(const struct ladle_task *task, void *scratch);
void ladle_selection_add(const struct ladle_task *task, struct ladle_selection *selection, uint64_t first,
                         const void *values, size_t n, void *scratch);
void ladle_selection_close(const struct ladle_task *task, struct ladle_selection *selection, void *scratch);

/* Ends a sample of `elems` elements: decides where the fine histograms lie. */
void ladle_selection_estimate(const struct ladle_task *task, struct ladle_selection *selection, uint64_t elems,
                              void *scratch);

/* After the first pass, before resolve: elements that are not +-0. */
uint64_t ladle_selection_nonzero(const struct ladle_task *task, const struct ladle_selection *selection);

/* After a pass. Returns true when all thresholds that were asked for are known; false if another pass is needed. */
bool ladle_selection_resolve(const struct ladle_task *task, struct ladle_selection *selection);

#endif
