/* SPDX-License-Identifier: Apache-2.0 */
/* exp and log in f64 as far as softmax and divergences need them, in plain operations, so that they vectorise and give the
 * same bits everywhere: included by variant.c. Both are within one unit in the last place, which is all that spec methods.md
 * "Arithmetic" asks of them, and what is made of them is rounded to float. Where T is double nothing hides the last bit, and
 * the C library's are used. */

static inline uint64_t bits_f64(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double number_f64(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* ln 2 in two parts, the first with so few bits that its product with an exponent is exact. */
#define LN2_HIGH 0x1.62e42feep-1
#define LN2_LOW 0x1.a39ef35793c76p-33

/* Added to a number below 2^51, it leaves the nearest whole number in the lower bits. */
#define TO_WHOLE 0x1.8p52

/* exp(x) of x <= 0: 2^k * exp(r) with abs(r) <= ln 2 / 2 and Taylor's series for exp(r). Results below the normal numbers
 * are 0, NaN passes. */
static inline double exp_below(double x)
{
    double shifted = x * 0x1.71547652b82fep+0 + TO_WHOLE, k = shifted - TO_WHOLE;
    double high = x - k * LN2_HIGH, low = k * LN2_LOW, r = high - low;
    double lost = (high - r) - low;
    double q = 1.0 / 6227020800;
    q = q * r + 1.0 / 479001600;
    q = q * r + 1.0 / 39916800;
    q = q * r + 1.0 / 3628800;
    q = q * r + 1.0 / 362880;
    q = q * r + 1.0 / 40320;
    q = q * r + 1.0 / 5040;
    q = q * r + 1.0 / 720;
    q = q * r + 1.0 / 120;
    q = q * r + 1.0 / 24;
    q = q * r + 1.0 / 6;
    q = q * r + 0.5;
    double near_one = 1 + (r + (r * r * q + lost));
    double y = number_f64(bits_f64(near_one) + ((bits_f64(shifted) - bits_f64(TO_WHOLE)) << 52));
    y = x < -708 ? 0 : y;
    return x != x ? x : y;
}

/* log(x) of a normal number with an exponent above -64: x = 2^k * (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), and the series
 * of atanh(s), s = f / (2 + f), arranged so that f itself, which is exact, is the leading term. NaN passes. */
static inline double log_near(double x)
{
    uint64_t bits = bits_f64(x), place = bits + ((uint64_t)64 << 52) - 0x3FE6A09E667F3BCD;
    uint64_t whole = (place >> 52) - 64;
    double k = number_f64(bits_f64(TO_WHOLE) + whole) - TO_WHOLE;
    double f = number_f64(bits - (whole << 52)) - 1;
    double s = f / (2 + f), z = s * s, half = 0.5 * f * f;
    double r = 2.0 / 23;
    r = r * z + 2.0 / 21;
    r = r * z + 2.0 / 19;
    r = r * z + 2.0 / 17;
    r = r * z + 2.0 / 15;
    r = r * z + 2.0 / 13;
    r = r * z + 2.0 / 11;
    r = r * z + 2.0 / 9;
    r = r * z + 2.0 / 7;
    r = r * z + 2.0 / 5;
    r = r * z + 2.0 / 3;
    r = r * z;
    double y = k * LN2_HIGH - ((half - (s * (half + r) + k * LN2_LOW)) - f);
    return x != x ? x : y;
}
