/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over models at each element, in f64, for one T: included by variant.c with T and NAME defined. */

static void NAME(gather)(double *restrict sum, const void *x_, size_t n)
{
    const T *restrict x = x_;
    for (size_t i = 0; i < n; i++)
        sum[i] = sum[i] + (double)x[i];
}

static void NAME(deviate)(double *restrict sum, const void *x_, const double *restrict mean, size_t n)
{
    const T *restrict x = x_;
    for (size_t i = 0; i < n; i++) {
        double away = (double)x[i] - mean[i];
        sum[i] = sum[i] + away * away;
    }
}
