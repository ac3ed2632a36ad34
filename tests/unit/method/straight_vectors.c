/* SPDX-License-Identifier: Apache-2.0 */
/* Everything is in double, rounded to float after each operation where T is float: with + - * / that gives what float
 * arithmetic gives. Source: spec methods.md "Sparsification of a task vector", "Sign election", "The methods". */
#include "straight_vectors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "straight.h"

static bool in_float; /* T */

static double rounded(double x)
{
    return in_float ? (double)(float)x : x;
}

static double magnitude(double x)
{
    return isnan(x) ? INFINITY : fabs(x);
}

/* Whether a comes before b: larger, NaN above Inf; equal ones by index. */
static const double *compared;

static int by_magnitude(const void *a, const void *b)
{
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    double x = magnitude(compared[i]), y = magnitude(compared[j]);
    bool p = isnan(compared[i]), q = isnan(compared[j]);
    if (p != q)
        return p ? -1 : 1;
    if (x != y)
        return x > y ? -1 : 1;
    return i < j ? -1 : i > j;
}

static uint32_t *largest_first(const double *d, size_t n)
{
    uint32_t *order = malloc((n + 1) * sizeof *order);
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    compared = d;
    qsort(order, n, sizeof *order, by_magnitude);
    return order;
}

static uint64_t mixed(uint64_t z)
{
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

static uint32_t random_word(uint64_t seed, const char *tensor, unsigned model, uint64_t element)
{
    uint64_t hash = 0xCBF29CE484222325;
    for (const char *c = tensor; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 0x100000001B3;
    uint64_t key = mixed(mixed(seed + 0x9E3779B97F4A7C15) ^ hash);
    uint32_t k[2] = {(uint32_t)key, (uint32_t)(key >> 32)};
    uint32_t c[4] = {(uint32_t)(element / 4), (uint32_t)(element / 4 >> 32), model, 0};
    for (int round = 0; round < 10; round++) {
        uint64_t p = (uint64_t)c[0] * 0xD2511F53, q = (uint64_t)c[2] * 0xCD9E8D57;
        uint32_t next[4] = {(uint32_t)(q >> 32) ^ c[1] ^ k[0], (uint32_t)q, (uint32_t)(p >> 32) ^ c[3] ^ k[1], (uint32_t)p};
        memcpy(c, next, sizeof c);
        k[0] += 0x9E3779B9;
        k[1] += 0xBB67AE85;
    }
    return c[element % 4];
}

/* What is kept, and with which chance. */
struct mask {
    bool *keeps;
    double *chances;
};

static void keep_by_place(const double *d, size_t n, size_t from, size_t past, bool *keeps)
{
    uint32_t *order = largest_first(d, n);
    for (size_t place = from; place < past; place++)
        keeps[order[place]] = true;
    free(order);
}

static void chances_of_row(const double *d, size_t n, double density, double epsilon, double *chances)
{
    /* Ascending with equal ones by ascending index is not the order by magnitude read backwards. */
    uint32_t *order = largest_first(d, n);
    size_t place = 0;
    for (size_t last = n; last > 0;) {
        size_t first = last - 1;
        while (first > 0 && magnitude(d[order[first - 1]]) == magnitude(d[order[last - 1]]) &&
               isnan(d[order[first - 1]]) == isnan(d[order[last - 1]]))
            first--;
        for (size_t i = first; i < last; i++, place++)
            chances[order[i]] = n > 1 ? (density - epsilon) + (2 * epsilon) * ((double)place / (double)(n - 1)) : density;
        last = first;
    }
    free(order);
}

static struct mask mask_of(const struct job *job, enum kind kind, const struct setting *setting, unsigned k, const double *d)
{
    size_t n = (size_t)job_elems(job), row = job->rank < 2 ? n : (size_t)job->shape[job->rank - 1];
    double density = setting->density[k];
    struct mask mask = {calloc(n + 1, sizeof(bool)), calloc(n + 1, sizeof(double))};
    if (kind == LARGEST && density > 0 && n > 0) {
        size_t keeps = (size_t)(density * (double)n);
        keep_by_place(d, n, 0, keeps > 0 ? keeps : 1, mask.keeps);
    } else if (kind == INNER) {
        size_t keeps = (size_t)(density * (double)n), skips = (size_t)(setting->third[k] * (double)n);
        skips = skips < n - keeps ? skips : n - keeps;
        keep_by_place(d, n, skips, skips + keeps, mask.keeps);
    } else if (kind == RANDOM || (kind == BY_RANK && density > 0)) {
        for (size_t i = 0; i < n; i++)
            mask.chances[i] = density;
        for (size_t first = 0; first < n && kind == BY_RANK; first += row)
            chances_of_row(d + first, row, density, setting->third[k], mask.chances + first);
        for (size_t i = 0; i < n; i++)
            mask.keeps[i] = random_word(job->seed, job->tensor, k, i) < (uint64_t)floor(mask.chances[i] * 4294967296.0);
    }
    return mask;
}

static double norm_of(const double *d, const bool *keeps, size_t n, enum norm norm)
{
    double *terms = calloc(n + 1, sizeof *terms), greatest = 0;
    for (size_t i = 0; i < n; i++) {
        double x = keeps && !keeps[i] ? 0 : fabs(d[i]);
        terms[i] = norm == L1 ? x : x * x;
        greatest = isnan(x) || isnan(greatest) ? NAN : x > greatest ? x : greatest;
    }
    double sum = straight_sum(terms, n);
    free(terms);
    return norm == LINF ? greatest : norm == L1 ? sum : sqrt(sum);
}

/* The sparsified d in place. */
static void thin(const struct job *job, enum kind kind, const struct setting *setting, unsigned k, double *d)
{
    size_t n = (size_t)job_elems(job);
    if (kind == PLAIN || setting->density[k] >= 1)
        return;
    struct mask mask = mask_of(job, kind, setting, k, d);
    double factor = 1;
    if (setting->rescale && setting->norm != EXPECTED) {
        double all = norm_of(d, NULL, n, setting->norm), kept = norm_of(d, mask.keeps, n, setting->norm);
        if (all >= 1e-7 && kept >= 1e-7 && isfinite(all / kept))
            factor = all / kept;
    }
    for (size_t i = 0; i < n; i++) {
        if (setting->rescale && setting->norm == EXPECTED && mask.keeps[i])
            factor = 1 / mask.chances[i];
        d[i] = mask.keeps[i] ? rounded(rounded(factor) * d[i]) : 0;
    }
    free(mask.keeps);
    free(mask.chances);
}

static double merged_of(const struct method *method, const struct setting *setting, unsigned models, double *const *v,
                        size_t i)
{
    double sum = 0, merged = 0, divisor = 0, weights = 0;
    for (unsigned k = 0; k < models; k++) {
        sum = rounded(sum + v[k][i]);
        weights += setting->weight[k];
    }
    if (!method->elects)
        return setting->normalize ? rounded(sum / rounded(fabs(weights) < 1e-8 ? 1 : weights)) : sum;
    if (isnan(sum))
        return NAN;
    for (unsigned k = 0; k < models; k++)
        if (sum >= 0 ? v[k][i] > 0 : v[k][i] < 0) {
            merged = rounded(merged + v[k][i]);
            divisor = rounded(divisor + rounded(setting->weight[k]));
        }
    return setting->normalize ? rounded(merged / (divisor == 0 ? 1 : divisor)) : merged;
}

void *straight_vectors(const struct job *job, const struct method *method, const struct setting *setting)
{
    size_t n = (size_t)job_elems(job);
    unsigned models = job->sources - 1;
    double *v[MOST_MODELS], *b = malloc((n + 1) * sizeof *b);
    in_float = job->real == LADLE_REAL_F32;
    for (unsigned s = 0; s < job->sources; s++) {
        double *x = s == 0 ? b : (v[s - 1] = malloc((n + 1) * sizeof *x));
        for (size_t i = 0; i < n; i++)
            x[i] = in_float ? (double)((const float *)job->data[s])[i] : ((const double *)job->data[s])[i];
    }
    for (unsigned k = 0; k < models; k++) {
        for (size_t i = 0; i < n; i++)
            v[k][i] = rounded(v[k][i] - b[i]);
        thin(job, method->kind, setting, k, v[k]);
        for (size_t i = 0; i < n; i++)
            v[k][i] = rounded(rounded(setting->weight[k]) * v[k][i]);
    }
    float *narrow = malloc((n + 1) * sizeof(double));
    double *wide = (double *)(void *)narrow;
    for (size_t i = 0; i < n; i++) {
        double m = merged_of(method, setting, models, v, i);
        double y = models == 0 ? b[i] : rounded(b[i] + rounded(rounded(setting->lambda) * m));
        y = isnan(y) ? (double)NAN : y;
        if (in_float)
            narrow[i] = (float)y;
        else
            wide[i] = y;
    }
    for (unsigned k = 0; k < models; k++)
        free(v[k]);
    free(b);
    return narrow;
}
