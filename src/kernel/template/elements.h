/* SPDX-License-Identifier: Apache-2.0 */
/* Element-wise arithmetic, for one T: included by variant.c with T, NAME, BITS and ABS defined. */

static void NAME(fill)(void *y_, double c_, size_t n)
{
    T *y = y_;
    T c = (T)c_;
    EACH for (size_t i = 0; i < n; i++)
        y[i] = c;
}

static void NAME(scale)(void *y_, double c_, const void *x_, size_t n)
{
    T *y = y_, c = (T)c_;
    const T *x = x_;
    EACH for (size_t i = 0; i < n; i++)
        y[i] = c * x[i];
}

static void NAME(axpy)(void *y_, double c_, const void *x_, size_t n)
{
    T *y = y_, c = (T)c_;
    const T *x = x_;
    EACH for (size_t i = 0; i < n; i++)
        y[i] = y[i] + c * x[i];
}

static void NAME(divide)(void *y_, const void *x_, double c_, size_t n)
{
    T *y = y_, c = (T)c_;
    const T *x = x_;
    if (c == 1 && y == x)
        return; /* the usual sum of weights */
    EACH for (size_t i = 0; i < n; i++)
        y[i] = x[i] / c;
}

static void NAME(add)(void *y_, const void *a_, const void *b_, size_t n)
{
    T *y = y_;
    const T *a = a_, *b = b_;
    EACH for (size_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

static void NAME(sub)(void *y_, const void *a_, const void *b_, size_t n)
{
    T *y = y_;
    const T *a = a_, *b = b_;
    EACH for (size_t i = 0; i < n; i++)
        y[i] = a[i] - b[i];
}

static void NAME(mul)(void *y_, const void *a_, const void *b_, size_t n)
{
    T *y = y_;
    const T *a = a_, *b = b_;
    EACH for (size_t i = 0; i < n; i++)
        y[i] = a[i] * b[i];
}

static void NAME(div)(void *y_, const void *a_, const void *b_, size_t n)
{
    T *y = y_;
    const T *a = a_, *b = b_;
    EACH for (size_t i = 0; i < n; i++)
        y[i] = a[i] / b[i];
}

static void NAME(most)(void *y_, const void *x_, double c_, size_t n)
{
    T *y = y_, c = (T)c_;
    const T *x = x_;
    EACH for (size_t i = 0; i < n; i++)
        y[i] = x[i] < c ? c : x[i];
}

static void NAME(gap)(void *y_, const void *a_, const void *b_, double c_, size_t n)
{
    T *y = y_, c = (T)c_;
    const T *a = a_, *b = b_;
    EACH for (size_t i = 0; i < n; i++)
        y[i] = ABS(a[i] - b[i]) * c;
}

static void NAME(choose)(void *y_, const void *x_, double c_, const void *a_, const void *b_, size_t n)
{
    T *y = y_, c = (T)c_;
    const T *x = x_, *a = a_, *b = b_;
    EACH for (size_t i = 0; i < n; i++)
        y[i] = x[i] >= c ? a[i] : b[i];
}

static void NAME(from_f64)(void *y_, const double *x, size_t n)
{
    T *y = y_;
    EACH for (size_t i = 0; i < n; i++)
        y[i] = (T)x[i];
}

static void NAME(near)(void *y_, const void *x_, const void *b_, double t_, size_t n)
{
    T *y = y_, t = (T)t_, least = (T)1e-6;
    const T *x = x_, *b = b_;
    EACH for (size_t i = 0; i < n; i++) {
        T distance = ABS(b[i] - x[i]);
        T w = t / (distance < least ? least : distance);
        w = w < 0 ? 0 : w;
        w = w > 1 ? 1 : w;
        y[i] = w * x[i] + (1 - w) * b[i];
    }
}

static void NAME(active)(void *count_, void *together_, void *alone_, const void *d_, double epsilon_, double factor_,
                         size_t n)
{
    T *count = count_, *together = together_, *alone = alone_;
    const T *d = d_;
    T epsilon = (T)epsilon_, factor = (T)factor_;
    EACH for (size_t i = 0; i < n; i++) {
        bool idle = ABS(d[i]) <= epsilon;
        T v = idle ? 0 : d[i];
        count[i] = count[i] + (idle ? (T)0 : (T)1);
        together[i] = together[i] + v;
        alone[i] = alone[i] + factor * v;
    }
}

static size_t NAME(claim)(void *owner_, const void *d_, double epsilon_, double number_, size_t n)
{
    T *owner = owner_;
    const T *d = d_;
    T epsilon = (T)epsilon_, number = (T)number_;
    BITS active = 0;
    EACH for (size_t i = 0; i < n; i++) {
        bool idle = ABS(d[i]) <= epsilon;
        T claimed = owner[i] == 0 ? number : (T)LADLE_OWNED_BY_MANY;
        owner[i] = idle ? owner[i] : claimed;
        active += !idle;
    }
    return (size_t)active;
}

static void NAME(weigh)(void *y_, void *sum_, double c_, size_t n)
{
    T *restrict y = y_, *restrict sum = sum_, c = (T)c_;
    EACH for (size_t i = 0; i < n; i++) {
        T v = c * y[i];
        y[i] = v;
        sum[i] = sum[i] + v;
    }
}

static void NAME(elect)(void *merged_, void *den_, const void *sum_, const void *v_, double c_, double w_, size_t n)
{
    T *restrict merged = merged_, *restrict den = den_, c = (T)c_, w = (T)w_;
    const T *restrict sum = sum_, *restrict v = v_;
    if (den == NULL) {
        EACH for (size_t i = 0; i < n; i++) {
            T along = sum[i] >= 0 ? v[i] : -v[i], part = c * v[i];
            merged[i] = merged[i] + (along > 0 ? part : 0);
        }
        return;
    }
    EACH for (size_t i = 0; i < n; i++) {
        T along = sum[i] >= 0 ? v[i] : -v[i], part = c * v[i];
        merged[i] = merged[i] + (along > 0 ? part : 0);
        den[i] = den[i] + (along > 0 ? w : 0);
    }
}

static void NAME(settle)(void *merged_, const void *den_, const void *sum_, size_t n)
{
    T *restrict merged = merged_;
    const T *restrict den = den_, *restrict sum = sum_;
    if (den == NULL) {
        EACH for (size_t i = 0; i < n; i++)
            merged[i] = sum[i] == sum[i] ? merged[i] : (T)NAN;
        return;
    }
    EACH for (size_t i = 0; i < n; i++) {
        T divisor = den[i] == 0 ? 1 : den[i];
        T quotient = merged[i] / divisor;
        merged[i] = sum[i] == sum[i] ? quotient : (T)NAN;
    }
}
