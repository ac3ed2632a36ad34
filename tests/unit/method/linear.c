/* SPDX-License-Identifier: Apache-2.0 */
/* linear and passthrough: no statistics, but every stored type. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "straight.h"

enum { N = 140001 };

static void sums_are_weighted_in_order(void **state)
{
    float *x[] = {straight_numbers(N, 1, 1), straight_numbers(N, 2, 10), straight_numbers(N, 3, 1e-3f)};
    float *expected = malloc(N * sizeof *expected);
    const double each[] = {0.3, 0.5, -0.1}, plain[] = {0}, normalized[] = {1};
    for (size_t i = 0; i < N; i++) {
        float sum = 0;
        for (int k = 0; k < 3; k++) {
            float product = (float)each[k] * x[k][i];
            sum = sum + product;
        }
        expected[i] = sum;
    }
    struct job job = straight_job("linear", 1, (uint64_t[]){N}, false, 3, x, each, plain);
    free(run_all_ways(&job, expected, N * sizeof *expected));
    for (size_t i = 0; i < N; i++)
        expected[i] = expected[i] / (float)(0.3 + 0.5 - 0.1);
    job.shared = normalized;
    free(run_all_ways(&job, expected, N * sizeof *expected));
    free(expected);
    for (int k = 0; k < 3; k++)
        free(x[k]);
}

static void a_sum_begins_at_plus_zero(void **state)
{
    float minus[] = {-0.0f, -1}, expected[] = {0, 1};
    float *x[] = {minus};
    const double each[] = {1}, plain[] = {0};
    struct job job = straight_job("linear", 1, (uint64_t[]){2}, false, 1, x, each, plain);
    expected[1] = -1;
    free(run_all_ways(&job, expected, sizeof expected));
}

/* Sources of three types, at odd addresses, to halves. */
static void types_mix(void **state)
{
    enum { COUNT = 70000 };
    float *x = straight_ticks(COUNT, 1, 0.125f);
    uint8_t *halves = malloc(2 * COUNT + 1), *bytes = malloc(COUNT), *doubles = malloc(8 * COUNT + 3);
    double *expected = malloc(COUNT * sizeof *expected);
    for (size_t i = 0; i < COUNT; i++) {
        uint32_t bits;
        double wide = (double)x[i] / 3;
        memcpy(&bits, &x[i], sizeof bits);
        uint16_t half = (uint16_t)(bits >> 16);
        memcpy(halves + 1 + 2 * i, &half, 2);
        bytes[i] = i % 2 ? 0x38 : 0xB0; /* 1, -0.5 in F8_E4M3 */
        memcpy(doubles + 3 + 8 * i, &wide, 8);
        expected[i] = ((0 + (double)x[i]) + (i % 2 ? 1 : -0.5) * 0.25) + wide;
    }
    const double each[] = {1, 0.25, 1}, plain[] = {0};
    struct job job = {.method = "linear",
                      .tensor = "a.tensor",
                      .shape = {COUNT},
                      .rank = 1,
                      .sources = 3,
                      .each = each,
                      .shared = plain,
                      .real = LADLE_REAL_F64,
                      .stored = LADLE_F64,
                      .dtypes = {LADLE_BF16, LADLE_F8_E4M3, LADLE_F64},
                      .data = {halves + 1, bytes, doubles + 3}};
    free(run_all_ways(&job, expected, COUNT * sizeof *expected));
    free(expected);
    free(halves);
    free(bytes);
    free(doubles);
    free(x);
}

static void overflow_is_counted(void **state)
{
    float numbers[] = {70000, -70000, 65504, INFINITY, NAN, 1};
    float *x[] = {numbers};
    const uint16_t expected[] = {0x7C00, 0xFC00, 0x7BFF, 0x7C00, 0x7E00, 0x3C00};
    const double each[] = {1}, plain[] = {0};
    struct job job = straight_job("linear", 1, (uint64_t[]){6}, false, 1, x, each, plain);
    job.stored = LADLE_F16;
    free(run_all_ways(&job, expected, sizeof expected));
    struct outcome outcome;
    run(&job, &(struct manner){0}, &outcome);
    assert_int_equal(outcome.counts.overflowed, 2);
    assert_int_equal(outcome.counts.inf, 1);
    assert_int_equal(outcome.counts.nan, 1);
    free(outcome.bytes);
}

static void weights_that_cancel_cannot_be_normalized(void **state)
{
    float one[] = {1};
    float *x[] = {one, one};
    const double each[] = {0.5, -0.5}, normalized[] = {1}, plain[] = {0};
    struct job job = straight_job("linear", 1, (uint64_t[]){1}, false, 2, x, each, normalized);
    struct outcome outcome;
    run(&job, &(struct manner){0}, &outcome);
    assert_string_equal(outcome.mistake.parameter, "weight");
    assert_non_null(strstr(outcome.mistake.text, "weight:"));
    assert_non_null(strstr(outcome.mistake.text, "normalize"));
    job.shared = plain;
    run(&job, &(struct manner){0}, &outcome);
    assert_string_equal(outcome.mistake.text, "");
    free(outcome.bytes);
}

static void passthrough_copies_bytes(void **state)
{
    enum { COUNT = 70001 };
    uint8_t *halves = malloc(2 * COUNT + 1);
    for (size_t i = 0; i < 2 * COUNT; i++)
        halves[1 + i] = (uint8_t)(i * 2654435761u >> 13); /* NaN with payloads among them */
    const double each[] = {NAN};
    struct job job = {.method = "passthrough",
                      .tensor = "a.tensor",
                      .shape = {COUNT},
                      .rank = 1,
                      .sources = 1,
                      .each = each,
                      .stored = LADLE_BF16,
                      .dtypes = {LADLE_BF16},
                      .data = {halves + 1}};
    free(run_all_ways(&job, halves + 1, 2 * COUNT));
    free(halves);
}

static void passthrough_converts_and_scales(void **state)
{
    float numbers[] = {1, -2, -0.0f, 1e-45f, NAN};
    float *x[] = {numbers};
    const double scale[] = {0.1}, none[] = {NAN};
    const uint16_t converted[] = {0x3F80, 0xC000, 0x8000, 0x0000, 0x7FC0};
    float expected[5];
    for (int i = 0; i < 5; i++)
        expected[i] = 0.1f * numbers[i];
    expected[4] = NAN;
    struct job job = straight_job("passthrough", 1, (uint64_t[]){5}, false, 1, x, scale, NULL);
    free(run_all_ways(&job, expected, sizeof expected));
    job.each = none;
    job.stored = LADLE_BF16;
    free(run_all_ways(&job, converted, sizeof converted));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_weighted_in_order),
        cmocka_unit_test(a_sum_begins_at_plus_zero),
        cmocka_unit_test(types_mix),
        cmocka_unit_test(overflow_is_counted),
        cmocka_unit_test(weights_that_cancel_cannot_be_normalized),
        cmocka_unit_test(passthrough_copies_bytes),
        cmocka_unit_test(passthrough_converts_and_scales),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
