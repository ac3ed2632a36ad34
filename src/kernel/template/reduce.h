/* SPDX-License-Identifier: Apache-2.0 */
/* Sums in f64 over 16 accumulators, for one T: included by variant.c with T, NAME, BITS and ABS defined. */

static void NAME(dot)(double *lanes, const void *x_, const void *y_, size_t n)
{
    const T *x = x_, *y = y_;
    double a[LADLE_LANES];
    memcpy(a, lanes, sizeof a);
    size_t whole = n / LADLE_LANES * LADLE_LANES;
    for (size_t i = 0; i < whole; i += LADLE_LANES)
        for (size_t j = 0; j < LADLE_LANES; j++)
            a[j] += (double)x[i + j] * (double)y[i + j];
    for (size_t j = 0; j < n - whole; j++)
        a[j] += (double)x[whole + j] * (double)y[whole + j];
    memcpy(lanes, a, sizeof a);
}

static void NAME(dot_columns)(double *restrict first, double *restrict mixed, double *restrict second, const void *x_,
                              const void *y_, size_t n)
{
    const T *x = x_, *y = y_;
    EACH for (size_t i = 0; i < n; i++) {
        double a = (double)x[i], b = (double)y[i];
        first[i] = first[i] + a * a;
        mixed[i] = mixed[i] + a * b;
        second[i] = second[i] + b * b;
    }
}

static void NAME(sum)(double *lanes, const void *x_, size_t n)
{
    const T *x = x_;
    double a[LADLE_LANES];
    memcpy(a, lanes, sizeof a);
    size_t whole = n / LADLE_LANES * LADLE_LANES;
    for (size_t i = 0; i < whole; i += LADLE_LANES)
        for (size_t j = 0; j < LADLE_LANES; j++)
            a[j] += (double)x[i + j];
    for (size_t j = 0; j < n - whole; j++)
        a[j] += (double)x[whole + j];
    memcpy(lanes, a, sizeof a);
}

static void NAME(sum_abs)(double *lanes, const void *x_, size_t n)
{
    const T *x = x_;
    double a[LADLE_LANES];
    memcpy(a, lanes, sizeof a);
    size_t whole = n / LADLE_LANES * LADLE_LANES;
    for (size_t i = 0; i < whole; i += LADLE_LANES)
        for (size_t j = 0; j < LADLE_LANES; j++)
            a[j] += (double)ABS(x[i + j]);
    for (size_t j = 0; j < n - whole; j++)
        a[j] += (double)ABS(x[whole + j]);
    memcpy(lanes, a, sizeof a);
}

static double NAME(max_abs)(double so_far, const void *x_, size_t n)
{
    const T *x = x_;
    BITS most = 0;
    EACH for (size_t i = 0; i < n; i++) {
        BITS key = NAME(key)(x[i]);
        most = key > most ? key : most;
    }
    T value;
    memcpy(&value, &most, sizeof value);
    return so_far != so_far || (double)value <= so_far ? so_far : (double)value;
}
