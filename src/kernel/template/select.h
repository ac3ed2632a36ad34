/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, thresholds, masks, for one T: included by variant.c with T, NAME, BITS, KEY_NAN and KEY_SHIFT defined. */

static void NAME(drop)(void *y_, double c_, const uint32_t *words, uint32_t limit, size_t n)
{
    T *restrict y = y_, c = (T)c_;
    EACH for (size_t i = 0; i < n; i++)
        y[i] = words[i] < limit ? c * y[i] : 0;
}

static void NAME(drop_each)(void *y_, const void *factors_, const uint32_t *words, const uint32_t *limits, size_t n)
{
    T *restrict y = y_;
    const T *restrict factors = factors_;
    EACH for (size_t i = 0; i < n; i++)
        y[i] = words[i] < limits[i] ? factors[i] * y[i] : 0;
}

static void NAME(keep)(void *y_, uint64_t least_, uint64_t most_, size_t n)
{
    T *y = y_;
    BITS least = (BITS)least_, most = (BITS)most_;
    EACH for (size_t i = 0; i < n; i++) {
        BITS key = NAME(key)(y[i]);
        y[i] = ((key >= least) & (key <= most)) ? y[i] : 0;
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

static void NAME(bins)(uint32_t *bins, const void *x_, size_t n, uint32_t *least_, uint32_t *most_)
{
    const T *x = x_;
    uint32_t least = *least_, most = *most_;
    EACH for (size_t i = 0; i < n; i++) {
        BITS key = NAME(key)(x[i]);
        uint32_t bin = (uint32_t)(key >> KEY_SHIFT) * 2 + ((key & (((BITS)1 << KEY_SHIFT) - 1)) != 0);
        uint32_t low = bin == 0 ? UINT32_MAX : bin;
        bins[i] = bin;
        least = low < least ? low : least;
        most = bin > most ? bin : most;
    }
    *least_ = least;
    *most_ = most;
}

static size_t NAME(within)(uint32_t *hits, const void *x_, uint64_t first_, uint64_t width_, uint64_t mask_, unsigned shift,
                           size_t n)
{
    const T *x = x_;
    BITS first = (BITS)first_, width = (BITS)width_, mask = (BITS)mask_;
    BITS lower = ((BITS)1 << shift) - 1;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        BITS place = NAME(key)(x[i]) - first;
        hits[count] = shift > 0 ? (uint32_t)(place >> shift) * 2 + ((place & lower) != 0) : (uint32_t)place;
        count += (place < width) & ((place & mask) != 0);
    }
    return count;
}
