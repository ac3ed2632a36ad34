/* SPDX-License-Identifier: Apache-2.0 */
/* Variance over models at each element, in f64, for one T: included by variant.c with T and NAME defined. */

/* Kept out of line: inlined into the loop over models, gcc jams several turns of it into one that it cannot vectorise. */
static __attribute__((noinline)) void NAME(gather)(double *restrict sum, const T *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] = sum[i] + (double)x[i];
}

static __attribute__((noinline)) void NAME(deviate)(double *restrict sum, const T *restrict x, const double *restrict mean,
                                                    size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double away = (double)x[i] - mean[i];
        sum[i] = sum[i] + away * away;
    }
}

static void NAME(variance)(void *y_, void *const *x, unsigned count, size_t n)
{
    T *y = y_;
    _Alignas(64) double mean[SPREAD_PART], squares[SPREAD_PART];
    for (size_t at = 0; at < n; at += SPREAD_PART) {
        size_t part = n - at < SPREAD_PART ? n - at : SPREAD_PART;
        memset(mean, 0, part * sizeof *mean);
        memset(squares, 0, part * sizeof *squares);
        for (unsigned k = 0; k < count; k++)
            NAME(gather)(mean, (const T *)x[k] + at, part);
        divide_evenly(mean, count, part);
        for (unsigned k = 0; k < count; k++)
            NAME(deviate)(squares, (const T *)x[k] + at, mean, part);
        divide_evenly(squares, count, part);
        for (size_t i = 0; i < part; i++)
            y[at + i] = (T)squares[i];
    }
}
