/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax of a row, for one T: included by variant.c with T, NAME, EXP and LOG defined, after divergence.h. */

static double NAME(largest)(double so_far, const void *x_, size_t n)
{
    const T *x = x_;
    T most[LADLE_LANES];
    size_t whole = n / LADLE_LANES * LADLE_LANES, undefined = 0;
    for (size_t j = 0; j < LADLE_LANES; j++)
        most[j] = (T)-INFINITY;
    for (size_t i = 0; i < whole; i += LADLE_LANES)
        for (size_t j = 0; j < LADLE_LANES; j++)
            most[j] = x[i + j] > most[j] ? x[i + j] : most[j];
    for (size_t j = 0; j < n - whole; j++)
        most[j] = x[whole + j] > most[j] ? x[whole + j] : most[j];
    for (size_t i = 0; i < n; i++)
        undefined += x[i] != x[i];
    for (size_t j = 0; j < LADLE_LANES; j++)
        so_far = (double)most[j] > so_far ? (double)most[j] : so_far;
    return undefined > 0 ? (double)NAN : so_far;
}

static void NAME(power)(double *y, const void *x_, double most, size_t n)
{
    const T *x = x_;
    EACH for (size_t i = 0; i < n; i++)
        y[i] = EXP((double)x[i] - most);
}

static void NAME(divergence)(double *y, const double *x, double x_sum, const double *b, double b_sum, size_t n)
{
    EACH for (size_t i = 0; i < n; i++) {
        double p = x[i] / x_sum + 1e-8, q = b[i] / b_sum + 1e-8;
        y[i] = p * LOG(p / q);
    }
}
