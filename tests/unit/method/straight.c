/* SPDX-License-Identifier: Apache-2.0 */
#include "straight.h"

#include <stdlib.h>

double straight_sum(const double *v, size_t n)
{
    double total = 0;

    for (size_t start = 0; start < n; start += 65536) {
        size_t end = n - start < 65536 ? n : start + 65536;
        double a[16] = {0};
        for (size_t i = start; i < end; i++)
            a[(i - start) % 16] += v[i];
        for (int half = 8; half >= 1; half /= 2)
            for (int j = 0; j < half; j++)
                a[j] += a[j + half];
        total += a[0];
    }
    return total;
}

double straight_dot(const float *u, const float *v, size_t n)
{
    double *products = calloc(n + 1, sizeof(*products));

    for (size_t i = 0; i < n; i++)
        products[i] = (double)u[i] * (double)v[i];
    double sum = straight_sum(products, n);
    free(products);
    return sum;
}

/* Knuth's MMIX generator. */
static uint32_t draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 40);
}

float *straight_numbers(size_t n, unsigned seed, float size)
{
    float *numbers = malloc((n + 1) * sizeof(*numbers));
    uint64_t state = seed * 1000003u + 1;

    for (size_t i = 0; i < n; i++)
        numbers[i] = ((float)draw(&state) / 8388608.0f - 1) * size;
    return numbers;
}

float *straight_ticks(size_t n, unsigned seed, float step)
{
    float *numbers = malloc((n + 1) * sizeof(*numbers));
    uint64_t state = seed * 1000003u + 1;

    for (size_t i = 0; i < n; i++)
        numbers[i] = (float)((int)(draw(&state) % 7) - 3) / 2 * step * (float)(draw(&state) % 2);
    return numbers;
}

struct job straight_job(const char *method, unsigned rank, const uint64_t *shape, bool has_base, unsigned sources,
                        float *const *data, const double *each, const double *shared)
{
    struct job job = {.method = method,
                      .tensor = "a.tensor",
                      .rank = rank,
                      .has_base = has_base,
                      .sources = sources,
                      .each = each,
                      .shared = shared,
                      .real = LADLE_REAL_F32,
                      .stored = LADLE_F32};

    for (unsigned i = 0; i < rank; i++)
        job.shape[i] = shape[i];
    for (unsigned i = 0; i < sources; i++) {
        job.dtypes[i] = LADLE_F32;
        job.data[i] = data[i];
    }
    return job;
}
