/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, thresholds, masks, for one T: included by variant.c with T, NAME, BITS and KEY_SHIFT defined. */

static void NAME(drop)(void *y_, double c_, const uint32_t *words, uint32_t limit, size_t n)
{
    T *restrict y = y_, c = (T)c_;
    EACH for (size_t i = 0; i < n; i++)
        y[i] = words[i] < limit ? c * y[i] : 0;
}

static void NAME(drop_ranked)(void *y_, double c_, const void *factors_, const uint32_t *ranks, const uint32_t *words,
                              const uint32_t *limits, size_t n)
{
    T *restrict y = y_, c = (T)c_;
    const T *restrict factors = factors_;
    if (factors == NULL) {
        EACH for (size_t i = 0; i < n; i++)
            y[i] = words[i] < limits[ranks[i]] ? c * y[i] : 0;
        return;
    }
    EACH for (size_t i = 0; i < n; i++) {
        T factor = factors[ranks[i]];
        y[i] = words[i] < limits[ranks[i]] ? factor * y[i] : 0;
    }
}

static void NAME(keep)(void *y_, double c_, uint64_t least_, uint64_t most_, size_t n)
{
    T *y = y_, c = (T)c_;
    BITS least = (BITS)least_, most = (BITS)most_;
    EACH for (size_t i = 0; i < n; i++) {
        BITS key = NAME(key)(y[i]);
        y[i] = ((key >= least) & (key <= most)) ? c * y[i] : 0;
    }
}

static void NAME(mask)(void *y_, const void *x_, size_t n)
{
    T *y = y_;
    const T *x = x_;
    EACH for (size_t i = 0; i < n; i++)
        y[i] = x[i] != 0 ? y[i] : 0;
}

static size_t NAME(count)(const void *x_, uint64_t key_, size_t n)
{
    const T *x = x_;
    BITS key = (BITS)key_, count = 0;
    EACH for (size_t i = 0; i < n; i++)
        count += NAME(key)(x[i]) == key;
    return (size_t)count;
}

static size_t NAME(reach)(const void *x_, uint64_t key_, size_t equals, size_t n)
{
    const T *x = x_;
    BITS key = (BITS)key_;
    size_t i = 0;
    while (equals > 0 && i < n)
        equals -= NAME(key)(x[i++]) == key;
    return i;
}

static void NAME(keys)(void *keys_, const void *x_, size_t n)
{
    const T *x = x_;
    BITS *keys = keys_;
    EACH for (size_t i = 0; i < n; i++) {
        BITS key = NAME(key)(x[i]);
        memcpy(&keys[i], &key, sizeof key);
    }
}

static void NAME(span)(const void *keys_, size_t n, uint64_t *any_, uint64_t *most_, uint64_t *least_)
{
    const BITS *keys = keys_;
    BITS any = 0, most = 0, least = (BITS)-1;
    EACH for (size_t i = 0; i < n; i++) {
        BITS below = keys[i] - 1;
        any |= keys[i];
        most = keys[i] > most ? keys[i] : most;
        least = below < least ? below : least;
    }
    *any_ = any;
    *most_ = most;
    *least_ = least;
}

static void NAME(items)(uint64_t *restrict items, const void *keys_, uint64_t base_, unsigned zeros, size_t n)
{
    const BITS *restrict keys = keys_;
    BITS base = (BITS)base_;
    EACH for (size_t i = 0; i < n; i++) {
        BITS code = ((keys[i] > base ? keys[i] : base) - base) >> zeros;
        items[i] = (uint64_t)code << 32 | i;
    }
}

static void NAME(bins)(uint32_t *restrict bins, const void *x_, size_t n, uint32_t *least, uint32_t *most)
{
    const T *restrict x = x_;
    uint32_t low = UINT32_MAX, high = 0; /* low: of buckets less one, so that bucket 0 is none */
    for (size_t i = 0; i < n; i++) {
        BITS key = NAME(key)(x[i]), rest = key & (((BITS)1 << KEY_SHIFT) - 1);
        uint32_t bucket = (uint32_t)(key >> KEY_SHIFT);
        bins[i] = bucket + (rest != 0 ? LADLE_KEY_BUCKETS : 0);
        low = bucket - 1 < low ? bucket - 1 : low;
        high = bucket > high ? bucket : high;
    }
    *least = low < *least ? low + 1 : *least;
    *most = high > *most ? high : *most;
}

/* Where keys are looked for, in chunks: most chunks have none, and vectors see that. */
#undef WITHIN_CHUNK
#define WITHIN_CHUNK 32u

static size_t NAME(within)(uint32_t *restrict hits, const void *x_, uint64_t first_, uint64_t width_, uint64_t mask_,
                           unsigned shift, size_t n)
{
    const T *restrict x = x_;
    BITS first = (BITS)first_, width = (BITS)width_, mask = (BITS)mask_, lower = ((BITS)1 << shift) - 1;
    uint32_t apart = shift > 0 ? LADLE_KEY_BUCKETS : 0;
    size_t count = 0;
    for (size_t at = 0, part; at < n; at += part) {
        BITS any = 0;
        part = n - at < WITHIN_CHUNK ? n - at : WITHIN_CHUNK;
        for (size_t i = at; i < at + part; i++) {
            BITS place = NAME(key)(x[i]) - first;
            any |= place < width ? place & mask : 0;
        }
        for (size_t i = at; any != 0 && i < at + part; i++) {
            BITS place = NAME(key)(x[i]) - first;
            hits[count] = (uint32_t)(place >> shift) + ((place & lower) != 0 ? apart : 0);
            count += place < width && (place & mask) != 0;
        }
    }
    return count;
}
